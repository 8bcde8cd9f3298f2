"""What ``state.json`` and ``dataset_info.json`` hand to ``datasets``: it is read, or an error by file and field."""

import json
import shutil

import datasets
import pyarrow as pa
import pytest

from dsdm import errors, selections

TABLE = pa.table({"id": range(5), "text": list("abcde")})
VALUES = [
    5, -1, 1e400, "", "x", "\x1b[31m", "a\0b", "\u202e", "a/b", [], {}, [1], [[[]]], {"a": 1}, True, 10**40,
    "x" * 100_000, {"_type": "Value"}, {"_type": "Value", "dtype": "int99"}, {"_type": "os"}, {"_type": "\x1b[2J"},
    {"_type": "Value", "dtype": "\x1b[31m" + "y" * 100_000},
]  # fmt: skip
FIELDS = {
    "state.json": ["_split", "_format_type", "_format_columns", "_format_kwargs", "_output_all_columns"],
    "dataset_info.json": [
        "", "description", "citation", "homepage", "license", "features", "post_processed", "supervised_keys",
        "builder_name", "dataset_name", "config_name", "version", "splits", "download_checksums", "download_size",
        "post_processing_size", "dataset_size", "size_in_bytes",
    ],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "saved"
    datasets.Dataset(TABLE).save_to_disk(folder)
    return folder


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, all_of in FIELDS.items() for field in all_of])
def test_a_value_is_read_or_is_an_error_that_names_file_and_field(folder, name, field):
    path = folder / name
    told = json.loads(path.read_text())
    refused = []
    for value in VALUES:
        path.write_text(json.dumps({**told, field: value} if field else value))
        try:
            dataset = selections.get_candidate_dataset(path=str(folder))
        except errors.FormatError as error:
            refused.append(str(error))
        else:
            assert dataset.select([3, 1]).with_format(None)["id"][:] == [3, 1]
    assert refused
    for said in refused:
        assert said.startswith(f"{path}: ")
        assert field in said
        assert len(said) < 1500
        assert said.isprintable()


def test_what_is_no_json_is_named(folder):
    path = folder / "dataset_info.json"
    for text in (b"", b"{", b"\xff{}", b"nothing"):
        path.write_bytes(text)
        with pytest.raises(errors.FormatError, match=r"dataset_info\.json: this is no JSON"):
            selections.get_candidate_dataset(path=str(folder))
    shutil.copyfile(folder / "state.json", path)
    assert len(selections.get_candidate_dataset(path=str(folder))) == 5, "fields that nobody knows are left"

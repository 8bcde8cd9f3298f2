"""What ``state.json`` and ``dataset_info.json`` hand to ``datasets``: it is read, or an error by file and field."""

import json
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm import errors, selections
from dsdm.dataset import open_dataset

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
        # What is no number in JSON is refused before there is a field.
        assert field in said or (name == "state.json" and "this is no JSON" in said)
        assert len(said) < 1500
        assert said.isprintable()


@pytest.mark.parametrize("text", ["", "{", '{"_data_files": [', "[]", "null", '{"_split": NaN}', '{"_split": null}'])
def test_a_damaged_state_is_named_whatever_the_shards_are_opened_by(folder, text):
    shards = sorted(map(str, folder.glob("*.arrow")))
    (folder / "state.json").write_text(text)
    for opened in (shards, shards[0], str(folder), str(folder / "*.arrow")):
        with pytest.raises(errors.FormatError) as caught:
            open_dataset(opened)
        assert str(caught.value).startswith(f"{folder / 'state.json'}: ")


@pytest.mark.parametrize("text", ["", "{", "null", '{"epoch": 3}', '{"epoch": NaN}'])
def test_a_state_of_something_else_says_nothing_of_shards(tmp_path, text):
    pq.write_table(TABLE, tmp_path / "test.parquet")
    (tmp_path / "state.json").write_text(text)
    dataset = open_dataset([tmp_path / "test.parquet"])
    assert (str(dataset.split), dataset["id"][:]) == ("test", list(range(5)))


def test_what_is_no_json_is_named(folder):
    path = folder / "dataset_info.json"
    for text in (b"", b"{", b"\xff{}", b"nothing"):
        path.write_bytes(text)
        with pytest.raises(errors.FormatError, match=r"dataset_info\.json: this is no JSON"):
            selections.get_candidate_dataset(path=str(folder))
    shutil.copyfile(folder / "state.json", path)
    assert len(selections.get_candidate_dataset(path=str(folder))) == 5, "fields that nobody knows are left"

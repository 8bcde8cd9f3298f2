"""What an overwrite removes: a dataset that reads as one, and never a file beside it that is none of it."""

import json
import subprocess
import sys

import datasets
import pyarrow as pa
import pytest

import dsdm
from dsdm.checks import FORMATS

pytestmark = pytest.mark.disk

TABLE = pa.table({"input_ids": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.uint16()))})


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder, *said):
    before = contents(folder)
    for form in FORMATS:
        with pytest.raises(ValueError, match="overwrite=True replaces a dataset") as caught:
            dsdm.materialize(TABLE, [0], folder, format=form, overwrite=True)
        for word in (str(folder), *said):
            assert word in str(caught.value)
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["state.json", "dataset_info.json", "dsdm.json"])
@pytest.mark.parametrize("text", ["{}", "", '{"epoch": 3}', "[]", "\0"])
def test_one_file_makes_no_dataset_of_a_folder(tmp_path, name, text):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_text(text)
    (folder / "model.safetensors").write_bytes(b"weeks")
    refused(folder, "this is none")


def test_the_two_files_of_a_save_want_its_shards(tmp_path):
    folder = tmp_path / "saved"
    datasets.Dataset(TABLE).save_to_disk(folder)
    (folder / "data-00000-of-00001.arrow").rename(folder / "model.arrow")
    refused(folder, "data-00000-of-00001.arrow, which is not there")
    (folder / "model.arrow").rename(folder / "data-00000-of-00001.arrow")
    state = json.loads((folder / "state.json").read_text())
    for key in state:
        (folder / "state.json").write_text(json.dumps({k: v for k, v in state.items() if k != key}))
        refused(folder, f'"{key}" is missing' if key != "_data_files" else "_data_files")
    (folder / "state.json").write_text(json.dumps(state))
    assert dsdm.materialize(TABLE, [0], folder, overwrite=True).rows == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["mynotes.txt", "model.safetensors", "README.md", ".git/HEAD", "data/more.parquet"])
def test_a_file_beside_a_dataset_is_named_and_stays(tmp_path, form, name):
    folder = tmp_path / "out"
    dsdm.materialize(TABLE, [0, 1], folder, format=form, num_shards=2)
    own = folder / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    inner = name if name.startswith("data/") and form in {"parquet", "jsonl"} else name.split("/")[0]
    refused(folder, f"{folder / inner} is none of it; move it elsewhere, or remove the directory yourself")
    own.unlink()
    if own.parent != folder and not any(own.parent.iterdir()):
        own.parent.rmdir()
    for other in FORMATS:
        assert dsdm.materialize(TABLE, [2], folder, format=other, overwrite=True).rows == 1


def test_the_command_names_it_as_well(tmp_path):
    dsdm.materialize(TABLE, [0], tmp_path / "out")
    (tmp_path / "out" / "mynotes.txt").write_text("mine")
    datasets.Dataset(TABLE).to_parquet(tmp_path / "corpus.parquet")
    command = [sys.executable, "-m", "dsdm", "materialize", "corpus.parquet", "out", "--by", "random", "-k", "1"]
    done = subprocess.run([*command, "--overwrite"], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "mynotes.txt is none of it" in done.stderr
    assert (tmp_path / "out" / "mynotes.txt").read_text() == "mine"

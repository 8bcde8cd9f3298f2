"""What dsdm.json tells of where files are: the way from the output, and nothing of the machine."""

import getpass
import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.paths.named import place_of
from dsdm.selection.manifest_paths import from_output

ROWS = 20


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give a folder with a corpus and its scores, which is the working directory and no home."""
    project = tmp_path / "project"
    (project / "corpus").mkdir(parents=True)
    pq.write_table(pa.table({"n": range(ROWS)}), project / "corpus" / "a.parquet")
    np.save(project / "scores.npy", np.arange(ROWS, dtype=np.float32))
    np.save(project / "exclude.npy", np.array([0]))
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "somebody"))
    monkeypatch.chdir(project)
    return project


def told(folder):
    return json.loads((folder / "dsdm.json").read_text())


def write(out, **options):
    scores = dsdm.open_scores("scores.npy")
    selection = {"by": "top_k", "scores": ["scores.npy"], "exclude": "exclude.npy", "arguments": {"k": 3}}
    return dsdm.materialize("corpus", dsdm.top_k(scores, 3), out, selection=selection, **options)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_files_are_named_from_the_output_and_found_there_wherever_all_of_it_is(project, tmp_path, form):
    write("runs/out", format=form)
    manifest = told(project / "runs" / "out")
    chosen = manifest["selection"]["chosen"]
    assert [file["path"] for file in manifest["sources"]] == ["../../corpus/a.parquet"]
    assert [file["path"] for file in chosen["score_files"]] == ["../../scores.npy"]
    assert (chosen["scores"], chosen["exclude"]) == (["../../scores.npy"], "../../exclude.npy")
    project.rename(tmp_path / "moved")
    found = dsdm.verify(tmp_path / "moved" / "runs" / "out")
    assert found.selection
    assert found.sources.same == [str(tmp_path / "moved" / "corpus" / "a.parquet")]
    assert found.score_files.same == [str(tmp_path / "moved" / "scores.npy")]


def test_nothing_of_the_machine_is_told(project, tmp_path):
    write("out")
    text = (project / "out" / "dsdm.json").read_text()
    for word in (str(tmp_path), str(Path.cwd()), socket.gethostname(), "somebody"):
        assert word not in text
    assert getpass.getuser() not in json.dumps(told(project / "out")["selection"])
    pq_out = dsdm.materialize(pa.table({"input_ids": [[1, 2], [3, 4]]}), [1], "tokens", format="tokens")
    assert str(tmp_path) not in Path(pq_out.path, "tokens.json").read_text()


def test_all_of_it_is_told_where_that_is_asked_for(project):
    write("out", paths="absolute")
    manifest = told(project / "out")
    assert [file["path"] for file in manifest["sources"]] == [str(project / "corpus" / "a.parquet")]
    assert manifest["selection"]["chosen"]["scores"] == [str(project / "scores.npy")]
    shutil.move(project / "out", project / "elsewhere-out")
    assert dsdm.verify(project / "elsewhere-out").selection
    with pytest.raises(ValueError, match='paths is "short"; it is one of "relative", "absolute"'):
        write("other", paths="short")


def test_the_name_alone_is_told_of_a_file_of_a_user_elsewhere(project, tmp_path):
    home = tmp_path / "home" / "somebody"
    home.mkdir(parents=True)
    shutil.copy(project / "corpus" / "a.parquet", home / "a.parquet")
    # A file of the same name where the name alone would lead is not taken for it.
    (project / "a.parquet").write_bytes(b"another")
    np.save(home / "mine.npy", np.arange(ROWS))
    selection = {"by": "top_k", "scores": [str(home / "mine.npy")], "arguments": {"k": 1}}
    dsdm.materialize(home / "a.parquet", [ROWS - 1], "out", selection=selection)
    manifest = told(project / "out")
    assert [file["path"] for file in manifest["sources"]] == ["a.parquet"]
    assert manifest["selection"]["chosen"]["scores"] == ["mine.npy"]
    found = dsdm.verify("out")
    assert (found.sources.missing, found.score_files.missing) == (["a.parquet"], ["mine.npy"])
    assert not found.selection
    assert found.reason == "mine.npy: dsdm.json does not tell where it is"


def test_a_data_dir_is_told_by_the_way_or_not_at_all(project, tmp_path):
    def named(folder, **options):
        selection = {"by": "get_indices", "arguments": {"method": "dsdm", "k": 1, "data_dir": folder}}
        return from_output(selection, "out", **{"absolute": False, **options})["arguments"].get("data_dir")

    assert named("data") == "../data"
    assert named("data", absolute=True) == str(project / "data")
    assert named(tmp_path / "home" / "somebody" / "data") is None
    assert place_of("../data", project / "out") == str(project / "data")


def test_what_tells_of_no_function_is_kept_as_it_is(project):
    own = {"note": "/home/somebody", "scores": ["x"], "exclude": "y"}
    dsdm.materialize("corpus", [0], "out", selection=own)
    assert told(project / "out")["selection"]["chosen"] == own


def test_another_working_directory_changes_nothing_of_what_is_open(project, monkeypatch, tmp_path):
    shards, scores = dsdm.open_shards("corpus/*.parquet"), dsdm.open_scores("scores.npy")
    monkeypatch.chdir(tmp_path)
    dsdm.materialize(shards, dsdm.top_k(scores, 2), project / "out", scores=scores)
    assert dsdm.verify(project / "out").sources.same == [str(project / "corpus" / "a.parquet")]
    with pytest.raises(ValueError, match="lie inside of the source"):
        dsdm.materialize(shards, [0], project / "corpus" / "b.parquet")

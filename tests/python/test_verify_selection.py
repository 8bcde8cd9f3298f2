"""The manifest tells how rows were chosen, and `verify` chooses them again."""

import json
import shutil

import numpy as np
import pytest

import dsdm
from tests.corpora import words
from tests.corpora.words import ROWS

table = pytest.fixture(words.table, scope="module")
source = pytest.fixture(words.source, scope="module")


@pytest.fixture
def scores(tmp_path):
    values = np.random.default_rng(4).normal(size=ROWS).astype(np.float32)
    np.save(tmp_path / "scores.npy", values)
    np.save(tmp_path / "no.npy", np.arange(0, ROWS, 2))
    return values


@pytest.mark.parametrize("how", [[], ["--smallest", "--order", "row"], ["--gumbel"], ["--exclude", "no.npy"]])
@pytest.mark.usefixtures("scores")
def test_the_command_tells_how_rows_were_chosen_and_verify_chooses_them_again(run, source, tmp_path, how):
    code, _, wrong = run("materialize", source, "out", "--by", "scores.npy", "-k", 50, *how, "--format", "parquet")
    assert code == 0, wrong
    code, told, wrong = run("verify", "out")
    assert (code, "the selection is that of the scores" in told) == (0, True), wrong
    (file,) = json.loads((tmp_path / "out" / "dsdm.json").read_text())["selection"]["chosen"]["score_files"]
    assert (file["path"], file["bytes"]) == ("../scores.npy", (tmp_path / "scores.npy").stat().st_size)
    np.save("scores.npy", -np.load("scores.npy") if "--gumbel" not in how else np.zeros(ROWS, np.float32))
    code, _, wrong = run("verify", "out")
    assert (code, "the scores are others now" in wrong) == (3, True)
    np.save("scores.npy", np.zeros(3, np.float32))
    code, _, wrong = run("verify", "out")
    assert (code, "scores.npy: it had" in wrong, "is no longer the one it was" in wrong) == (3, True, True)
    (tmp_path / "scores.npy").unlink()
    code, told, _ = run("verify", "out")
    assert (code, "scores.npy: it is not there" in told) == (0, True)


@pytest.mark.parametrize("method", ["dsdm", "classifier", "dsir", "random", "semdedup"])
def test_a_method_is_chosen_again_where_its_files_are(run, demo, tmp_path, method):
    target = [] if method in {"random", "semdedup"} else ["--target", "squad"]
    data = [] if method == "random" else ["--data-dir", demo / "demo" / "data"]
    code, _, wrong = run("materialize", demo / "demo" / "corpus", "out", "--by", method, *target, "-k", 20, *data)
    assert code == 0, wrong
    assert dsdm.verify(tmp_path / "out", trust_paths=[demo]).selection
    if method != "random":
        # Files that are nowhere are no error, and files elsewhere are used if they are named.
        manifest = json.loads((tmp_path / "out" / "dsdm.json").read_text())
        assert manifest["selection"]["chosen"]["score_files"]
        assert dsdm.verify(tmp_path / "out", data_dir=demo / "demo" / "data").selection
        assert "not there" in dsdm.verify(tmp_path / "out", data_dir=tmp_path).reason


def test_score_files_below_a_relative_directory_are_compared(run, demo, tmp_path, monkeypatch):
    """By a name without a way they would be files whose place is not told."""
    shutil.copytree(demo / "demo" / "data", tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    code, _, _ = run(
        "materialize", demo / "demo" / "corpus", "out", "--by", "dsdm", "--target", "squad", "-k", 3, "--data-dir", "d"
    )
    assert code == 0
    monkeypatch.setenv("DSDM_DATA_DIR", "d")
    for data_dir in ("d", None, tmp_path / "d"):
        found = dsdm.verify("out", data_dir=data_dir)
        assert [len(found.score_files.same), len(found.score_files.missing), found.selection] == [1, 0, True]
    file = tmp_path / "d" / "dsdm" / "squad.pt"
    file.write_bytes(file.read_bytes() + bytes(1))
    for data_dir in ("d", None, tmp_path / "d"):
        with pytest.raises((ValueError, OSError), match=r"squad\.pt"):
            dsdm.verify("out", data_dir=data_dir)

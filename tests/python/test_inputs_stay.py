"""No output replaces a file that is read for it; and files of row numbers that are none are named."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.dataset import open_dataset

pytestmark = pytest.mark.disk


@pytest.fixture
def folder(tmp_path):
    """Scores and rows to exclude, by several names, and a corpus."""
    np.save(tmp_path / "s.npy", np.arange(10, dtype=np.float32))
    np.save(tmp_path / "b.npy", np.array([3, 4]))
    (tmp_path / "link.npy").symlink_to("s.npy")
    (tmp_path / "sub").mkdir()
    os.link(tmp_path / "b.npy", tmp_path / "sub" / "hard.npy")
    (tmp_path / "up").symlink_to(".")
    pq.write_table(pa.table({"n": range(10)}), tmp_path / "c.parquet")
    (tmp_path / "parts").mkdir()
    np.save(tmp_path / "parts" / "0.npy", np.arange(10, dtype=np.float32))
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["s.npy", "-k", 3, "-o", "s.npy"],
        ["s.npy", "-k", 3, "-o", "link.npy"],
        ["link.npy", "-k", 3, "-o", "s.npy"],
        ["s.npy", "-k", 3, "-o", "sub/../s.npy"],
        ["s.npy", "-k", 3, "-o", "up/s.npy"],
        ["s.npy", "-k", 3, "--exclude", "b.npy", "-o", "b.npy"],
        ["s.npy", "-k", 3, "--exclude", "b.npy", "-o", "sub/hard.npy"],
        ["random", "-k", 3, "--rows", 9, "--exclude", "b.npy", "-o", "b.npy"],
        ["parts", "-k", 3, "-o", "parts/0.npy"],
        ["parts", "-k", 3, "-o", "parts/rows.npy"],
        ["parts/*.npy", "-k", 3, "-o", "parts/0.npy"],
        ["parts/*.npy", "-k", 3, "-o", "parts/rows.npy"],
        ["s.npy", "parts/0.npy", "-k", 3, "-o", "parts/0.npy"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_indices_are_not_written_over_what_they_are_made_from(run, folder, arguments):
    before = contents(folder)
    code, _, errors = run("indices", *arguments, "--overwrite")
    assert code == 1
    assert "the output would" in errors
    assert contents(folder) == before


def test_nor_over_the_files_of_a_method(run, tmp_path, upstream_mini):
    shutil.copytree(upstream_mini, tmp_path / "data")
    for method, file in ((["dsdm", "-t", "squad"], "data/dsdm/squad.pt"), (["semdedup"], "data/sdd.pt")):
        os.link(tmp_path / file, tmp_path / "out.npy")
        code, _, errors = run("indices", *method, "-k", 3, "--data-dir", "data", "-o", "out.npy", "--overwrite")
        assert (code, "the output would replace" in errors) == (1, True), errors
        (tmp_path / "out.npy").unlink()


def test_indices_are_named_npy(run, folder):
    for name in ("s.pt", "rows", "rows.txt"):
        code, _, errors = run("indices", "s.npy", "-k", 3, "-o", name, "--overwrite")
        assert code == 2
        assert f"say {name}.npy" in " ".join(errors.split())
        assert not (folder / name).exists()


@pytest.mark.parametrize("form", ["arrow", "parquet", "tokens"])
def test_rows_are_not_written_over_the_scores_and_the_indices(run, folder, form):
    table = pa.table({"input_ids": [[i] * (1 + i % 2) for i in range(10)], "score": np.arange(10.0)})
    dsdm.materialize(table, range(10), folder / "out", format=form, columns=["input_ids"] if form == "tokens" else None)
    before = contents(folder)
    if form == "tokens":
        inner = "out/tokens-00000-of-00001.npy"
        for options in (["-i", inner], ["--by", "random", "-k", 3, "--exclude", inner]):
            code, _, errors = run("materialize", "c.parquet", "out", *options, "--overwrite")
            assert (code, "the output would replace" in errors) == (1, True), errors
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises(ValueError, match="the output would replace"):
                call(folder / "c.parquet", np.load(folder / inner, mmap_mode="r"), folder / "out", overwrite=True)
    else:
        for options in (["--by", "out", "-k", 3], ["--by", "s.npy", "-k", 3, "--scores", "out"]):
            code, _, errors = run("materialize", "c.parquet", "out", *options, "--column", "score", "--overwrite")
            assert (code, "the output would replace" in errors) == (1, True), errors
        scores = dsdm.open_scores(folder / "out", column="score")
        chosen = {"by": "top_k", "scores": [str(folder / "out")], "reading": {"column": "score"}, "arguments": {"k": 1}}
        for more in ({"scores": scores}, {"scores": {"a": scores}}, {"selection": chosen}):
            with pytest.raises(ValueError, match="the output would replace"):
                dsdm.materialize(folder / "c.parquet", [1], folder / "out", overwrite=True, **more)
    assert contents(folder) == before


def test_a_lazy_dataset_is_not_written_over_its_shards(folder):
    before = contents(folder)
    for dataset in (open_dataset(folder / "c.parquet"), open_dataset(folder / "c.parquet").select([3, 1])):
        for place in ("c.parquet", "up/c.parquet"):
            with pytest.raises(ValueError, match="the output would replace"):
                dataset.to_parquet(folder / place)
    assert contents(folder) == before


@pytest.mark.parametrize("option", ["-i", "--exclude"])
def test_a_file_that_holds_no_row_numbers_is_named(run, folder, upstream_mini, option):
    (folder / "i.txt").write_text("1\n2\n")
    np.savez(folder / "i.npz", rows=[1])
    np.save(folder / "objects.npy", np.array([1, None]), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "b.npy").read_bytes()[:-4])
    np.save(folder / "float.npy", np.array([1.0, 2.0]))
    np.save(folder / "two.npy", np.array([[1], [2]]))
    shutil.copy(upstream_mini / "dsdm" / "squad.pt", folder / "squad.pt")
    (folder / "words.txt").write_text("1\ntwo\n")
    texts = ["words.txt"] if option == "-i" else ["i.txt"]
    for name in (*texts, "i.npz", "objects.npy", "cut.npy", "float.npy", "two.npy", "squad.pt"):
        by = [] if option == "-i" else ["--by", "s.npy", "-k", 1]
        code, _, errors = run("materialize", "c.parquet", "out", *by, option, name)
        assert code == 1
        assert f"{name}: --{'indices' if option == '-i' else 'exclude'} takes" in errors, errors
        assert "whole numbers" in errors or name == "words.txt"
        assert "allow_pickle" not in errors
        if name in ("i.txt", "i.npz", "squad.pt", "objects.npy"):
            assert "numpy.save('rows.npy', rows)" in errors
    np.save(folder / "mask.npy", np.ones(10, bool))
    _, _, errors = run("materialize", "c.parquet", "out", "-i", "mask.npy")
    assert "mask.npy: --indices takes" in errors
    assert "numpy.flatnonzero" in errors

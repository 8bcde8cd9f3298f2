"""A selection of a slice of scores says which rows these are; files of rows to exclude become one as is said."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 1200
SCORES = np.random.default_rng(5).permutation(N) / 4.0


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"row": np.arange(N)}), "c.parquet")
    pq.write_table(pa.table({"row": np.arange(N), "score": SCORES}), "s.parquet")
    np.save("s.npy", SCORES)


OPENED = {
    "array": lambda: dsdm.open_scores("s.npy"),
    "column": lambda: dsdm.open_scores("s.parquet", column="score"),
    "computed": lambda: dsdm.open_scores("s.npy") * 2,
}


@pytest.mark.parametrize("opened", OPENED)
@pytest.mark.parametrize(("start", "stop", "shown"), [(0, 500, "0 to 499"), (100, N, "100 to 1,199")])
def test_a_slice_is_named_and_what_to_do_does_it(opened, start, stop, shown):
    scores = OPENED[opened]()
    selection = dsdm.choose(scores.slice(start, stop), k=50)
    said = rf"slice of scores, rows {shown} of 1,200.*only=range\({start}, {stop}\)\)$"
    for take in (
        lambda: dsdm.materialize("c.parquet", selection, "out"),
        lambda: dsdm.select("c.parquet", selection),
        lambda: dsdm.open_shards("c.parquet").take(selection),
    ):
        with pytest.raises(ValueError, match=said):
            take()
    as_said = dsdm.choose(scores, k=50, only=range(start, stop))
    expected = start + np.argsort(-SCORES[start:stop])[:50]
    assert dsdm.select("c.parquet", as_said)["row"][:] == expected.tolist()
    pq.write_table(pa.table({"row": np.arange(start, stop)}), "part.parquet")
    assert dsdm.select("part.parquet", selection)["row"][:] == expected.tolist()


def test_of_what_else_no_slice_is_told():
    one = dsdm.open_scores("s.npy")
    for scores in (SCORES[:500], one.slice(100, 600) * 4096 + one.slice(0, 500)):
        with pytest.raises(
            ValueError, match="from 500 rows, and there are 1,200: it is of another corpus, or was"
        ) as e:
            dsdm.select("c.parquet", dsdm.choose(scores, k=5))
        assert "slice" not in str(e.value)
    pq.write_table(pa.table({"row": np.arange(900)}), "other.parquet")
    with pytest.raises(ValueError, match="from 500 rows, and there are 900: it is of another corpus"):
        dsdm.select("other.parquet", dsdm.choose(one.slice(0, 500), k=5))


def test_rows_of_two_files_are_excluded_as_is_said(run):
    first, second, third = (dsdm.choose(SCORES, k=5, min_score=low, largest=False) for low in (10, 30, 90))
    dsdm.materialize("c.parquet", first, "first", row_ids="number")
    dsdm.materialize("c.parquet", second, "second's", row_ids="number")
    third.save("third.npy")
    rows = {"first": first, "second's": second, "third.npy": third}
    for names in (("first", "second's"), ("third.npy", "first"), ("first", "second's", "third.npy")):
        given = [f"--exclude={names[0]}", *(part for name in names[1:] for part in ("--exclude", name))]
        code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 9, *given)
        said = " ".join(said.split())
        assert (code, "is given more than once" in said) == (2, True), said
        advice = said[said.index("in one file: ") + len("in one file: ") :]
        for name in names:
            reads = "Selection.load" if name.endswith(".npy") else "written_rows"
            assert f"dsdm.{reads}({name!r})" in advice, said
        eval(advice, {"dsdm": dsdm})  # noqa: S307 - what it says to do
        both = dsdm.Selection.load("all.npy")
        assert sorted(both) == sorted({row for name in names for row in rows[name]})
        code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 9, "--exclude", "all.npy")
        assert code == 0, said
        expected = dsdm.choose(SCORES, k=9, exclude=np.array(both))
        assert dsdm.select("out", range(9))["row"][:] == expected.indices.tolist()
        for path in ("all.npy", "all.npy.json"):
            Path(path).unlink()
        shutil.rmtree("out")


def test_numbers_and_masks_are_put_into_one_file_as_is_said(run):
    """Beside a selection and an output as well; what is written there holds all of them."""
    chosen = dsdm.choose(SCORES, k=5)
    chosen.save("told.npy")
    dsdm.materialize("c.parquet", chosen, "out-first", row_ids="number")
    np.save("numbers.npy", np.array([7, 3, 7]))
    np.save("mask.npy", np.arange(len(SCORES)) % 100 == 1)
    held = {
        "told.npy": set(chosen.indices.tolist()),
        "out-first": set(chosen.indices.tolist()),
        "numbers.npy": {3, 7},
        "mask.npy": set(range(1, len(SCORES), 100)),
    }
    for names in (("numbers.npy", "mask.npy"), ("told.npy", "numbers.npy"), ("mask.npy", "out-first", "numbers.npy")):
        for option in ("--exclude", "--only"):
            given = [part for name in names for part in (option, name)]
            code, _, said = run("indices", "s.npy", "-k", 2, "-o", "x.npy", *given)
            said = " ".join(said.split())
            assert (code, "is given more than once" in said) == (2, True), said
            eval(said[said.index("in one file: ") + len("in one file: ") :], {"dsdm": dsdm, "numpy": np})  # noqa: S307
            assert set(np.load("all.npy").tolist()) == set().union(*(held[name] for name in names))
            code, _, said = run("indices", "s.npy", "-k", 2, "-o", "x.npy", option, "all.npy", "--overwrite")
            assert code == 0, said


def test_what_nothing_is_told_of_is_not_reported(run):
    """Scores, and row numbers alone: with what writes what a report is of."""
    np.save("numbers.npy", np.array([3, 7]))
    for name in ("s.npy", "numbers.npy"):
        code, _, said = run("report", name, "--corpus", "c.parquet")
        assert (code, f"{name}.json is not beside it" in said, "numpy.load" in said) == (1, True, False), said
        assert "`dsdm indices -o`" in said
        with pytest.raises(FileNotFoundError, match="is not beside it"):
            dsdm.report(name)
    for command in (["indices", "s.npy", "-k", 3, "-o", "y.npy"], ["report", "y.npy"]):
        assert run(*command)[0] == 0
    for command in (["materialize", "c.parquet", "y", "--indices", "numbers.npy"], ["report", "y"]):
        assert run(*command)[0] == 0

"""Slices of scores, and of what is computed of them, beside ids: the rows that they are, of each file, are compared."""

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.selection.ids.expressions import runs_of

N = 5_000
LOW, HIGH = 1_000, 4_000
RNG = np.random.default_rng(31)
IDS = np.array([f"doc {row}" for row in range(N)])
FIRST, SECOND = RNG.normal(size=N), RNG.normal(size=N)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS[LOW:HIGH], "n": range(HIGH - LOW)}), "part.parquet")
    for name, part in (("0", slice(0, 1_500)), ("1", slice(1_500, N))):
        pq.write_table(pa.table({"id": IDS[part], "score": FIRST[part]}), f"a-{name}.parquet")
    pq.write_table(pa.table({"id": IDS, "score": SECOND}), "b.parquet")
    pq.write_table(pa.table({"id": IDS[::-1], "score": SECOND[::-1]}), "turned.parquet")
    np.save("c.npy", FIRST)


def both(name="b.parquet"):
    one = dsdm.open_scores(["a-0.parquet", "a-1.parquet"], column="score")
    return one, dsdm.open_scores(name, column="score")


# Expressions over two vectors, with what numpy makes of it.
WAYS = {
    "slice of a sum": lambda a, b, low, high: (a + b).slice(low, high),
    "sum of slices": lambda a, b, low, high: a.slice(low, high) * 2 - b.slice(low, high),
    "slice of slices": lambda a, b, low, high: (a.slice(low - 300, high + 9) + b.slice(low - 300, high + 9)).slice(
        300, high - low + 300
    ),
    "one of another file": lambda a, b, low, high: -(a * b + dsdm.open_scores("c.npy")).slice(low, high),
    "slice alone": lambda _a, b, low, high: b.slice(low, high),
    "twice": lambda a, b, low, high: (b + b * a).slice(low, high) + FIRST[low:high],
}


def calls(vector):
    return [
        lambda: dsdm.materialize("part.parquet", [3, 1], "out", scores=vector, overwrite=True),
        lambda: dsdm.select("part.parquet", dsdm.choose(vector, k=9)),
        lambda: dsdm.open_shards("part.parquet").take(dsdm.choose(vector, k=9)),
        lambda: dsdm.materialize("part.parquet", dsdm.choose(vector, k=9), "out", overwrite=True),
        lambda: dsdm.report(dsdm.choose(vector, k=9), corpus="part.parquet", scores=None),
    ]


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_the_rows_of_a_slice_are_those_of_its_files(way):
    for call in calls(way(*both(), LOW, HIGH)):
        call()
    other = LOW + 1
    wrong = way(*both(), other, HIGH + 1)
    for vector in (wrong, pickle.loads(pickle.dumps(wrong))):  # noqa: S301 - its own
        for call in calls(vector):
            with pytest.raises(ValueError, match=r"has 'doc 1001' in row 1,001, and the rows have 'doc 1000' in row 0"):
                call()
    for call in calls(way(*both("turned.parquet"), LOW, HIGH)):
        with pytest.raises(ValueError, match=r"turned\.parquet: its column 'id' has 'doc 3999' in row 1,000, and the"):
            call()
    for call in calls(np.asarray(way(*both("turned.parquet"), LOW, HIGH))):
        call()


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_each_run_of_rows_is_told(way):
    vector = way(*both(), LOW, HIGH)
    found = {(tuple(Path(file).name for file in run.files), run.start) for run in runs_of(vector)}
    # Values that no other row has say which row is which, of each file by itself.
    expected = {
        (files, LOW)
        for files, name in ((("a-0.parquet", "a-1.parquet"), "a-0.parquet"), (("b.parquet",), "b.parquet"))
        if any(Path(path).name == name for path in vector.paths)
    }
    expected |= {(("c.npy",), LOW)} if any(Path(path).name == "c.npy" for path in vector.paths) else set()
    assert found == expected


def test_a_saved_selection_of_a_slice_tells_where_it_begins():
    sliced = WAYS["slice of a sum"](*both(), LOW, HIGH)
    dsdm.choose(sliced, k=9).save("kept.npy")
    dsdm.open_shards("part.parquet").take(dsdm.Selection.load("kept.npy"))
    told = json.loads(Path("kept.npy.json").read_text())
    assert [one["start"] for one in told["placed"]] == [LOW, LOW]
    moved = WAYS["slice of a sum"](*both(), LOW + 1, HIGH + 1)
    dsdm.choose(moved, k=9).save("kept.npy", overwrite=True)
    with pytest.raises(ValueError, match="union takes a selection of rows"):
        dsdm.Selection.load("kept.npy").union(dsdm.choose(sliced, k=2))
    for made in (dsdm.Selection.load("kept.npy"), dsdm.Selection.load("kept.npy").union(dsdm.choose(moved, k=2))):
        with pytest.raises(ValueError, match="has 'doc 1001' in row 1,001"):
            dsdm.open_shards("part.parquet").take(made)
    told = json.loads(Path("kept.npy.json").read_text())
    for wrong in (-1, "1", True, None, 0.5, 2**63):
        told["placed"][0]["start"] = wrong
        Path("kept.npy.json").write_text(json.dumps(told))
        with pytest.raises(errors.FormatError, match="placed is"):
            dsdm.Selection.load("kept.npy")

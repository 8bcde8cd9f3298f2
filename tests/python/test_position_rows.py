"""Rows that are excluded, or of which alone is chosen, are those of the corpus: also where others chose them by ids."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 300
RNG = np.random.default_rng(11)
ORDER = RNG.permutation(N)
SCORES = RNG.permutation(N) / 8.0
OWN = RNG.permutation(N) / 4.0
IDS = np.array([f"d{row}" for row in range(N)])
SAID = "its column 'id' has"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS, "text": [f"t{row}" for row in range(N)]}), "c.parquet")
    pq.write_table(pa.table({"id": IDS[ORDER], "own": OWN}), "own.parquet")
    np.save("own.npy", OWN)


def saved(order):
    """Save a selection by scores beside ids in an order, and return it."""
    pq.write_table(pa.table({"id": IDS[order], "score": SCORES}), "s.parquet")
    selection = dsdm.choose(dsdm.open_scores("s.parquet", column="score"), k=N // 2)
    selection.save("rows.npy", overwrite=True)
    return selection


GIVEN = {
    "selection": lambda selection: selection,
    "loaded": lambda _: dsdm.Selection.load("rows.npy"),
    "path": lambda _: "rows.npy",
    "computed": lambda _: dsdm.choose(dsdm.open_scores("s.parquet", column="score") * 2, k=N // 2),
    "union": lambda selection: dsdm.choose(np.arange(N), k=3).union(selection),
    "difference": lambda selection: selection.difference(dsdm.choose(np.arange(N), k=3)),
    "intersection": lambda selection: dsdm.choose(np.arange(N), k=N).intersection(selection),
    "of another": lambda selection: dsdm.choose(np.arange(N), k=N // 2, only=selection),
}
CHOICES = {
    "array": lambda **rows: dsdm.choose(OWN, k=9, **rows),
    "file": lambda **rows: dsdm.choose(dsdm.open_scores("own.npy"), k=9, **rows),
    "computed": lambda **rows: dsdm.choose(-dsdm.open_scores("own.npy"), k=9, **rows),
    "joined": lambda **rows: dsdm.choose(dsdm.align("own.parquet", "c.parquet", on="id"), k=9, **rows),
    "groups": lambda **rows: dsdm.choose(OWN, groups=np.arange(N) % 3, per_group=3, **rows),
    "combined": lambda **rows: dsdm.choose(OWN, k=9, **rows).union(dsdm.choose(OWN, k=9)),
}


def ways(selection):
    """Return the ways in which rows of the corpus are taken by a selection, and by the same one that was saved."""
    selection.save("chosen.npy", overwrite=True)
    loaded = dsdm.Selection.load("chosen.npy")
    return [
        lambda: dsdm.materialize("c.parquet", selection, "out", overwrite=True),
        lambda: dsdm.materialize("c.parquet", loaded, "out", overwrite=True, columns=["text"]),
        lambda: dsdm.plan("c.parquet", selection),
        lambda: dsdm.select("c.parquet", loaded),
        lambda: dsdm.open_shards("c.parquet").take(selection),
        lambda: dsdm.dataset.open_dataset("c.parquet").select(loaded),
        lambda: selection.report(corpus="c.parquet"),
        lambda: dsdm.report("chosen.npy", corpus="c.parquet"),
    ]


@pytest.mark.parametrize("name", ["exclude", "only"])
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("choice", CHOICES)
def test_rows_of_another_order_are_refused(name, given, choice):
    def chosen(order):
        selection = saved(order)
        return CHOICES[choice](**{name: GIVEN[given](selection)})

    for way in ways(chosen(np.arange(N))):
        way()
    for way in ways(chosen(ORDER)):
        with pytest.raises(ValueError, match=f"s.parquet: {SAID} .*choose these again with scores joined by"):
            way()


def test_what_to_do_is_said_and_does_it():
    found = dsdm.choose(OWN, k=9, exclude=saved(ORDER))
    with pytest.raises(ValueError, match=r"rows of exclude= were chosen by them: .* alone: selection\.indices"):
        dsdm.select("c.parquet", found)
    by_number = dsdm.choose(OWN, k=9, exclude=saved(ORDER).indices)
    assert by_number == found
    dsdm.select("c.parquet", by_number)
    joined = dsdm.choose(dsdm.align("s.parquet", "c.parquet", on="id"), k=N // 2)
    excluded = set(IDS[ORDER][np.argsort(-SCORES)[: N // 2]])
    expected = [row for row in np.argsort(-OWN) if IDS[row] not in excluded][:9]
    assert dsdm.select("c.parquet", dsdm.choose(OWN, k=9, exclude=joined))["id"][:] == list(IDS[expected])


def test_round_robin():
    vectors = [OWN, -OWN]
    for way in ways(dsdm.round_robin(vectors, 9, exclude=saved(np.arange(N)))):
        way()
    for way in ways(dsdm.round_robin(vectors, 9, exclude=saved(ORDER))):
        with pytest.raises(ValueError, match=f"{SAID} .*exclude="):
            way()


@pytest.mark.parametrize("is_same", [True, False])
def test_round_robin_of_slices(is_same):
    saved(np.arange(N) if is_same else ORDER)
    scores = dsdm.open_scores("s.parquet", column="score").slice(100, 200)
    selection = dsdm.round_robin([scores, -scores], 9)
    # The rows of a part are those of the same part of the scores.
    pq.write_table(pa.table({"id": IDS[100:200]}), "part.parquet")
    if is_same:
        assert dsdm.select("part.parquet", selection)["id"][:] == list(IDS[100:200][selection.indices])
        return
    with pytest.raises(ValueError, match=SAID):
        dsdm.select("part.parquet", selection)


def test_an_earlier_output_that_was_chosen_so_excludes_the_rows_that_it_has():
    selection = saved(np.arange(N))
    dsdm.materialize("c.parquet", selection, "first", row_ids="row")
    saved(ORDER)
    chosen = dsdm.choose(OWN, k=9, exclude="first")
    assert not set(dsdm.select("c.parquet", chosen)["id"]) & set(IDS[selection.indices])


COMMANDS = {
    "position": ["--by", "own.npy", "-k", 9],
    "joined": ["--by", "own.parquet", "--column", "own", "--on", "id", "-k", 9],
    "random": ["--by", "random", "-k", 9, "--exclude", "rows.npy"],
    "rule": ["--by", "own.npy", "-k", 9, "--ties", "random"],
}


@pytest.mark.parametrize("option", ["--exclude", "--only"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command(run, option, command):
    rows = COMMANDS[command]
    rows = rows if "--exclude" in rows else [*rows, option, "rows.npy"]
    for order, expected in ((np.arange(N), 0), (ORDER, 1)):
        saved(order)
        code, _, said = run("materialize", "c.parquet", f"out{expected}", *rows)
        assert (code, SAID in said) == (expected, bool(expected)), said
        if expected:
            option = "--exclude" if command == "random" else option
            assert f"the rows of {option} were chosen by them: choose these again with scores joined by --on id" in said
    assert not Path("out1").exists()
    # What the message says to do does it.
    assert "write them by `dsdm indices --by-position`" in said
    written = ["s.parquet", "--column", "score", "-k", N // 2, "--by-position", "-o", "rows.npy", "--overwrite"]
    assert run("indices", *written)[0] == 0
    assert run("materialize", "c.parquet", "out2", *rows)[0] == 0


def test_by_position_says_otherwise(run):
    saved(ORDER)
    for at, rows in enumerate((COMMANDS["position"], COMMANDS["random"][:-2], COMMANDS["rule"])):
        code, _, said = run("materialize", "c.parquet", f"out{at}", *rows, "--exclude", "rows.npy", "--by-position")
        assert code == 0, said
    expected = dsdm.choose(OWN, k=9, exclude="rows.npy").indices
    assert dsdm.open_shards("out0").take(range(9))["id"].to_pylist() == list(IDS[expected])
    assert dsdm.verify("out0").selection
    # So does a file of rows that says so.
    code, _, said = run("indices", "own.npy", "-k", 9, "--exclude", "rows.npy", "--by-position", "-o", "own_rows.npy")
    assert code == 0, said
    code, _, said = run("materialize", "c.parquet", "out3", "--indices", "own_rows.npy")
    assert code == 0, said


def test_what_is_saved_of_them_is_looked_at():
    dsdm.choose(OWN, k=9, exclude=saved(ORDER)).save("x.npy")
    told = json.loads(Path("x.npy.json").read_text())
    known = {"files": ["../s.parquet"], "columns": ["score"], "what": "scores", "of_rows": "exclude"}
    assert told["placed_rows"] == [known]
    for wrong in (3, [3], [{**known, "of_rows": "rows"}], [{**known, "of_rows": None}], [{**known, "files": []}], {}):
        Path("x.npy.json").write_text(json.dumps({**told, "placed_rows": wrong}))
        with pytest.raises(dsdm.errors.FormatError, match=r"placed_rows is .*, which names no files"):
            dsdm.Selection.load("x.npy")


def test_row_numbers_that_lie_as_the_rows_do_are_taken_where_that_is_said(run):
    selection = saved(ORDER)
    code, _, said = run("materialize", "c.parquet", "out", "--indices", "rows.npy")
    assert (code, "the rows of --indices were chosen by them: choose these again" in said) == (1, True)
    assert not Path("out").exists()
    assert run("materialize", "c.parquet", "out", "--indices", "rows.npy", "--by-position")[0] == 0
    written = dsdm.open_shards("out").take(np.arange(len(selection)))
    assert written.column("id").to_pylist() == IDS[selection.indices].tolist()
    assert json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]["by_position"] is True
    assert dsdm.verify("out").selection


def test_row_numbers_that_were_joined_by_ids_stay_so(run):
    saved(ORDER)
    dsdm.choose(dsdm.align("s.parquet", "c.parquet", on="id"), k=9).save("rows.npy", overwrite=True)
    for more in ([], ["--by-position"]):
        assert run("materialize", "c.parquet", "out", "--indices", "rows.npy", "--overwrite", *more)[0] == 0
        assert "by_position" not in json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]
        assert dsdm.verify("out").selection

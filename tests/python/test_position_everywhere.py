"""Scores, groups and lengths beside ids of other rows are found wherever rows are taken by them: also computed ones."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 400
RNG = np.random.default_rng(8)
ORDER = RNG.permutation(N)
SCORES = RNG.permutation(N) / 8.0
OTHER = RNG.permutation(N) / 8.0
TABLE = pa.table({"id": [f"d{row}" for row in range(N)], "text": [f"t{row}" for row in range(N)]})
SAID = "its column 'id' has"


def write(name, order, **columns):
    pq.write_table(pa.table({"id": [f"d{row}" for row in order], **columns}), name)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(TABLE, "c.parquet")
    write("meta.parquet", range(N), dom=[row % 3 for row in range(N)], n=[row % 7 + 1 for row in range(N)])


def files(order):
    """Write scores in one file and in two, in the order of the rows or in another, and open them."""
    write("s.parquet", order, score=SCORES)
    half = N // 2
    for name, part in (("a.parquet", slice(0, half)), ("b.parquet", slice(half, N))):
        write(name, order[part], score=OTHER[part])
    return dsdm.open_scores("s.parquet", column="score"), dsdm.open_scores(["a.parquet", "b.parquet"], column="score")


EXPRESSIONS = {
    "negative": (lambda one, _: -one, -SCORES),
    "plus 0": (lambda one, _: one + 0, SCORES),
    "itself": (lambda one, _: (one + one) / 2, SCORES),
    "z": (lambda _, other: other.zscore(), (OTHER - OTHER.mean()) / OTHER.std()),
    "both": (lambda one, other: one * 1000 + other, SCORES * 1000 + OTHER),
    "array": (lambda _, other: other + np.arange(N) * 1000, OTHER + np.arange(N) * 1000),
}


def ways(selection, folder):
    """Return every way in which rows of the corpus are taken by a selection."""
    selection.save(f"{folder}.npy", overwrite=True)
    loaded = dsdm.Selection.load(f"{folder}.npy")
    shards = dsdm.open_shards("c.parquet")
    return {
        "materialize": lambda: dsdm.materialize("c.parquet", selection, folder, overwrite=True),
        "columns": lambda: dsdm.materialize("c.parquet", selection, folder, overwrite=True, columns=["text"]),
        "loaded": lambda: dsdm.materialize("c.parquet", loaded, folder, overwrite=True),
        "plan": lambda: dsdm.plan("c.parquet", selection),
        "select": lambda: dsdm.select("c.parquet", selection),
        "select of texts": lambda: dsdm.select("c.parquet", loaded, columns=["text"]),
        "take": lambda: shards.take(selection),
        "table": lambda: dsdm.select(TABLE, selection, columns=["text"]),
        "lazy": lambda: dsdm.dataset.open_dataset("c.parquet").select(selection),
        "report": lambda: selection.report(corpus="c.parquet"),
        "report of a file": lambda: dsdm.report(f"{folder}.npy", corpus=shards),
    }


def check(choose, expected=None):
    """Choose by files in the order of the rows, which go on, and by files in another, which do not."""
    selection = choose(*files(np.arange(N)))
    for name, way in ways(selection, "same").items():
        found = way()
        if name in ("select", "take") and expected is not None:
            assert list(found["id"][:] if name == "select" else found["id"].to_pylist()) == [
                f"d{row}" for row in expected
            ]
    selection = choose(*files(ORDER))
    for way in ways(selection, "other").values():
        with pytest.raises(ValueError, match=SAID):
            way()
    assert not Path("other").exists()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_computed_scores(name):
    compute, values = EXPRESSIONS[name]
    check(lambda one, other: dsdm.choose(compute(one, other), k=9), np.argsort(-values, kind="stable")[:9])
    computed = compute(*files(ORDER))
    for scores in (computed, {"quality": computed}):
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises(ValueError, match=SAID):
                call("c.parquet", [0], "other", scores=scores)
    dsdm.materialize("c.parquet", [0], "other", scores=np.asarray(computed))
    dsdm.materialize("c.parquet", dsdm.choose(np.asarray(computed), k=3), "other", overwrite=True)


def test_one_of_two_files_is_enough():
    one, _ = files(np.arange(N))
    write("other.parquet", ORDER, score=OTHER)
    both = one + dsdm.open_scores("other.parquet", column="score")
    with pytest.raises(ValueError, match=f"other.parquet: {SAID}"):
        dsdm.select("c.parquet", dsdm.choose(both, k=3))


def test_combined_selections():
    check(lambda one, other: dsdm.choose(one, k=9).union(dsdm.choose(-other, k=9)))
    check(lambda one, other: dsdm.choose(other, k=90).intersection(dsdm.choose(np.asarray(one), k=90)))
    check(lambda one, other: dsdm.choose(np.asarray(one), k=90).difference(dsdm.choose(other, k=30)))
    check(lambda one, other: dsdm.choose(one, k=9).union(dsdm.choose(other, k=9)).union(dsdm.choose(one, k=30)))
    check(lambda one, other: dsdm.round_robin([one, other], 9))


def test_joined_scores_are_held_against_nothing():
    files(ORDER)
    aligned = dsdm.align("s.parquet", "c.parquet", on="id")
    expected = np.empty(N)
    expected[ORDER] = SCORES
    best = [f"d{row}" for row in np.argsort(-expected, kind="stable")[:9]]
    chosen = dsdm.choose(aligned, k=9)
    for selection in (chosen, chosen.union(dsdm.choose(aligned, k=5)), dsdm.choose(aligned, k=20).intersection(chosen)):
        for way in ways(selection, "joined").values():
            way()
        assert dsdm.select("c.parquet", selection)["id"][:] == best


GROUPED = {
    "groups": lambda: {"groups": dsdm.open_shards("meta.parquet").groups("dom"), "per_group": 3},
    "vector": lambda: {"groups": dsdm.open_scores("meta.parquet", column="dom"), "per_group": 3},
    "lengths": lambda: {"lengths": dsdm.open_scores("meta.parquet", column="n"), "tokens": 40},
}


@pytest.mark.parametrize("kind", GROUPED)
def test_groups_and_lengths(kind):
    def choose(order):
        write("meta.parquet", order, dom=[row % 3 for row in order], n=[row % 7 + 1 for row in order])
        return dsdm.choose(SCORES, **GROUPED[kind]())

    for way in ways(choose(range(N)), "same").values():
        way()
    # A column is of another corpus, if its keys are others.
    by_position = f"{SAID} .* by position {'lengths' if kind == 'lengths' else 'groups'}"
    said = f"the groups are of .*'id' is|{by_position}" if kind == "groups" else by_position
    for way in ways(choose(ORDER), "other").values():
        with pytest.raises(ValueError, match=said):
            way()


def test_the_command_and_its_files_of_rows(run):
    files(ORDER)
    write("meta.parquet", ORDER, dom=[row % 3 for row in ORDER], n=[row % 7 + 1 for row in ORDER])
    np.save("s.npy", SCORES)
    rules = {
        "groups": ["--by", "s.npy", "--groups", "meta.parquet:dom", "--per-group", 3],
        "lengths": ["--by", "s.npy", "--lengths", "meta.parquet:n", "--tokens", 40],
        "scores": ["--by", "s.parquet", "--column", "score", "-k", 5],
    }
    for name, rule in rules.items():
        code, _, said = run("materialize", "c.parquet", name, *rule)
        assert (code, "'id'" in said, "say --by-position where" in said) == (1, True, True), said
        code, _, said = run("materialize", "c.parquet", name, *rule, "--by-position")
        assert code == 0, said
        assert dsdm.verify(name).selection
    one, other = files(ORDER)
    dsdm.choose(-one, k=5).union(dsdm.choose(other, k=5)).save("x.npy")
    code, _, said = run("materialize", "c.parquet", "rows", "--indices", "x.npy")
    assert (code, SAID in said) == (1, True), said


def test_files_of_the_rows_themselves_are_not_read_again(monkeypatch):
    pq.write_table(TABLE.append_column("score", pa.array(SCORES)).append_column("n", pa.array([3] * N)), "k.parquet")
    shards = dsdm.open_shards("k.parquet")
    scores = dsdm.open_scores("k.parquet", column="score")
    selection = dsdm.choose(-scores, tokens=30, lengths=shards.lengths("n"))
    monkeypatch.setattr("dsdm.rows.told.positions.refuse_other_order", None)
    for way in (lambda: dsdm.select(shards, selection), lambda: dsdm.materialize("k.parquet", selection, "out")):
        way()


def test_files_are_compared_once(monkeypatch):
    from dsdm.rows.told import positions

    one, _ = files(np.arange(N))
    known, read = positions.refuse_other_order, []
    monkeypatch.setattr(
        positions, "refuse_other_order", lambda beside, *more: (read.append(beside), known(beside, *more))
    )
    dsdm.materialize(
        "c.parquet", dsdm.choose(one, k=3).union(dsdm.choose(-one, k=3)), "out", scores={"a": one, "b": one}
    )
    assert [beside.files for beside in read] == [(str(Path("s.parquet").absolute()),)]


def test_what_a_saved_selection_names_is_looked_at():
    one, other = files(np.arange(N))
    dsdm.choose(one, k=3).union(dsdm.choose(other, k=3)).save("x.npy")
    told = json.loads(Path("x.npy.json").read_text())
    assert [len(part["files"]) for part in told["placed"]] == [1, 2]
    for wrong in (3, [3], [{"files": "s.parquet"}], [{"files": [3], "columns": [], "what": "scores"}], {"files": []}):
        Path("x.npy.json").write_text(json.dumps({**told, "placed": wrong}))
        with pytest.raises(dsdm.errors.FormatError, match=r"placed is .*, which names no files"):
            dsdm.Selection.load("x.npy")
    dsdm.choose(one, k=3).save("y.npy")
    told = json.loads(Path("y.npy.json").read_text())
    Path("y.npy.json").write_text(json.dumps({**told, "placed": []}))
    with pytest.raises(dsdm.errors.FormatError, match="placed is told, which is of selections"):
        dsdm.Selection.load("y.npy")

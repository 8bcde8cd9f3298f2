"""Rows of an earlier output, excluded or alone allowed: found by its own record, against a plain sort."""

import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

N = 500
RNG = np.random.default_rng(11)
SCORES = RNG.permutation(N).astype(np.float32)
RANKED = np.argsort(-SCORES, kind="stable")
DOMAINS = RNG.choice(["a", "b", "c"], N)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    table = pa.table({"text": [f"text {row}" for row in range(N)], "domain": DOMAINS})
    pq.write_table(table[:200], "corpus/part-0.parquet")
    pq.write_table(table[200:], "corpus/part-1.parquet")
    np.save("s.npy", SCORES)
    return tmp_path


def without(rows, count):
    return [row for row in RANKED.tolist() if row not in set(rows)][:count]


def change(folder, alter):
    """Change the manifest of an output, with its checksum."""
    path = Path(folder, "dsdm.json")
    told = json.loads(path.read_text())
    del told["crc32"]
    alter(told)
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    path.write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("kind", ["arrow", "parquet", "jsonl"])
@pytest.mark.parametrize("order", ["given", "row", "shuffle"])
@pytest.mark.parametrize("row_ids", ["row", None])
def test_rows_are_known_by_a_column_or_by_choosing_again(kind, order, row_ids):
    scores = dsdm.open_scores("s.npy")
    options = {"format": kind, "row_order": order, "row_ids": row_ids, "num_shards": 3}
    dsdm.materialize("corpus", dsdm.choose(scores, k=40), "first", **options)
    if row_ids is not None:
        Path("s.npy").rename("moved.npy")
        scores = dsdm.open_scores("moved.npy")
    found = dsdm.written_rows("first", "corpus")
    sorted_rows = order == "row" and row_ids is not None
    assert found.indices.tolist() == (sorted(RANKED[:40].tolist()) if sorted_rows else RANKED[:40].tolist())
    assert found.n == N
    fresh = dsdm.choose(scores, k=30, exclude="first")
    assert fresh.indices.tolist() == RANKED[40:70].tolist()
    again = dsdm.choose(scores, k=7, only=Path("first"))
    assert again.indices.tolist() == RANKED[:7].tolist()
    for name, chosen in (("fresh", fresh), ("again", again)):
        dsdm.materialize("corpus", chosen, name)
        assert dsdm.verify(name).selection
        assert json.loads(Path(name, "dsdm.json").read_text())["selection"]["chosen"]["by"] == "choose"
    fresh.save("fresh.npy")
    assert dsdm.Selection.load("fresh.npy").again["exclude"] == str(Path("first").absolute())
    assert dsdm.report("fresh").selections[0].scores.excluded == 40


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("rule", [[], ["--min-score", "0"], ["--groups", "domain", "--like", "equal"]])
def test_the_command_excludes_round_by_round(run, rule):
    seen = []
    for number in range(4):
        exclude = ["--exclude", f"round-{number - 1}"] if number else []
        by = ["--by", "s.npy", "-k", 30, *rule]
        code, _, said = run("materialize", "corpus", f"round-{number}", *by, *exclude)
        assert code == 0, said
        rows = dsdm.written_rows(f"round-{number}", "corpus").indices
        last = seen[-1] if seen else []
        assert not set(rows.tolist()) & set(last)
        if "--groups" in rule:
            each = [[row for row in without(last, N) if DOMAINS[row] == name][:10] for name in "abc"]
            assert sorted(rows.tolist()) == sorted(row for some in each for row in some)
        else:
            assert rows.tolist() == without(last, 30)
        seen.append(rows.tolist())
        assert dsdm.verify(f"round-{number}").selection
    code, _, said = run(
        "materialize",
        "corpus",
        "of-first",
        "--by",
        "s.npy",
        "-k",
        5,
        "--only",
        "round-0",
        *([] if "--groups" in rule else rule),
    )
    assert code == 0, said
    assert dsdm.written_rows("of-first").indices.tolist() == without([], 5)
    code, _, said = run("indices", "s.npy", "-k", 5, "--exclude", "round-0", "-o", "x.npy")
    assert code == 0, said
    assert np.load("x.npy").tolist() == without(seen[0], 5)
    code, _, said = run(
        "materialize", "corpus", "round-0", "--by", "s.npy", "-k", 5, "--exclude", "round-0", "--overwrite"
    )
    assert (code, "the output would replace round-0, which is read" in said) == (1, True), said


@pytest.mark.usefixtures("place")
def test_what_is_missing_is_said(run):
    scores = dsdm.open_scores("s.npy")
    dsdm.materialize("corpus", [3, 1, 2], "bare")
    dsdm.materialize(pq.read_table("corpus"), [3, 1, 2], "table", row_ids="row")
    dsdm.materialize("corpus/part-0.parquet", [3, 1, 2], "part", row_ids="row")
    Path("nothing").mkdir()
    Path("rows.txt").write_text("1\n")
    for name, error, message in (
        ("bare", ValueError, "not told by a column, and not found out: the manifest does not tell how the rows were"),
        ("bare", ValueError, r"name the .npy file of its row numbers, or write it again with row_ids= \(--row-ids\)"),
        ("table", ValueError, "its rows came from a table in memory"),
        ("part", ValueError, "exclude is a selection from 200 rows, and there are 500 scores: it is of other rows"),
        ("nothing", FileNotFoundError, "dsdm did not write this directory"),
        ("none", FileNotFoundError, "exclude names a .npy file of rows, or a directory that dsdm wrote, and there is"),
        (
            "rows.txt",
            ValueError,
            r"exclude is .*rows.txt; a .npy file of rows, or a directory that dsdm wrote",
        ),
    ):
        with pytest.raises(error, match=message):
            dsdm.choose(scores, k=5, exclude=name)
    with pytest.raises(ValueError, match="came from 1 files, and the rows here are of 2: they are numbered otherwise"):
        dsdm.written_rows("part", "corpus")
    code, _, said = run("materialize", "corpus", "out", "--by", "s.npy", "-k", 5, "--exclude", "part")
    assert (code, "came from 1 files, and the rows here are of 2" in said) == (1, True), said
    with pytest.raises(ValueError, match="corpus is no rows of files as they lie"):
        dsdm.written_rows("bare", pq.read_table("corpus"))


@pytest.mark.usefixtures("place")
def test_another_corpus_and_another_order_of_files_are_refused():
    files = ["corpus/part-0.parquet", "corpus/part-1.parquet"]
    dsdm.materialize(files, [3, 1, 2], "first", row_ids="row")
    with pytest.raises(ValueError, match=r"its rows came from .*part-0.parquet of .* which is another file"):
        dsdm.written_rows("first", files[::-1])
    table = pq.read_table(files[0])
    pq.write_table(table.set_column(0, "text", table["text"].take(np.arange(len(table))[::-1])), files[0])
    for call in (lambda: dsdm.written_rows("first", files), lambda: dsdm.choose(SCORES, k=3, exclude="first")):
        with pytest.raises((ValueError, errors.ChecksumError), match=r"part-0.parquet"):
            call()


@pytest.mark.usefixtures("place")
def test_a_column_that_was_changed_is_found():
    dsdm.materialize("corpus", [30, 10, 20], "first", format="parquet", row_ids="row")
    shard = next(Path("first/data").iterdir())
    table = pq.read_table(shard)
    for values, message in (
        ([30, 10, 21], "the row numbers in 'row' are others"),
        ([30, 10, None], "has 3 values of int64, and its dsdm.json tells of 3 row numbers"),
        ([30, 10], "has 2 values of int64"),
    ):
        changed = pa.table({"text": table["text"][: len(values)], "row": pa.array(values, pa.int64())})
        pq.write_table(changed, shard)
        with pytest.raises(errors.FormatError, match=message):
            dsdm.choose(SCORES, k=3, exclude="first")
    pq.write_table(table, shard)
    for name, value, message in (
        ("row_ids", "text", "has 3 values of string"),
        ("row_ids", "none", "tells of row numbers in a column 'none', and there is none"),
        ("row_ids", 7, "row_ids is 7, order 'given' and seed None, which tells of no column"),
        ("order", "other", "order 'other' and seed None, which tells of no column of row numbers"),
        ("order", "shuffle", "order 'shuffle' and seed None"),
        ("order", "row", "do not ascend, and dsdm.json tells that they do"),
        ("mapped", True, "its rows came from a dataset that picks or changes rows of files"),
    ):
        dsdm.materialize("corpus", [30, 10, 20], "other", format="parquet", row_ids="row", overwrite=True)
        change("other", lambda told, name=name, value=value: told["selection"].update({name: value}))
        with pytest.raises(ValueError, match=message):
            dsdm.choose(SCORES, k=3, exclude="other")
    change("other", lambda told: told["selection"].pop("mapped"))
    assert dsdm.written_rows("other").indices.tolist() == [30, 10, 20]
    change("other", lambda told: told["shards"][0]["files"][0].update(name="../first/data"))
    with pytest.raises(errors.FormatError, match=r"shards\[0\] names no file of it"):
        dsdm.written_rows("other")


@pytest.mark.usefixtures("place")
def test_outputs_that_name_each_other_end():
    dsdm.materialize("corpus", dsdm.choose(dsdm.open_scores("s.npy"), k=5), "one")
    dsdm.materialize("corpus", dsdm.choose(dsdm.open_scores("s.npy"), k=5, exclude="one"), "two")
    change("one", lambda told: told["selection"]["chosen"].update(exclude="../two"))
    with pytest.raises(ValueError, match="more than 16 outputs were each chosen by the one before"):
        dsdm.choose(SCORES, k=5, exclude="two")
    assert "more than 16 outputs" in dsdm.verify("two").reason


@pytest.mark.usefixtures("place")
def test_an_output_outside_of_what_is_trusted_is_not_opened(tmp_path_factory, monkeypatch):
    dsdm.materialize("corpus", dsdm.choose(dsdm.open_scores("s.npy"), k=5), "one")
    dsdm.materialize("corpus", dsdm.choose(dsdm.open_scores("s.npy"), k=5, exclude="one"), "two")
    here = Path.cwd()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "outside" in dsdm.verify(here / "two").reason
    assert dsdm.verify(here / "two", trust_paths=[here]).selection
    with pytest.raises(
        ValueError, match=r"which rows these are is not told by a column, and not found out: .* outside"
    ):
        dsdm.written_rows(here / "two")
    assert dsdm.written_rows(here / "two", trust_paths=[here]).indices.tolist() == RANKED[5:10].tolist()

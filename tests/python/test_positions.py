"""Scores that are taken by position though they lie beside ids of other rows: refused, and by what."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.selection.ids.order.keys import looks_like_a_key

N = 70_000
RNG = np.random.default_rng(1)
SCORES = RNG.normal(size=N)
TABLE = pa.table({"id": np.arange(N) * 3, "text": [f"text {row}" for row in range(N)], "n": np.zeros(N, np.int32)})
BEST = np.argsort(-SCORES, kind="stable")[:5]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(TABLE, "c.parquet")
    return tmp_path


def write(columns, name="s.parquet"):
    pq.write_table(pa.table({**columns, "score": SCORES}), name)
    return dsdm.open_scores(name, column="score")


def swapped(values, one, other):
    rows = np.arange(N)
    rows[[one, other]] = other, one
    return values.take(pa.array(rows))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("one", "other"), [(0, N - 1), (65_535, 65_536), (40_000, 40_001), (N - 2, N - 1)])
def test_two_rows_in_each_others_place_are_found_wherever_they_are(run, one, other):
    scores = write({"id": swapped(TABLE["id"], one, other)})
    message = f"its column 'id' has {other * 3} in row {one:,}, and the rows have {one * 3} there"
    for call in (dsdm.materialize, dsdm.plan):
        for options in ({}, {"columns": ["text"]}):
            with pytest.raises(ValueError, match=message):
                call("c.parquet", dsdm.choose(scores, k=5), "out", **options)
            with pytest.raises(ValueError, match=message + r".*join them by dsdm.align\(scores, corpus, on='id'\)"):
                call("c.parquet", BEST, "out", scores={"quality": scores}, **options)
    for more in (["--by", "s.parquet"], ["--by", "random", "--scores", "s.parquet"]):
        code, _, said = run("materialize", "c.parquet", "out", "-k", 5, "--column", "score", *more)
        assert (code, message in said, "; join them by --on id, or say --by-position" in said) == (1, True, True), said
    assert not Path("out").exists()


@pytest.mark.usefixtures("place")
def test_scores_in_the_order_of_the_rows_go_on(run):
    others = {"n": RNG.integers(0, 9, N), "id": TABLE["id"].cast(pa.int32())}
    dsdm.materialize("c.parquet", dsdm.choose(write(others), k=5), "out")
    # A key that the rows do not have is compared with nothing.
    more = write({"doc_id": RNG.permutation(N), "id": TABLE["id"]}, "more.parquet")
    dsdm.materialize("c.parquet", dsdm.choose(more, k=5), "texts", columns=["text"])
    code, _, said = run("materialize", "c.parquet", "by-command", "-k", 5, "--by", "s.parquet", "--column", "score")
    assert code == 0, said
    for folder in ("out", "by-command"):
        assert dsdm.open_shards(folder).take(range(5))["id"].to_pylist() == (BEST * 3).tolist()
        assert dsdm.verify(folder).selection
        assert "by_position" not in json.loads(Path(folder, "dsdm.json").read_text())["selection"]["chosen"]


@pytest.mark.usefixtures("place")
def test_who_says_so_takes_them_by_position(run):
    scores = write({"id": swapped(TABLE["id"], 3, 4)})
    arguments = ["--by", "s.parquet", "--scores", "s.parquet", "--column", "score", "--by-position"]
    code, _, said = run("materialize", "c.parquet", "out", "-k", 5, *arguments)
    assert code == 0, said
    written = dsdm.open_shards("out").take(range(5))
    assert written["id"].to_pylist() == (BEST * 3).tolist()
    assert written["scores"].to_pylist() == SCORES[BEST].tolist()
    assert json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]["by_position"] is True
    assert dsdm.verify("out").selection
    for rule in ([], ["--min-score", "0"]):
        arguments = ["indices", "s.parquet", "--column", "score", "-k", 5, "-o", "x.npy", "--overwrite", *rule]
        assert run(*arguments)[0] == 0
        assert run("materialize", "c.parquet", "again", "--indices", "x.npy")[0] == 1
        assert run(*arguments, "--by-position")[0] == 0
        assert run("materialize", "c.parquet", "again", "--indices", "x.npy", "--overwrite")[0] == 0
    dsdm.materialize("c.parquet", dsdm.choose(np.asarray(scores), k=5), "array", scores=np.asarray(scores))


@pytest.mark.usefixtures("place")
def test_texts_are_compared_where_there_is_no_key():
    changed = swapped(TABLE["text"], 0, N - 1)
    with pytest.raises(ValueError, match="its column 'text' has 'text 69999' in row 0, and the rows have 'text 0'"):
        dsdm.materialize("c.parquet", dsdm.choose(write({"text": changed}), k=5), "out")
    # A key decides alone, and numbers that are no key may be others.
    found = write({"text": changed, "id": TABLE["id"], "n": RNG.integers(0, 9, N)})
    dsdm.materialize("c.parquet", dsdm.choose(found, k=5), "out")


@pytest.mark.usefixtures("place")
def test_nulls_dictionaries_lines_and_types():
    names = pa.array([None if row % 7 == 0 else str(row) for row in range(N)])
    pq.write_table(TABLE.append_column("doc_id", names), "named.parquet")
    same = write({"doc_id": names.dictionary_encode()})
    dsdm.materialize("named.parquet", dsdm.choose(same, k=5), "same")
    other = write({"doc_id": swapped(names, 6, 7)}, "t.parquet")
    with pytest.raises(ValueError, match="'doc_id' has None in row 6, and the rows have '6' there"):
        dsdm.materialize("named.parquet", dsdm.choose(other, k=5), "out")
    wide = pa.array([2**64 - 1 - row for row in range(N)], pa.uint64())
    pq.write_table(TABLE.set_column(0, "id", wide), "wide.parquet")
    dsdm.materialize("wide.parquet", dsdm.choose(write({"id": wide.dictionary_encode()}, "v.parquet"), k=5), "wide")
    lines = "".join(json.dumps({"id": 3 * (N - row), "score": row}) + "\n" for row in range(N))
    Path("s.jsonl").write_text(lines)
    with pytest.raises(ValueError, match="'id' has 210000 in row 0, and the rows have 0 there"):
        dsdm.materialize("c.parquet", dsdm.choose(dsdm.open_scores("s.jsonl", column="score"), k=5), "out")


@pytest.mark.usefixtures("place")
def test_rows_of_a_dataset_are_those_of_its_mapping():
    datasets = pytest.importorskip("datasets")
    rows = RNG.permutation(N)[:900]
    picked = datasets.Dataset(TABLE).select(rows)
    pq.write_table(pa.table({"id": rows * 3, "score": np.arange(900.0)}), "s.parquet")
    scores = dsdm.open_scores("s.parquet", column="score")
    dsdm.materialize(picked, dsdm.choose(scores, k=5), "out")
    pq.write_table(pa.table({"id": rows[::-1] * 3, "score": np.arange(900.0)}), "t.parquet")
    with pytest.raises(ValueError, match="its column 'id' has"):
        dsdm.materialize(picked, dsdm.choose(dsdm.open_scores("t.parquet", column="score"), k=5), "other")


@pytest.mark.usefixtures("place")
def test_another_number_of_scores_names_the_join(run):
    pq.write_table(pa.table({"id": [1, 2], "score": [0.5, 1.0]}), "s.parquet")
    scores = dsdm.open_scores("s.parquet", column="score")
    with pytest.raises(ValueError, match=r"joined to any rows by dsdm.align\(scores, corpus, on='id'\)"):
        dsdm.materialize("c.parquet", [0], "out", scores=scores)
    told = {"by": "top_k", "scores": "s.parquet", "reading": {"column": "score"}, "arguments": {"k": 1}}
    with pytest.raises(ValueError, match=r"joined to any rows by dsdm.align\(scores, corpus, on='id'\)"):
        dsdm.materialize("c.parquet", [0], "out", selection=told)
    code, _, said = run("materialize", "c.parquet", "out", "-k", 1, "--by", "s.parquet", "--column", "score")
    assert (code, "beside ids are joined to any rows by --on id" in said) == (1, True), said


def test_names_of_keys():
    keys = ["id", "ID", "_id", "doc_id", "docId", "doc-id", "meta.id", "uuid", "url", "row_index", "sha256", "key"]
    assert [name for name in keys if not looks_like_a_key(name)] == []
    others = ["text", "valid", "idea", "width", "n", "length", "label", "keyboard", "curl", "video"]
    assert [name for name in others if looks_like_a_key(name)] == []

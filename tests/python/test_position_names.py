"""Scores that are taken by position beside the ids of the rows under another name."""

import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 40_000
RNG = np.random.default_rng(12)
SCORES = RNG.normal(size=N)
IDS = np.array([f"doc {row}" for row in range(N)])
ORDER = RNG.permutation(N)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS, "number_id": np.arange(N), "n": np.arange(N)}), "c.parquet")


def scores(ids, name="doc_id", **others):
    pq.write_table(pa.table({name: ids, "score": SCORES, **others}), "s.parquet")
    return dsdm.open_scores("s.parquet", column="score")


def calls(vector):
    return [
        lambda: dsdm.materialize("c.parquet", [3, 1], "out", scores=vector, overwrite=True),
        lambda: dsdm.select("c.parquet", dsdm.choose(vector, k=3)),
        lambda: dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3)),
        lambda: dsdm.report(dsdm.choose(vector, k=3), corpus="c.parquet"),
    ]


# As many as are certainly among the first that are looked at, or some of all rows.
MOVED = {
    "turned": np.arange(N)[::-1][RNG.permutation(N)],
    "in any order": ORDER,
    "two are changed": np.r_[1, 0, 2:N],
    "one is gone": np.r_[1:N, 0],
}


@pytest.mark.parametrize("name", ["doc_id", "document"])
@pytest.mark.parametrize("order", MOVED.values(), ids=list(MOVED))
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_ids_at_other_places_are_refused_by_both_names(name, order, kind):
    vector = scores(pa.array(IDS[order]).cast(kind), name)
    for call in calls(vector):
        with pytest.raises(
            ValueError, match=rf"'{name}' has 'doc \d+' in row .* as 'id' in row .*, on=\('id', '{name}'"
        ):
            call()
    joined = dsdm.align("s.parquet", "c.parquet", on=("id", name), column="score")
    assert joined.scores[order].tolist() == SCORES.tolist()
    for call in calls(np.asarray(vector)):
        call()


@pytest.mark.filterwarnings("error")
def test_ids_at_their_places_and_columns_that_are_none_are_taken():
    repeated = np.array(["a", "b"])[np.arange(N) % 2]
    others = np.array([f"other {row}" for row in range(N)])
    null = pa.array([None, *IDS[ORDER][1:]])
    for ids in (IDS, repeated, others, null, np.r_[IDS[:3], others[3:]], RNG.normal(size=N)):
        for call in calls(scores(ids)):
            call()
    # A column that is no key by its name may hold any numbers, and what the rows call so is compared by its name.
    for call in calls(scores(ORDER, "rank")):
        call()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dsdm.open_shards("c.parquet").take(dsdm.choose(scores(np.arange(N)), k=3))


def test_numbers_at_other_places_are_a_warning():
    vector = scores(ORDER)
    with pytest.warns(UserWarning, match=r"'doc_id' has \d+ in row .* as 'number_id' .* other things"):
        dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3))


def test_the_command_names_both_columns(run):
    scores(IDS[ORDER])
    command = ["materialize", "c.parquet", "out", "--by", "s.parquet", "--column", "score", "-k", 3]
    code, _, said = run(*command)
    assert (code, "join them by --on id=doc_id, or say --by-position where" in said) == (1, True), said
    assert run(*command, "--on", "id=doc_id")[0] == 0
    best = np.argsort(-SCORES)[:3]
    assert dsdm.open_shards("out").take(range(3))["id"].to_pylist() == IDS[ORDER][best].tolist()
    assert run(*command, "--by-position", "--overwrite")[0] == 0
    assert dsdm.open_shards("out").take(range(3))["id"].to_pylist() == IDS[best].tolist()

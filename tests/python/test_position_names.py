"""Scores that are taken by position beside the ids of the rows under another name."""

import ast
import re
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
    null = pa.array([None, *IDS[1:]])
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


def test_files_in_another_order_are_found_however_long_they_are():
    """Of the first rows not one is among the first of the rows."""
    with pytest.raises(
        ValueError, match=r"'doc_id' has 'doc 20000' in row 0, which the rows have as 'id' in row 20,000"
    ):
        dsdm.open_shards("c.parquet").take(dsdm.choose(scores(np.roll(IDS, -20_000)), k=3))
    late = np.r_[IDS[:39_000], IDS[:38_999:-1]]
    with pytest.raises(ValueError, match=r"'doc_id' has 'doc 39\d+' in row 39,\d+"):
        dsdm.open_shards("c.parquet").take(dsdm.choose(scores(late), k=3))


@pytest.mark.parametrize("kind", [pa.string(), pa.binary()])
@pytest.mark.parametrize(("order", "is_other"), [(np.arange(N), False), (ORDER, True)])
def test_fields_of_structs_are_looked_for_beside_a_key_that_names_no_row(kind, order, is_other):
    ids = pa.array(IDS).cast(kind)
    both = {"lang_id": ["en"] * N}
    pq.write_table(pa.table({"meta": pa.StructArray.from_arrays([ids], ["id"]), **both}), "c.parquet")
    vector = scores(ids.take(pa.array(order)), **both)
    if not is_other:
        dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3))
        return
    with pytest.raises(
        ValueError, match=r"'doc_id' has b?'doc \d+' in row .* as 'meta\.id' in .*on=\('meta\.id', 'doc_id'\)"
    ):
        dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3))


def test_numbers_that_only_count_rows_settle_nothing():
    """Any rows have them in their order."""
    pq.write_table(pa.table({"id": IDS, "index": np.arange(N), "number_id": np.arange(N)}), "c.parquet")
    for others in ({"row_id": np.arange(N)}, {"index": np.arange(N)}):
        with pytest.raises(ValueError, match=r"on=\('id', 'doc_id'\)"):
            dsdm.open_shards("c.parquet").take(dsdm.choose(scores(IDS[ORDER], **others), k=3))
    # What is no such number does.
    numbers = RNG.permutation(10 * N)[:N]
    pq.write_table(pa.table({"id": IDS, "number_id": numbers}), "c.parquet")
    dsdm.open_shards("c.parquet").take(dsdm.choose(scores(IDS[ORDER], own_id=numbers), k=3))


@pytest.mark.parametrize("turned", [False, True])
def test_numbers_and_texts_of_them_are_compared(turned):
    numbers = np.arange(N) * 7 % 100_003
    texts = numbers.astype(str)
    here, there = (numbers, texts) if turned else (texts, numbers)
    pq.write_table(pa.table({"id": here}), "c.parquet")
    dsdm.open_shards("c.parquet").take(dsdm.choose(scores(there), k=3))
    said = (
        r"'doc_id' has '\d+' in row .*; write both as one type, which are (int64 and string|string and int64), and join"
    )
    with pytest.warns(UserWarning, match=said):
        dsdm.open_shards("c.parquet").take(dsdm.choose(scores(there[ORDER]), k=3))
    with pytest.raises(TypeError, match="as one type"):
        dsdm.align("s.parquet", "c.parquet", on=("id", "doc_id"), column="score")
    with pytest.raises(TypeError, match="as one type"):
        dsdm.align((there, SCORES), "c.parquet", on="id")


CLASHES = [
    (["meta.id", "meta"], ["meta.id"]),
    (["meta.id", "meta"], ["meta"]),
    (["meta.id"], ["meta.id", "meta"]),
    (["meta.id"], ["meta"]),
    (["meta"], ["meta.id"]),
]


@pytest.mark.parametrize(("there", "here"), CLASHES)
def test_a_name_of_a_column_and_of_a_field_means_both(there, here):
    """Where one of them has other ids, which of them is meant is not known."""

    def table(names, order):
        held = {"meta.id": IDS, "meta": pa.StructArray.from_arrays([pa.array(IDS[order])], ["id"])}
        return pa.table({name: held[name] for name in names} | {"score": SCORES, "n": np.arange(N)})

    for order in (np.arange(N), ORDER):
        pq.write_table(table(there, order), "s.parquet")
        pq.write_table(table(here, order), "c.parquet")
        vector = dsdm.open_scores("s.parquet", column="score")
        if order is not ORDER:
            dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3))
            continue
        with pytest.raises(ValueError, match=r"'meta\.id'.*join them by dsdm\.align\(scores, corpus, on=") as caught:
            dsdm.open_shards("c.parquet").take(dsdm.choose(vector, k=3))
        # Each join that is named gives each row the score of its id.
        for call in re.findall(r"on=(\(.*?\)|'.*?')(?=\))", str(caught.value)):
            assert len(dsdm.align("s.parquet", "c.parquet", on=ast.literal_eval(call), column="score")) == N

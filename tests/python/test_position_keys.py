"""Ids beside scores that are taken by position: of every type, in structs, and beside columns that cannot be opened."""

import datetime as dt
import decimal
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.selection.ids.alike import as_plain, common, first_other

N = 300
RNG = np.random.default_rng(5)
ORDER = RNG.permutation(N)
SCORES = RNG.normal(size=N)
BEST = np.argsort(-SCORES, kind="stable")[:7]
NAMES = [f"d{row}" for row in range(N)]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": NAMES, "text": [f"text {row}" for row in range(N)]}), "c.parquet")


def lines(name, rows):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(name, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def of_lines(name, notes):
    """Write scores in two orders, with a column beside them of which not all values are of one kind."""

    def write(order):
        ids = [NAMES[row] for row in order]
        lines(name, [{"id": ids[at], "note": notes[at % 2], "score": SCORES[at]} for at in range(N)])
        return [name]

    return write


def of_two_files(order):
    """Write two files whose other column is of two types."""
    ids, half = [NAMES[row] for row in order], N // 2
    for name, part, x in (("a", slice(0, half), [1] * half), ("b", slice(half, N), ["1"] * half)):
        pq.write_table(pa.table({"id": ids[part], "x": x, "score": SCORES[part]}), f"{name}.parquet")
    return ["a.parquet", "b.parquet"]


def twice(order):
    columns = [pa.array([NAMES[row] for row in order]), pa.array(range(N)), pa.array(range(N)), pa.array(SCORES)]
    pq.write_table(pa.Table.from_arrays(columns, ["id", "x", "x", "score"]), "twice.parquet")
    return ["twice.parquet"]


@pytest.mark.parametrize(
    "write",
    [
        of_lines("s.jsonl", ["x", 1]),
        of_lines("s.jsonl.gz", [{"a": 1}, [1]]),
        of_two_files,
        twice,
    ],
)
@pytest.mark.parametrize("options", [{}, {"columns": ["text"]}])
def test_a_column_that_cannot_be_opened_hides_no_ids(write, options):
    scores = dsdm.open_scores(write(range(N)), column="score")
    dsdm.materialize("c.parquet", dsdm.choose(scores, k=7), "out", row_ids="row", **options)
    assert dsdm.open_shards("out").take(range(7))["row"].to_pylist() == BEST.tolist()
    scores = dsdm.open_scores(write(ORDER), column="score")
    first = next(row for row in range(N) if ORDER[row] != row)
    said = rf"'id' has 'd{ORDER[first]}' in row {first}, and the rows have 'd{first}' there.*dsdm.align\(scores, corpus"
    for call in (dsdm.materialize, dsdm.plan):
        with pytest.raises(ValueError, match=said):
            call("c.parquet", dsdm.choose(scores, k=7), "other", **options)
        with pytest.raises(ValueError, match=said):
            call("c.parquet", BEST, "other", scores=scores, **options)
    assert not Path("other").exists()


def test_neither_side_can_be_opened_whole():
    lines("c.jsonl", [{"id": NAMES[row], "text": "t", "more": [1, "a"][row % 2]} for row in range(N)])
    for order, agrees in ((range(N), True), (ORDER, False)):
        scores = dsdm.open_scores(of_lines("s.jsonl", ["x", 1])(order), column="score")
        if agrees:
            dsdm.materialize("c.jsonl", dsdm.choose(scores, k=7), "out", columns=["text"])
        else:
            with pytest.raises(ValueError, match="its column 'id' has"):
                dsdm.materialize("c.jsonl", dsdm.choose(scores, k=7), "other", columns=["text"])


def test_ids_that_cannot_be_read_are_refused(run):
    lines("s.jsonl", [{"id": [NAMES[row], row][row % 2], "score": SCORES[row]} for row in range(N)])
    scores = dsdm.open_scores("s.jsonl", column="score")
    said = 'column "id": a number is here.* whether by position .* dsdm.align'
    with pytest.raises(dsdm.errors.SchemaError, match=said):
        dsdm.materialize("c.parquet", dsdm.choose(scores, k=7), "out")
    command = ["materialize", "c.parquet", "out", "--by", "s.jsonl", "--column", "score", "-k", 7]
    code, _, said = run(*command)
    assert (code, "join them by --on id, or say --by-position" in said) == (1, True), said
    assert run(*command, "--by-position")[0] == 0
    dsdm.materialize("c.parquet", dsdm.choose(np.asarray(scores), k=7), "array")


DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
KINDS = {
    "text and view": (pa.array(NAMES), lambda ids: ids.cast(pa.string_view())),
    "text and dictionary": (pa.array(NAMES, pa.large_string()), lambda ids: ids.cast(pa.string()).dictionary_encode()),
    "floats": (pa.array(np.arange(N) + 0.5), lambda ids: ids.cast(pa.float32())),
    "whole and float": (pa.array(range(N)), lambda ids: ids.cast(pa.float64())),
    "float and whole": (pa.array(np.arange(N) * 1.0), lambda ids: ids.cast(pa.int16())),
    "null and NaN": (pa.array([None, float("nan"), *range(N - 2)], pa.float64()), lambda ids: ids),
    "binary": (pa.array([name.encode() for name in NAMES]), lambda ids: ids.cast(pa.large_binary())),
    "fixed": (
        pa.array([row.to_bytes(4, "big") for row in range(N)], pa.binary(4)),
        lambda ids: ids.cast(pa.binary()),
    ),
    "decimals": (
        pa.array([decimal.Decimal(row) / 4 for row in range(N)], pa.decimal128(12, 2)),
        lambda ids: ids.cast(pa.decimal256(40, 5)),
    ),
    "decimal and whole": (pa.array([decimal.Decimal(row) for row in range(N)]), lambda ids: ids.cast(pa.int64())),
    "times": (
        pa.array([DAY + dt.timedelta(seconds=row) for row in range(N)], pa.timestamp("s", "UTC")),
        lambda ids: ids.cast(pa.timestamp("us", "Europe/Berlin")),
    ),
    "days": (
        pa.array(range(N), pa.int32()).cast(pa.date32()),
        lambda ids: ids.cast(pa.timestamp("s")).cast(pa.date32()),
    ),
    "large": (pa.array([2**64 - 1 - row for row in range(N)], pa.uint64()), lambda ids: ids.dictionary_encode()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nested", [False, True])
def test_ids_of_every_type_are_compared(kind, nested):
    ids, other = KINDS[kind]

    def table(ids, more):
        if not nested:
            return pa.table({"id": ids, **more})
        fields = [pa.field("id", ids.type), *(pa.field(name, values.type) for name, values in more.items())]
        return pa.table({"meta": pa.StructArray.from_arrays([ids, *more.values()], fields=fields)})

    if nested and pa.types.is_dictionary(other(ids).type):
        # Parquet keeps no dictionaries in structs.
        other = lambda ids: ids  # noqa: E731
    pq.write_table(table(ids, {"text": pa.array(NAMES)}), "k.parquet")
    column = "meta.score" if nested else "score"
    for order, agrees in ((np.arange(N), True), (ORDER, False)):
        pq.write_table(table(other(ids.take(pa.array(order))), {"score": pa.array(SCORES)}), "s.parquet")
        scores = dsdm.open_scores("s.parquet", column=column)
        if agrees:
            dsdm.materialize("k.parquet", dsdm.choose(scores, k=7), "out", row_ids="row")
            assert dsdm.open_shards("out").take(range(7))["row"].to_pylist() == BEST.tolist()
        else:
            with pytest.raises(ValueError, match=f"its column '{'meta.id' if nested else 'id'}' has"):
                dsdm.materialize("k.parquet", dsdm.choose(scores, k=7), "other")


TEXTS = [str(row) for row in range(N)]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (pa.array(TEXTS), pa.array(range(N))),
        (pa.array(range(N)), pa.array(TEXTS)),
        (pa.array(range(N)), pa.array(TEXTS).dictionary_encode()),
        (pa.array(TEXTS), pa.array([text.encode() for text in TEXTS])),
        (pa.array(range(N)), pa.array([{"a": row} for row in range(N)])),
        (pa.array([2**53 + 1] * N), pa.array([float(2**53)] * N)),
        (pa.array(range(N), pa.timestamp("s")), pa.array(range(N), pa.timestamp("s", "UTC"))),
    ],
)
def test_ids_of_types_that_are_never_equal_name_both(run, here, there):
    pq.write_table(pa.table({"id": here, "text": NAMES}), "k.parquet")
    pq.write_table(pa.table({"id": there, "score": SCORES}), "s.parquet")
    scores = dsdm.open_scores("s.parquet", column="score")
    with pytest.raises(ValueError, match=r"its column 'id' is .*, and that of the rows .*dsdm\.align") as caught:
        dsdm.materialize("k.parquet", dsdm.choose(scores, k=7), "out")
    read = [dsdm.open_shards(name).schema.field("id").type for name in ("s.parquet", "k.parquet")]
    assert f"'id' is {read[0]}, and that of the rows {read[1]}," in str(caught.value)
    command = ["materialize", "k.parquet", "out", "--by", "s.parquet", "--column", "score", "-k", 7]
    code, _, said = run(*command)
    assert (code, "--on id, or say --by-position" in said) == (1, True), said
    assert run(*command, "--by-position")[0] == 0


def test_lists_and_flags_are_no_ids():
    ids = [[row] for row in range(N)]
    pq.write_table(pa.table({"input_ids": ids, "is_key": [True] * N}), "k.parquet")
    pq.write_table(pa.table({"input_ids": ids[::-1], "is_key": [False] * N, "score": SCORES}), "s.parquet")
    dsdm.materialize("k.parquet", dsdm.choose(dsdm.open_scores("s.parquet", column="score"), k=7), "out")


@pytest.mark.parametrize("seed", range(20))
def test_the_first_other_value_is_that_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    kinds = [pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(9, 2), pa.null()]
    one, other = (kinds[at] for at in rng.integers(0, len(kinds), 2))
    values = [None if value == 3 else int(value) for value in rng.integers(0, 5, 12)]
    changed = [*values[:9], *(None if rng.random() < 0.5 else 4 for _ in values[9:])]
    arrays = [
        pa.array([None if value is None else decimal.Decimal(value) for value in given]).cast(kind)
        if kind != pa.null()
        else pa.nulls(12)
        for kind, given in ((one, values), (other, changed))
    ]
    kind = common(one, other)
    if kind is None:
        assert {pa.types.is_floating(one), pa.types.is_decimal(one)} == {True, False}
        assert pa.types.is_floating(one) != pa.types.is_floating(other)
        return
    plain = [array.to_pylist() for array in arrays]
    expected = next((at for at in range(12) if plain[0][at] != plain[1][at]), None)
    assert first_other(*(as_plain(array, kind) for array in arrays)) == expected

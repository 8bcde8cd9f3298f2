"""Columns of Arrow and Parquet that are lists, fields, decimals and booleans, held against pyarrow's own values."""

import decimal
import re

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors

REDUCTIONS = ("mean", "max", "min", "sum")


def stream(table, path, codec=None, chunk=None):
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(path, table.schema, options=options) as sink:
        sink.write_table(table, max_chunksize=chunk)


def file(table, path):
    with pa.ipc.new_file(path, table.schema) as sink:
        sink.write_table(table)


WRITERS = {
    "stream": stream,
    "chunks": lambda table, path: stream(table, path, chunk=7),
    "lz4": lambda table, path: stream(table, path, "lz4"),
    "zstd": lambda table, path: stream(table, path, "zstd", 13),
    "file": file,
    "parquet": lambda table, path: pq.write_table(table, path, row_group_size=11),
    "plain parquet": lambda table, path: pq.write_table(table, path, use_dictionary=False, store_schema=False),
}


def opened(table, folder, expected, **options):
    """Open a table in every container, by both ways, and compare with what is expected."""
    for name, write in WRITERS.items():
        path = folder / f"{name.replace(' ', '-')}.{'parquet' if 'parquet' in name else 'arrow'}"
        write(table, path)
        for io in ("mmap", "pread"):
            scores = dsdm.open_scores(path, io=io, **options)
            found = np.asarray(scores)
            assert found.dtype == expected.dtype, name
            np.testing.assert_array_equal(found, expected, err_msg=name)
            if len(expected):
                rows = [len(expected) - 1, 0]
                np.testing.assert_array_equal(scores[rows], expected[rows])


def refused(table, folder, error, message, **options):
    for name, write in WRITERS.items():
        path = folder / f"{name.replace(' ', '-')}.{'parquet' if 'parquet' in name else 'arrow'}"
        write(table, path)
        with pytest.raises(error, match=re.escape(str(path)) + ".*" + message) as found:
            dsdm.open_scores(path, **options)
        assert type(found.value) is error


def lists(values, kind):
    """A column of lists of the rows of an array."""
    flat = pa.array(values.reshape(-1))
    if kind == "fixed":
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    ends = np.arange(len(values) + 1) * values.shape[1]
    if kind == "large":
        return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), flat)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), flat)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u2", "u8"])
@pytest.mark.parametrize("kind", ["fixed", "list", "large"])
def test_lists_of_one_value_are_vectors(tmp_path, kind, dtype):
    values = np.random.default_rng(1).integers(0, 99, (50, 1)).astype(dtype)
    texts = pa.array([f"text {row}" for row in range(50)])
    table = pa.table({"text": texts, "prediction": lists(values, kind), "x": pa.array([None] * 50)})
    opened(table, tmp_path, values[:, 0], column="prediction")
    opened(table.slice(13, 20), tmp_path, values[13:33, 0], column="prediction")
    opened(table.slice(0, 0), tmp_path, values[:0, 0], column="prediction")
    opened(table, tmp_path, values[:, 0], column="prediction[0]")
    if dtype.startswith("f"):
        opened(table.select(["text", "prediction"]), tmp_path, values[:, 0])


def test_what_a_model_predicted_and_datasets_saved_is_a_vector(tmp_path):
    values = np.random.default_rng(2).standard_normal((100, 1)).astype(np.float32)
    for rank, part in enumerate(np.split(values, 4)):
        datasets.Dataset.from_dict({"prediction": part}).save_to_disk(str(tmp_path / str(rank)))
    for options in ({}, {"column": "prediction"}):
        scores = dsdm.open_scores([tmp_path / str(rank) for rank in range(4)], **options)
        np.testing.assert_array_equal(scores[:], values[:, 0])
        assert scores.is_mapped
        assert scores.column == "prediction"


@pytest.mark.parametrize("kind", ["fixed", "list", "large"])
def test_lists_of_one_length_are_matrices(tmp_path, kind):
    values = np.random.default_rng(3).standard_normal((40, 5)).astype(np.float32)
    values[7, 2] = np.nan
    table = pa.table({"id": range(40), "v": lists(values, kind)})
    for place in (0, 4):
        opened(table, tmp_path, values[:, place], column=f"v[{place}]")
        opened(table.select(["v"]), tmp_path, values[:, place], column=place)
    for how in REDUCTIONS:
        if how in ("max", "min"):
            expected = getattr(values, how)(axis=1)
        else:
            expected = values[:, 0].astype(np.float64)
            for column in range(1, 5):
                expected = expected + values[:, column]
            expected = expected / 5 if how == "mean" else expected
        opened(table, tmp_path, expected, column="v", reduce=how)
        opened(table.select(["v"]).slice(5, 30), tmp_path, expected[5:35], reduce=how)
    error = errors.SchemaError
    refused(table, tmp_path, error, "row 0 is a list of 5 values, and a score is one value", column="v")
    refused(table, tmp_path, error, "number 5 of lists is asked for, and they have 5 values", column="v[5]")
    refused(table, tmp_path, error, 'number 1 of its lists and reduce="max" are given', column="v[1]", reduce="max")
    refused(table, tmp_path, error, "it holds Int64, one value to a row, and number 0", column="id[0]")


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float32())])
def test_lists_of_other_lengths_and_nulls_are_named_by_their_row(tmp_path, kind):
    def of(rows):
        return pa.table({"v": pa.array(rows, kind)})

    ones = [[float(row)] for row in range(20)]
    refused(of([*ones, [1.0, 2.0]]), tmp_path, errors.SchemaError, "row 20 is a list of 2 values, and a score is one")
    refused(of([*ones[:15], [], *ones]), tmp_path, errors.SchemaError, "row 15 is a list of 0 values")
    twos = [[1.0, 2.0]] * 18
    message = "row 18 is a list of 3 values, and the rows before it have 2; lists of one length are needed"
    refused(of([*twos, [1.0, 2.0, 3.0]]), tmp_path, errors.SchemaError, message, reduce="mean")
    for rows in ([*ones, None], [*ones[:3], [None], *ones]):
        refused(of(rows), tmp_path, ValueError, r"1 of .* are null, and every row needs a score", column="v")


def test_fields_of_structs_are_columns(tmp_path):
    rows = 30
    score, other = np.arange(rows, dtype=np.float32)[::-1].copy(), np.arange(rows)
    inner = pa.StructArray.from_arrays([pa.array(["a"] * rows), pa.array(score)], ["text", "b.c"])
    meta = pa.StructArray.from_arrays([pa.array([[1, 2]] * rows), inner, pa.array(other)], ["tokens", "a", "score"])
    table = pa.table({"text": ["x"] * rows, "meta": meta, "tail": pa.array(score)})
    opened(table, tmp_path, other, column="meta.score")
    opened(table, tmp_path, score, column="meta.a.b.c")
    opened(table, tmp_path, score, column='["meta"]["a"]["b.c"]')
    opened(table.slice(3, 9), tmp_path, score[3:12], column="meta.a.b.c")
    both = table.append_column("meta.score", pa.array(score))
    named = """choose with column='["meta"]["score"]' or column='["meta.score"]'"""
    message = "more than one column can be meant; " + re.escape(named)
    refused(both, tmp_path, errors.SchemaError, message, column="meta.score")
    opened(both, tmp_path, score, column='["meta.score"]')
    opened(both, tmp_path, other, column='["meta"]["score"]')
    only = pa.table({"meta.score": score})
    opened(only, tmp_path, score, column="meta.score")
    refused(
        table,
        tmp_path,
        errors.SchemaError,
        'there is no such column; choose with .*column="meta.score"',
        column="meta.x",
    )
    refused(
        table.select(["text", "meta"]),
        tmp_path,
        errors.SchemaError,
        'choose with column="meta.a.b.c" or column="meta.score"',
    )
    refused(table, tmp_path, errors.SchemaError, "it holds Struct", column="meta")
    nulls = pa.array([{"score": 1.0}, None, {"score": None}] * 5, pa.struct([("score", pa.float32())]))
    refused(pa.table({"meta": nulls}), tmp_path, ValueError, "of 15 rows are null", column="meta.score")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=40), st.integers(1, 30), st.data())
def test_decimals_are_ordered_and_tied_as_they_are(tmp_path_factory, values, scale, data):
    kind = data.draw(st.sampled_from([pa.decimal128(38, scale), pa.decimal256(60, scale)]))
    near = [min(value + data.draw(st.sampled_from([0, 1, 10])), 10**15 - 1) for value in values]
    exact = [decimal.Decimal(value).scaleb(-scale) for value in [*values, *near]]
    table = pa.table({"d": pa.array(exact, kind)})
    opened(table, tmp_path_factory.mktemp("d"), np.array([float(value) for value in exact]), column="d")
    scores = np.array([float(value) for value in exact])
    order = sorted(range(len(exact)), key=lambda row: (-exact[row], row))
    assert dsdm.top_k(scores, len(scores)).tolist() == order


def test_decimals_that_floats_or_integers_do_not_hold(tmp_path):
    def of(values, kind):
        return pa.table({"d": pa.array([decimal.Decimal(value) for value in values], kind)})

    whole = of([str(2**63 - 1), str(-(2**63)), "5"], pa.decimal128(20, 0))
    opened(whole, tmp_path, np.array([2**63 - 1, -(2**63), 5]))
    refused(of([1, 2**63], pa.decimal128(20, 0)), tmp_path, errors.SchemaError, "row 1: the decimal .* is beyond int64")
    message = "row 2: the decimal 1000000000000001e-1 has more than 15 digits"
    refused(of([1, 2, "100000000000000.1"], pa.decimal128(20, 1)), tmp_path, errors.SchemaError, message)
    opened(of(["1000000000000000.0", "1.5"], pa.decimal128(20, 1)), tmp_path, np.array([1e15, 1.5]))
    pairs = pa.array([[decimal.Decimal("1.5"), decimal.Decimal("2.25")]] * 3, pa.list_(pa.decimal128(9, 2)))
    opened(pa.table({"d": pairs}), tmp_path, np.array([3.75] * 3), column="d", reduce="sum")


def test_booleans_are_read_where_they_are_asked_for(tmp_path):
    flags = np.random.default_rng(4).random((61, 3)) < 0.4
    table = pa.table({"flag": flags[:, 0], "text": ["x"] * 61, "three": lists(flags, "list")})
    message = "it holds Boolean, which are no numbers; give booleans=True"
    refused(table, tmp_path, errors.SchemaError, message, column="flag")
    opened(table, tmp_path, flags[:, 0].astype(np.uint8), column="flag", booleans=True)
    opened(table.slice(3, 50), tmp_path, flags[3:53, 0].astype(np.uint8), column="flag", booleans=True)
    opened(table.select(["flag"]), tmp_path, flags[:, 0].astype(np.uint8), booleans=True)
    opened(table, tmp_path, flags[:, 1].astype(np.uint8), column="three[1]", booleans=True)
    opened(table, tmp_path, flags.sum(axis=1).astype(float), column="three", reduce="sum", booleans=True)
    np.save(tmp_path / "f.npy", flags)
    np.save(tmp_path / "one.npy", flags[:, 0])
    with pytest.raises(errors.SchemaError, match="give booleans=True"):
        dsdm.open_scores(tmp_path / "one.npy")
    scores = dsdm.open_scores(tmp_path / "one.npy", booleans=True)
    np.testing.assert_array_equal(scores[:], flags[:, 0].astype(np.uint8))
    assert scores.booleans
    np.testing.assert_array_equal(dsdm.open_scores(tmp_path / "f.npy", booleans=True, column=2)[:], flags[:, 2])
    mean = dsdm.open_scores(tmp_path / "f.npy", booleans=True, reduce="mean")
    np.testing.assert_array_equal(mean[:], flags.sum(axis=1) / 3)
    damaged = bytearray((tmp_path / "one.npy").read_bytes())
    damaged[-1] = 7
    (tmp_path / "one.npy").write_bytes(damaged)
    with pytest.raises(errors.FormatError, match=f"at byte {len(damaged) - 1}: a boolean is 0 or 1"):
        dsdm.open_scores(tmp_path / "one.npy", booleans=True)
    np.save(tmp_path / "x.npy", np.arange(3.0))
    with pytest.raises(ValueError, match=r"booleans=True is for files of booleans, and .* is of float64; leave it out"):
        dsdm.open_scores(tmp_path / "x.npy", booleans=True)
    with pytest.raises(TypeError, match="booleans is 1; True or False is needed"):
        dsdm.open_scores(tmp_path / "x.npy", booleans=1)


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_what_was_read_of_tables_is_chosen_again(tmp_path, io):
    values = np.random.default_rng(5).standard_normal((200, 4)).astype(np.float32)
    meta = pa.StructArray.from_arrays([lists(values, "list")], ["v"])
    table = pa.table({"meta": meta})
    stream(table, tmp_path / "s.arrow")
    pq.write_table(table, tmp_path / "s.parquet")
    for name in ("s.arrow", "s.parquet"):
        for options in ({"column": "meta.v[2]"}, {"column": "meta.v", "reduce": "max"}):
            scores = dsdm.open_scores(tmp_path / name, io=io, **options)
            expected = values.max(axis=1) if "reduce" in options else values[:, 2]
            assert scores.column == options["column"]
            out = tmp_path / f"{name}-{io}-{len(options)}"
            dsdm.materialize(pa.table({"a": range(200)}), dsdm.choose(scores, k=9), out, progress=False)
            assert dsdm.verify(out, trust_paths=[tmp_path]).selection
            assert dsdm.top_k(scores, 9).tolist() == np.argsort(-expected, kind="stable")[:9].tolist()

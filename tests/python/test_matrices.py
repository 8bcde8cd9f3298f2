"""Scores in matrices: one column of them, or what is made of each row, held against numpy and a sum taken by hand."""

import pickle
import re
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors

DTYPES = ["f2", "<f4", ">f4", "<f8", ">f8", "i1", "<i2", "<i4", ">i8", "u1", "<u2", "<u4", "<u8"]
REDUCTIONS = ("mean", "max", "min", "sum")


def matrix_of(dtype, rows, columns, seed=0):
    """Values of the whole range of a type, with ties, and NaN and infinities in floats."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    values = np.frombuffer(rng.bytes(rows * columns * dtype.itemsize), dtype).reshape(rows, columns).copy()
    if dtype.kind == "f":
        some = rng.standard_normal((rows, columns)).astype(dtype)
        values = np.where(rng.random((rows, columns)) < 0.9, some, values).astype(dtype)
    values[rng.random((rows, columns)) < 0.1] = 1
    return values


def made(matrix, how):
    """What is made of each row, value by value."""
    if how in ("max", "min"):
        return getattr(matrix, how)(axis=1).astype(matrix.dtype.newbyteorder("="))
    with np.errstate(all="ignore"):
        total = matrix[:, 0].astype(np.float64)
        for column in range(1, matrix.shape[1]):
            total = total + matrix[:, column].astype(np.float64)
        return total / matrix.shape[1] if how == "mean" else total


def same(scores, expected):
    assert scores.dtype == expected.dtype
    np.testing.assert_array_equal(scores[:], expected)
    rows = len(expected)
    for start, stop in ((0, rows // 2), (rows // 3, rows), (rows // 2, rows // 2)):
        np.testing.assert_array_equal(scores.slice(start, stop)[:], expected[start:stop])
        np.testing.assert_array_equal(scores[start:stop], expected[start:stop])
    if rows:
        np.testing.assert_array_equal(scores[[0, rows - 1, 0]], expected[[0, rows - 1, 0]])


def check(path, matrix, **options):
    """Hold all columns and reductions against numpy."""
    for io in ("mmap", "pread"):
        for column in range(matrix.shape[1]):
            scores = dsdm.open_scores(path, column=column, io=io, **options)
            same(scores, matrix[:, column].astype(matrix.dtype.newbyteorder("=")))
            assert (scores.column, scores.reduce) == (column, None)
        for how in REDUCTIONS:
            scores = dsdm.open_scores(path, reduce=how, io=io, **options)
            same(scores, made(matrix, how))
            assert (scores.column, scores.reduce) == (None, how)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DTYPES), st.integers(0, 300), st.integers(1, 9), st.sampled_from("CF"), st.integers(0, 99))
def test_npy_columns_and_reductions_are_numpys(tmp_path_factory, dtype, rows, columns, order, seed):
    path = tmp_path_factory.mktemp("npy") / "m.npy"
    matrix = np.asarray(matrix_of(dtype, rows, columns, seed), order=order)
    np.save(path, matrix)
    check(path, matrix)


@pytest.mark.parametrize("order", ["C", "F"])
def test_matrices_of_more_than_a_block(tmp_path, order):
    matrix = np.asarray(matrix_of("<f4", 70_001, 5), order=order)
    np.save(tmp_path / "m.npy", matrix)
    check(tmp_path / "m.npy", matrix)
    matrix = np.asarray(matrix_of("<i8", 3, 140_001), order=order)
    np.save(tmp_path / "wide.npy", matrix)
    for how in REDUCTIONS:
        same(dsdm.open_scores(tmp_path / "wide.npy", reduce=how), made(matrix, how))


def test_sums_are_exact_where_float64_is_and_else_rounded_in_order(tmp_path):
    matrix = np.array([[2**53, 1, 1], [1, 1, 2**53], [-(2**62), 2**62, 7]])
    np.save(tmp_path / "m.npy", matrix)
    assert dsdm.open_scores(tmp_path / "m.npy", reduce="sum")[:].tolist() == [2.0**53, 2.0**53 + 2, 7.0]
    assert dsdm.open_scores(tmp_path / "m.npy", reduce="max")[:].tolist() == [2**53, 2**53, 2**62]


def test_a_row_with_nan_is_nan_for_all_of_it_and_its_column_alone_has_it(tmp_path):
    matrix = np.float32([[1, np.nan, 3], [np.nan, np.inf, -np.inf], [1, 2, 3], [np.inf, -np.inf, 0]])
    np.save(tmp_path / "m.npy", matrix)
    for how in REDUCTIONS:
        found = dsdm.open_scores(tmp_path / "m.npy", reduce=how)
        with np.errstate(invalid="ignore"):
            expected = getattr(np, how)(matrix.astype(np.float64), axis=1)
        np.testing.assert_array_equal(found[:], expected)
        with pytest.raises(ValueError, match="NaN"):
            dsdm.top_k(found, 1)
    assert dsdm.top_k(dsdm.open_scores(tmp_path / "m.npy", column=2), 2).tolist() == [0, 2]


def test_archives_tensors_and_raw_values(tmp_path):
    matrix = matrix_of("<f4", 101, 4)
    np.savez(tmp_path / "m.npz", a=matrix, b=np.asfortranarray(matrix[::-1]))
    check(tmp_path / "m.npz", matrix, key="a")
    check(tmp_path / "m.npz", matrix[::-1], key="b")
    np.memmap(tmp_path / "m.raw", "<f4", "w+", shape=matrix.shape)[:] = matrix
    for shape in ((101, 4), (-1, 4), [101, np.int64(4)]):
        check(tmp_path / "m.raw", matrix, dtype="<f4", shape=shape)
    header = b'{"m":{"dtype":"F32","shape":[101,4],"data_offsets":[0,1616]}}'
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + matrix.tobytes())
    check(tmp_path / "m.safetensors", matrix)
    one = np.concatenate([matrix, matrix])
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", matrix)
    check([tmp_path / "a.npy", tmp_path / "b.npy"], one)


def test_a_torch_matrix_lies_as_its_strides_say(tmp_path):
    def saved(shape, strides, offset):
        pickled = (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
            b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuKxtQK"
            + bytes([offset])
            + b"("
            + b"".join(b"K" + bytes([n]) for n in shape)
            + b"t("
            + b"".join(b"K" + bytes([n]) for n in strides)
            + b"t\x89ccollections\nOrderedDict\n)RtR."
        )
        values = np.arange(120, dtype="<f4")
        with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
            file.writestr("m/data.pkl", pickled)
            file.writestr("m/version", "3\n")
            file.writestr("m/data/0", values.tobytes())
        strided = np.lib.stride_tricks.as_strided(values[offset:], shape, [4 * stride for stride in strides])
        return tmp_path / "m.pt", strided

    for shape, strides, offset in [
        ((10, 3), (3, 1), 0),
        ((10, 3), (1, 10), 7),
        ((5, 4), (20, 2), 1),
        ((6, 2), (2, 13), 3),
        ((1, 7), (7, 1), 2),
        ((9, 1), (12, 1), 0),
        ((4, 3), (1, 1), 0),
    ]:
        path, matrix = saved(shape, strides, offset)
        check(path, np.asarray(matrix))


def test_what_is_asked_for_is_in_the_rows_or_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", matrix_of("<f4", 5, 3))
    np.save(tmp_path / "v.npy", np.arange(5.0))
    np.save(tmp_path / "none.npy", np.zeros((5, 0)))
    np.save(tmp_path / "deep.npy", np.zeros((5, 2, 2)))
    matrix, vector = tmp_path / "m.npy", tmp_path / "v.npy"
    for options, message in [
        ({}, r'expected one score per row.*column=0 to column=2.*reduce="mean"'),
        ({"column": 3}, "column=3 is given, and a row has 3 values: choose one with column=0 to column=2"),
        ({"column": "score"}, 'column="score" is given, and the 3 columns of a matrix have numbers'),
        ({"column": 1, "reduce": "mean"}, 'column=1 and reduce="mean" are given'),
        ({"shape": (5, 3)}, "shape= is for raw values"),
    ]:
        with pytest.raises(errors.SchemaError, match=re.escape(str(matrix)) + ".*" + message):
            dsdm.open_scores(matrix, **options)
    for options in ({"column": 0}, {"reduce": "max"}):
        with pytest.raises(errors.SchemaError, match=r"a row has (no|0) values"):
            dsdm.open_scores(tmp_path / "none.npy", **options)
        with pytest.raises(errors.SchemaError, match=r"\(5, 2, 2\); expected one score per row"):
            dsdm.open_scores(tmp_path / "deep.npy", **options)
        with pytest.raises(ValueError, match=f"{next(iter(options))}=.* is for .*, and .*v.npy is none; leave it out"):
            dsdm.open_scores(vector, **options)
        with pytest.raises(errors.SchemaError, match="open files of one shape together"):
            dsdm.open_scores([vector, matrix], **options)
    raw = tmp_path / "m.raw"
    raw.write_bytes(b"\0" * 60)
    for shape, needed in [((4, 3), "12"), ((5, 4), "20"), ((-1, 4), "whole rows of 4"), ((14,), "14")]:
        with pytest.raises(errors.SchemaError, match=f"15 values of float32 are there, and shape=.* needs {needed};"):
            dsdm.open_scores(raw, dtype="<f4", shape=shape, reduce="mean")
    assert len(dsdm.open_scores(raw, dtype="<f4", shape=(15,))) == len(
        dsdm.open_scores(raw, dtype="<f4", shape=(-1, 1))
    )


@pytest.mark.parametrize(
    ("option", "value", "error", "message"),
    [
        ("column", -1, ValueError, "column is -1; columns have numbers from 0 on"),
        ("column", 2**63, ValueError, "columns have numbers from 0 on, below"),
        ("column", True, TypeError, "column is True; the name of a column is needed, or its number"),
        ("column", 1.0, TypeError, "column is 1.0; the name of a column is needed, or its number"),
        ("reduce", "median", ValueError, "reduce"),
        ("reduce", 3, TypeError, "reduce is 3; it is one of"),
        ("shape", 5, TypeError, "shape is 5; that of raw values is"),
        ("shape", (1, 2, 3), TypeError, "that of raw values is"),
        ("shape", ("1", 2), TypeError, "that of raw values is"),
        ("shape", (-2, 2), ValueError, "n is at least 0, or -1 for as many as there are, and m at least 1"),
        ("shape", (2, 0), ValueError, "and m at least 1"),
        ("shape", (2**63, 1), ValueError, "n is at least 0"),
    ],
)
def test_options_that_cannot_be(tmp_path, option, value, error, message):
    np.save(tmp_path / "m.npy", np.zeros((2, 2)))
    with pytest.raises(error, match=message):
        dsdm.open_scores(tmp_path / "m.npy", **{option: value})


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("options", [{"column": 2}, {"reduce": "mean"}, {"reduce": "min"}])
def test_what_was_read_is_pickled_verified_and_chosen_again(tmp_path, options, order):
    matrix = np.asarray(matrix_of("<f4", 500, 4, 3), order=order)
    matrix[~np.isfinite(matrix)] = 0
    np.save(tmp_path / "m.npy", matrix)
    expected = matrix[:, 2] if "column" in options else made(matrix, options["reduce"])
    scores = dsdm.open_scores(tmp_path / "m.npy", verify=True, **options)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scores))[:], expected)  # noqa: S301
    scores.check()
    best = np.argsort(-expected, kind="stable")[:20]
    selection = dsdm.choose(scores, k=20)
    assert selection.indices.tolist() == best.tolist()
    table = pa.table({"a": range(500)})
    dsdm.materialize(table, selection, tmp_path / "out", progress=False)
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection
    value = next(iter(options.values()))
    assert f"[:, {value}]" in repr(selection) or f"the {value} of each row" in repr(selection)
    assert dsdm.top_k(-scores, 3).tolist() == np.argsort(expected, kind="stable")[:3].tolist()

"""Score vectors against numpy: every type, cut, layout and way of reading, and every bad input by name."""

import operator
import struct
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsdm
from dsdm import open_scores
from tests.corpora.vectors import DTYPES, ROWS, same, saved, values


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_reads_as_numpy_reads_it(tmp_path, dtype, order, io):
    expected = values(order + dtype)
    npy = open_scores(saved(tmp_path / "a.npy", expected), io=io)
    expected.tofile(tmp_path / "a.raw")
    raw = open_scores(tmp_path / "a.raw", dtype=order + dtype, io=io)
    native = expected.astype(expected.dtype.newbyteorder("="))
    for scores in (npy, raw):
        assert len(scores) == ROWS
        assert scores.dtype == native.dtype
        assert scores.is_mapped is (io == "mmap")
        same(np.asarray(scores), native)
        same(scores[100:60_000:7], native[100:60_000:7])


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("parts", range(1, 6))
def test_files_are_one_vector_in_the_order_given(tmp_path, parts, io):
    expected = values("f4")
    cuts = np.sort(np.random.default_rng(parts).integers(0, ROWS, parts - 1))
    paths = [saved(tmp_path / f"{i}.npy", part) for i, part in enumerate(np.split(expected, cuts))]
    scores = open_scores(paths, io=io)
    assert scores.paths == paths
    same(np.asarray(scores), expected)
    rows = np.random.default_rng(1).integers(-ROWS, ROWS, 1000)
    same(scores[rows], expected[rows])


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_bytes_that_are_not_aligned_are_copied(tmp_path, io):
    """A header of an odd length puts every value at an odd address (TRUST 49)."""
    expected = values("f4", 1000)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000,)}\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    assert (len(start) + len(header)) % 2
    (tmp_path / "a.npy").write_bytes(start + header + expected.tobytes())
    scores = open_scores(tmp_path / "a.npy", io=io)
    same(np.asarray(scores), expected)
    same((scores + 1)[:], expected + np.float32(1))


def test_a_column_is_a_vector(tmp_path):
    expected = values("f4", 10)
    for name, array in {"c": expected[:, None], "f": np.asfortranarray(expected[:, None])}.items():
        same(np.asarray(open_scores(saved(tmp_path / f"{name}.npy", array))), expected)


def test_bfloat16_is_shown_as_float32(tmp_path):
    wide = values("f4", 100).view("u4") & 0xFFFF0000
    (wide >> 16).astype("u2").tofile(tmp_path / "a.raw")
    scores = open_scores(tmp_path / "a.raw", dtype="bfloat16")
    assert scores.dtype == "bfloat16"
    expected = wide.view("f4")
    same(np.asarray(scores), expected)
    same(scores[5:9], expected[5:9])
    same((scores * 3)[:], expected * np.float32(3))


def test_one_mapped_file_is_an_array_without_a_copy(tmp_path):
    scores = open_scores(saved(tmp_path / "a.npy", values("f8")))
    array = np.asarray(scores)
    assert not array.flags.writeable
    assert not array.flags.owndata
    assert np.shares_memory(array, np.asarray(scores))
    assert np.shares_memory(array, scores[5:10])
    assert np.shares_memory(array, np.asarray(scores.slice(5)))
    assert np.array(scores, copy=True).flags.writeable
    assert np.asarray(scores, dtype="f4").dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        np.asarray(open_scores(tmp_path / "a.npy", io="pread"), copy=False)
    del scores
    assert np.isfinite(array[-1])


@given(st.slices(50))
def test_slices_are_numpys(slice_vectors, taken):
    expected, vectors = slice_vectors
    for scores in vectors:
        same(scores[taken], expected[taken])


@pytest.fixture(scope="module")
def slice_vectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slices")
    expected = values("f4", 50)
    one = saved(folder / "one.npy", expected)
    two = [saved(folder / f"{i}.npy", part) for i, part in enumerate(np.split(expected, [20]))]
    doubled = saved(folder / "doubled.npy", expected * 2)
    return expected, [open_scores(one), open_scores(one, io="pread"), open_scores(two), open_scores(doubled) / 2]


def test_rows_by_number_and_by_mask(tmp_path):
    expected = values("i4", 10)
    scores = open_scores(saved(tmp_path / "a.npy", expected))
    assert scores[3] == expected[3]
    assert isinstance(scores[np.int64(-1)], np.int32)
    same(scores[expected > 0], expected[expected > 0])
    same(scores[[]], expected[:0])
    same(scores[np.array([1, 9], dtype="u8")], expected[[1, 9]])
    for row in (10, -11, 1 << 70):
        with pytest.raises(IndexError, match=str(row)):
            scores[row]
    with pytest.raises(IndexError, match="row 10 at position 1"):
        scores[[0, 10]]
    with pytest.raises(IndexError, match="18446744073709551615"):
        scores[np.array([2**64 - 1], dtype="u8")]
    with pytest.raises(IndexError, match="9 booleans for 10 rows"):
        scores[np.ones(9, bool)]
    with pytest.raises(TypeError, match="float64"):
        scores[[0.5]]


def test_expressions_have_numpys_bits(tmp_path):
    a, b, c = (values("f4", seed=seed) for seed in range(3))
    x, y, z = (open_scores(saved(tmp_path / f"{i}.npy", v)) for i, v in enumerate((a, b, c)))
    with np.errstate(all="ignore"):
        same(np.asarray((x + y + z) / 3), (a + b + c) / np.float32(3))
        same(np.asarray(x + (y - z) * (x / z)), a + (b - c) * (a / c))
        same(np.asarray(1 - x), np.float32(1) - a)
        same(np.asarray(0.1 / -x), np.float32(0.1) / -a)
        same(np.asarray(np.float32(0.1) * x), np.float32(0.1) * a)
        same(np.asarray(0.3 + x.slice(10, 20)), np.float32(0.3) + a[10:20])
        same(np.asarray((x + y).slice(10, -5).slice(3)), (a + b)[13:-5])
    assert (x + y).paths == [tmp_path / "0.npy", tmp_path / "1.npy"]


@pytest.mark.parametrize("left", ["f2", "f4", "f8", "i4", "u8"])
@pytest.mark.parametrize("right", ["f2", "f4", "f8", "i4", "u8"])
def test_mixed_types_are_float32_only_among_short_floats(tmp_path, left, right):
    # Of integers, those that float64 holds.
    a, b = (
        part // 2**11 if part.dtype.itemsize == 8 and part.dtype.kind == "u" else part
        for part in (values(left), values(right, seed=1))
    )
    x, y = open_scores(saved(tmp_path / "a.npy", a)), open_scores(saved(tmp_path / "b.npy", b))
    wide = "f4" if {left, right} <= {"f2", "f4"} else "f8"
    with np.errstate(all="ignore"):
        same(np.asarray(x * y), a.astype(wide) * b.astype(wide))
        inner = "f4" if left in {"f2", "f4"} else "f8"
        same(np.asarray((x + 0.1) - y), (a.astype(inner) + np.dtype(inner).type(0.1)).astype(wide) - b.astype(wide))


@pytest.mark.parametrize("ddof", [0, 1])
def test_zscore(tmp_path, ddof):
    a = np.random.default_rng(0).normal(5, 3, ROWS).astype("f4")
    scores = open_scores(saved(tmp_path / "a.npy", a))
    wide = a.astype("f8")
    expected = (wide - wide.mean()) / wide.std(ddof=ddof)
    found = np.asarray(scores.zscore(ddof))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-9)
    same(scores.zscore(ddof)[7:9], found[7:9])
    halves = open_scores([saved(tmp_path / f"{i}.npy", part) for i, part in enumerate(np.split(a, [ROWS // 3]))])
    same(np.asarray(halves.zscore(ddof)), found)


def test_zscore_of_what_has_none(tmp_path):
    flat = open_scores(saved(tmp_path / "flat.npy", np.full(10, 2.5, "f4"))).zscore()
    with pytest.raises(ValueError, match=r"all 2\.5: the standard deviation is 0"):
        np.asarray(flat)
    holed = open_scores(saved(tmp_path / "nan.npy", np.array([1, np.nan, 3]))).zscore()
    with pytest.raises(ValueError, match="NaN or infinite, the first at row 1"):
        np.asarray(holed)
    with pytest.raises(ValueError, match="more than 0 rows"):
        open_scores(saved(tmp_path / "empty.npy", np.empty(0, "f4"))).zscore()


def test_what_arithmetic_refuses(tmp_path):
    a = open_scores(saved(tmp_path / "a.npy", values("f4", 5)))
    b = open_scores(saved(tmp_path / "b.npy", values("f4", 6)))
    with pytest.raises(ValueError, match=r"5 rows in .*a\.npy and 6 rows in .*b\.npy"):  # TRUST 73
        a + b
    for other in ("1", None, {1: 2.0}, True):
        with pytest.raises(TypeError):
            a + other
    with pytest.raises(ValueError, match="more than 200 operations"):
        reduce(operator.add, [1] * 1000, a)
    with pytest.raises(IndexError, match="of 5 scores"):
        a.slice(0, 6)


def test_selection_takes_scores(tmp_path):
    a = np.random.default_rng(3).integers(0, 50, ROWS).astype("f4")
    paths = [saved(tmp_path / f"{i}.npy", part) for i, part in enumerate(np.split(a, [100, 50_000]))]
    expected = np.argsort(-a, kind="stable")[:500]
    for scores in (open_scores(paths), open_scores(paths, io="pread"), open_scores(paths).zscore()):
        for threads in (1, 2, 7):
            np.testing.assert_array_equal(dsdm.top_k(scores, 500, threads=threads), expected)


# --- which files a path stands for ---


def test_globs_and_directories_of_numbered_files_are_told_their_order(tmp_path):
    for number in (10, 2, 1):
        saved(tmp_path / f"part{number}.npy", np.full(2, number, "f4"))
    (tmp_path / "notes.txt").write_text("not a score file")
    for what in (tmp_path, str(tmp_path / "part*.npy")):
        with pytest.raises(ValueError, match=r"after part1.npy comes part10.npy by name and part2.npy by number"):
            open_scores(what)
        for sort, numbers in (("natural", [1, 2, 10]), ("name", [1, 10, 2])):
            paths = open_scores(what, sort=sort).paths
            assert [path.name for path in paths] == [f"part{number}.npy" for number in numbers]


def test_numbered_directories(tmp_path):
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        saved(tmp_path / str(number) / "metrics.npy", np.full(2, number, "f4"))
    assert open_scores(tmp_path)[::2].tolist() == list(range(12))
    (tmp_path / "3" / "metrics.npy").unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="subdirectories 0 to 11 are expected, and 3 is not there"):
            open_scores(tmp_path)
        assert open_scores(tmp_path, partial=True)[::2].tolist() == [0, 1, 2, *range(4, 12)]
        if (tmp_path / "3").exists():
            (tmp_path / "3").rmdir()

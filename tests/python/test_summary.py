"""What scores are like, against numpy and exact fractions: quantiles, histograms, moments of every type."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dsdm
from dsdm import Description, open_scores
from dsdm.selection.summary import describe, histogram, quantile
from tests.corpora.vectors import DTYPES, ROWS, saved, values


def arrays(dtype, least=1):
    """Vectors of a type with few and with many different values, and all special ones."""
    dtype = np.dtype(dtype)
    elements = hnp.from_dtype(dtype, allow_nan=True) if dtype.kind == "f" else hnp.from_dtype(dtype)
    few = st.sampled_from([dtype.type(x) for x in (0, 1, 1, 2, 100)])
    return st.one_of(*(hnp.arrays(dtype, st.integers(least, 60), elements=one) for one in (elements, few)))


def numbers_of(array):
    return [x.item() for x in np.sort(array[~np.isnan(array)])]


def exact_quantile(ascending, share, method):
    """One quantile, by fractions."""
    place = Fraction(repr(share)) * (len(ascending) - 1)
    low, high = ascending[math.floor(place)], ascending[math.ceil(place)]
    if method != "linear":
        return low if method == "lower" else high
    if low == high:
        return float(low)
    if math.isinf(low) or math.isinf(high):
        return float(low) if place == math.floor(place) else None
    return float(Fraction(low) + (Fraction(high) - Fraction(low)) * (place % 1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_quantiles_are_exact_and_those_of_numpy(dtype):
    @settings(max_examples=60, deadline=None)
    @given(
        array=arrays(dtype),
        share=st.one_of(st.integers(0, 64).map(lambda part: part / 64), st.floats(0, 1)),
        method=st.sampled_from(["linear", "lower", "higher"]),
        threads=st.integers(1, 3),
    )
    def check(array, share, method, threads):
        ascending = numbers_of(array)
        if not ascending:
            with pytest.raises(ValueError, match="no score is left"):
                quantile(array, share, nan="omit")
            return
        expected = exact_quantile(ascending, share, method)
        if expected is None:
            with pytest.raises(ValueError, match="between an infinite score and another"):
                quantile(array, share, method=method, nan="omit", threads=threads)
            return
        found = quantile(array, share, method=method, nan="omit", threads=threads)
        assert (found, type(found)) == (expected, float if method == "linear" else type(ascending[0]))
        if (share * 64).is_integer() and np.isfinite(np.array(ascending, "f8")).all():
            # The position is exact in numpy's float64 too.
            plain = array[~np.isnan(array)]
            plain = plain if method != "linear" else plain.astype("f8")
            with np.errstate(all="ignore"):
                theirs = np.quantile(plain, share, method=method)
            if np.isfinite(theirs):
                # What float64 has no room for is less by far.
                assert theirs == pytest.approx(found, rel=1e-14, abs=1e-300 + np.ptp(plain.astype("f8") * 1e-15))

    check()


@pytest.mark.parametrize("dtype", DTYPES)
def test_histograms_are_exact_and_those_of_numpy(dtype):
    @settings(max_examples=60, deadline=None)
    @given(data=st.data(), array=arrays(dtype, 0), threads=st.integers(1, 3))
    def check(data, array, threads):
        plain = array[~np.isnan(array)]
        edges = data.draw(
            arrays(dtype, 2).map(lambda edges: np.sort(edges[~np.isnan(edges)])).filter(lambda e: len(e) > 1)
        )
        counts, returned = histogram(array, edges, nan="omit", threads=threads)
        assert returned.tobytes() == edges.tobytes()
        np.testing.assert_array_equal(counts, np.histogram(plain, edges)[0])
        finite = plain[np.isfinite(plain)]
        bins = data.draw(st.integers(1, 20))
        try:
            with np.errstate(all="ignore"):
                theirs = np.histogram_bin_edges(finite, bins)
        except ValueError:
            with pytest.raises(ValueError, match="has no room for so many edges"):
                histogram(finite, bins)
            return
        counts, edges = histogram(finite, bins, threads=threads)
        assert counts.sum() == len(finite)
        if np.dtype(dtype).itemsize < 8 or np.dtype(dtype).kind == "f":
            np.testing.assert_array_equal(edges, theirs, strict=True)
        exact = [
            sum(low <= x < high for x in finite.tolist())
            for low, high in zip(edges.tolist(), edges.tolist()[1:], strict=False)
        ]
        exact[-1] += sum(x == edges[-1].item() for x in finite.tolist())
        assert counts.tolist() == exact

    check()


def test_a_histogram_of_many_rows_is_that_of_numpy(tmp_path):
    for dtype in ("f4", "f8", "i4"):
        array = values(dtype, ROWS * 6)
        array = array[np.isfinite(array)]
        scores = open_scores(saved(tmp_path / "a.npy", array))
        for options in ({}, {"bins": 997}, {"bins": 7, "range": (-1, 1.5)}, {"bins": [0, 1, 1, 2.5]}):
            counts, edges = scores.histogram(**options)
            expected = np.histogram(array, **options)
            np.testing.assert_array_equal(counts, expected[0])
            np.testing.assert_array_equal(edges, np.histogram_bin_edges(array, **options))
            assert counts.dtype == np.int64
    assert [part.tolist() for part in histogram(np.array([], "f4"), 2)] == [[0, 0], [0.0, 0.5, 1.0]]


def test_integers_that_float64_does_not_hold_are_all_counted():
    for array in (np.array([2**62 + 1, 2**62 + 2000]), np.array([0, 2**64 - 1], "u8"), np.array([-(2**63), 2**63 - 1])):
        assert histogram(array, 2)[0].tolist() == [1, 1]
    counts, edges = histogram(np.array([2**60, 2**60 + 1, 2**60 + 2]), [2**60 + 1, 2**60 + 2])
    assert (counts.tolist(), edges.dtype) == ([2], np.dtype("i8"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_description_is_that_of_numpy(tmp_path, dtype):
    array = values(dtype)
    array[np.isinf(array)] = 1
    scores = open_scores(saved(tmp_path / "a.npy", array))
    plain = array[~np.isnan(array)]
    found, wide = scores.describe(threads=2), plain.astype("f8")
    assert (found.count, found.nan) == (len(plain), len(array) - len(plain))
    assert (found.min, found.max) == (plain.min(), plain.max())
    total = sum(map(Fraction, plain.tolist()))
    assert found.mean == pytest.approx(float(total / len(plain)), rel=3e-16)
    assert found.std == pytest.approx(wide.std(), rel=1e-12)
    ascending = numbers_of(array)
    assert [found.q1, found.median, found.q3] == [exact_quantile(ascending, q, "linear") for q in (0.25, 0.5, 0.75)]
    assert found == describe(array)


def test_a_description_prints_as_a_table():
    array = np.array([1.0, 2.0, 1234567.0])
    figures = [array.mean(), array.std(), array.min(), *np.quantile(array, [0.25, 0.5, 0.75]), array.max()]
    lines = str(describe(np.append(array, np.nan).astype("f4"))).splitlines()
    assert [line.split()[0] for line in lines] == ["scores", "NaN", "mean", "std", "min", "25%", "50%", "75%", "max"]
    assert [line.split()[1] for line in lines] == ["3", "1", *(f"{figure:.6g}" for figure in figures)]
    assert len({len(line) for line in lines}) == 1
    found = describe(np.array([3, 1], "i8"))
    assert found == Description(count=2, nan=0, mean=2.0, std=1.0, min=1, q1=1.5, median=2.0, q3=2.5, max=3)
    empty = describe(np.array([np.nan]))
    assert (empty.count, empty.nan) == (0, 1)
    assert math.isnan(empty.mean + empty.std + empty.min + empty.q1 + empty.median + empty.q3 + empty.max)
    ends = describe(np.array([-np.inf, 1.0, 2.0, np.inf]))
    assert (ends.min, ends.median, ends.max) == (-math.inf, 1.5, math.inf)
    assert math.isnan(ends.q1 + ends.mean + ends.std)


def test_nan_is_what_is_asked_for():
    array = np.array([3.0, np.nan, 1.0])
    assert quantile(array, [0, 0.5, 1], nan="omit").tolist() == [1, 2, 3]
    assert np.array_equal(quantile(array, [0, 0.5, 0.75, 1], nan="largest"), [1, 3, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(quantile(array, [0, 0.25, 0.5, 1], nan="smallest"), [np.nan, np.nan, 1, 3], equal_nan=True)
    assert histogram(array, 2, nan="omit")[0].tolist() == [1, 1]
    for call in (lambda: quantile(array, 0.5), lambda: histogram(array), lambda: histogram(array, [0, 9])):
        with pytest.raises(ValueError, match="1 of the scores is NaN, the first at row 1"):
            call()


def test_results_have_the_shape_of_the_shares_and_the_type_of_the_scores(tmp_path):
    scores = open_scores(saved(tmp_path / "a.npy", np.array([5, 2**60 + 1, 7])))
    assert scores.quantile(1, method="lower") == 2**60 + 1
    assert scores.quantile([[0.5], [1.0]], method="higher").tolist() == [[7], [2**60 + 1]]
    assert scores.quantile([]).shape == (0,)
    assert scores.quantile((0.5,)).dtype == np.float64
    assert (scores.slice(2) * 1.0).quantile(np.float32(0.5)) == 7.0
    many = np.linspace(0, 1, 5000)
    array = values("f4")
    array = array[np.isfinite(array)]
    ascending = numbers_of(array)
    expected = [exact_quantile(ascending, share, "lower") for share in many.tolist()]
    np.testing.assert_array_equal(quantile(array, many, method="lower"), expected)
    (tmp_path / "b.raw").write_bytes(np.array([0x3F80, 0x4000], "u2").tobytes())
    assert open_scores(tmp_path / "b.raw", dtype="bfloat16").quantile([0, 1], method="lower").dtype == np.float32
    assert open_scores(tmp_path / "b.raw", dtype="bfloat16").histogram(1)[1].tolist() == [1, 2]


BAD = {
    "a share beyond": (lambda s: s.quantile(1.5), ValueError, "q has the share 1.5; a share is from 0 to 1"),
    "a share of text": (lambda s: s.quantile("0.5"), TypeError, "q is '0.5'; a share from 0 to 1 is needed"),
    "a share of several": (lambda s: s.quantile([0.5, -1]), ValueError, "q has the share -1"),
    "a share of flags": (lambda s: s.quantile([0.5, True]), TypeError, "q is True; a share from 0 to 1 is needed"),
    "NaN": (lambda s: s.quantile(math.nan), ValueError, "q has the share nan"),
    "method": (
        lambda s: s.quantile(0.5, method="median"),
        ValueError,
        'method is "median"; it is one of "linear", "lo',
    ),
    "nan": (lambda s: s.histogram(nan="largest"), ValueError, 'nan is "largest"; it is one of "raise", "omit"'),
    "threads": (lambda s: s.describe(threads=0), ValueError, "threads is 0; a number from 1 to 1024"),
    "no bins": (lambda s: s.histogram(0), ValueError, "bins is 0; a number from 1 to 1,048,576 is needed"),
    "bins": (lambda s: s.histogram(2**30), ValueError, "bins is 1073741824; a number from 1"),
    "a rule": (lambda s: s.histogram("auto"), TypeError, 'bins is "auto"; a number of bins or their edges are needed'),
    "long edges": (
        lambda s: s.histogram([0, 10**400]),
        ValueError,
        r"bins\[1\] is a number of 401 digits, which no",
    ),
    "edges": (lambda s: s.histogram([1, 0]), ValueError, "bins has 2 edges; 2 to 1,048,577 that ascend are needed"),
    "NaN as an edge": (lambda s: s.histogram([1, math.nan]), ValueError, "and none of them NaN"),
    "edges of text": (lambda s: s.histogram(["a", "b"]), TypeError, "their edges are numbers in one row"),
    "edges rounded": (lambda s: s.histogram([0.5, 2**53 + 1]), ValueError, "an integer that float64 does not hold"),
    "both": (lambda s: s.histogram([1, 2], (0, 1)), ValueError, "range is for a number of bins, and their edges are"),
    "range": (lambda s: s.histogram(2, (1, 0)), ValueError, r"range is \(1, 0\); the lower end comes first"),
    "a range of one": (lambda s: s.histogram(2, 5), TypeError, r"range is 5; two numbers are needed: \(low, high\)"),
    "a range of text": (lambda s: s.histogram(2, "01"), TypeError, "range is '01'; two numbers"),
    "no end": (lambda s: s.histogram(2, (0, math.inf)), ValueError, "and both are finite"),
    "infinite": (lambda s: (s / 0).histogram(2), ValueError, r"the scores are from 1.0 to inf|from inf to inf"),
}


@pytest.mark.parametrize(("call", "kind", "text"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_named(tmp_path, call, kind, text):
    scores = open_scores(saved(tmp_path / "a.npy", np.array([1.0, 2.0])))
    with pytest.raises(kind, match=text):
        call(scores)


def test_scores_that_are_computed_are_described(tmp_path):
    array = values("f4")
    array = array[np.isfinite(array)]
    scores = open_scores(saved(tmp_path / "a.npy", array))
    expected = (array + np.float32(1)) * np.float32(3)
    assert ((scores + 1) * 3).describe() == describe(expected)
    assert scores.zscore().describe().std == pytest.approx(1, abs=1e-6)
    assert dsdm.Description is Description


LARGE = st.floats(1e300, 1.7976931348623157e308).flatmap(lambda value: st.sampled_from([value, -value]))


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.one_of(LARGE, st.floats(-1e9, 1e9), st.floats(1e150, 1e160)), min_size=1, max_size=200))
def test_means_of_the_largest_floats_have_room(values):
    array = np.array(values)
    found = describe(array)
    exact = sum(map(Fraction, values)) / len(values)
    size = sum(abs(Fraction(value)) for value in values) / len(values)
    # As good as the number itself, beside what cancels of numbers that are larger by far.
    assert abs(Fraction(found.mean) - exact) <= abs(exact) * Fraction(1, 2**51) + size * Fraction(len(values), 2**100)
    assert found.min <= found.mean <= found.max or max(map(abs, values)) < 1e300
    squares = sum((Fraction(value) - exact) ** 2 for value in values) / len(values)
    std = float(Fraction(math.isqrt(int(squares * 2**400)), 2**200))
    assert found.std == pytest.approx(std, rel=1e-11, abs=float(size) * 1e-15)


def test_one_infinity_beside_the_largest_floats_is_the_mean():
    largest = np.finfo(np.float64).max
    for end in (math.inf, -math.inf):
        found = describe(np.array([largest, end, largest, -largest]))
        assert (found.mean, math.isnan(found.std)) == (end, True)
    report = dsdm.report(dsdm.choose(np.array([largest, math.inf, largest]), k=1), scores=[largest, math.inf, largest])
    assert report.selections[0].scores.mean == largest

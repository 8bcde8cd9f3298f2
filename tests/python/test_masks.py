"""Comparisons of scores: the masks that numpy 2 gives, for every type, number and array."""

import operator
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dsdm
from tests.corpora.vectors import DTYPES, saved, values

COMPARISONS = [operator.lt, operator.le, operator.eq, operator.ne, operator.ge, operator.gt]
# Around what is compared together, and what is worth threads.
LENGTHS = [0, 1, 255, 257, 32_767, 32_768, 32_769, 70_001]
EDGES = [0, 1, -1, 127, 128, 255, 256, -129, 2**15, 2**16, 2**24 + 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63]
EDGES += [2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**70, -(2**70), 65_504, 65_520, 2**1000]
FLOATS = [
    0.0,
    -0.0,
    0.1,
    -0.1,
    1.5,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    1e-40,
    6e-8,
    1e-45,
    65_504.0,
    65_520.0,
    1e39,
    1e300,
]
FLOATS += [2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, 16_777_217.0, 127.5, -128.5, 254.99999999, 3.4028235677973366e38]


def edges(dtype):
    """Return the values of a type at which it, or another one, begins, ends or is rounded."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            made = np.array([*FLOATS, *map(float, EDGES)]).astype(dtype)
        info = np.finfo(dtype)
        ends = np.array([info.max, info.min, info.tiny, info.smallest_subnormal], dtype)
        made = np.concatenate([made, ends])
        return np.unique(np.concatenate([made, np.nextafter(made, dtype.type(1)), np.nextafter(made, dtype.type(-1))]))
    info = np.iinfo(dtype)
    near = [number + gap for number in EDGES for gap in (-1, 0, 1) if info.min <= number + gap <= info.max]
    return np.unique(np.array([info.min, info.max, *near], dtype))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")

    def made(dtype, rows=None):
        path = folder / f"{dtype}-{rows}.npy"
        array = edges(dtype) if rows is None else values(dtype, rows)
        return dsdm.open_scores(path if path.exists() else saved(path, array)), array

    return made


def by_numpy(compare, left, right):
    """Return what numpy gives, or the kind of its error."""
    try:
        with np.errstate(all="ignore"):
            return compare(left, right)
    except OverflowError:
        return ValueError


def check(compare, ours, theirs, other):
    for found, expected in (
        (lambda: compare(ours, other), by_numpy(compare, theirs, other)),
        (lambda: compare(other, ours), by_numpy(compare, other, theirs)),
    ):
        if isinstance(expected, type):
            with pytest.raises(expected, match="is beyond a float64"):
                found()
            continue
        mask = found()
        assert (type(mask), mask.dtype, mask.shape) == (np.ndarray, np.bool_, theirs.shape)
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_numbers_of_python_at_every_edge(opened, compare, dtype):
    scores, array = opened(dtype)
    for number in [*EDGES, *(-edge for edge in EDGES), *FLOATS, 10**400, -(10**400)]:
        check(compare, scores, array, number)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("other", DTYPES)
def test_numbers_and_arrays_of_numpy_at_every_edge(opened, dtype, other):
    scores, array = opened(dtype)
    ends = edges(other)
    for compare in COMPARISONS:
        for number in ends:
            check(compare, scores, array, number)
        for shift in range(0, len(ends), 7):
            check(compare, scores, array, np.resize(np.roll(ends, shift), len(array)))


@given(
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES),
    st.sampled_from(LENGTHS),
    st.sampled_from(COMPARISONS),
    st.one_of(st.integers(-(2**66), 2**66), st.integers(-3, 300), st.floats()),
    st.data(),
)
@settings(max_examples=150, deadline=None)
@example("f4", "i8", 70_001, operator.ge, 0.1, None)
def test_any_vectors_and_numbers_compare_as_in_numpy(opened, own, other, rows, compare, number, data):
    scores, array = opened(own, rows)
    beside, right = opened(other, rows)
    check(compare, scores, array, number)
    check(compare, scores, array, right)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(compare(scores, beside), compare(array, right))
    start = 0 if data is None else data.draw(st.integers(0, rows))
    check(compare, scores.slice(start), array[start:], number)
    check(compare, scores.slice(start), array[start:], right[start:])


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_rows_are_in_their_order_on_any_threads(tmp_path, monkeypatch, threads):
    monkeypatch.setenv("DSDM_NUM_THREADS", threads)
    array = np.random.default_rng(1).normal(size=(1 << 20) + 12_345).astype("f4")
    scores = dsdm.open_scores([saved(tmp_path / f"{at}.npy", part) for at, part in enumerate(np.array_split(array, 3))])
    with_array = np.roll(array, 1)
    for compare in COMPARISONS:
        np.testing.assert_array_equal(compare(scores, 0.25), compare(array, np.float32(0.25)))
        np.testing.assert_array_equal(compare(scores, with_array), compare(array, with_array))


def test_bfloat16_compares_as_the_float32_that_it_is_given_as(tmp_path):
    bits = np.arange(2**16, dtype=np.uint16)
    bits.tofile(tmp_path / "s.raw")
    scores = dsdm.open_scores(tmp_path / "s.raw", dtype="bfloat16")
    array = (bits.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(np.asarray(scores), array)
    with np.errstate(invalid="ignore"):
        wide = np.roll(array, 1).astype("f8")
    for compare in COMPARISONS:
        for number in [*EDGES, *FLOATS, np.float64(0.1), np.float32(0.1), np.float16(0.1), np.int64(3)]:
            check(compare, scores, array, number)
        check(compare, scores, array, bits)
        check(compare, scores, array, wide)


def test_expressions_are_compared_as_they_are_computed(opened, tmp_path):
    scores, array = opened("i4", 70_001)
    beside = np.random.default_rng(2).normal(size=70_001)
    check(operator.gt, scores * 2 - beside, array * 2.0 - beside, 1e8)
    check(operator.le, -scores, -array.astype("f8"), beside)
    standard = scores.zscore()
    np.testing.assert_array_equal(standard > 1, np.asarray(standard) > 1)
    long = dsdm.open_scores(saved(tmp_path / "l.npy", np.array([0, 2**53 + 1]))) + 0
    with pytest.raises(ValueError, match="at row 1: the score 9007199254740993 is not exactly a float64"):
        operator.gt(long, 1)


def test_masks_choose_rows(opened):
    scores, array = opened("f4", 70_001)
    order = np.argsort(-array[array < 1], kind="stable")
    expected = np.flatnonzero(array < 1)[order][:100]
    np.testing.assert_array_equal(dsdm.choose(scores, k=100, only=scores < 1).indices, expected)
    np.testing.assert_array_equal(dsdm.top_k(scores, 100, exclude=~(scores < 1)), expected)
    np.testing.assert_array_equal(scores[scores > 2], array[array > 2])
    np.testing.assert_array_equal(scores != scores, np.isnan(array))  # noqa: PLR0124 - finds NaN
    assert (scores == scores).sum() == (~np.isnan(array)).sum()  # noqa: PLR0124
    mask = scores > 0
    mask[:] = False  # it is the caller's


@pytest.mark.parametrize(
    "hold", [list, tuple, pa.array, pd.Series, pd.array, memoryview, lambda array: array[:, None]], ids=repr
)
def test_whatever_holds_scores_is_compared(opened, hold):
    scores, array = opened("f8", 257)
    other = np.roll(array, 3)
    other[np.isnan(other)] = 0
    for compare in COMPARISONS:
        mask, turned = compare(scores, hold(other)), compare(hold(other), scores)
        assert type(mask) is type(turned) is np.ndarray
        np.testing.assert_array_equal(mask, compare(array, other))
        np.testing.assert_array_equal(turned, compare(other, array))


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize(
    ("other", "kind", "said"),
    [
        (True, TypeError, "scores are compared with True, and booleans are no scores; give 1"),
        (np.False_, TypeError, "compared with False, and booleans are no scores; give 0"),
        (Fraction(1, 3), TypeError, "scores are compared with a Fraction; give a float or an int"),
        (np.longdouble(1), TypeError, "scores are compared with a longdouble"),
        (1j, TypeError, "scores are compared with a complex"),
        (np.complex64(1), TypeError, "scores are compared with a complex64"),
        (np.zeros(4), ValueError, r"5 rows in .*s\.npy and 4 rows in an array in memory"),
        ([], ValueError, "5 rows in .* and 0 rows in"),
        (np.zeros((5, 2)), ValueError, r"operand has shape \(5, 2\)"),
        (np.array(1.0), ValueError, r"operand has shape \(\).*operand\.item\(\)"),
        (np.ones(5, bool), TypeError, "operand holds bool"),
        (np.ones(5, object), TypeError, "operand holds Python objects"),
        (list("abcde"), TypeError, r"operand\[0\] is 'a'"),
        (np.array(list("abcde")), TypeError, "operand holds <U1"),
        (pa.array([1.0, None, 1.0, 1.0, 1.0]), TypeError, "1 nulls"),
    ],
    ids=repr,
)
def test_what_does_not_compare_is_refused(tmp_path, compare, other, kind, said):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    with pytest.raises(kind, match=said):
        compare(scores, other)


@pytest.mark.parametrize("other", ["abcde", b"abcde", None, {1: 2}, {1.0}, object()], ids=repr)
def test_what_is_neither_a_number_nor_scores_is_another_thing(tmp_path, other):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.arange(5, dtype="f4")))
    assert (scores == other) is False
    assert (scores != other) is True
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(TypeError, match="not supported between instances of"):
            compare(scores, other)


def test_scores_have_no_truth_value_and_are_keys_by_themselves(tmp_path):
    path = saved(tmp_path / "s.npy", np.arange(5, dtype="f4"))
    scores, again = dsdm.open_scores(path), dsdm.open_scores(path)
    for vector in (scores, scores.slice(0, 1), scores.slice(0, 0)):
        with pytest.raises(ValueError, match=rf"{len(vector)} scores have no truth value; say len\(scores\) > 0"):
            bool(vector)
    with pytest.raises(ValueError, match="truth value"):
        assert 1 < scores < 3
    named = {scores: 1, again: 2}
    assert (named[scores], named[again], len({scores, again, scores})) == (1, 2, 2)


def test_files_that_changed_are_not_compared(tmp_path):
    path = saved(tmp_path / "s.npy", np.arange(5, dtype="f4"))
    scores = dsdm.open_scores(path)
    np.save(path, np.arange(9, dtype="f8"))
    with pytest.raises(dsdm.errors.SourceChangedError):
        operator.gt(scores, 1)

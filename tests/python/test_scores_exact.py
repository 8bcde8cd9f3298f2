"""Arithmetic on scores that float64 cannot hold or compute is an error, and never a rounded score."""

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

import dsdm

LIMIT = 2**53
ROUNDED = [LIMIT + 1, -LIMIT - 1, 2**62 + 1, 2**63 - 1, -(2**63) + 1]
EXACT = [LIMIT, -LIMIT, LIMIT + 2, 2**62, -(2**63), 2**63 - 1024, 0, 3]


def saved(path, values):
    np.save(path, values)
    return path


def arithmetic(scores):
    return {
        "add": lambda: scores + 0,
        "multiply": lambda: 1 * scores,
        "sum": lambda: sum([scores]),
        "right": lambda: dsdm.open_scores(scores.paths[0]) / 1.5 + scores,
        "both": lambda: scores - scores,
        "negate": lambda: -scores,
        "zscore": lambda: scores.zscore(0),
        "slice": lambda: scores.slice(len(scores) - 3, len(scores)) * 2,
    }


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("value", ROUNDED)
@pytest.mark.parametrize("what", list(arithmetic(None)))
def test_an_integer_that_would_be_rounded_is_an_error(tmp_path, what, value, io):
    values = np.arange(100_000, dtype=np.int64)
    values[-2] = value
    path = saved(tmp_path / "q.npy", values)
    scores = dsdm.open_scores(path, io=io)
    assert dsdm.top_k(scores, 1).tolist() == [int(values.argmax())]
    with pytest.raises(ValueError, match=rf"q\.npy: at row 99998: the score {value} is not exactly a float64"):
        dsdm.top_k(arithmetic(scores)[what](), 1)


def test_the_row_is_that_of_its_file(tmp_path):
    halves = [saved(tmp_path / f"{number}.npy", np.full(10, number, np.uint64)) for number in range(2)]
    values = np.arange(10, dtype=np.uint64)
    values[4] = 2**64 - 1
    third = saved(tmp_path / "third.npy", values)
    for scores in (dsdm.open_scores([*halves, third]), dsdm.open_scores([*halves, third]).slice(15, 30)):
        with pytest.raises(ValueError, match=rf"third\.npy: at row 4: the score {2**64 - 1} "):
            np.asarray(scores * 1)


def test_integers_that_float64_holds_are_computed(tmp_path):
    values = np.array(EXACT, np.int64)
    scores = dsdm.open_scores(saved(tmp_path / "q.npy", values))
    assert np.asarray(scores + 0).tolist() == [float(value) for value in EXACT]
    unsigned = np.array([2**64 - 2048, 2**63, LIMIT], np.uint64)
    scores = dsdm.open_scores(saved(tmp_path / "u.npy", unsigned))
    assert np.asarray(scores * 1).tolist() == unsigned.astype(float).tolist()


@pytest.mark.parametrize("number", [LIMIT + 1, np.int64(LIMIT + 1), -LIMIT - 1])
def test_a_number_that_would_be_rounded_is_an_error(tmp_path, number):
    scores = dsdm.open_scores(saved(tmp_path / "q.npy", np.arange(3)))
    for compute in (lambda: scores + number, lambda: number - scores, lambda: scores * number):
        with pytest.raises(ValueError, match=f"the number {number} is not exactly a float64"):
            compute()
    assert np.asarray(scores + LIMIT).tolist() == [LIMIT, LIMIT + 1 - 1, LIMIT + 2]


# ------------------------------------------------------------------------------------------------------ z-scores


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16"])
@pytest.mark.parametrize("rows", [1, 7, 1001, 70_001])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, -3.7e300, 5e-324, 0.0])
def test_a_constant_vector_has_no_zscore_however_its_mean_is_rounded(tmp_path, dtype, rows, value):
    with np.errstate(all="ignore"):
        values = np.full(rows, value).astype(dtype)
    if not np.isfinite(values.astype(float)).all() or (dtype == "int64" and abs(value) > 1):
        return
    scores = dsdm.open_scores(saved(tmp_path / "q.npy", values))
    with pytest.raises(ValueError, match=f"zscore of {rows} rows that are all .*: the standard deviation is 0") as told:
        np.asarray(scores.zscore())
    assert len(str(told.value)) < 120


def test_differences_whose_squares_overflow_are_told(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "q.npy", np.array([1e308, -1e308, 1e308])))
    with pytest.raises(ValueError, match=r"zscore of 3 rows: they lie so far apart .* divide the scores first"):
        np.asarray(scores.zscore())
    np.testing.assert_allclose(np.asarray((scores / 1e160).zscore()), [0.5**0.5, -(2**0.5), 0.5**0.5])


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e-145])
def test_differences_whose_squares_vanish_are_told(tmp_path, scale):
    scores = dsdm.open_scores(saved(tmp_path / "q.npy", np.array([1, -1, 3]) * scale))
    with pytest.raises(
        ValueError, match=r"zscore of 3 rows: they differ so little .* multiply the scores first"
    ) as told:
        np.asarray(scores.zscore())
    assert len(str(told.value)) < 300
    np.testing.assert_allclose(np.asarray((scores * 1e160).zscore()), [0, -(1.5**0.5), 1.5**0.5], atol=1e-12)


def test_small_and_large_scores_have_zscores(tmp_path):
    for scale in (1e-130, 1e150):
        scores = dsdm.open_scores(saved(tmp_path / "q.npy", np.array([1, -1, 3]) * scale))
        np.testing.assert_allclose(np.asarray(scores.zscore()), [0, -(1.5**0.5), 1.5**0.5], atol=1e-12)


# --- z-scores, against fractions ---


def standard(values, ddof):
    """Return the z-scores of numbers to 50 digits, and how large a step of their mean is in these."""
    getcontext().prec = 60
    exact = [Fraction(float(value)) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / (len(exact) - ddof)
    deviation = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
    gaps = [value - mean for value in exact]
    found = [float(Decimal(gap.numerator) / Decimal(gap.denominator) / deviation) for gap in gaps]
    return np.array(found), float(Decimal(np.spacing(abs(float(mean)))) / deviation)


def spread(kind, dtype, rows):
    """Give numbers that lie close to each other and far from 0, or at the ends of what squares have room for."""
    generator = np.random.default_rng(rows)
    small = generator.integers(-40, 40, rows)
    small[:2] = 0, 1
    tiny = np.finfo(dtype).smallest_subnormal if dtype != np.float16 else np.float16(6e-8)
    made = {
        "plain": lambda: generator.standard_normal(rows),
        "far from 0": lambda: 1e8 + small * 2.0**-26,
        "far below 0": lambda: -3e15 + small / 2,
        "one far away": lambda: np.where(np.arange(rows) == rows - 1, 1e9, small * 1e-3),
        "the first far away": lambda: np.where(np.arange(rows) == 0, -1e9, small * 1e-3),
        "large": lambda: small * 1e150,
        "small": lambda: small * 1e-135,
        "subnormal": lambda: small * float(tiny),
    }
    return made[kind]().astype(dtype)


@pytest.mark.parametrize("rows", [2, 3, 1000, 33_000, 70_000])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        *((kind, "f8") for kind in ("plain", "far from 0", "far below 0", "one far away", "the first far away")),
        *((kind, "f8") for kind in ("large", "small")),
        *((kind, "f4") for kind in ("plain", "subnormal")),
        *((kind, "f2") for kind in ("plain", "subnormal")),
    ],
)
def test_zscores_are_those_of_fractions(tmp_path, kind, dtype, rows, ddof):
    values = spread(kind, np.dtype(dtype), rows)
    expected, step = standard(values, ddof)
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", values)).zscore(ddof)
    found = np.asarray(scores)
    # The mean is rounded once to float64, for all rows alike; z-scores are in the type of the scores.
    digits = max(1e-12, float(np.finfo(found.dtype).eps))
    assert np.abs(found - expected).max() <= step + digits * np.abs(expected).max()
    assert np.ptp(found.astype("f8")) == pytest.approx(np.ptp(expected), rel=2 * digits, abs=2 * step * (rows == 2))
    # Threads and views change no bit.
    assert np.array_equal(scores.slice(1, rows)[:], found[1:])


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.7e308] * 5, r"5 rows that are all 1\.7e308: the standard deviation is 0"),
        ([-1.7e308] * 40_000, r"40000 rows that are all -1\.7e308: the standard deviation is 0"),
        ([5e-324] * 3, "3 rows that are all 5e-324: the standard deviation is 0"),
        ([0.1] * 40_000, r"40000 rows that are all 0\.1: the standard deviation is 0"),
        ([0.0, -0.0], "2 rows that are all 0.0: the standard deviation is 0"),
        ([1.7e308, -1.7e308], "lie so far apart"),
        ([1.7e308, np.nextafter(1.7e308, 0)], "lie so far apart"),
        ([1e155, 0.0], "lie so far apart"),
        ([5e-324, 0.0], "differ so little"),
        ([1e-150, 2e-150], "differ so little"),
        ([1.0, np.inf], "NaN or infinite, the first at row 1"),
        ([np.inf, 1.0], "NaN or infinite, the first at row 0"),
        ([np.inf] * 2, "NaN or infinite, the first at row 0"),
        ([np.nan, 1.0, 2.0], "NaN or infinite, the first at row 0"),
    ],
)
def test_what_has_no_zscore_says_so(tmp_path, values, message, ddof):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.array(values))).zscore(ddof)
    with pytest.raises(ValueError, match=f"zscore of .*{message}"):
        np.asarray(scores)


def test_a_zscore_needs_more_rows_than_ddof(tmp_path):
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", np.array([1.0, 2.0, 4.0])))
    assert np.isfinite(np.asarray(scores.zscore(2))).all()
    for ddof in (3, 4):
        with pytest.raises(ValueError, match=f"zscore of 3 rows with ddof={ddof}; more than {ddof} rows are needed"):
            scores.zscore(ddof)
    with pytest.raises(ValueError, match=r"zscore of 1 rows that are all 2\.0: the standard deviation is 0"):
        np.asarray(scores.slice(1, 2).zscore())
    with pytest.raises(ValueError, match="zscore of 1 rows with ddof=1; more than 1 rows are needed"):
        scores.slice(1, 2).zscore(1)


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308, 1.0], [5e-324, -5e-324, 2.0**-1022]])
def test_sums_and_products_at_the_ends_are_those_of_numpy(tmp_path, values):
    values = np.array(values)
    scores = dsdm.open_scores(saved(tmp_path / "s.npy", values))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for name, made in {
            "twice": lambda of: of + of,
            "none": lambda of: of - of,
            "half": lambda of: of / 2,
            "square": lambda of: of * of,
            "back": lambda of: (of / 2) * 2,
            "tenth": lambda of: of * 0.1 + of * 0.9,
        }.items():
            assert np.array_equal(np.asarray(made(scores)), made(values), equal_nan=True), name

"""Arithmetic on scores that float64 cannot hold or compute is an error, and never a rounded score."""

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

"""Selection against a stable sort, the obvious oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import _native
from tests.oracle.sorting import DTYPES, LENGTHS, oracle, vector


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["random", "ties", "constant", "ascending", "descending", "special"])
def test_top_k_is_the_stable_sort(kind, dtype):
    for n in (1000, 16_385):
        scores = vector(kind, dtype, n)
        for largest in (True, False):
            best = oracle(scores, n, largest=largest)
            for k in (0, 1, 63, n // 3, n - 1, n):
                for threads in (1, 2, 7):
                    rows = dsdm.top_k(scores, k, largest=largest, threads=threads)
                    np.testing.assert_array_equal(rows, best[:k])
            assert rows.dtype == np.int64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_one_file_and_five_give_the_stable_sort(folder, dtype, data):
    """Ties and infinities, in one file and in five, by 1, 2 and 7 threads."""
    n = data.draw(st.integers(1, 40_000))
    kind = data.draw(st.sampled_from(["random", "ties", "special"]))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), min_size=4, max_size=4)))
    largest = data.draw(st.booleans())
    scores = vector(kind, "float32" if dtype == "bfloat16" else dtype, n, seed=data.draw(st.integers(0, 99)))
    stored = scores
    if dtype == "bfloat16":
        stored = (scores.view(np.uint32) >> 16).astype(np.uint16)
        scores = (stored.astype(np.uint32) << 16).view(np.float32)
    paths = [folder / f"{part}.raw" for part in range(6)]
    for path, values in zip(paths, [stored, *np.split(stored, cuts)], strict=True):
        values.tofile(path)
    best = oracle(scores, n, largest=largest)
    k = data.draw(st.integers(0, n))
    five = [path for path in paths[1:] if path.stat().st_size]
    for vectors in (paths[0], five):
        opened = dsdm.open_scores(vectors, dtype=dtype)
        for threads in (1, 2, 7):
            np.testing.assert_array_equal(dsdm.top_k(opened, k, largest=largest, threads=threads), best[:k])


@pytest.mark.parametrize("kind", ["random", "ties", "constant", "ascending", "descending", "special"])
@pytest.mark.parametrize("n", LENGTHS)
def test_lengths_around_every_edge(n, kind):
    scores = vector(kind, "float32", n, seed=n)
    best = oracle(scores, n)
    for k in {1, min(n, 100), n // 30, n // 2, n}:
        for threads in (1, 7):
            np.testing.assert_array_equal(dsdm.top_k(scores, k, threads=threads), best[:k])


def test_more_ties_than_memory_for_k():
    """Many more rows reach the limit than are kept: the limit must tighten, and ties still go to the lower row."""
    n = 6_000_000
    scores = np.zeros(n, np.float32)
    scores[::1000] = 1
    best = np.concatenate([np.arange(0, n, 1000), np.flatnonzero(scores == 0)])
    for threads in (1, 2, 7):
        for k in (100, 6_000, 6_001, 50_000):
            np.testing.assert_array_equal(dsdm.top_k(scores, k, threads=threads), best[:k])
    scores = np.arange(n, dtype=np.float32)
    scores[: n // 2] = -np.inf
    np.testing.assert_array_equal(dsdm.top_k(scores, 10), np.arange(n)[:-11:-1])
    np.testing.assert_array_equal(dsdm.top_k(scores, 10, largest=False), np.arange(10))


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize("n", [100, 300_000])
def test_orders(order, n):
    scores = vector("random", "float32", n)
    for k in (0, 1, n // 3, n):
        np.testing.assert_array_equal(dsdm.top_k(scores, k, order=order), oracle(scores, k, order=order))


def test_nan_policies():
    scores = np.array([1, np.nan, -np.inf, np.inf, -np.nan, 0], np.float32)
    with pytest.raises(ValueError, match=r"2 of the scores are NaN, the first at row 1"):
        dsdm.top_k(scores, 1)
    assert dsdm.top_k(scores, 4, nan="omit").tolist() == [3, 0, 5, 2]
    assert dsdm.top_k(scores, 6, nan="largest").tolist() == [1, 4, 3, 0, 5, 2]
    assert dsdm.top_k(scores, 6, nan="smallest").tolist() == [3, 0, 5, 2, 1, 4]
    assert dsdm.top_k(scores, 6, nan="largest", largest=False).tolist() == [2, 5, 0, 3, 1, 4]
    assert dsdm.top_k(scores, 3, nan="smallest", largest=False).tolist() == [1, 4, 2]
    assert dsdm.top_k(scores, 1, exclude=[1, 4]).tolist() == [3]
    with pytest.raises(ValueError, match=r"k is 5, and 4 rows are valid: there are 6 rows, 2 NaN and omitted"):
        dsdm.top_k(scores, 5, nan="omit")
    with pytest.raises(ValueError, match='nan is "ignore"'):
        dsdm.top_k(scores, 1, nan="ignore")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_is_counted_and_its_first_row_found(dtype):
    scores = vector("random", dtype, 600_001)
    scores[[77, 300_000, 600_000]] = np.nan
    for threads in (1, 2, 7):
        with pytest.raises(ValueError, match="3 of the scores are NaN, the first at row 77"):
            dsdm.top_k(scores, 5, threads=threads)
        with pytest.raises(ValueError, match="3 of the scores are NaN, the first at row 77"):
            dsdm.gumbel_top_k(scores, 5, seed=1, threads=threads)
    numbers = np.flatnonzero(~np.isnan(scores))
    best = numbers[oracle(scores[numbers], 5)]
    np.testing.assert_array_equal(dsdm.top_k(scores, 5, nan="omit"), best)
    assert dsdm.top_k(scores, 3, nan="largest").tolist() == [77, 300_000, 600_000]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_exclusion(data):
    n = data.draw(st.integers(1, 300))
    scores = vector("ties", "float32", n, seed=n)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    k = data.draw(st.integers(0, int(n - mask.sum())))
    rows = np.flatnonzero(mask)[::-1]
    expected = oracle(scores, k, exclude=mask)
    np.testing.assert_array_equal(dsdm.top_k(scores, k, exclude=mask), expected)
    np.testing.assert_array_equal(dsdm.top_k(scores, k, exclude=np.concatenate([rows, rows])), expected)
    drawn = dsdm.sample(n, k, seed=3, exclude=mask)
    assert len(set(drawn.tolist())) == k
    assert not mask[drawn].any()
    assert not mask[dsdm.gumbel_top_k(scores, k, seed=3, exclude=rows)].any()
    with pytest.raises(ValueError, match="can be at most"):
        dsdm.top_k(scores, n + 1, exclude=mask)


def test_exclude_says_what_is_wrong():
    scores = np.zeros(4, np.float32)
    with pytest.raises(IndexError, match=r"exclude\[1\] is 4, and there are 4 rows"):
        dsdm.top_k(scores, 1, exclude=[0, 4])
    with pytest.raises(IndexError, match=r"exclude\[0\] is -1"):
        dsdm.top_k(scores, 1, exclude=[-1])
    with pytest.raises(ValueError, match="exclude has 3 values, and there are 4 rows"):
        dsdm.top_k(scores, 1, exclude=[True, False, False])
    with pytest.raises(TypeError, match="exclude holds float64"):
        dsdm.top_k(scores, 1, exclude=[0.5])
    with pytest.raises(ValueError, match="k is 4, and there are 4 rows, of which 1 are excluded; k can be at most 3"):
        dsdm.top_k(scores, 4, exclude=[2])


@pytest.mark.parametrize("select", [dsdm.top_k, dsdm.gumbel_top_k])
def test_k_out_of_range(select):
    scores = np.zeros(4, np.float32)
    for k in (5, -1, 2**64):
        with pytest.raises(ValueError, match=f"k is {k}"):
            select(scores, k)
    with pytest.raises(TypeError):
        select(scores, 1.0)
    with pytest.raises(TypeError, match="k is True"):
        select(scores, True)  # noqa: FBT003
    assert select(scores, 0).shape == (0,)
    assert select(np.zeros(0, np.float32), 0).dtype == np.int64


def test_shapes_and_layouts():
    scores = vector("random", "float32", 5000)
    best = oracle(scores, 50)
    np.testing.assert_array_equal(dsdm.top_k(scores[:, None], 50), best)
    np.testing.assert_array_equal(dsdm.top_k(scores.astype(">f4"), 50), best)
    np.testing.assert_array_equal(dsdm.top_k(np.repeat(scores, 2)[::2], 50), best)
    raw = np.frombuffer(b"x" + scores.tobytes(), np.uint8)[1:].view(np.float32)
    assert not raw.flags.aligned
    np.testing.assert_array_equal(dsdm.top_k(raw, 50), best)
    with pytest.raises(ValueError, match=r"shape \(10, 3\)"):
        dsdm.top_k(np.zeros((10, 3)), 1)
    with pytest.raises(TypeError, match="complex"):
        dsdm.top_k(np.zeros(10, complex), 1)
    with pytest.raises(TypeError, match="set"):
        dsdm.top_k({1, 2}, 1)
    with pytest.raises(ValueError, match='order is "best"'):
        dsdm.top_k(scores, 1, order="best")
    with pytest.raises(ValueError, match="threads is 0"):
        dsdm.top_k(scores, 1, threads=0)


@pytest.mark.parametrize("select", [dsdm.top_k, dsdm.gumbel_top_k])
def test_a_nan_is_an_error_for_every_k(select):
    scores = np.arange(200_000, dtype=np.float32)
    scores[[70_000, 150_000]] = np.nan
    for options in ({}, {"exclude": [0, 1]}, {"order": "row"}):
        most = len(scores) - len(options.get("exclude", []))
        for k in (0, 1, most):
            with pytest.raises(ValueError, match="2 of the scores are NaN, the first at row 70000"):
                select(scores, k, **options)
    for k in (0, 1, len(scores) - 2):
        assert len(select(scores, k, exclude=[150_000, 70_000])) == k
        assert len(select(scores, k, nan="omit")) == k
    everything = np.ones(len(scores), bool)
    assert select(scores, 0, exclude=everything).shape == (0,)


def test_no_rows_of_scores_that_overflow_or_do_not_vary(tmp_path):
    with pytest.raises(ValueError, match=r"row 1 divided by the temperature .* is infinite"):
        dsdm.gumbel_top_k(np.array([0.0, 1e300]), 0, temperature=1e-300)
    np.save(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(ValueError, match="deviation"):
        dsdm.top_k(dsdm.open_scores(tmp_path / "a.npy").zscore(), 0)


def test_the_native_module_is_built_from_this_source():
    assert dsdm.__version__ == _native.__version__

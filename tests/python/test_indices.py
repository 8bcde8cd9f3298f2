"""Selection against a stable sort, the obvious oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import _native

DTYPES = ["float16", "float32", "float64"] + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
# Around the stride, the block and the sampled size of the engine, and past several tasks of one thread.
LENGTHS = [1, 2, 63, 64, 65, 1000, 16_383, 16_384, 16_385, 262_143, 262_145, 600_001]


def oracle(scores, k, *, largest=True, order="best_first", exclude=None):
    """A stable sort by descending (ascending) score: ties to the lower row."""
    scores = np.asarray(scores)
    if scores.dtype.kind in "iu":
        keys = [-int(s) if largest else int(s) for s in scores] if scores.dtype.itemsize == 8 else None
        keys = np.array(keys, dtype=object) if keys else (-1 if largest else 1) * scores.astype(np.int64)
    else:
        keys = (-1 if largest else 1) * scores.astype(np.float64)
    rows = np.argsort(keys, kind="stable")
    if exclude is not None:
        rows = rows[~np.isin(rows, np.flatnonzero(exclude) if np.asarray(exclude).dtype == bool else exclude)]
    rows = rows[:k]
    return {"best_first": rows, "best_last": rows[::-1], "row": np.sort(rows)}[order]


def vector(kind, dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if kind == "random":
        if dtype.kind == "f":
            return rng.standard_normal(n).astype(dtype)
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
    if kind == "ties":
        return rng.integers(0, 5, n).astype(dtype)
    if kind == "constant":
        return np.full(n, 3, dtype)
    if kind == "ascending":
        return np.sort(vector("random", dtype, n, seed))
    if kind == "descending":
        return np.sort(vector("random", dtype, n, seed))[::-1].copy()
    scores = vector("ties", dtype, n, seed)
    if dtype.kind == "f":  # "special"
        scores[rng.random(n) < 0.2] = np.inf
        scores[rng.random(n) < 0.2] = -np.inf
        scores[rng.random(n) < 0.2] = -0.0
        scores[rng.random(n) < 0.2] = 0.0
    else:
        scores[rng.random(n) < 0.3] = np.iinfo(dtype).max
        scores[rng.random(n) < 0.3] = np.iinfo(dtype).min
    return scores


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


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_numpy_noise_has_numpys_bits(dtype, temperature):
    for n in (1, 1000, 16_385, 300_001):
        scores = vector("random", dtype, n) if dtype != "int32" else vector("ties", dtype, n)
        keys = scores.astype(np.float64) / temperature + np.random.default_rng(42).gumbel(size=n)
        best = np.argsort(-keys, kind="stable")
        for k in {1, n // 20, n}:
            for threads in (1, 2, 7):
                rows = dsdm.gumbel_top_k(scores, k, seed=42, temperature=temperature, noise="numpy", threads=threads)
                np.testing.assert_array_equal(rows, best[:k])


@pytest.mark.parametrize("noise", ["philox", "numpy"])
def test_gumbel_does_not_depend_on_threads(noise):
    scores = vector("random", "float32", 600_001)
    first = dsdm.gumbel_top_k(scores, 20_000, seed=9, noise=noise, threads=1)
    for threads in (2, 7):
        np.testing.assert_array_equal(dsdm.gumbel_top_k(scores, 20_000, seed=9, noise=noise, threads=threads), first)
    nested = dsdm.gumbel_top_k(scores, 500, seed=9, noise=noise)
    np.testing.assert_array_equal(nested, first[:500])
    assert sorted(first.tolist()) == dsdm.gumbel_top_k(scores, 20_000, seed=9, noise=noise, order="row").tolist()


def test_a_rows_noise_depends_on_seed_and_row_only():
    scores = vector("random", "float64", 400_000)
    whole = dsdm.gumbel_top_k(scores, 400_000, seed=5)
    prefix = dsdm.gumbel_top_k(scores[:100_000], 100_000, seed=5)
    np.testing.assert_array_equal(whole[whole < 100_000], prefix)


def test_infinite_scores_and_temperature():
    scores = np.array([0, -np.inf, np.inf, 1, np.inf, -np.inf])
    assert dsdm.gumbel_top_k(scores, 4, seed=1)[:2].tolist() == [2, 4]
    with pytest.raises(ValueError, match=r"k is 5, and 4 rows are valid: .*2 of score -inf"):
        dsdm.gumbel_top_k(scores, 5, seed=1)
    for temperature in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="temperature is"):
            dsdm.gumbel_top_k(scores, 1, temperature=temperature)
    with pytest.raises(ValueError, match="score of row 1 divided by the temperature 1e-300 is infinite"):
        dsdm.gumbel_top_k(np.array([0, 1e300]), 1, temperature=1e-300)
    nans = np.array([0, np.nan, 1])
    assert dsdm.gumbel_top_k(nans, 1, seed=1, nan="largest").tolist() == [1]
    assert 1 not in dsdm.gumbel_top_k(nans, 2, seed=1, nan="smallest")
    assert 1 not in dsdm.gumbel_top_k(nans, 2, seed=1, nan="omit")


def inclusion_probabilities(weights, k):
    """Of successive draws without replacement, exactly: over all ordered outcomes."""
    import itertools

    chances = np.zeros(len(weights))
    for outcome in itertools.permutations(range(len(weights)), k):
        left, chance = sum(weights), 1.0
        for row in outcome:
            chance *= weights[row] / left
            left -= weights[row]
        chances[list(outcome)] += chance
    return chances


# The 0.999 quantile of chi-square; the draws are fixed by their seeds.
CHI_SQUARE_999 = {5: 20.515, 9: 27.877}


@pytest.mark.parametrize("noise", ["philox", "numpy"])
def test_gumbel_inclusion_is_as_probable_as_it_must_be(noise):
    weights, k, draws = np.array([1, 2, 3, 5, 8, 13.0]), 2, 4_000
    counts = np.zeros(6)
    for seed in range(draws):
        counts[dsdm.gumbel_top_k(np.log(weights), k, seed=seed, noise=noise, threads=1)] += 1
    expected = inclusion_probabilities(weights, k) * draws
    assert np.isclose(expected.sum(), k * draws)
    assert (((counts - expected) ** 2) / expected).sum() < CHI_SQUARE_999[5]


def test_sample_is_uniform():
    draws = 4_000
    counts, firsts = np.zeros(10), np.zeros(10)
    for seed in range(draws):
        rows = dsdm.sample(10, 3, seed=seed, threads=1)
        counts[rows] += 1
        firsts[rows[0]] += 1
    for observed, expected in ((counts, draws * 3 / 10), (firsts, draws / 10)):
        assert (((observed - expected) ** 2) / expected).sum() < CHI_SQUARE_999[9]


def test_sample_is_the_order_of_its_bits():
    n = 300_000
    everything = dsdm.sample(n, n, seed=11, threads=1)
    np.testing.assert_array_equal(np.sort(everything), np.arange(n))
    for k in (0, 1, 1000, 100_000):
        for threads in (1, 2, 7):
            np.testing.assert_array_equal(dsdm.sample(n, k, seed=11, threads=threads), everything[:k])
    assert not np.array_equal(dsdm.sample(n, 1000, seed=12), everything[:1000])


def test_sample_of_ids():
    ids = np.arange(0, 3000, 3, dtype=np.int32)
    rows = dsdm.sample(ids, 100, seed=1)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, ids[dsdm.sample(1000, 100, seed=1)])
    kept = dsdm.sample(ids, 998, seed=1, exclude=[0, 3])
    assert set(kept.tolist()) == set(ids[2:].tolist())
    with pytest.raises(TypeError, match="float64; row ids are integers"):
        dsdm.sample(np.zeros(3), 1)
    with pytest.raises(ValueError, match="k is 1001, and there are 1000 rows"):
        dsdm.sample(ids, 1001)
    with pytest.raises(ValueError, match="population is -1"):
        dsdm.sample(-1, 0)


def test_ids_that_are_no_rows_are_refused():
    for dtype, wrong in ((np.uint64, 2**63), (np.int64, -1), (np.uint64, 2**64 - 1)):
        ids = np.array([1, wrong, 2], dtype)
        with pytest.raises(ValueError, match=rf"population\[1\] is {wrong}, which is no row number; .* below 2\^63"):
            dsdm.sample(ids, 1, seed=1)
    with pytest.raises(ValueError, match=rf"population is {2**63}; row numbers are below 2\^63"):
        dsdm.sample(2**63, 1)
    with pytest.raises(ValueError, match=r"population has shape \(3, 2\)"):
        dsdm.sample(np.zeros((3, 2), np.int64), 1)
    assert dsdm.sample(2**63 - 1, 0).shape == (0,)
    big = np.array([2**53, 2**53 + 1, 2**63 - 1], np.uint64)
    assert sorted(dsdm.sample(big, 3).tolist()) == big.tolist()
    # As floats, the first two would be one.
    assert dsdm.sample(big, 1, exclude=[2**53 + 1, 2**63 - 1]).tolist() == [2**53]


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


def test_seeds():
    scores = np.zeros(1000, np.float32)
    drawn = dsdm.gumbel_top_k(scores, 10)
    np.testing.assert_array_equal(dsdm.gumbel_top_k(scores, 10, seed=dsdm.last_seed()), drawn)
    assert not np.array_equal(dsdm.gumbel_top_k(scores, 10), drawn)
    with pytest.raises(TypeError):
        dsdm.sample(10, 1, seed="1")
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=f"seed is {seed}"):
            dsdm.sample(10, 1, seed=seed)
    big = dsdm.gumbel_top_k(scores, 10, seed=2**70, noise="numpy")
    expected = np.argsort(-np.random.default_rng(2**70).gumbel(size=1000), kind="stable")[:10]
    np.testing.assert_array_equal(big, expected)
    with pytest.raises(ValueError, match='noise is "mt19937"'):
        dsdm.gumbel_top_k(scores, 1, noise="mt19937")


def test_the_native_module_is_built_from_this_source():
    assert dsdm.__version__ == _native.__version__

"""Draws: Gumbel noise with numpy's bits, probabilities that are exact, uniform samples, and seeds."""

import numpy as np
import pytest

import dsdm
from tests.oracle.sorting import vector


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

"""Draws at temperatures that make finite scores infinite, against a plain computation in float64."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm_bench.select.oracle import philox_bits

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
# Around the stride, the block and the task of the engine.
EDGES = [0, 1, 63, 64, 255, 256, 16_383, 16_384, 262_143, 262_144]
MOST = np.finfo(np.float64).max


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scores")


def type_of(dtype):
    """What numpy has for it: bfloat16 is the upper half of a float32."""
    return np.dtype("float32" if dtype == "bfloat16" else dtype)


def plain(values, dtype):
    """Values that the type holds."""
    if dtype == "bfloat16":
        return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return values


@st.composite
def vectors(draw):
    """Ordinary scores, and at the edges of blocks the ends of the type, infinities and NaN."""
    dtype = draw(st.sampled_from([*FLOATS, *INTEGERS]))
    kind, n = type_of(dtype), draw(st.sampled_from([1, 2, 64, 65, 300, 16_384, 16_385, 262_145]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if dtype in INTEGERS:
        info = np.iinfo(kind)
        values, extremes = rng.integers(0, 5, n).astype(kind), [info.min, info.max, info.min // 2, info.max // 2]
    else:
        most = plain(np.array([np.finfo(kind).max], kind), dtype)[0]
        values = plain(rng.standard_normal(n).astype(kind), dtype)
        extremes = [-most, most, -most / 2, most / 2, -np.inf, np.inf, np.nan, -1.0, 1.0]
    for row in draw(st.lists(st.sampled_from([n - 1, *(edge for edge in EDGES if edge < n)]), max_size=4)):
        values[row] = draw(st.sampled_from(extremes))
    return dtype, values


def temperatures(wide):
    """What takes one of the scores just to infinity or not, the ends of what the kernel takes, and ordinary ones."""
    finite = np.abs(wide[np.isfinite(wide)])
    largest = float(finite.max(initial=1.0)) or 1.0
    last = largest / MOST
    near = [last, math.nextafter(last, 0), math.nextafter(last, 1), last / 2, last * 2, last * 4]
    others = [1.0, 0.5, math.nextafter(1.0, 0), 1e-3, 1e-30, math.nextafter(1e-30, 0), 1e-300, 5e-324, 1e30]
    return st.sampled_from([heat for heat in (*near, *others) if heat > 0])


def stored(folder, dtype, values):
    """A raw file of the values."""
    path = folder / "scores.raw"
    (values.view(np.uint32) >> 16).astype(np.uint16).tofile(path) if dtype == "bfloat16" else values.tofile(path)
    return dsdm.open_scores(path, dtype=dtype)


def noise_of(noise, seed, n):
    if noise == "numpy":
        return np.random.default_rng(seed).gumbel(size=n)
    bits = philox_bits(seed, np.arange(n, dtype=np.uint64), domain=1)
    p = np.minimum((bits.astype(np.float64) + 0.5) * 2.0**-64, 1 - 2.0**-53)
    return -np.log(-np.log1p(-p))


def are_the_best(keys, found):
    """Whether no other key is larger, and the chosen fall; but for the last bits of a logarithm."""
    chosen, rest = keys[found], np.delete(keys, found)
    with np.errstate(over="ignore"):
        most = chosen + 1e-13 * np.maximum(np.abs(chosen), 1)
    return bool((chosen[1:] <= most[:-1]).all() and (rest.max(initial=-np.inf) <= most).all())


@pytest.mark.parametrize("noise", ["philox", "numpy"])
@given(drawn=vectors(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_finite_score_that_becomes_infinite_is_an_error_of_either_sign(folder, noise, drawn, data):
    dtype, values = drawn
    n, seed = len(values), data.draw(st.integers(0, 2**64 - 1))
    scores, wide = stored(folder, dtype, values), values.astype(np.float64)
    # An expression is computed in float32 or float64, and a number times one is itself, where float64 holds it.
    if data.draw(st.booleans()) and (dtype in FLOATS or bool((np.abs(wide) <= 2**53).all())):
        scores = scores * 1.0 if data.draw(st.booleans()) else scores / 2 + scores / 2
    elif dtype != "bfloat16" and data.draw(st.booleans()):
        scores = values
    masked = np.zeros(n, bool)
    masked[data.draw(st.lists(st.integers(0, n - 1), max_size=3))] = True
    nan = data.draw(st.sampled_from(["raise", "omit", "largest", "smallest"]))
    temperature = data.draw(temperatures(wide))
    end = {"largest": np.inf, "smallest": -np.inf}.get(nan, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.where(np.isnan(wide), end, wide) / temperature
        keys = weights + noise_of(noise, seed, n)
    keys[masked | np.isnan(keys)] = -np.inf
    k = data.draw(st.sampled_from([0, 1, 2, n // 2, n])) if n else 0
    k = min(k, int((keys != -np.inf).sum()))
    options = {"seed": seed, "temperature": temperature, "noise": noise, "nan": nan}
    options |= {"exclude": masked if masked.any() else None, "threads": data.draw(st.sampled_from([1, 2, 7]))}
    beyond = np.flatnonzero(np.isinf(weights) & np.isfinite(wide) & ~masked)
    if nan == "raise" and (np.isnan(wide) & ~masked).any():
        with pytest.raises(ValueError, match=r"of the scores (is|are) NaN"):
            dsdm.gumbel_top_k(scores, k, **options)
    elif len(beyond):
        message = f"the score of row {beyond[0]} divided by the temperature .* is infinite"
        with pytest.raises(ValueError, match=message):
            dsdm.gumbel_top_k(scores, k, **options)
    else:
        found = dsdm.gumbel_top_k(scores, k, **options)
        assert len(set(found.tolist())) == k
        assert are_the_best(keys, found)


@pytest.mark.parametrize("noise", ["philox", "numpy"])
def test_it_is_seen_far_below_what_is_drawn(noise):
    """The limit of a draw of few rows rules out nearly all others before their scores are divided."""
    scores = np.random.default_rng(0).standard_normal(600_001)
    for row in (0, 16_383, 16_384, 300_000, 600_000):
        changed = scores.copy()
        changed[row] = -1e308
        for k in (0, 1, 1000):
            with pytest.raises(ValueError, match=f"score of row {row} divided by the temperature 0.5 is infinite"):
                dsdm.gumbel_top_k(changed, k, temperature=0.5, seed=3, noise=noise)
        assert row not in dsdm.gumbel_top_k(changed, 1000, temperature=1.0, seed=3, noise=noise)
        changed[row] = -np.inf
        assert row not in dsdm.gumbel_top_k(changed, 1000, temperature=0.5, seed=3, noise=noise)

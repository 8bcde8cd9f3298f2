"""Bounds taken from a sample of the scores: outside of them lies nothing that may be chosen.

What lies inside is a little more than is wanted, with certainty for what is measured here; that an answer is right is
looked at in any case.
"""

import math

import numpy as np
from numpy.typing import NDArray

_SAMPLED = 1_000
"""Of so many rows, one is in the sample."""
_SURE = 1.2
"""So many times the budget lie above the bound of the sample."""
_DEVIATIONS = 6.0
"""So many standard deviations of its rank, a bound lies beyond what it is to hold."""


def above_tokens(scores: NDArray[np.float32], lengths: NDArray[np.integer], tokens: int) -> np.float32:
    """Return a score above which lie more tokens than that."""
    some, of = scores[::_SAMPLED], lengths[::_SAMPLED]
    order = np.argsort(-some)
    ends = np.cumsum(of[order], dtype=np.int64) * _SAMPLED
    place = int(np.searchsorted(ends, int(tokens * _SURE) + int(of.max()) * _SAMPLED))
    return some[order[place]] if place < len(order) else np.float32(-np.inf)


def above_rows(scores: NDArray[np.float32], k: int) -> np.float32:
    """Return a score above which lie more rows than that."""
    return -_least_of(-scores[::_SAMPLED], k)


def around(scores: NDArray[np.float32], value: float, k: int) -> tuple[np.float32, np.float32]:
    """Return two scores, on both sides of a value, between which lie more rows than that."""
    distance = _least_of(np.abs(scores[::_SAMPLED] - np.float32(value)), k)
    low, high = np.float32(value) - distance, np.float32(value) + distance
    # The rows that are nearest must not be lost by rounding.
    return np.nextafter(low, np.float32(-np.inf)), np.nextafter(high, np.float32(np.inf))


def about(scores: NDArray[np.float32], quantile: float) -> tuple[np.float32, np.float32]:
    """Return two scores between which a quantile lies."""
    some = np.sort(scores[::_SAMPLED])
    place = quantile * len(some)
    margin = _DEVIATIONS * math.sqrt(len(some) * quantile * (1 - quantile)) + _DEVIATIONS
    low, high = math.floor(place - margin), math.ceil(place + margin)
    return (
        some[low] if low >= 0 else np.float32(-np.inf),
        some[high] if high < len(some) else np.float32(np.inf),
    )


def between(two: NDArray[np.float32], rank: float) -> float:
    """Return what lies in proportion between the scores before and after a rank."""
    left, right = two.astype(np.float64)
    return float(left + (right - left) * (rank - math.floor(rank)))


def as_float32(low: float, high: float) -> tuple[np.float32, np.float32]:
    """Return the float32 bounds that hold the same scores: comparing as float64 would copy all scores."""
    least, greatest = np.float32(low), np.float32(high)
    return (
        least if least >= low else np.nextafter(least, np.float32(np.inf)),
        greatest if greatest <= high else np.nextafter(greatest, np.float32(-np.inf)),
    )


def _least_of(some: NDArray[np.float32], k: int) -> np.float32:
    """Return a number below which lie more than `k` of those that a sample is of."""
    place = int(k / _SAMPLED + _DEVIATIONS * math.sqrt(k / _SAMPLED) + _DEVIATIONS)
    return np.partition(some, place)[place] if place < len(some) else np.float32(np.inf)

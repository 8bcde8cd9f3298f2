"""Rows whose scores are nearest to a value."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.rules.ranked.ranking import Number, Ranking, Rows

_LARGE = 2.0**1022
"""Half a distance that float64 has no room for, or nearly so."""
_LEAST, _MOST = -(2**63), 2**64 - 1
"""Between these lie all scores that are integers."""


def nearest(ranking: Ranking, value: Number, k: int) -> Rows:
    """Return the `k` rows whose scores are nearest to a value, the nearest first; of equal distances, the lower row.

    Distances are compared as they are, without rounding. One pass. Memory: proportional to `k`.

    Raises
    ------
    ValueError
        If fewer rows can be chosen.

    """
    return ranking.nearest(k, value)


def nearest_of_groups(ranking: Ranking, value: Number, codes: NDArray[np.uint32], quotas: NDArray[np.int64]) -> Rows:
    """Return of each group as many rows as its quota, those nearest to a value; the nearest of all first.

    `codes` are the groups of all rows. Of a group that has fewer, all are returned. Two passes. Memory: proportional to
    the sum of the quotas.
    """
    there = ranking.counts(codes, len(quotas))
    return ranking.nearest_of_groups(codes, np.minimum(quotas, there), value)


def count_as_near(ranking: Ranking, value: Number, score: Number) -> int:
    """Return how many rows that may be chosen are as far from a value as a score is, on both sides: one pass."""
    ends = [score, *_mirrored(ranking, value, score)]
    return sum(ranking.counts_between([(end, end) for end in ends]))


def _mirrored(ranking: Ranking, value: Number, score: Number) -> list[Number]:
    """Return the other number that is as far from a value as a score is, if it may be a score that is chosen."""
    if math.isinf(score):
        return [-score] if _is_within(ranking, -score) else []
    other = 2 * Fraction(value) - Fraction(score)
    if isinstance(score, int) and not _LEAST <= other <= _MOST:
        return []  # which no type has, nor the engine a number for it
    try:
        number: Number = int(other) if isinstance(score, int) else float(other)
    except OverflowError:
        return []  # which no score is
    if other == Fraction(score) or Fraction(number) != other or not _is_within(ranking, number):
        return []
    return [number]


def _is_within(ranking: Ranking, number: Number) -> bool:
    low, high = ranking.bounds
    return (low is None or number >= low) and (high is None or number <= high)


def distances(scores: NDArray[Any], value: Number) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return how far scores are from a value: pairs of numbers that add up to it exactly, in the order of distances.

    Of floats, the rounded difference and what rounding took (Knuth's TwoSum); of integers, the whole part and the rest.
    """
    return _of_floats(scores.astype(np.float64), value) if scores.dtype.kind == "f" else _of_integers(scores, value)


def _of_floats(scores: NDArray[np.float64], value: Number) -> tuple[NDArray[Any], NDArray[Any]]:
    farthest = float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))
    if farthest / 2 + abs(value) / 2 >= _LARGE:
        # Halves, whose distances have the same order: those of the others have no room in float64.
        scores, value = scores / 2, value / 2
    with np.errstate(invalid="ignore", over="ignore"):
        difference = scores - value
        part = scores - difference
        lost = (scores - (difference + part)) + (part - value)
    # An infinite distance has lost nothing.
    lost = np.where(np.isfinite(lost), lost, 0.0)
    sign = np.where(difference < 0, -1.0, 1.0)
    return difference * sign, lost * sign


def _of_integers(scores: NDArray[Any], value: Number) -> tuple[NDArray[Any], NDArray[Any]]:
    limits = np.iinfo(scores.dtype)
    # Beyond all scores, the order is that of the distances from the last of them.
    value = min(max(value, int(limits.min)), int(limits.max))
    base = math.floor(value)
    beyond = float(value - base)
    right = scores > base
    # Differences of numbers of 64 bits: modulo 2^64, which none of them reaches.
    bits, zero = scores.astype(np.uint64), np.uint64(base % 2**64)
    whole = np.where(right, bits - zero, zero - bits)
    if beyond == 0:
        return whole, np.zeros(len(scores))
    return whole - right.astype(np.uint64), np.where(right, 1 - beyond, beyond)

"""Rows whose scores are nearest to a value."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.rules.ranked.ranking import Bounds, Number, Ranking, Rows

_LARGE = 2.0**1022
"""Half a distance that float64 has no room for, or nearly so."""


def nearest(ranking: Ranking, value: Number, k: int) -> Rows:
    """Return the `k` rows whose scores are nearest to a value, the nearest first; of equal distances, the lower row.

    Distances are compared as they are, without rounding. Memory: proportional to `k`.

    Raises
    ------
    ValueError
        If fewer rows can be chosen.

    """
    sides = []
    found = 0
    for bounds, largest in _sides(value, *ranking.bounds):
        there = ranking.count(bounds)
        found += there
        sides.append(replace(ranking, bounds=bounds, largest=largest).best(min(k, there), "best_first"))
    if found < k:
        message = f"k is {k:,}, and {found:,} rows can be chosen; ask for at most as many"
        raise ValueError(message)
    rows = np.concatenate(sides) if sides else np.empty(0, np.int64)
    whole, rest = distances(ranking.scores_of(rows), value)
    return rows[np.lexsort((rows, rest, whole))[:k]]


def nearest_of_groups(ranking: Ranking, value: Number, codes: NDArray[np.uint32], quotas: NDArray[np.int64]) -> Rows:
    """Return of each group as many rows as its quota, those nearest to a value; the nearest of all first.

    `codes` are the groups of all rows. Of a group that has fewer, all are returned. Memory: proportional to the sum of
    the quotas.
    """
    sides = [np.empty(0, np.int64)]
    for bounds, largest in _sides(value, *ranking.bounds):
        side = replace(ranking, bounds=bounds, largest=largest)
        there = side.counts(codes, len(quotas))
        sides.append(side.best_of_groups(codes, np.minimum(quotas, there), "best_first"))
    rows = np.concatenate(sides)
    whole, rest = distances(ranking.scores_of(rows), value)
    rows = rows[np.lexsort((rows, rest, whole))]
    by_group = np.argsort(codes[rows], kind="stable")
    of = codes[rows[by_group]]
    place = np.arange(len(rows)) - np.searchsorted(of, of)
    taken = np.empty(len(rows), np.bool_)
    taken[by_group] = place < quotas[of]
    return rows[taken]


def count_as_near(ranking: Ranking, value: Number, score: Number) -> int:
    """Return how many rows that may be chosen are as far from a value as a score is, on both sides."""
    count = ranking.count((score, score))
    if math.isinf(score):
        return count
    other = 2 * Fraction(value) - Fraction(score)
    try:
        number: Number = int(other) if isinstance(score, int) else float(other)
    except OverflowError:
        return count  # which no score is
    low, high = ranking.bounds
    within = (low is None or other >= low) and (high is None or other <= high)
    if other == Fraction(score) or Fraction(number) != other or not within:
        return count
    return count + ranking.count((number, number))


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


def _sides(value: Number, low: Number | None, high: Number | None) -> list[tuple[Bounds, bool]]:
    """Return the bounds of the scores up to a value and of those above it, and which of each are near."""
    beyond: Number = value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)
    up_to = value if high is None else min(value, high)
    above = beyond if low is None else max(beyond, low)
    sides: list[tuple[Bounds, bool]] = []
    if low is None or low <= up_to:
        sides.append(((low, up_to), True))
    if high is None or above <= high:
        sides.append(((above, high), False))
    return sides

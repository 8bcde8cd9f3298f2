"""The scores between which a share of the candidates lies."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import checks
from dsdm.selection.rules.ranked.ranking import Bounds, Number, Ranking
from dsdm.selection.rules.rule import number

_SAMPLED = 1 << 16
"""Scores that are looked at for a guess of where a quantile lies."""
_MOST = 1 << 22
"""Scores that are read into memory to find one among them."""


def bounds_between(ranking: Ranking, low: Any, high: Any) -> Bounds:
    """Return the quantiles of the scores that may be chosen, as bounds.

    The quantile of a share `q` of `m` scores lies at the position ``q * (m - 1)`` of the ascending scores, and between
    two of them in proportion, in float64: as ``numpy.quantile`` has it by default (Hyndman and Fan 1996, type 7). Where
    float64 has no number between two integers, the bound is the one of them that is within; with both quantiles there,
    the lower bound is above the upper one, and no score between them.

    Raises
    ------
    ValueError
        For shares that are not from 0 to 1, or not in this order; if no row may be chosen.

    """
    shares = shares_of((low, high))
    # Of the scores, whatever noise a draw adds to them.
    ranking = replace(ranking, draw=None)
    count = ranking.count(ranking.bounds)
    if count == 0:
        message = "no row may be chosen, so that there is no quantile of their scores"
        raise ValueError(message)
    low, high = _quantile(ranking, shares[0], count, 1), _quantile(ranking, shares[1], count, 0)
    # Floats in proportion between the same two scores may be a rounding apart.
    return low, max(low, high) if isinstance(low, float) and isinstance(high, float) else high


def shares_of(quantile: Any) -> tuple[Fraction, Fraction]:
    """Return the two shares of a pair of quantiles.

    Raises
    ------
    TypeError
        For what is no pair of numbers.
    ValueError
        For shares that are not from 0 to 1, or not in this order.

    """
    if not isinstance(quantile, tuple | list) or len(quantile) != 2:  # noqa: PLR2004 - two ends
        message = f"quantile is {checks.said(quantile)}; two shares are needed: (low, high)"
        raise TypeError(message)
    shares = []
    for share in quantile:
        value = float(number("quantile", share))
        if not 0 <= value <= 1:
            message = f"quantile has the share {checks.said(share)}; a share is from 0 to 1"
            raise ValueError(message)
        shares.append(Fraction(repr(value)))
    low, high = shares
    if low > high:
        message = f"quantile is ({quantile[0]!r}, {quantile[1]!r}); the lower share comes first"
        raise ValueError(message)
    return low, high


def _quantile(ranking: Ranking, share: Fraction, count: int, within: int) -> Number:
    """Return the quantile of the scores of so many candidates, as a bound that has the end `within` of two scores."""
    place = share * (count - 1)
    below = int(place)
    if place == below:
        return ordered(ranking, below, count)
    ends = [ordered(ranking, at, count) for at in (below, below + 1)]
    if ends[0] == ends[1]:
        return ends[0]
    if math.isinf(ends[0]) or math.isinf(ends[1]):
        message = (
            f"the quantile {float(share):.4g} lies between the scores {ends[0]} and {ends[1]}, where there is none"
        )
        raise ValueError(message)
    between = _in_proportion(ends, place - below)
    # Rounded to one of two integers beyond 2^53, or past it, it would take a row outside, or leave out one within.
    is_between = ends[0] < between < ends[1]
    return ends[within] if isinstance(ends[0], int) and not is_between else between


def _in_proportion(ends: list[Number], part: Fraction) -> float:
    """Return the number between two others as numpy does; where their difference is no float64, as it is rounded."""
    low, high = map(float, ends)
    if math.isinf(high - low):
        return float(Fraction(ends[0]) + (Fraction(ends[1]) - Fraction(ends[0])) * part)
    return float(np.quantile(np.array([low, high]), float(part)))


def ordered(ranking: Ranking, place: int, count: int) -> Number:
    """Return the score at a position of the ascending scores of so many candidates.

    They are narrowed around it by the scores of a sample until they have room in memory: by two passes, or some more
    where many scores are equal.
    """
    left = _Left(ranking, place, count)
    sample = _sample(ranking)
    while left.is_much and not left.is_one:
        inside = left.within(sample)
        if len(inside) == 0:
            break  # All that is left lies between two scores of the sample.
        if inside[0] == inside[-1]:
            score = inside[0].item()
            left = left.split(_below(score)).split(score)
            continue
        slack = 3 * len(inside) ** 0.5 + 1
        guess = left.place / left.count * len(inside)
        wider = left
        for at in (guess - slack, guess + slack):
            left = left.split(inside[min(max(int(at), 0), len(inside) - 1)].item())
        if left is wider:
            # Both guesses are the largest score, of which there are many.
            left = left.split(_below(inside[-1].item()))
    return left.pick()


@dataclass(frozen=True)
class _Left:
    """The candidates among which a score lies: those within the bounds of a ranking."""

    ranking: Ranking
    place: int
    """The position of the score among them."""
    count: int

    @property
    def is_much(self) -> bool:
        """Whether it is far from the least and from the most of them."""
        return min(self.place, self.count - 1 - self.place) >= _MOST

    @property
    def is_one(self) -> bool:
        """Whether all of them have one score."""
        low, high = self.ranking.bounds
        return low is not None and low == high

    def within(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return the scores that lie in the same bounds, of ascending ones."""
        low, high = self.ranking.bounds
        start = 0 if low is None else int(np.searchsorted(scores, low, side="left"))
        end = len(scores) if high is None else int(np.searchsorted(scores, high, side="right"))
        return scores[start:end]

    def split(self, score: Number) -> "_Left":
        """Return those up to a score or those above it, whichever the place is among."""
        low, high = self.ranking.bounds
        if (low is not None and score < low) or (high is not None and score >= high):
            return self
        up_to = self.ranking.count((low, score))
        if self.place < up_to:
            return _Left(replace(self.ranking, bounds=(low, score)), self.place, up_to)
        rest = replace(self.ranking, bounds=(_above(score), high))
        return _Left(rest, self.place - up_to, self.count - up_to)

    def pick(self) -> Number:
        """Return the score, which is read with those before it or those behind it."""
        from_end = self.count - self.place
        if self.is_one:
            rows = self.ranking.best(1, "row")
        elif self.place < from_end:
            rows = replace(self.ranking, largest=False).best(self.place + 1, "best_first")
        else:
            rows = replace(self.ranking, largest=True).best(from_end, "best_first")
        found: Number = self.ranking.scores_of(rows[-1:])[0].item()
        return found


def _sample(ranking: Ranking) -> NDArray[Any]:
    """Return some of the scores, ascending."""
    rows = np.unique(np.linspace(0, ranking.n - 1, min(ranking.n, _SAMPLED)).astype(np.int64))
    scores = ranking.scores_of(rows)
    return np.sort(scores[scores == scores])  # noqa: PLR0124 - NaN is none of them


def _below(score: Number) -> Number:
    return score - 1 if isinstance(score, int) else math.nextafter(score, -math.inf)


def _above(score: Number) -> Number:
    return score + 1 if isinstance(score, int) else math.nextafter(score, math.inf)

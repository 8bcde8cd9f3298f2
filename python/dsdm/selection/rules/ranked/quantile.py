"""The scores between which a share of the candidates lies."""

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from dsdm import checks
from dsdm.selection.rules.ranked.ranking import Bounds, Number, Ranking
from dsdm.selection.rules.rule import as_written


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
    count, ends = replace(ranking, draw=None).at_shares(shares)
    if count == 0:
        message = "no row may be chosen, so that there is no quantile of their scores"
        raise ValueError(message)
    low = _quantile(shares[0], ends[0], count, within=1)
    high = _quantile(shares[1], ends[1], count, within=0)
    # Floats in proportion between the same two scores may be a rounding apart.
    return low, max(low, high) if isinstance(low, float) and isinstance(high, float) else high


def shares_of(quantile: Any) -> tuple[Decimal, Decimal]:
    """Return the two shares of a pair of quantiles, as they are written.

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
        value = as_written("quantile", share)
        if not 0 <= value <= 1:
            message = f"quantile has the share {checks.said(share)}; a share is from 0 to 1"
            raise ValueError(message)
        shares.append(Decimal(repr(value)))
    low, high = shares
    if low > high:
        message = f"quantile is ({quantile[0]!r}, {quantile[1]!r}); the lower share comes first"
        raise ValueError(message)
    return low, high


def _quantile(share: Decimal, ends: tuple[Number, Number], count: int, *, within: int) -> Number:
    """Return the quantile of so many scores that lies between two of them, as a bound that has the end `within`."""
    if ends[0] == ends[1]:
        return ends[0]
    if math.isinf(ends[0]) or math.isinf(ends[1]):
        message = (
            f"the quantile {float(share):.4g} lies between the scores {ends[0]} and {ends[1]}, where there is none"
        )
        raise ValueError(message)
    between = in_proportion(ends, Fraction(share) * (count - 1) % 1)
    # Rounded to one of two integers beyond 2^53, or past it, it would take a row outside, or leave out one within.
    is_between = ends[0] < between < ends[1]
    return ends[within] if isinstance(ends[0], int) and not is_between else between


def in_proportion(ends: tuple[Number, Number], part: Fraction) -> float:
    """Return the number between two others as numpy does; where their difference is no float64, as it is rounded."""
    low, high = map(float, ends)
    if math.isinf(high - low):
        return float(Fraction(ends[0]) + (Fraction(ends[1]) - Fraction(ends[0])) * part)
    return float(np.quantile(np.array([low, high]), float(part)))

"""Bins of a histogram: their edges, which say exactly which bin a value is in, and how many values each holds."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native
from dsdm.reporting.facts import Histogram
from dsdm.selection.rules.ranked.ranking import Number

_EXACT = 2**53
"""Whole numbers below this are float64, and so is the next."""


def even_edges(least: Number, most: Number, number: int) -> NDArray[np.float64]:
    """Return the edges of bins of equal width, between two finite values: those of one bin at least.

    There are so many bins, or fewer where float64 has too few numbers between the ends. Of an integer that float64 does
    not hold, the end is the number beyond, so that the bins have room for it.
    """
    low, high = float(least), float(most)
    low = math.nextafter(low, -math.inf) if low > least else low
    high = math.nextafter(high, math.inf) if high < most else high
    part = np.arange(number + 1)
    with np.errstate(over="ignore"):
        span = float(np.subtract(high, low))
    # The difference of two floats can be larger than all of them.
    edges = low + span * part / number if math.isfinite(span * number) else _between(low, high, part / number)
    edges[0], edges[-1] = low, high
    found: NDArray[np.float64] = np.unique(np.clip(edges, low, high))
    return found if len(found) > 1 else np.repeat(found, 2)


def whole_edges(least: Number, most: Number, number: int) -> NDArray[np.float64] | None:
    """Return the edges of a bin for each of the whole numbers between two, of which there are two or more.

    None for other ends, and for more numbers than bins.

    The upper edge of the last bin is the number beyond, which no value is.
    """
    if least != (low := math.floor(least)) or most != (high := math.floor(most)) or not 0 < high - low < number:
        return None
    return None if max(abs(low), abs(high)) >= _EXACT else np.arange(low, high + 2, dtype=np.float64)


def histogram_of_labels(
    edges: NDArray[np.float64], every: Any, chosen: Any, finite: int, threads: int | None
) -> Histogram | None:
    """Return how many of all values, of which so many are finite, are each of the lower edges, and of the chosen ones.

    None where any is another number: this is found out in the pass that counts them.
    """
    exact = np.stack([edges, np.nextafter(edges, np.inf)], axis=1).reshape(-1).tolist()
    counts, mine = (_native.histogram(values, exact, threads)[0][::2].tolist() for values in (every, chosen))
    # The last edge is that of no bin: the number beyond.
    return Histogram(edges.tolist(), counts[:-1], mine[:-1]) if sum(counts[:-1]) == finite else None


def histogram_of(edges: NDArray[np.float64], every: Any, chosen: Any, threads: int | None) -> Histogram:
    """Return how many of all values lie in each bin, and of the chosen ones; both as the engine takes them.

    A value is in the last bin whose lower edge is not above it, and in the last one at its end too. Values and edges
    are compared as the numbers that they are.
    """
    counts, mine = (_native.histogram(values, edges.tolist(), threads)[0].tolist() for values in (every, chosen))
    return Histogram(edges.tolist(), counts, mine)


def _between(least: float, most: float, part: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = least * (1 - part) + most * part
    return found

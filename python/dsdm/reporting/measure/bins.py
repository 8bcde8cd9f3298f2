"""Bins of a histogram, with edges that say exactly which bin a value is in."""

import math

import numpy as np
from numpy.typing import NDArray

_WIDE = 1e-6
"""A span this wide, by the larger of its ends, has bins that arithmetic finds but for one."""


class Bins:
    """Bins of equal width between two finite values.

    A value is in the last bin whose lower edge is not above it; the greatest value is in the last bin. Values are
    compared as float64.
    """

    def __init__(self, least: float, most: float, number: int) -> None:
        """Cut the span into so many bins; fewer where float64 has too few numbers between its ends."""
        part = np.arange(number + 1)
        with np.errstate(over="ignore"):
            span = float(np.subtract(most, least))
        # The difference of two floats can be larger than all of them.
        edges = least + span * part / number if math.isfinite(span * number) else _between(least, most, part / number)
        edges[0], edges[-1] = least, most
        self.edges: NDArray[np.float64] = np.unique(np.clip(edges, least, most))
        if len(self.edges) == 1:
            self.edges = np.repeat(self.edges, 2)
        scale = number / span if span else math.inf
        wide = math.isfinite(span) and span > _WIDE * max(abs(least), abs(most))
        self._even = len(self.edges) == number + 1 and wide and math.isfinite(scale)
        self._least, self._scale = least, scale

    def __len__(self) -> int:
        """Return how many bins there are."""
        return len(self.edges) - 1

    def counts(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many of the values, all of which lie between the ends, each bin holds."""
        return np.bincount(self.places(values), minlength=len(self)).astype(np.int64, copy=False)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the bin of each value."""
        last = len(self) - 1
        if not self._even:
            found = np.searchsorted(self.edges, values, side="right") - 1
            return np.minimum(found, last)
        # Rounding may lead into a neighbour: the edges decide.
        found = np.minimum(((values - self._least) * self._scale).astype(np.intp), last)
        found -= values < self.edges[found]
        found += (values >= self.edges[found + 1]) & (found < last)
        return found


def _between(least: float, most: float, part: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = least * (1 - part) + most * part
    return found

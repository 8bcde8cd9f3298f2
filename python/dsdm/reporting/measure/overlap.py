"""Rows that selections share."""

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dsdm.reporting.facts import Overlap, SelectionFacts
from dsdm.rows.row_numbers import interruptibly


def overlaps(known: Sequence[SelectionFacts], rows: Sequence[NDArray[np.int64] | None]) -> list[Overlap]:
    """Return what each pair of selections shares whose rows are known: within a method first.

    `rows` are those of each selection, ascending.
    """
    distinct = [None if some is None else _distinct(some) for some in rows]
    found = []
    for first, second in combinations(range(len(known)), 2):
        one, other = distinct[first], distinct[second]
        if one is None or other is None:
            continue
        small, large = (one, other) if len(one) <= len(other) else (other, one)
        shared = interruptibly(partial(_shared, small, large), len(small))
        either = len(one) + len(other) - shared
        method = known[first].method if known[first].method == known[second].method else None
        jaccard = shared / either if either else None
        found.append(Overlap(first, second, shared, either, jaccard, method))
    return sorted(found, key=lambda pair: (pair.method is None, pair.method or "", pair.first, pair.second))


def _shared(small: NDArray[np.int64], large: NDArray[np.int64]) -> int:
    """Return how many rows of one are in the other; both ascend, and have each once."""
    places = np.searchsorted(large, small)
    inside = places < len(large)
    return int((large[places[inside]] == small[inside]).sum())


def _distinct(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows that ascend, each once."""
    if len(rows) == 0:
        return rows
    return rows[np.concatenate([[True], rows[1:] != rows[:-1]])]

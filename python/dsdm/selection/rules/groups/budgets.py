"""A budget of tokens for each group."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.rules.groups.quotas import Groups
from dsdm.selection.rules.ranked.ranking import Ranking, Rows
from dsdm.selection.rules.sizes.budget import Lengths, within

_HALF = 26
"""Bits of a length that are added up at once: floats add up as many as there can be without rounding."""
_SPARE = 64
"""Rows by which guesses are raised, and a sixteenth."""


def tokens_of(ranking: Ranking, groups: Groups, lengths: Lengths) -> NDArray[np.int64]:
    """Return the sum of the lengths of the rows of each group that may be chosen: one pass.

    Raises
    ------
    ValueError
        If those of a group are 2^63 or more.

    """
    sums = [0] * len(groups)
    for rows in ranking.candidates():
        of, length = groups.codes[rows], lengths.of(rows)
        parts = [
            np.bincount(of, weights=part.astype(np.float64), minlength=len(groups)).astype(object)
            for part in (length & (2**_HALF - 1), length >> _HALF)
        ]
        sums = [total + int(low) + (int(high) << _HALF) for total, low, high in zip(sums, *parts, strict=True)]
    if any(total >= 2**63 for total in sums):
        message = "the lengths of a group add up to 2^63 and more; give them in a larger unit"
        raise ValueError(message)
    return np.array(sums, np.int64)


def rows_within_each(
    best: Callable[[NDArray[np.int64]], Rows],
    groups: Groups,
    counts: NDArray[np.int64],
    lengths: Lengths,
    budgets: NDArray[np.int64],
    *,
    at_least: bool,
) -> Rows:
    """Return the best rows of each group that its budget has room for, best first over all groups.

    `best` gives so many of each group, best first over all of them.
    So many of each group are looked at as may fit by the lengths of some rows; more of those groups of which all did.
    """
    mean = lengths.mean()
    quotas = counts if mean == 0 else np.minimum(counts, budgets / mean * 17 / 16 + _SPARE).astype(np.int64)
    while True:
        rows = best(quotas)
        by_group = rows[np.argsort(groups.codes[rows], kind="stable")]
        starts = np.concatenate([[0], np.cumsum(quotas)])
        taken, lacking = [], np.zeros(len(groups), np.bool_)
        for group, budget in enumerate(budgets.tolist()):
            mine = by_group[starts[group] : starts[group + 1]]
            ends = lengths.ends(mine)
            fitting = 0 if budget == 0 and at_least else within(budget, ends, at_least=at_least)
            lacking[group] = fitting is None and len(mine) < counts[group]
            taken.append(mine[:fitting])
        if not lacking.any():
            # As the engine ranked them, which may not be by their scores.
            return rows[np.isin(rows, np.concatenate(taken))] if taken else rows
        quotas = np.where(lacking, np.minimum(counts, 2 * quotas + _SPARE), quotas)

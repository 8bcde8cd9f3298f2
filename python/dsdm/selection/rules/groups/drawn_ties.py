"""Rows that tie at the cuts of groups, drawn by a seed."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.rules.groups.budgets import rows_within_each
from dsdm.selection.rules.groups.quotas import Groups
from dsdm.selection.rules.ranked.ranking import Ranking, Rows
from dsdm.selection.rules.sizes.budget import Lengths
from dsdm.selection.seeds import word_of


class DrawnTies:
    """The best rows of each group, of which those with its worst score are drawn from all that have it."""

    def __init__(self, ranking: Ranking, groups: Groups, rows: Rows) -> None:
        """Take the best rows of each group, best first, and look for all that tie with the worst of each: one pass.

        Memory: one byte for each row of the vector.
        """
        values, codes = ranking.scores_of(rows), groups.codes[rows]
        worst = np.zeros(len(groups), values.dtype)
        # Rows come best first, so that the last of each group is what remains.
        worst[codes] = values
        at_cut = values == worst[codes]
        self._ranking, self._groups = ranking, groups
        self._better = rows[~at_cut]
        self._taken = np.bincount(codes[at_cut], minlength=len(groups)).astype(np.int64)
        self._tied = np.zeros(len(groups), np.int64)
        out = np.ones(ranking.n, np.uint8)
        for some in ranking.candidates():
            of = groups.codes[some]
            ties = (ranking.scores_of(some) == worst[of]) & (self._taken[of] > 0)
            out[some[ties]] = 0
            self._tied += np.bincount(of[ties], minlength=len(groups))
        draw = word_of(ranking.seed), 1.0
        self._noise = replace(ranking, scores=ranking.zeros(), excluded=out, bounds=(None, None), draw=draw)

    def drawn(self) -> Rows:
        """Return as many rows of each group, best first."""
        return self._best_first(self._noise.best_of_groups(self._groups.codes, self._taken, "row"))

    def drawn_within(self, lengths: Lengths, budgets: NDArray[np.int64], *, at_least: bool) -> Rows:
        """Return the rows of each group that its budget has room for, best first."""
        spent = [0] * len(self._groups)
        for group, length in zip(
            self._groups.codes[self._better].tolist(), lengths.of(self._better).tolist(), strict=True
        ):
            spent[group] += length

        def best(quotas: NDArray[np.int64]) -> Rows:
            return self._noise.best_of_groups(self._groups.codes, quotas, "best_first")

        left = budgets - np.array(spent, np.int64)
        return self._best_first(rows_within_each(best, self._groups, self._tied, lengths, left, at_least=at_least))

    def _best_first(self, ties: Rows) -> Rows:
        """Return these ties with the better rows."""
        found = np.concatenate([self._better, ties])
        _, places = np.unique(self._ranking.scores_of(found), return_inverse=True)
        return found[np.lexsort((found, -places if self._ranking.largest else places))]

"""A budget of tokens: the best rows whose lengths add up to at most so many."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, arrays
from dsdm.selection.inputs import ScoresLike
from dsdm.selection.rules.origin import values_of
from dsdm.selection.rules.ranked.ranking import Ranking, Rows
from dsdm.selection.rules.ranked.ties import drawn, equal

_SAMPLED = 4096
"""Rows whose lengths are looked at for a first guess of how many fit."""
_SPARE = 1024
"""Rows by which guesses are raised, and a sixteenth."""


class LazyLengths(ABC):
    """The length of each row, found when it is asked for."""

    dtype = np.dtype(np.int64)

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def __getitem__(self, rows: Rows) -> NDArray[np.int64]:
        """Return the lengths of rows."""


class FirstLengths(LazyLengths):
    """The lengths of the first rows."""

    def __init__(self, lengths: LazyLengths, n: int) -> None:
        """Take so many of them."""
        self._lengths, self._n = lengths, n

    @property
    def origin(self) -> Any:
        """Where they lie."""
        return getattr(self._lengths, "origin", None)

    @property
    def type(self) -> Any:
        """Of the values that have these lengths, where that is known."""
        return getattr(self._lengths, "type", None)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._n

    def __getitem__(self, rows: Rows) -> NDArray[np.int64]:
        """Return the lengths of rows."""
        return self._lengths[rows]


class Lengths:
    """The length of each row: a whole number, of tokens or whatever the budget counts."""

    def __init__(self, lengths: ScoresLike | LazyLengths, n: int) -> None:
        """Take one length for each of `n` rows.

        Raises
        ------
        TypeError
            If they are no whole numbers.
        ValueError
            If there are more or fewer of them.

        """
        lengths = values_of(lengths)
        if not isinstance(lengths, _native.Scores | LazyLengths):
            lengths = arrays.vector("lengths", lengths)
            if lengths.ndim != 1:
                message = f"lengths have shape {lengths.shape}; one length per row is needed: (n,)"
                raise ValueError(message)
            if lengths.size == 0 and lengths.dtype == np.float64:
                lengths = lengths.astype(np.int64)  # of an empty list
        dtype = np.dtype(lengths.dtype) if not isinstance(lengths.dtype, str) else None
        if dtype is None or dtype.kind not in "iu":
            message = f"lengths are {lengths.dtype}; whole numbers are needed, such as the tokens of each row"
            raise TypeError(message)
        if len(lengths) != n:
            message = f"{len(lengths):,} lengths, {n:,} scores: each row needs one of both"
            raise ValueError(message)
        self._lengths = lengths
        self.n = n

    def of(self, rows: Rows) -> NDArray[np.int64]:
        """Return the lengths of rows.

        Raises
        ------
        ValueError
            For a length below 0, or one that int64 has no room for, with its row.

        """
        found: NDArray[Any] = self._lengths[rows]
        wrong = (found < 0) | (found > np.iinfo(np.int64).max)
        if wrong.any():
            at = int(wrong.argmax())
            message = f"lengths[{rows[at]}] is {found[at]}; a length is at least 0 and below 2^63"
            raise ValueError(message)
        return found.astype(np.int64, copy=False)

    def ends(self, rows: Rows) -> NDArray[np.int64]:
        """Return the sum of the lengths up to each of the rows, and with it.

        Raises
        ------
        ValueError
            If all together are 2^63 or more.

        """
        sums = np.cumsum(self.of(rows), dtype=np.int64)
        if len(sums) and sums.min() < 0:
            message = "the lengths add up to 2^63 and more; give them in a larger unit"
            raise ValueError(message)
        return sums

    def mean(self) -> float:
        """Return the mean length of some rows."""
        some = np.linspace(0, self.n - 1, min(self.n, _SAMPLED)).astype(np.int64)
        return float(self.of(some).mean()) if len(some) else 0.0

    def guess(self, budget: int) -> int:
        """Return how many rows fit into a budget, by the lengths of some."""
        mean = self.mean()
        return self.n if mean == 0 else min(self.n, int(budget / mean * 17 / 16) + _SPARE)


def within(budget: int, ends: NDArray[np.int64], *, at_least: bool) -> int | None:
    """Return how many of the first rows a budget has room for, by the sums of their lengths; None if more rows may fit.

    With `at_least`, the row that reaches the budget is the last one.
    """
    if at_least:
        reached = int(np.searchsorted(ends, budget, side="left"))
        return None if reached == len(ends) else reached + 1
    fitting = int(np.searchsorted(ends, budget, side="right"))
    return None if fitting == len(ends) else fitting


def rows_within(
    ranked: Callable[[int], Rows], most: int, lengths: Lengths, budget: int, *, at_least: bool
) -> tuple[Rows, int]:
    """Return the first rows that a budget has room for, and the sum of their lengths.

    Raises
    ------
    ValueError
        With `at_least`, if all rows together do not reach the budget.

    """
    k = min(most, lengths.guess(budget))
    while True:
        rows = ranked(k)
        ends = lengths.ends(rows)
        taken = 0 if budget == 0 and at_least else within(budget, ends, at_least=at_least)
        if taken is None and k < most:
            total = int(ends[-1]) if k else 0
            k = min(most, max(2 * k, int(k * (budget / total)) if total else most) + _SPARE)
            continue
        if taken is None and at_least:
            total = int(ends[-1]) if k else 0
            message = f"tokens is {budget:,}, and the {most:,} rows that can be chosen have {total:,}; ask for no more"
            raise ValueError(message)
        taken = k if taken is None else taken
        return rows[:taken], int(ends[taken - 1]) if taken else 0


def within_drawn_ties(
    ranking: Ranking, rows: Rows, lengths: Lengths, budget: int, *, at_least: bool
) -> tuple[Rows, int]:
    """Return the best rows that a budget has room for, where rows of one score are taken in the order of a draw.

    The score is that of the row with which the budget ends: of the first that finds no room, or the last that is taken.
    """
    if at_least and not len(rows):
        return rows, 0
    ranked = rows if at_least else ranking.best(len(rows) + 1, "best_first")
    values = ranking.scores_of(ranked)
    worst = values[-1]
    if worst != worst:  # noqa: PLR0124 - NaN
        return rows, int(lengths.of(rows).sum())
    better = ranked[: int(np.argmax(equal(values, worst)))]
    spent = int(lengths.of(better).sum())
    score = worst.item()
    tied = ranking.count((score, score))
    of_tied = partial(drawn, ranking, score, order="best_first")
    taken, more = rows_within(of_tied, tied, lengths, budget - spent, at_least=at_least)
    return np.concatenate([better, np.sort(taken)]), spent + more

"""The candidates of a choice and how they are ranked: what every rule asks the engine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsdm import _native

Rows: TypeAlias = NDArray[np.int64]
Number: TypeAlias = int | float
Bounds: TypeAlias = tuple[Number | None, Number | None]


_FAR = 1 << 100
"""Scores that are integers lie between minus this and this, far from both."""
_AT_ONCE = 1 << 22
"""Rows that are looked at together where every candidate is wanted."""


@dataclass(frozen=True)
class Ranking:
    """Scores, which of their rows may be chosen, and which of them is the better one."""

    scores: Any
    """As the engine takes them."""
    n: int
    """Rows of the vector."""
    largest: bool
    draw: tuple[int | tuple[int, int], float] | None
    """The noise of a draw and its temperature; None ranks by the scores themselves."""
    nan: str
    excluded: Any
    bounds: Bounds
    threads: int | None
    seed: int = 0
    """Of a draw, of rows or of those that tie."""

    @property
    def first_row(self) -> int:
        """The number of the first row in the whole that the scores are a slice of: noise by row counts from it."""
        return self.scores.first_row if isinstance(self.scores, _native.Scores) else 0

    def zeros(self) -> Any:
        """Return as many scores of 0, for a draw of rows by noise alone."""
        return np.zeros(self.n, np.uint8), "int8", self.first_row

    def options(self, order: str, bounds: Bounds | None = None) -> Any:
        """Return what the engine calls options."""
        return order, self.nan, self.excluded, self.bounds if bounds is None else bounds

    def count(self, bounds: Bounds | None = None) -> int:
        """Return how many rows may be chosen, between other bounds if some are given: one pass."""
        if self.draw is not None and bounds is None:
            # A score of -inf is never drawn.
            return int(self.counts(np.zeros(self.n, np.uint32), 1)[0])
        return _native.count_between(self.scores, self.options("row", bounds), self.threads)

    def counts_between(self, bounds: Sequence[Bounds]) -> list[int]:
        """Return how many rows have a score between each of some bounds, whatever bounds there are else: one pass."""
        return _native.counts_between(self.scores, self.options("row"), list(bounds), self.threads)

    def at_shares(self, shares: Sequence[Decimal]) -> tuple[int, list[tuple[Number, Number]]]:
        """Return how many rows may be chosen by their scores, and the scores below and above each share: one pass.

        A share lies at the place ``share * (count - 1)`` of the ascending scores; both are one if it is a score.
        There are none of no rows.
        """
        given = [_digits(share) for share in shares]
        return _native.scores_at_shares(self.scores, given, self.options("row"), self.threads)

    def nearest(self, k: int, value: Number) -> Rows:
        """Return the `k` rows whose scores are nearest to a value, the nearest first."""
        return _native.nearest(self.scores, k, _near(value), self.options("best_first"), self.threads)

    def nearest_of_groups(self, groups: NDArray[np.uint32], quotas: NDArray[np.int64], value: Number) -> Rows:
        """Return the rows of each group whose scores are nearest to a value, in one order over all groups."""
        options, rank = self.options("best_first"), (_near(value),)
        whole = quotas.astype(np.uint64)
        return _native.best_of_groups(self.scores, rank, (groups, len(whole)), whole, options, self.threads)

    def between(self) -> tuple[Rows, tuple[int, int] | None]:
        """Return all rows that may be chosen by their scores, ascending: one pass.

        With them comes the first row of the worst score among them, and how many have it.
        """
        return _native.rows_between(self.scores, self.largest, self.options("row"), self.threads)

    def counts(self, groups: NDArray[np.uint32], number: int) -> NDArray[np.int64]:
        """Return how many rows of each group may be chosen: one pass."""
        found = _native.count_of_groups(self.scores, self._rank, (groups, number), self.options("row"), self.threads)
        return found.astype(np.int64)

    def best(self, k: int, order: str) -> Rows:
        """Return the `k` best rows."""
        if self.draw is None:
            return _native.top_k(self.scores, k, self.largest, self.options(order), self.threads)
        noise, temperature = self.draw
        return _native.gumbel_top_k(self.scores, k, noise, temperature, self.options(order), self.threads)

    def best_of_groups(self, groups: NDArray[np.uint32], quotas: NDArray[np.int64], order: str) -> Rows:
        """Return the best rows of each group, in one order over all groups."""
        whole = quotas.astype(np.uint64)
        options = self.options(order)
        return _native.best_of_groups(self.scores, self._rank, (groups, len(whole)), whole, options, self.threads)

    def scores_of(self, rows: Rows) -> NDArray[Any]:
        """Return the scores of rows."""
        if isinstance(self.scores, _native.Scores):
            return self.scores[rows]
        values, name = self.scores
        return values.view(name)[rows] if name != "bfloat16" else _bfloat16(values)[rows]

    def candidates(self) -> Iterator[Rows]:
        """Yield the rows that may be chosen, ascending, some at a time."""
        for start in range(0, self.n, _AT_ONCE):
            part = self._part(start, min(self.n, start + _AT_ONCE))
            rows, _ = part.between()
            if self.draw is not None:
                # A score of -inf is never drawn.
                rows = rows[part.scores_of(rows) != -np.inf]
            yield rows + start

    def _part(self, start: int, end: int) -> "Ranking":
        """Return the ranking of a run of rows by their scores."""
        if isinstance(self.scores, _native.Scores):
            scores: Any = self.scores.slice(start, end)
        else:
            values, name = self.scores
            width = len(values) // self.n
            scores = values[start * width : end * width], name
        excluded = self.excluded
        if excluded is not None and excluded.dtype == np.uint8:
            excluded = excluded[start:end]
        elif excluded is not None:
            excluded = excluded[(excluded >= start) & (excluded < end)] - start
        return replace(self, scores=scores, n=end - start, draw=None, largest=True, excluded=excluded)

    @property
    def _rank(self) -> Any:
        return self.largest if self.draw is None else self.draw


def _digits(share: Decimal) -> tuple[int, int]:
    """Return the digits of a share, and how many of them stand behind the point."""
    _, digits, exponent = share.as_tuple()
    return int("".join(map(str, digits))), -int(exponent)


def _near(value: Number) -> Number:
    """Return a value that the engine takes: an integer that is as far beyond all scores, if it is longer."""
    return min(max(value, -_FAR), _FAR) if isinstance(value, int) else value


def _bfloat16(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def in_order(rows: Rows, order: str) -> Rows:
    """Return rows that come best first in another order."""
    if order == "row":
        return np.sort(rows)
    return rows[::-1].copy() if order == "best_last" else rows

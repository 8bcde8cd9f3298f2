"""Rows to look at: the best and the worst that were chosen, the best that were not, and what they hold."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.reporting.facts import Example, Examples
from dsdm.reporting.measure.texts import Texts
from dsdm.reporting.measure.vector import Vector
from dsdm.reporting.record.opened import Opened
from dsdm.selection.rules.ranked.near import distances, nearest
from dsdm.selection.rules.ranked.ranking import Rows


class Order:
    """Which scores a rule finds better: large ones, small ones, or those near to a value."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Take what is told of a rule; one that draws prefers large scores."""
        self.largest = arguments.get("largest") is not False
        self.near = arguments.get("near")
        asked = arguments.get("nan")
        self.nan = asked if asked in ("largest", "smallest") else "omit"

    def ends(self, values: NDArray[Any], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of the best values, best first, and of the worst, worst first.

        Of equal ones, the first is the best.
        """
        if self.near is not None:
            whole, rest = distances(values, self.near)
            order = np.lexsort((np.arange(len(values)), rest, whole))
            return order[:count], order[::-1][:count]
        count = min(count, len(values))
        best = Vector(values, None).ranking(largest=self.largest, nan=self.nan).best(count, "best_first")
        last = np.ascontiguousarray(values[::-1])
        worst = Vector(last, None).ranking(largest=not self.largest, nan=self.nan).best(count, "best_first")
        return best, len(values) - 1 - worst


def examples_of(
    opened: Opened, rows: Rows, values: NDArray[Any], order: Order, texts: Texts | None, count: int
) -> Examples:
    """Return so many rows of each kind: `rows` were chosen and ascend, `values` are their scores."""
    # Copies of a row are shown once.
    once = np.append(True, rows[1:] != rows[:-1])[: len(rows)]
    rows, values = rows[once], values[once]
    best, worst = order.ends(values, count)
    others = _not_chosen(opened, rows, order, count)
    chosen = [(int(rows[at]), _number(values[at])) for at in [*best, *worst]]
    rest = [(int(row), _number(score)) for row, score in others]
    wanted = np.array([row for row, _ in [*chosen, *rest]], np.int64)
    shown = [(None, False)] * len(wanted) if texts is None else texts.of(wanted)
    found = [
        Example(row, score, text, is_cut) for (row, score), (text, is_cut) in zip([*chosen, *rest], shown, strict=True)
    ]
    return Examples(found[: len(best)], found[len(best) : len(chosen)], found[len(chosen) :])


def _not_chosen(opened: Opened, rows: Rows, order: Order, count: int) -> list[tuple[Any, Any]]:
    """Return the best rows that were neither chosen nor excluded, with their scores."""
    excluded = opened.excluded
    if excluded is not None and excluded.dtype == np.uint8:
        excluded = excluded.copy()
        excluded[rows] = 1
    else:
        excluded = rows if excluded is None else np.concatenate([rows, excluded])
    ranking = opened.vector.ranking(largest=order.largest, nan=order.nan, excluded=excluded)
    count = min(count, ranking.count())
    if count == 0:
        return []
    found = ranking.best(count, "best_first") if order.near is None else nearest(ranking, order.near, count)
    return list(zip(found, ranking.scores_of(found), strict=True))


def _number(score: Any) -> int | float:
    number: int | float = score.item()
    return number

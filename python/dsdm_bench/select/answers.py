"""Checks that the rows of a system are the right ones, as far as its documentation promises which they are."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.select.oracle import Expected
from dsdm_bench.select.tasks import Operation, Task

_ROUNDING = 1e-13  # relative: the logarithms of numpy and of dsdm differ in their last bits
_SIGMAS = 6


class Promise(StrEnum):
    """What can be asked of the rows that a system returns. The text is what the report says of them."""

    order = "exact rows in order"
    close = "exact rows in order, but for the last bits of a logarithm"
    rows = "exact rows"
    values = "rows of the right values"
    draw = "a draw of the right mean"


def check(promise: Promise, task: Task, right: Expected, found: NDArray[Any]) -> str:
    """Compare rows with the right ones, and return what was found right.

    Raises
    ------
    WrongAnswerError
        If they are wrong, saying how.

    """
    rows = np.asarray(found)
    if rows.shape != (task.k,) or rows.dtype.kind not in "iu":
        message = f"{rows.dtype} of shape {rows.shape} in place of {task.k:,} row numbers"
        raise WrongAnswerError(message)
    rows = rows.astype(np.int64, copy=False)
    if promise is not Promise.order:
        _check_distinct(rows, task.rows)
    wrong = _CHECKS[promise](task, right, rows)
    if wrong:
        raise WrongAnswerError(wrong)
    return promise.value


def _check_distinct(rows: NDArray[np.int64], population: int) -> None:
    if rows.min() < 0 or rows.max() >= population:
        message = f"rows from {rows.min():,} to {rows.max():,} of {population:,}"
        raise WrongAnswerError(message)
    seen = np.zeros(population, np.bool_)
    seen[rows] = True
    repeats = len(rows) - int(np.count_nonzero(seen))
    if repeats:
        message = f"{repeats:,} rows are given more than once"
        raise WrongAnswerError(message)


def _order(_: Task, right: Expected, rows: NDArray[np.int64]) -> str:
    differing = np.flatnonzero(rows != right.rows)
    if not len(differing):
        return ""
    at = differing[0]
    return f"{len(differing):,} rows differ, first at {at:,}: {rows[at]:,} in place of {right.rows[at]:,}"


def _close(_: Task, right: Expected, rows: NDArray[np.int64]) -> str:
    gaps = np.abs(right.keys[rows] - right.keys[right.rows])
    far = gaps > _ROUNDING * np.maximum(1, np.abs(right.keys[right.rows]))
    return f"{np.count_nonzero(far):,} rows have another key than they must" if far.any() else ""


def _rows(_: Task, right: Expected, rows: NDArray[np.int64]) -> str:
    missing = np.count_nonzero(np.sort(rows) != np.sort(right.rows))
    return f"about {missing:,} rows are others" if missing else ""


def _values(_: Task, right: Expected, rows: NDArray[np.int64]) -> str:
    differing = np.count_nonzero(np.sort(right.keys[rows]) != np.sort(right.keys[right.rows]))
    return f"about {differing:,} values are others" if differing else ""


def _draw(task: Task, right: Expected, rows: NDArray[np.int64]) -> str:
    """Compare the mean scores of two draws, or the mean rows of two uniform ones, by their standard error."""
    drawn, known = (
        chosen.astype(np.float64) if task.operation is Operation.sample else task.arrays[0][chosen].astype(np.float64)
        for chosen in (rows, right.rows)
    )
    gap, error = abs(drawn.mean() - known.mean()), known.std() * np.sqrt(2 / len(known))
    if len(known) == task.rows or gap <= _SIGMAS * error:
        return ""
    return f"the mean of what was drawn is {drawn.mean():.6g} in place of {known.mean():.6g}"


_CHECKS: dict[Promise, Callable[[Task, Expected, NDArray[np.int64]], str]] = {
    Promise.order: _order,
    Promise.close: _close,
    Promise.rows: _rows,
    Promise.values: _values,
    Promise.draw: _draw,
}

"""Rows that are chosen more than once: whole copies, and systematic resampling by weight."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import default_memory_limit
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.groups.quotas import Groups
from dsdm.selection.rules.ranked.ranking import Ranking, Rows
from dsdm.selection.rules.rule import LEAVES_OUT, Rule, at_least_one
from dsdm.selection.rules.sizes.budget import Lengths

_NAMED = f"name every group, with at least 1 copy, also one of which nothing is chosen; {LEAVES_OUT}"
"""What to do where a mapping of copies does not name some groups."""


def check_copies(rule: Rule, groups: Groups) -> None:
    """Refuse copies by group that do not name all groups, or name others: before anything is chosen.

    Raises
    ------
    ValueError
        With the names.

    """
    if isinstance(rule.repeat, Mapping):
        _copies_of(rule.repeat, groups)


def _copies_of(repeat: Mapping[Any, Any], groups: Groups) -> list[int]:
    """Return how many copies of the rows of each group are asked for."""
    return [at_least_one("repeat", copies) for copies in groups.by_name("repeat", repeat, _NAMED)]


def copied(rule: Rule, chosen: Selection, groups: Groups | None) -> Selection:
    """Return a selection with so many copies of its rows as a rule asks for.

    Raises
    ------
    TypeError, ValueError
        For what is no number of at least 1, and for a mapping that does not name each group.

    """
    if groups is not None and isinstance(rule.repeat, Mapping):
        each = _copies_of(rule.repeat, groups)
        of_rows = groups.codes[chosen.indices]
        counts = np.bincount(of_rows, minlength=len(each)).tolist()
        _refuse_many("repeat", sum(count * copies for count, copies in zip(counts, each, strict=True)))
        rows = _in_copies(chosen.indices, np.array(each, np.int64)[of_rows], rule.order)
        words = f"with the copies of {len(each):,} groups"
    else:
        copies = at_least_one("repeat", rule.repeat)
        if copies == 1:
            return chosen
        _refuse_many("repeat", len(chosen) * copies)
        rows, words = np.tile(chosen.indices, copies), f"{copies:,} times"
    rows.flags.writeable = False
    tokens = None if rule.tokens is None else int(Lengths(rule.lengths, chosen.n).of(rows).sum())
    again = _again_with_copies(chosen, len(rows))
    return replace(chosen, indices=rows, what=f"{chosen.what}, {words}", tokens=tokens, again=again)


def _refuse_many(what: str, rows: int) -> None:
    """Refuse so many row numbers, copies counted, as no memory has room for.

    Raises
    ------
    MemoryError
        If there is less memory than they need, with both sizes.

    """
    # They and where each goes, a number of 8 bytes each; a quarter of what is free is the limit.
    needed, room = 16 * rows, 4 * default_memory_limit()
    if needed > room:
        message = (
            f"{what} asks for {rows:,} rows, copies counted, whose numbers need about {needed:,} bytes, and {room:,} "
            "are free; ask for fewer"
        )
        raise MemoryError(message)


def _in_copies(rows: Rows, copies: NDArray[np.int64], order: str) -> Rows:
    """Return rows so often in an order: with the best last, the rows with the best first the other way round."""
    if order == "best_last":
        return np.ascontiguousarray(repeated(rows[::-1], copies[::-1])[::-1])
    return repeated(rows, copies)


def _again_with_copies(chosen: Selection, rows: int) -> dict[str, Any] | None:
    """Return what chooses as many copies again."""
    if chosen.again is None:
        return None
    return {**chosen.again, "arguments": {**chosen.again["arguments"], "k": rows}}


def repeated(rows: Rows, copies: NDArray[np.int64]) -> Rows:
    """Return rows so often, a copy of all of them after the other: the second has those that have two copies or more.

    >>> repeated(np.array([7, 5]), np.array([1, 3])).tolist()
    [7, 5, 5, 5]
    """
    ends = np.cumsum(copies)
    # Of each row of the result, how many copies of the same row come before it.
    copy = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - copies, copies)
    return np.repeat(rows, copies)[np.argsort(copy, kind="stable")]


def resampled(ranking: Ranking, k: int, order: str) -> Rows:
    """Draw `k` rows with replacement by systematic resampling (Kitagawa 1996), with scores as weights.

    With the sum `c` of the weights up to a row and with it, in float64 and in the order of rows, the row has so many
    copies as there are ``(i + u) / k * sum`` for ``i`` of ``0, 1, ...`` below `c` and not below the sum before it: the
    whole part of its expected number, or one more. `u` is drawn uniformly from [0, 1). Two passes over the scores.

    Raises
    ------
    ValueError
        For a weight that is negative, infinite or NaN; if none is above 0.

    """
    _refuse_many("k", k)
    total = 0.0
    for rows in ranking.candidates():
        total = _ends(ranking, rows, total)[-1] if len(rows) else total
    if not np.isfinite(total):
        message = f"{_named(ranking)}replace=True: the weights add up to more than a float64 has room for; divide them"
        raise ValueError(message)
    if k and not total > 0:
        message = (
            f"{_named(ranking)}replace=True: {k:,} rows are to be drawn, and no row that may be chosen has a score "
            "above 0, which is its weight"
        )
        raise ValueError(message)
    # numpy.random.Generator may draw by other means one day, its bit generators may not.
    start = float(int(np.random.PCG64(ranking.seed).random_raw()) >> 11) / 2**53
    chosen, copies, before, drawn = [], [], 0.0, 0
    for rows in ranking.candidates() if k else ():
        if not len(rows):
            continue
        ends = _ends(ranking, rows, before)
        # Points below each end.
        points = np.clip(np.ceil(ends / total * k - start), 0, k).astype(np.int64)
        each = np.diff(points, prepend=drawn)
        chosen.append(rows[each > 0])
        copies.append(each[each > 0])
        before, drawn = ends[-1], int(points[-1])
    if not chosen:
        return np.empty(0, np.int64)
    found, times = np.concatenate(chosen), np.concatenate(copies)
    if order != "row":
        _, places = np.unique(ranking.scores_of(found), return_inverse=True)
        best = np.lexsort((found, -places if ranking.largest else places))
        best = best[::-1] if order == "best_last" else best
        found, times = found[best], times[best]
    return _in_copies(found, times, order)


def _named(ranking: Ranking) -> str:
    """Return the files of the scores for a message, if they lie in files."""
    paths = list(getattr(ranking.scores, "paths", ()))
    more = f" and {len(paths) - 1:,} more" if paths[1:] else ""
    return f"{paths[0]}{more}: " if paths else ""


def _ends(ranking: Ranking, rows: Rows, before: float) -> NDArray[np.float64]:
    """Return the sum of the weights up to each row, and with it."""
    weights = ranking.scores_of(rows).astype(np.float64)
    wrong = ~(weights >= 0) | np.isinf(weights)
    if wrong.any():
        at = int(wrong.argmax())
        message = (
            f"{_named(ranking)}replace=True takes scores for weights, and that of row {rows[at]} is {weights[at]}; a "
            "weight is a finite number of at least 0"
        )
        raise ValueError(message)
    with np.errstate(over="ignore"):
        return np.cumsum(np.concatenate([[before], weights]))[1:]

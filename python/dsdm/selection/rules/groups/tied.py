"""How many of the rows that were chosen of groups tie with others of their group that were not."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.rules.cut import are_many
from dsdm.selection.rules.groups.quotas import Groups
from dsdm.selection.rules.ranked.near import distances
from dsdm.selection.rules.ranked.ranking import Number, Ranking, Rows

_AtCuts: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]
"""The cut of each group, and how many chosen rows lie there: of groups without any, 0."""
_MANY_GROUPS = 64
"""Of so many times as many rows as groups, those at a cut are found without reading the scores of all."""


@dataclass(frozen=True)
class Tied:
    """Rows that were chosen of more rows of their group that are as good."""

    taken: int
    """The rows that were chosen."""
    tied: int
    """All that are as good."""
    groups: int
    """The groups that have such rows."""


def tied_in_groups(
    ranking: Ranking, groups: Groups, rows: Rows, codes: NDArray[np.uint32], order: str, near: Number | None
) -> Tied | None:
    """Return how many of the best rows of groups, in an order, tie with more rows at the cut of their group.

    `codes` are the groups of these rows.

    None where they are too few for a warning; where not so many rows have the score of their group's cut at all, no
    other scores are read: else one pass. A cut at NaN is none. Memory: proportional to the rows, and to the groups.
    """
    if order == "row" or len(groups) * _MANY_GROUPS > len(rows):
        cuts, taken = _by_all_scores(ranking, len(groups), rows, codes, near)
    else:
        step = 1 if order == "best_first" else -1
        cuts, taken = _by_order(ranking, len(groups), rows[::step], codes[::step], near)
    if not are_many(int(taken.sum()), len(rows)):
        return None
    tied = np.zeros(len(groups), np.int64)
    there = taken > 0
    if near is None:
        # Rows with other scores tie with none.
        ends = cuts[there]
        ranking = replace(ranking, bounds=(ends.min().item(), ends.max().item()))
    for some in ranking.candidates():
        of = groups.codes[some]
        ties = _are_as_good(ranking.scores_of(some), cuts[of], near) & there[of]
        np.add.at(tied, of[ties], 1)
    more = tied > taken
    found = Tied(int(taken[more].sum()), int(tied[more].sum()), int(more.sum()))
    return found if are_many(found.taken, len(rows)) else None


def _by_all_scores(
    ranking: Ranking, number: int, rows: Rows, codes: NDArray[np.uint32], near: Number | None
) -> _AtCuts:
    """Return the cut of each of a number of groups, and how many of the chosen rows lie there."""
    values = ranking.scores_of(rows)
    cuts = np.zeros(number, values.dtype)
    if near is None:
        # Any score of each group, and then the worse of it and each other one.
        cuts[codes] = values
        with np.errstate(invalid="ignore"):
            _worse(ranking).at(cuts, codes, values)
    else:
        whole, rest = distances(values, near)
        nearest_first = np.lexsort((rest, whole))
        # The last of each group is what remains.
        cuts[codes[nearest_first]] = values[nearest_first]
    at_cut = _are_as_good(values, cuts[codes], near)
    return cuts, np.bincount(codes[at_cut], minlength=number)


def _worse(ranking: Ranking) -> np.ufunc:
    """Return what gives the worse of two scores: NaN where that is the worst, and not where it is the best."""
    if ranking.largest:
        return np.minimum if ranking.nan == "smallest" else np.fmin
    return np.maximum if ranking.nan == "largest" else np.fmax


def _by_order(ranking: Ranking, number: int, rows: Rows, codes: NDArray[np.uint32], near: Number | None) -> _AtCuts:
    """Return the same for rows that come best first over all groups: only few scores are read."""
    places = np.arange(len(rows))
    last = np.full(number, -1)
    last[codes] = places
    chosen = np.flatnonzero(last >= 0)
    ends = ranking.scores_of(rows[last[chosen]])
    # The first row of any group that is not better than the cut of each.
    low, high = np.zeros(len(chosen), np.int64), last[chosen]
    while (low < high).any():
        middle = (low + high) // 2
        better = _are_better(ranking, ranking.scores_of(rows[middle]), ends, near)
        low, high = np.where(better, middle + 1, low), np.where(better, high, middle)
    first = np.zeros(number, np.int64)
    first[chosen] = low
    taken = np.bincount(codes[places >= first[codes]], minlength=number)
    cuts = np.zeros(number, ends.dtype)
    cuts[chosen] = ends
    taken[cuts != cuts] = 0  # noqa: PLR0124 - NaN
    return cuts, taken


def _are_better(ranking: Ranking, values: NDArray[Any], ends: NDArray[Any], near: Number | None) -> NDArray[np.bool_]:
    """Return which scores are better than others. Of NaN, which comes before all others or after them, no cut is."""
    if near is not None:
        (whole, end), (rest, end_rest) = _distances(values, ends, near)
        return np.asarray((whole < end) | ((whole == end) & (rest < end_rest)))
    ahead, behind = (values > ends, values <= ends) if ranking.largest else (values < ends, values >= ends)
    is_nan_best = ranking.nan == ("largest" if ranking.largest else "smallest")
    return np.asarray(~behind if is_nan_best else ahead)


def _are_as_good(values: NDArray[Any], others: NDArray[Any], near: Number | None) -> NDArray[np.bool_]:
    """Return which scores are equal to others, or as far from a value."""
    if near is None:
        return np.asarray(values == others)
    return np.asarray(np.logical_and(*(part == other for part, other in _distances(values, others, near))))


def _distances(values: NDArray[Any], others: NDArray[Any], near: Number) -> list[list[NDArray[Any]]]:
    """Return both parts of the distances of scores and of as many others, together: those of large ones are halved."""
    return [np.split(part, 2) for part in distances(np.concatenate([values, others]), near)]

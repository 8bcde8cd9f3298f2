"""Whether scores by position lie beside the ids of the rows under another name, in another order.

A file of scores may call ``doc_id`` what the rows call ``id``. Nothing says that both are the same, but their values
do: where a value that is there once on either side is at another place, the scores are those of other rows, if no other
columns show that they are where they belong.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.ids.alike import as_plain, shown_key
from dsdm.selection.ids.order.elsewhere import Found, Pair, agrees, counts_rows, looked_up, places_of
from dsdm.selection.ids.order.keys import is_text
from dsdm.selection.ids.order.side import OtherOrderError

_SHOWN = 3
"""Pairs that a message tells with their values."""


@dataclass(frozen=True)
class Told:
    """How a message tells of the scores."""

    file: str
    start: int
    """The row of the files at which they begin."""
    what: str
    """What the values are: scores, groups or lengths."""
    how: Callable[[tuple[str, str] | None], str]
    """What to do, by the columns of the rows and of the scores; by None where it cannot be told which they are."""


def refuse_renamed_keys(told: Told, pairs: Sequence[Pair], same: Sequence[Pair], count: int) -> None:
    """Fail where a column of scores holds the ids of the rows by another name, at other places; warn of numbers.

    `pairs` are columns of other names, and `same` those of one name: where one of either is the same in every row and
    names the row, it is that of its place, whatever others say. Numbers that only count rows do not: any rows have
    them. Whole numbers that are the same may mean something else, so that those of one name are enough beside them.

    Raises
    ------
    ValueError
        Naming both columns, the first value at another place, and both places; of several that do not say the same,
        all.

    """
    found = [looked_up(pair, count) for pair in pairs]
    moved = [one for one in found if len(one.rows)]
    if not moved:
        return
    of_one_name = [pair for pair in same if agrees(pair, count)]
    agreeing = [*(one.pair for one in found if one.agrees), *of_one_name]
    naming = [pair for pair in agreeing if not counts_rows(pair, count)]
    beside = {True: [*naming, *of_one_name], False: naming}
    left = [_unsettled(one, beside[one.pair.is_of_numbers], count) for one in moved]
    moved = [one for one in left if len(one.rows)]
    if texts := [one for one in moved if not one.pair.is_of_numbers]:
        raise OtherOrderError(_message(told, texts), _names(texts))
    if moved:
        warnings.warn(f"{_message(told, moved)}; or the numbers mean other things", stacklevel=2)


def _unsettled(found: Found, naming: Sequence[Pair], count: int) -> Found:
    """Return what is left of rows that are elsewhere where no other pair says that they are at their places."""
    settled = np.zeros(len(found.rows), np.bool_)
    for pair in naming:
        settled |= places_of(pair, found.rows, count) == found.rows
    return replace(found, rows=found.rows[~settled], places=found.places[~settled])


def _names(moved: Sequence[Found]) -> tuple[str, str] | None:
    """Return the columns of the rows and of the scores that are joined; None where several do not say the same."""
    first, *others = moved
    return (first.pair.here.name, first.pair.there.name) if all(_say_the_same(first, one) for one in others) else None


def _message(told: Told, moved: Sequence[Found]) -> str:
    first = moved[0]
    names = _names(moved)
    if names is not None:
        return (
            f"{told.file}: its column {_where(told, first)}, so that by position {told.what} would be those of other "
            f"rows; {_as_one_type(first.pair)}{told.how(names)}"
        )
    more = f"; and {len(moved) - _SHOWN:,} more pairs" if len(moved) > _SHOWN else ""
    pairs = "; ".join(f"{_where(told, one)}" for one in moved[:_SHOWN]) + more
    return (
        f"{told.file}: several of its columns have ids of the rows at other places, and these do not say the same "
        f"({pairs}), so that by position {told.what} would be those of other rows, and by which columns they are those "
        f"of the rows cannot be told; {told.how(None)}"
    )


def _where(told: Told, found: Found) -> str:
    """Say of the first id that is elsewhere which it is, and both places."""
    row, place = int(found.rows[0]), int(found.places[0])
    values = as_plain(found.pair.there.take(np.array([row], np.int64)), found.pair.kind)
    # Proof: it was read as this type before.
    value = "an id" if values is None else shown_key(values[0])
    return (
        f"{found.pair.there.name!r} has {value} in row {row + told.start:,}, which the rows have as "
        f"{found.pair.here.name!r} in row {place:,}"
    )


def _say_the_same(one: Found, other: Found) -> bool:
    """Return whether two pairs have some rows elsewhere, and each of these at one place."""
    rows, at, also = np.intersect1d(one.rows, other.rows, assume_unique=True, return_indices=True)
    return len(rows) > 0 and _are_same(one.places[at], other.places[also])


def _are_same(places: NDArray[np.int64], others: NDArray[np.int64]) -> bool:
    return bool((places == others).all())


def _as_one_type(pair: Pair) -> str:
    """Say that numbers and texts are written as one type, before they are joined."""
    one, other = pair.there.type, pair.here.type
    if len({is_text(one), is_text(other)}) == 1:
        return ""
    return f"write both as one type, which are {one} and {other}, and "

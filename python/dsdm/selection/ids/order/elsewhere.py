"""Where the ids beside scores lie among the rows, if they are ids of the rows: at their own places, or at others.

Values are compared that are there once on either side: nulls and doubles name no row, and hide none that others name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.ids.alike import as_plain, blocks, common, plain

if TYPE_CHECKING:
    import pyarrow as pa

_Rows = NDArray[np.int64]

_FIRST = 1 << 14
"""Rows that are looked for first."""
_FEW = 1 << 11
"""Those of columns whose names say nothing, which may be long texts."""
_BETWEEN = 1 << 12
"""Rows that are looked for as well, evenly among all: whole files may be in another order."""
_COUNTED = 3
"""Numbers of which two steps are known."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of structs, that may hold ids."""

    name: str
    """The name by which a join takes it."""
    type: "pa.DataType"
    is_key: bool
    """Whether its name is that of a key."""
    take: Callable[[_Rows], "pa.Array | pa.ChunkedArray"]
    """Gives its values in rows."""


@dataclass(frozen=True)
class Pair:
    """A column beside the scores, and one of the rows."""

    there: Column
    here: Column
    kind: "pa.DataType"
    """The type in which both are compared."""

    @property
    def is_of_numbers(self) -> bool:
        """Whether one of them holds whole numbers, which may mean other things where they are the same."""
        import pyarrow as pa

        return any(pa.types.is_integer(plain(column.type)) for column in (self.there, self.here))

    def sample(self, count: int) -> _Rows:
        """Return the rows that are looked for before all are."""
        first = np.arange(min(count, _FIRST if self.there.is_key else _FEW), dtype=np.int64)
        if not self.there.is_key:
            return first
        between = np.linspace(0, count - 1, min(count, _BETWEEN)).astype(np.int64)
        return np.unique(np.concatenate([first, between]))


@dataclass(frozen=True)
class Found:
    """What the values of a pair say."""

    pair: Pair
    agrees: bool = False
    """Whether all are the same, row by row, and some of them name rows."""
    rows: _Rows = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows of the scores whose ids are elsewhere among the rows."""
    places: _Rows = field(default_factory=lambda: np.empty(0, np.int64))
    """Where these are."""


def pair_of(there: Column, here: Column) -> Pair | None:
    """Return two columns that may hold the same ids: texts, bytes, whole numbers, or these as numbers and as texts."""
    import pyarrow as pa

    kinds = [plain(column.type) for column in (there, here)]
    text, bytes_ = pa.large_string(), pa.large_binary()
    is_whole = [pa.types.is_integer(kind) for kind in kinds]
    if all(is_whole):
        kind = common(*kinds)
        return None if kind is None else Pair(there, here, kind)
    if all(whole or kind == text for whole, kind in zip(is_whole, kinds, strict=True)):
        return Pair(there, here, text)
    return Pair(there, here, bytes_) if all(kind == bytes_ for kind in kinds) else None


def looked_up(pair: Pair, count: int) -> Found:
    """Return what the values of a pair say, of so many rows."""
    sample = pair.sample(count)
    places = places_of(pair, sample, count)
    elsewhere = (places >= 0) & (places != sample)
    if elsewhere.any():
        return Found(pair, rows=sample[elsewhere], places=places[elsewhere])
    if not (places == sample).any() or len(_others(pair, sample)):
        return Found(pair)
    for block in blocks(count):
        others = _others(pair, block)
        if not len(others):
            continue
        places = places_of(pair, others, count)
        moved = places >= 0
        return Found(pair, rows=others[moved], places=places[moved])
    return Found(pair, agrees=True)


def agrees(pair: Pair, count: int) -> bool:
    """Return whether all values are the same, row by row."""
    return not any(len(_others(pair, block)) for block in blocks(count))


def places_of(pair: Pair, rows: _Rows, count: int) -> _Rows:
    """Return where the rows have the ids of these rows of the scores; -1 of those that are not there once on each."""
    import pyarrow.compute as pc

    places = np.full(len(rows), -1, np.int64)
    values = as_plain(pair.there.take(rows), pair.kind)
    own = np.empty(0, np.int64) if values is None else once(values)
    if values is None or not len(own):
        return places
    wanted = values.take(own)
    found, times = np.full(len(own), -1, np.int64), np.zeros(len(own), np.int64)
    for block in blocks(count):
        held = as_plain(pair.here.take(block), pair.kind)
        if held is None:
            return places
        at = pc.index_in(held, value_set=wanted)
        which = at.drop_null().to_numpy()
        times += np.bincount(which, minlength=len(own))
        found[which] = block[at.is_valid().to_numpy(zero_copy_only=False)]
    places[own] = np.where(times == 1, found, -1)
    return places


def once(values: "pa.Array") -> _Rows:
    """Return where the values are that are there once: no nulls, and none of those that are there again."""
    import pyarrow.compute as pc

    counted = pc.value_counts(values)
    single = counted.field("values").filter(pc.equal(counted.field("counts"), 1)).drop_null()
    return np.flatnonzero(pc.is_in(values, value_set=single).to_numpy(zero_copy_only=False)).astype(np.int64)


def counts_rows(pair: Pair, count: int) -> bool:
    """Return whether the first values are numbers at one distance, which any rows have that were counted."""
    import pyarrow as pa

    values = as_plain(pair.there.take(np.arange(min(count, _FIRST), dtype=np.int64)), pair.kind)
    numbers = None if values is None or pa.types.is_large_binary(pair.kind) else as_plain(values, pa.int64())
    if numbers is None or numbers.null_count:
        return False
    steps = np.diff(numbers.to_numpy())
    return len(numbers) < _COUNTED or bool((steps == steps[0]).all())


def names_all(pair: Pair, count: int) -> bool:
    """Return whether each of the rows that are looked for has an id of its own, and these do not only count them."""
    values = as_plain(pair.there.take(pair.sample(count)), pair.kind)
    return values is not None and len(once(values)) == len(values) and not counts_rows(pair, count)


def _others(pair: Pair, rows: _Rows) -> _Rows:
    """Return the rows in which both have a value, and another one."""
    import pyarrow.compute as pc

    there, here = (as_plain(column.take(rows), pair.kind) for column in (pair.there, pair.here))
    if there is None or here is None:
        return rows
    # A null is no value.
    return rows[pc.fill_null(pc.not_equal(there, here), False).to_numpy(zero_copy_only=False)]  # noqa: FBT003

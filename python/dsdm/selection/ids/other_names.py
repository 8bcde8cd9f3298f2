"""Whether scores by position lie beside the ids of the rows under another name, in another order.

A file of scores may call ``doc_id`` what the rows call ``id``. Nothing says that both are the same, but their values
do: some of the first rows are compared, and where a value that is there once on either side is at another place, the
scores are those of other rows.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.ids.alike import as_plain, common, plain

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST = 1 << 14
"""Rows that are looked at: of a hundred million in any order, some of the first are among the first of the other."""
_FEW = 1 << 11
"""Those of columns whose names say nothing, which may be long texts."""

Take = Callable[[str, NDArray[np.int64]], "pa.Array | pa.ChunkedArray | None"]
"""Gives the values of a column in rows; None where it cannot be read."""


def refuse_renamed_keys(
    file: str,
    rows: int,
    there: "tuple[pa.Schema, Mapping[str, bool], Take]",
    here: "tuple[pa.Schema, Sequence[str], Take]",
    how: Callable[[str, str], str],
    what: str,
    start: int,
) -> None:
    """Fail where a column of scores holds the ids of the rows by another name, at other places; warn of numbers.

    Each side is its schema, the names of the columns that may hold ids, and what reads them; of the scores, each with
    whether the name is that of a key. `how` says what to do, by the column of the rows and that of the scores. Whole
    numbers that are the same may mean something else. Scores begin at row `start` of their files.

    Raises
    ------
    ValueError
        Naming both columns, the first value at another place, and both places.

    """
    if not there[1]:
        return
    first = np.arange(min(rows, _FIRST), dtype=np.int64)
    own = {name: _once(values) for name in here[1] if (values := here[2](name, first)) is not None}
    for name, is_key in there[1].items():
        keys = [key for key in own if _are_alike(there[0].field(name).type, here[0].field(key).type)]
        values = _once(there[2](name, first if is_key else first[:_FEW])) if keys else None
        for key in keys if values is not None else ():
            found = own[key]
            if found is None or (at := _first_elsewhere(values, found)) is None:
                continue
            row, place, value = at
            message = (
                f"{file}: its column {name!r} has {value!r:.100} in row {row + start:,}, which the rows have as "
                f"{key!r} in row {place:,}, so that by position {what} would be those of other rows; {how(key, name)}"
            )
            if not isinstance(value, str):
                warnings.warn(f"{message}; or both numbers mean other things", stacklevel=2)
                continue
            raise ValueError(message)


def _are_alike(one: "pa.DataType", other: "pa.DataType") -> bool:
    """Return whether two columns hold texts, or whole numbers."""
    import pyarrow as pa

    kinds = [plain(kind) for kind in (one, other)]
    return all(kind == pa.large_string() for kind in kinds) or all(map(pa.types.is_integer, kinds))


def _once(values: "pa.Array | pa.ChunkedArray | None") -> "pa.Array | None":
    """Return values that are there once each; None of others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values is None:
        return None
    kind = common(values.type, values.type)
    found = None if kind is None else as_plain(values, pa.int64() if pa.types.is_integer(kind) else kind)
    return found if found is not None and not found.null_count and len(pc.unique(found)) == len(found) else None


def _first_elsewhere(values: "pa.Array | None", others: "pa.Array") -> tuple[int, int, str | int] | None:
    """Return the first value that others have at another place: its row, that place, and the value itself."""
    import pyarrow.compute as pc

    if values is None:
        return None
    places = pc.index_in(values, value_set=others)
    rows = np.flatnonzero(places.is_valid().to_numpy(zero_copy_only=False))
    there = places.drop_null().to_numpy()
    wrong = np.flatnonzero(rows != there)
    if not len(wrong):
        return None
    row, place = int(rows[wrong[0]]), int(there[wrong[0]])
    return row, place, values[row].as_py()

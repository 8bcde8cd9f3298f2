"""Which rows may be chosen at all: all, less those that are excluded, or only some."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsdm import checks
from dsdm.selection.inputs import engine_excluded, refuse_other_rows
from dsdm.selection.rules.chosen import Selection


def excluded_of(
    exclude: Any, only: Any, n: int, dropped: "npt.NDArray[np.bool_] | None" = None, scores: Any = None
) -> "npt.NDArray[np.int64] | npt.NDArray[np.uint8] | None":
    """Return the rows of `n` that may not be chosen, as the engine takes them; also those of a mask that are dropped.

    Raises
    ------
    ValueError
        For a :class:`Selection` from another number of rows or another slice of scores; for a mask of another length.
    IndexError
        For a number of no row.

    """
    for name, given in (("exclude", exclude), ("only", only)):
        refuse_other_rows(name, given, n, scores)
    exclude, only = (given.indices if isinstance(given, Selection) else given for given in (exclude, only))
    if only is None and dropped is None:
        return engine_excluded(exclude)
    allowed = np.ones(n, np.bool_) if only is None else _mask("only", checks.excluded_rows(only, "only"), n)
    if dropped is not None:
        allowed &= ~dropped
    if exclude is not None:
        allowed &= ~_mask("exclude", checks.excluded_rows(exclude), n)
    return (~allowed).view(np.uint8)


def _mask(name: str, rows: Any, n: int) -> npt.NDArray[np.bool_]:
    """Return one boolean for each row, of row numbers or of such a mask."""
    if rows.dtype == np.bool_:
        if len(rows) != n:
            message = f"{name} is a mask of {len(rows):,} rows, and there are {n:,} scores; each row needs one of both"
            raise ValueError(message)
        return rows.copy()
    outside = (rows < 0) | (rows >= n)
    if outside.any():
        at = int(outside.argmax())
        message = f"{name}[{at}] is {rows[at]}, and there are {n:,} scores: rows are 0 to {n - 1:,}"
        raise IndexError(message)
    mask = np.zeros(n, np.bool_)
    mask[rows] = True
    return mask

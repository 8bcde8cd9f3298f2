"""Which rows may be chosen at all: all, less those that are excluded, or only some."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dsdm import checks
from dsdm.paths import local
from dsdm.selection.inputs import engine_excluded, read_rows, refuse_other_rows
from dsdm.selection.rules.chosen import Selection


def opened_rows(name: str, given: Any) -> tuple[Any, str | None]:
    """Return rows that may be named by a path, and the path: a ``.npy`` file, or a directory of an earlier output.

    Raises
    ------
    FileNotFoundError
        If there is no such file or directory.
    ValueError
        For another file.

    """
    if not isinstance(given, str | bytes | os.PathLike):
        return given, None
    path = Path(local(os.fsdecode(given), name)).absolute()
    if path.is_dir():
        # What reads outputs stands on this module, which does not import it: it is asked of the package.
        package: Any = sys.modules[__name__.partition(".")[0]]
        return package.written_rows(path), str(path)
    if not os.path.lexists(path):
        message = f"{name} names a .npy file of rows, or a directory that dsdm wrote, and there is none"
        raise FileNotFoundError(errno.ENOENT, message, str(path))
    if path.suffix.lower() != ".npy":
        message = f"{name} is {path}; a .npy file of rows, or a directory that dsdm wrote, is needed"
        raise ValueError(message)
    if path.with_name(path.name + ".json").exists():
        return Selection.load(path), str(path)
    return read_rows(path), str(path)


def excluded_of(
    exclude: Any, only: Any, n: int, dropped: "npt.NDArray[np.bool_] | None" = None
) -> "npt.NDArray[np.int64] | npt.NDArray[np.uint8] | None":
    """Return the rows of `n` that may not be chosen, as the engine takes them; also those of a mask that are dropped.

    Raises
    ------
    ValueError
        For a :class:`Selection` from another number of rows, and for a mask of another length.
    IndexError
        For a number of no row.

    """
    for name, given in (("exclude", exclude), ("only", only)):
        refuse_other_rows(name, given, n)
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

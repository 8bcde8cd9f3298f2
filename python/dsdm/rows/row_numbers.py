"""What the caller says of rows, as row numbers."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsdm._native import prepare_arrays
from dsdm.checks import aligned, check_no_flags, check_no_mask, first_beyond, plain_array, said
from dsdm.selection.rules.chosen import Selection

_R = TypeVar("_R")

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
prepare_arrays()


# What is done for fewer takes no longer than Ctrl-C may.
_MANY = 1 << 21


def interruptibly(work: Callable[[], _R], rows: int) -> _R:
    """Do one call of numpy for so many rows, which looks for no Ctrl-C and lets other threads run.

    Many rows are worked on by a thread of its own. Where this one is interrupted, what comes of it is dropped.
    """
    if rows < _MANY:
        return work()
    done: list[_R] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised by the other thread
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there is no room for one more: this one does it
        return work()
    while thread.is_alive():
        thread.join(0.1)
    if failed:
        raise failed[0]
    return done[0]


def row_numbers(indices: Any, rows: int | None = None) -> NDArray[np.int64]:
    """Return indices as a one-dimensional int64 array. A selection must be from so many rows.

    Raises
    ------
    TypeError
        For anything but whole numbers.
    ValueError
        For another number of dimensions; for a selection from another number of rows.
    IndexError
        For a number that 64 bits have no room for, as no row has.

    """
    if isinstance(indices, Selection):
        return _selected(indices, rows)
    if isinstance(indices, range):
        return _numbers_of(indices)
    if not hasattr(indices, "__array__") and not isinstance(indices, list | tuple):
        if not hasattr(indices, "__iter__") or isinstance(indices, str | bytes | dict):
            raise TypeError(_no_numbers(indices))
        indices = list(indices)
    check_no_flags("indices", indices)
    array = plain_array("indices", indices)
    if array.ndim != 1:
        message = f"indices must have one dimension and have the shape {array.shape}"
        raise ValueError(message)
    if array.size == 0 and array.dtype.kind in "fiuO":
        return np.empty(0, dtype=np.int64)
    beyond = first_beyond(array)
    if beyond is not None:
        raise IndexError(_no_index(*beyond))
    if array.dtype.kind == "O" and all(isinstance(value, int | np.integer) for value in array):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        hint = "; turn a mask into row numbers with numpy.flatnonzero" if array.dtype.kind == "b" else ""
        message = f"indices must be whole numbers and are {array.dtype}{hint}"
        raise TypeError(message)
    check_no_mask("indices", array)
    return aligned(array, np.int64)


def _no_numbers(given: object) -> str:
    """Say that something holds no row numbers, and of what may be the path of scores how rows are chosen by it."""
    how = "; rows are chosen by the scores of a file with dsdm.choose(dsdm.open_scores(path), k=…)"
    what = "indices must be an array, list or range of row numbers, and are"
    return f"{what} {type(given).__name__}{how if isinstance(given, str) else ''}"


def _selected(selection: Selection, rows: int | None) -> NDArray[np.int64]:
    """Return the row numbers of a selection, which must be from so many rows."""
    if rows is not None and not selection.is_of(rows):
        message = _of_slice(selection, rows) or (
            f"the selection is from {selection.n:,} rows, and there are {rows:,}: it is of another corpus, or was "
            "chosen of a part of its scores; choose of the scores of all rows"
        )
        raise ValueError(message)
    return selection.indices


def _of_slice(selection: Selection, rows: int) -> str | None:
    """Return what to say of a selection that was chosen of a slice of the scores of so many rows; None of others."""
    sizes = {file.path: file.rows for file in selection.files}
    own = [one for one in selection.by_position() if one.what == "scores" and not one.of_rows]
    if not own or not selection.n:
        return None
    start = own[0].start
    for one in own:
        held = [sizes.get(path) for path in one.files]
        total = sum(size for size in held if size is not None)
        if None in held or total != rows or one.start != start or start + selection.n > total:
            return None
    end = start + selection.n
    return (
        f"the selection was chosen of a slice of scores, rows {start:,} to {end - 1:,} of {rows:,}, and its row "
        "numbers count from the first of these; choose of all scores, of which these alone may be chosen: "
        f"dsdm.choose(scores, ..., only=range({start}, {end}))"
    )


def _numbers_of(indices: range) -> NDArray[np.int64]:
    """Return the numbers of a range, which may begin and end anywhere."""
    for end in (0, -1) if indices else ():
        if not -(2**63) < indices[end] < 2**63 - 1:
            position = (indices[end] - indices.start) // indices.step
            raise IndexError(_no_index(position, said(indices[end])))
    # Of three numbers that 64 bits have room for, the step has room as well.
    few = list(indices[:3])
    if len(few) < 3:  # noqa: PLR2004 - as above
        return np.array(few, dtype=np.int64)
    return np.arange(indices.start, indices[-1] + (1 if indices.step > 0 else -1), indices.step, dtype=np.int64)


def _no_index(position: int, number: str) -> str:
    return f"index {number} at position {position} is out of range: row numbers are at least 0 and below 2^63"


def check_range(indices: NDArray[np.int64], rows: int, source: str = "") -> None:
    """Fail at the first row number that there is no row for, in a source that has a name or none."""
    outside = (indices < 0) | (indices >= rows)
    if outside.any():
        position = int(outside.argmax())
        there = f"there are {rows} rows, 0 to {rows - 1}" if rows else "there are no rows"
        where = f", in {source}" if source else ""
        message = f"index {indices[position]} at position {position} is out of range: {there}{where}"
        raise IndexError(message)

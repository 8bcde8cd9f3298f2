"""Arguments of selections in the form in which the engine takes them."""

import os
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dsdm import _native, arrays, checks
from dsdm.paths import PathLike
from dsdm.selection.ids.slices import refuse_other_slice, refuse_slice

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
_native.prepare_arrays()


@dataclass(frozen=True)
class ById:
    """Where scores lie that were joined to rows by id, and where both kinds of ids do."""

    paths: Sequence[str]
    column: str
    """Of the scores."""
    on: str
    """The column of ids beside them."""
    files: Sequence[_native.FileIdentity]
    """What the files of scores are known by."""


class HeldScores:
    """Scores in memory, with what there is to tell of them."""

    scores: npt.NDArray[Any]
    """One for each row."""
    by_id: "ById | None" = None
    """Where they were before they were joined to rows, if they lay in a file."""
    ids: Mapping[str, Any] | None = None
    """Where the ids of the rows lie that they were joined to; None where that is in no file."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.scores)


ScoresLike: TypeAlias = _native.Scores | npt.NDArray[np.generic] | HeldScores | Sized
"""A vector of scores, in files or in memory: what :mod:`dsdm.arrays` reads."""

UNBOUNDED: tuple[None, None] = (None, None)
"""The bounds of scores that may have any value."""


def engine_scores(scores: ScoresLike) -> "_native.Scores | tuple[npt.NDArray[np.uint8], str]":
    """Return scores as the engine takes them: its own, or the bytes of an array and the name of their type."""
    if isinstance(scores, _native.Scores):
        return scores
    scores = scores.scores if isinstance(scores, HeldScores) else scores
    if _is_path(scores):
        told = f"{str(scores)!r:.100} is a path" if isinstance(scores, (str, os.PathLike)) else "scores are paths"
        message = f"{told}, and scores are wanted: open a file with dsdm.open_scores(path)"
        raise TypeError(message)
    return engine_array("scores", arrays.numbers("scores", scores))


def engine_array(what: str, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], str]:
    """Return the bytes of an array of numbers, one for each row, and the name of their type.

    Raises
    ------
    ValueError
        For another shape.

    """
    if values.ndim == 2 and values.shape[1] == 1:  # noqa: PLR2004 - one column
        values = values[:, 0]
    if values.ndim != 1:
        have = "have" if what == "scores" else "has"
        one = f"; for one number give {what}.item()" if values.ndim == 0 else ""
        message = f"{what} {have} shape {values.shape}; one score per row is needed: (n,) or (n, 1){one}"
        raise ValueError(message)
    name = values.dtype.name
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if not (values.flags.c_contiguous and values.flags.aligned):
        values = values.copy()
    return values.view(np.uint8), name


def rows_of(held: "_native.Scores | tuple[npt.NDArray[np.uint8], str]") -> int:
    """Return how many scores there are, of those that the engine takes."""
    if isinstance(held, _native.Scores):
        return len(held)
    values, name = held
    return len(values) // (2 if name == "bfloat16" else np.dtype(name).itemsize)


def _is_path(scores: object) -> bool:
    listed = scores if isinstance(scores, list | tuple) and scores else [scores]
    return all(isinstance(item, str | bytes | os.PathLike) for item in listed)


def engine_excluded(
    exclude: Any, n: int | None = None, scores: Any = None
) -> "npt.NDArray[np.int64] | npt.NDArray[np.uint8] | None":
    """Return the rows not to be chosen, of so many, or of scores: their numbers, or one byte per row.

    Raises
    ------
    ValueError
        For a selection from another number of rows.

    """
    if n is not None:
        refuse_other_rows("exclude", exclude, n, scores)
    rows = checks.excluded_rows(exclude)
    return rows.view(np.uint8) if rows is not None and rows.dtype == np.bool_ else rows  # type: ignore[return-value]


def refuse_other_rows(name: str, given: Any, n: int, scores: Any = None) -> None:
    """Fail for a selection from another number of rows than there are scores, or of another slice than these are.

    Raises
    ------
    ValueError
        With both numbers, or both slices.

    """
    if not hasattr(given, "is_of"):
        return
    refuse_other_slice(name, given, scores)
    if not given.is_of(n):
        message = (
            f"{name} is a selection from {given.n:,} rows, and there are {n:,} scores: it is of other rows; choose it "
            "of as many, or where its numbers are those of these rows, give them alone: selection.indices"
        )
        raise ValueError(message)


def refuse_other_numbers(name: str, given: Any, n: int) -> None:
    """Fail for a selection from another number of rows than there are from row 0 on, or of a later slice.

    Raises
    ------
    ValueError
        With both numbers, or the slice.

    """
    refuse_other_rows(name, given, n)
    refuse_slice(name, given)


def check_options(order: object, nan: object, threads: object) -> None:
    """Refuse options that no selection takes."""
    checks.one_of("order", order, checks.ORDERS)
    checks.one_of("nan", nan, checks.NANS)
    checks.check_threads(threads)


def read_rows(path: PathLike) -> npt.NDArray[Any]:
    """Read a ``.npy`` file of row numbers, or of one boolean for each row, into memory.

    What happens to the file afterwards does not change which rows they are.

    Raises
    ------
    FormatError
        For any other file; for one of another shape or type.
    SourceChangedError
        If it changed while it was read.

    """
    return _native.read_row_file(path)

"""The lengths that a rule is about, opened where the record tells in which files they lie."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native
from dsdm.errors import SourceChangedError
from dsdm.joins.lengths import RowLengths
from dsdm.paths.named import tells_place
from dsdm.reporting.record.given import Given
from dsdm.rows.sources import open_source
from dsdm.selection.record.located import opened_numbers
from dsdm.selection.rules.sizes.budget import LazyLengths
from dsdm.selection.told import KNOWN


class _OfVector(LazyLengths):
    """Lengths in a file of numbers, read for those rows alone that are asked for."""

    def __init__(self, lengths: _native.Scores) -> None:
        """Fail for numbers that are no lengths.

        Raises
        ------
        TypeError
            If they are not whole.

        """
        if np.dtype(str(lengths.dtype)).kind not in "iu":
            message = f"{lengths.paths[0]}: lengths are {lengths.dtype}; whole numbers are needed"
            raise TypeError(message)
        self._lengths = lengths
        self.column = "lengths" if lengths.column is None else str(lengths.column)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._lengths)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the lengths of rows."""
        found: NDArray[Any] = self._lengths[rows]
        return found.astype(np.int64)


def lengths_of_rule(given: Given, threads: int | None) -> LazyLengths | str | None:
    """Return the lengths that a rule is about; why they are not read; or None for a rule without lengths in files."""
    told = given.how.get("lengths")
    if given.rows is None or given.unknown or given.how.get("by") not in KNOWN or told is None:
        return None
    files = [str(file["path"]) for file in told.get("files", ())] or [file.path for file in given.sources]
    if not files:
        return None
    for file in files:
        if outside := given.trust.outside(file, expand=False):
            return outside
        # A pipe would be waited for.
        if not tells_place(file) or not os.path.isfile(file):  # noqa: PTH113 - which raises for no path
            return f"{file}: it is not there, and the lengths of the rows are in it"
    try:
        return _opened(files, told, threads)
    except SourceChangedError:
        raise
    except (ValueError, TypeError, OSError) as error:
        return str(error)


def _opened(files: list[str], told: Mapping[str, Any], threads: int | None) -> LazyLengths:
    if "column" in told:
        # The same rows, whether or not the files were opened so.
        return RowLengths(open_source(files, None, threads, schema="union", told=told.get("hive")), told["column"])
    return _OfVector(opened_numbers(files, told))

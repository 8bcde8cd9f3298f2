"""The files in which groups or ids of rows lie, of which a manifest tells: found, and read where they are trusted."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dsdm.errors import FormatError, SourceChangedError
from dsdm.paths.named import tells_place
from dsdm.selection.columns import read_column, read_groups
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.origin import values_of

if TYPE_CHECKING:
    from dsdm.scores import Scores

WRONG = (ValueError, TypeError, LookupError, OverflowError, EOFError, SyntaxError, MemoryError, RecursionError)
"""What numpy and the readers say of a file that is none."""


def recorded_groups(
    selection: Mapping[str, Any], trust: Trust, sources: Sequence[str], threads: int | None
) -> Any | str:
    """Read the group of each row that is told of; or say that a file is missing, or not trusted."""
    told = selection["groups"]
    files = places_of(selection, "groups", trust, sources)
    if isinstance(files, str):
        return files
    try:
        groups = values_of(_read_groups(files, told, threads))
    except SourceChangedError:
        raise
    except (*WRONG, OSError):
        groups = None
    if groups is None:
        column = f" in the column {told['column']!r}" if "column" in told else ""
        message = f"{files[0]}: the manifest tells that this holds the groups of rows{column}, and it cannot be read so"
        raise FormatError(message)
    rows = selection.get("rows")
    # Those of the first rows alone are looked at, as of the scores.
    return groups if rows is None else groups[:rows]


def places_of(selection: Mapping[str, Any], name: str, trust: Trust, sources: Sequence[str]) -> list[str] | str:
    """Return the files in which groups or ids of rows lie; or say that one is missing, or not trusted."""
    told = selection[name]
    files = [str(file["path"]) for file in told.get("files", ())] or list(sources)
    for file in files:
        if outside := trust.outside(file, expand=False):
            return outside
        # A pipe would be waited for.
        if not tells_place(file) or not os.path.isfile(file):  # noqa: PTH113 - which raises for no path
            return f"{file}: it is not there, and the {name} of the rows are in it"
    if not files:
        return f"the rows came from no file in which the column {told.get('column')!r} tells their {name}"
    return files


def _read_groups(files: list[str], told: Mapping[str, Any], threads: int | None) -> Any:
    if "column" in told:
        # The same rows, whether or not they tell of it: files that differ in columns are opened so alone, and those of
        # older manifests do not tell.
        return read_column(files, told["column"], threads, "union", hive=told.get("hive"))
    if "reading" not in told:
        return read_groups(files[0])
    return np.asarray(opened_numbers(files, told))


def opened_numbers(files: list[str], told: Mapping[str, Any]) -> "Scores":
    """Open the numbers that groups or lengths are, as a manifest tells that they are read."""
    from dsdm.scores import open_leniently

    reading = {"key": None, "column": None, "dtype": None, **told.get("reading", {})}
    return open_leniently(files[0] if len(files) == 1 else files, **reading)

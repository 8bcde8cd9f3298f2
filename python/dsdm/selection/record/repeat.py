"""What a manifest tells of its files and of how rows were chosen, looked at again.

Whoever wrote a manifest need not mean well: files are opened only where that is trusted
(:mod:`dsdm.selection.record.trust`), what goes wrong with one is said without any of its bytes, and nothing takes
longer than the rows that are there are worth.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm import checks
from dsdm._native import FileIdentity, prepare_arrays
from dsdm.errors import ChecksumError, FormatError, SourceChangedError
from dsdm.paths import PathLike, local
from dsdm.paths.named import tells_place
from dsdm.selection.inputs import read_rows
from dsdm.selection.manifest_paths import without_place
from dsdm.selection.record.check import FUNCTIONS, as_called, check_record
from dsdm.selection.record.provenance import check_selection, files_of_scores, opened_scores, what_is_missing
from dsdm.selection.record.trust import Trust
from dsdm.selection.told import KNOWN, ROWS

if TYPE_CHECKING:
    from dsdm.scores import Scores

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
prepare_arrays()

_MOST_DRAWN_FROM = 2**36
"""Rows of which a draw is repeated: a minute or two."""

_MOST_WITHOUT_BYTES = 2**20
"""Rows that are drawn again whatever the output is like: a header can tell more than that of rows without any bytes."""

_FIELDS = ("path", "bytes", "modified_ns", "rows", "ends")
"""What a manifest tells of a file."""

_WRONG = (ValueError, TypeError, LookupError, OverflowError, EOFError, SyntaxError, MemoryError, RecursionError)
"""What numpy and the readers say of a file that is none."""


@dataclass
class Files:
    """What became of files that a manifest tells of."""

    same: list[str] = field(default_factory=list)
    """Of the size, and with the first and last bytes, that they had."""
    touched: list[str] = field(default_factory=list)
    """Those of them that have another modification time: what lies between their ends may be other bytes."""
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """With what is another in each."""
    outside: list[str] = field(default_factory=list)
    """Why each of those was not looked at, which lie outside of what is trusted."""


def compare_files(recorded: list[FileIdentity], trust: Trust) -> Files:
    """Compare files with what was told of them: sizes, and digests of their first and last bytes."""
    found = Files()
    for file in recorded:
        path = file.path
        if not tells_place(path):
            found.missing.append(path)
        elif outside := trust.outside(path, expand=False):
            found.outside.append(outside)
        elif not os.path.isfile(path):  # noqa: PTH113 - which raises for no path
            found.missing.append(path)
        elif what := file.difference():
            found.changed.append(f"{path}: {what}")
        else:
            found.same.append(path)
            if file.modified_ns not in (0, os.stat(path).st_mtime_ns):  # noqa: PTH116 - a path may be any text
                found.touched.append(path)
    return found


def identities(files: list[dict[str, Any]]) -> list[FileIdentity]:
    """Return what files are known by that a manifest tells of, whose fields were looked at when it was read."""
    return [FileIdentity(**{name: file[name] for name in _FIELDS if name in file}) for file in files]


def score_files(selection: Mapping[str, Any], data_dir: PathLike | None) -> list[dict[str, Any]]:
    """Return what was told of the score files of a selection, with the paths where they are now."""
    if selection.get("by") not in KNOWN:
        return []
    recorded = [dict(file) for file in selection.get("score_files", ())]
    if selection.get("by") != "get_indices":
        return recorded
    try:
        check_record(selection)
        found = files_of_scores(selection, data_dir)
    except (OSError, ValueError):
        return recorded
    return (
        [{**file, "path": path} for file, path in zip(recorded, found, strict=True)]
        if len(recorded) == len(found)
        else recorded
    )


def choose_again(
    manifest: str,
    selection: Mapping[str, Any],
    data_dir: PathLike | None,
    *,
    trust: Trust,
    written: int,
    nbytes: int,
    threads: int | None,
) -> NDArray[np.int64] | str:
    """Return the rows of a selection that a manifest tells, or why they cannot be chosen again.

    So many rows were written, in files of so many bytes.

    Raises
    ------
    FormatError
        If there are other numbers of scores and of rows, with both; for what is told and cannot be done.
    ChecksumError
        If it is of another number of rows than were written.

    """
    if selection.get("by") not in KNOWN:
        return "the manifest does not tell how the rows were chosen"
    try:
        check_record(selection)
    except ValueError as error:
        return f"what the manifest tells of it cannot be done again: {error}"
    if (unknown := without_place(selection)) is not None:
        return f"{unknown}: dsdm.json does not tell where it is"
    arguments = as_called(selection["arguments"])
    if checks.count_of(arguments["k"]) != written:
        message = f"{manifest}: k is {arguments['k']:,}, and {written:,} rows were written; it was told by hand"
        raise ChecksumError(message)
    if selection["by"] == "get_indices" and arguments.get("method") != "random" and data_dir is not None:
        arguments["data_dir"] = data_dir
    if threads is not None or arguments.get("threads") is not None:
        arguments["threads"] = threads
    opened = _opened(selection, data_dir, trust)
    if isinstance(opened, str):
        return opened
    for name in filter(selection.get, ROWS):
        rows = _rows_of(selection[name], trust)
        if isinstance(rows, str):
            return rows
        arguments[name] = rows
    return _checked(manifest, selection, arguments, opened, nbytes)


def _opened(selection: Mapping[str, Any], data_dir: PathLike | None, trust: Trust) -> "list[Scores] | str":
    """Open the score files of a selection; or say which is missing, or not trusted."""
    recorded = selection.get("scores", ())
    named = [recorded] if isinstance(recorded, str) else list(map(str, recorded))
    try:
        if selection["by"] != "get_indices" and (outside := trust.first_leading_out(named)):
            return outside
        files = files_of_scores(selection, data_dir)
        return trust.first_outside(files) or opened_scores(selection, data_dir)
    except FileNotFoundError as missing:
        return what_is_missing(missing)
    except (*_WRONG, OSError):
        # What its reader says of a file can be its first bytes.
        message = (
            f"{', '.join(named) or selection['arguments'].get('method')}: the manifest tells that this holds scores, "
            "and it cannot be read as such; `dsdm scores` says why"
        )
        raise FormatError(message) from None


def _rows_of(path: str, trust: Trust) -> NDArray[Any] | str:
    """Read the rows that were not to be chosen, or alone were; or say that the file is missing, or not trusted."""
    if outside := trust.outside(path):
        return outside
    file = local(path)
    if not os.path.exists(file):  # noqa: PTH110 - which raises for no path
        return f"{path}: it is not there"
    try:
        rows = checks.excluded_rows(read_rows(file))
    except SourceChangedError:
        raise
    except (*_WRONG, OSError):
        rows = None
    if rows is None:
        message = f"{path}: the manifest tells that this holds row numbers, and it is no .npy file of them"
        raise FormatError(message)
    return rows


def _checked(
    manifest: str, selection: Mapping[str, Any], arguments: dict[str, Any], opened: "list[Scores]", nbytes: int
) -> NDArray[np.int64] | str:
    """Choose rows by what was looked at so far."""
    # A draw reads nothing: rows without bytes are a number in a file, by which no memory is taken.
    if arguments.get("method") == "random" and arguments["k"] > max(nbytes, _MOST_WITHOUT_BYTES):
        return f"it is a draw of {arguments['k']:,} rows, of which {nbytes:,} bytes were written, and is not repeated"
    drawn_from = max(arguments.get("rows") or 0, selection.get("source_rows", 0))
    if arguments.get("method") == "random" and drawn_from > _MOST_DRAWN_FROM:
        return f"it is a draw from {drawn_from:,} rows, and draws from more than {_MOST_DRAWN_FROM:,} are not repeated"
    try:
        if "source_rows" in selection:
            check_selection(selection, selection["source_rows"], opened)
        return _choose(selection["by"], selection, arguments, opened)
    except _WRONG as error:
        files = ", ".join(str(path) for scores in opened for path in scores.paths)
        by = f" by {files}" if files else ""
        message = f"{manifest}: what it tells of the selection cannot be done{by}: {error}"
        raise FormatError(message) from error


def _choose(
    by: str, selection: Mapping[str, Any], arguments: dict[str, Any], opened: "list[Scores]"
) -> NDArray[np.int64]:
    from dsdm.selection.methods import prefix

    scores = []
    if by != "get_indices":
        scores.append(prefix(opened[0], selection.get("rows"), ", ".join(map(str, selection["scores"]))))
    chosen: NDArray[np.int64] = FUNCTIONS[by](*scores, **arguments)
    return chosen

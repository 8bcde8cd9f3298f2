"""What a manifest tells of its files and of how rows were chosen, looked at again.

Whoever wrote a manifest need not mean well: files are opened only where that is trusted
(:mod:`dsdm.selection.record.trust`), what goes wrong with one is said without any of its bytes, and nothing takes
longer than the rows that are there are worth.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsdm import checks
from dsdm._native import FileIdentity, digest_of_rows, prepare_arrays
from dsdm.errors import ChecksumError, FormatError, SourceChangedError
from dsdm.paths import PathLike, local
from dsdm.paths.named import tells_place
from dsdm.selection.ids.join import Rejoined, rejoined
from dsdm.selection.ids.score_file import identity_of_file
from dsdm.selection.inputs import read_rows
from dsdm.selection.manifest_paths import without_place
from dsdm.selection.record.again.asked import check_asked
from dsdm.selection.record.again.choosing import Again, rows_again
from dsdm.selection.record.again.facts import check_facts
from dsdm.selection.record.again.files import refuse_other_names, refuse_other_sizes
from dsdm.selection.record.check import as_called, check_record
from dsdm.selection.record.located import WRONG, places_of, recorded_groups
from dsdm.selection.record.provenance import (
    check_selection,
    files_of_scores,
    opened_scores,
    rows_of_files,
    what_is_missing,
)
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.origin import identity_of
from dsdm.selection.told import KNOWN, ON, ROWS, files_of_inputs, tells_of_files

if TYPE_CHECKING:
    from dsdm.scores import Scores

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
prepare_arrays()

_MOST_DRAWN_FROM = 2**36
"""Rows of which a draw is repeated: a minute or two."""

_MOST_WITHOUT_BYTES = 2**20
"""Rows that are drawn again whatever the output is like: a header can tell more than that of rows without any bytes."""


OfOutput: TypeAlias = Callable[[str], "NDArray[np.int64] | str"]
"""Gives the rows that an output was written from, or why they are not known."""


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
    return [identity_of(file) for file in files]


def input_files(selection: Mapping[str, Any]) -> list[FileIdentity]:
    """Return what the files are known by in which groups and lengths lie; none of those that are not told as files."""
    if not tells_of_files(selection):
        return []
    return _told(file for files in files_of_inputs(selection).values() for file in files)


def _told(files: Iterable[Any]) -> list[FileIdentity]:
    """Return what files are known by that a manifest tells of, of which no field was looked at: all, or none."""
    found = list(files)
    try:
        return identities(found)
    except (TypeError, ValueError, OverflowError, AttributeError, KeyError):
        return []


def score_files(selection: Mapping[str, Any], data_dir: PathLike | None) -> list[dict[str, Any]]:
    """Return what was told of the score files of a selection, with the paths where they are now."""
    if selection.get("by") not in KNOWN:
        files = selection.get("score_files") if tells_of_files(selection) else None
        return [file.fields() for file in _told(files)] if isinstance(files, list) else []
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
    of_output: OfOutput,
    digest: str | None = None,
    sources: Sequence[str] = (),
) -> NDArray[np.int64] | str:
    """Return the rows of a selection that a manifest tells, or why they cannot be chosen again.

    So many rows were written, in files of so many bytes. Where the rows have the `digest` that is told, all else that
    is told and follows from them is compared: of other rows, the caller says so. The rows themselves came from
    `sources`. `of_output` gives those of an earlier output, or says why they are not known.

    Raises
    ------
    FormatError
        If there are other numbers of scores and of rows, with both; for what is told and cannot be done.
    ChecksumError
        If it is of another number of rows than were written; for what is told and does not follow from them.

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
    opened = _opened(manifest, selection, data_dir, trust, sources, threads)
    if isinstance(opened, str):
        return opened
    reason = _read_rows(arguments, selection, trust, sources, of_output)
    found = reason or _checked(manifest, selection, arguments, opened, nbytes)
    if isinstance(found, str):
        return found
    if digest_of_rows(found.rows) == digest:
        check_facts(manifest, selection, found, trust, sources, threads)
        check_asked(manifest, selection, arguments, opened[0] if opened else None, found.rows, trust, sources)
    return found.rows


def _opened(
    manifest: str,
    selection: Mapping[str, Any],
    data_dir: PathLike | None,
    trust: Trust,
    sources: Sequence[str],
    threads: int | None,
) -> "list[Scores | Rejoined] | str":
    """Open the score files of a selection; or say which is missing, or not trusted."""
    recorded = selection.get("scores", ())
    named = [recorded] if isinstance(recorded, str) else list(map(str, recorded))
    try:
        if selection["by"] != "get_indices" and (outside := trust.first_leading_out(named)):
            return outside
        files = files_of_scores(selection, data_dir)
        if outside := trust.first_outside(files):
            return outside
        refuse_other_names(manifest, selection, files)
        if selection.get(ON) is None:
            opened = opened_scores(selection, data_dir)
            refuse_other_sizes(manifest, selection, [count for one in opened for count in rows_of_files(one)])
            return [*opened]
        refuse_other_sizes(manifest, selection, [identity_of_file(Path(file)).rows for file in files])
        rows = places_of(selection, "ids", trust, sources)
        return rows if isinstance(rows, str) else [rejoined(selection, files, rows, threads)]
    except FileNotFoundError as missing:
        return what_is_missing(missing)
    except (SourceChangedError, ChecksumError):
        raise
    except (*WRONG, OSError):
        # What its reader says of a file can be its first bytes.
        ids = f" by {selection[ON]!r}" if selection.get(ON) is not None else ""
        message = (
            f"{', '.join(named) or selection['arguments'].get('method')}: the manifest tells that this holds "
            f"scores{ids}, and it cannot be read as such; `dsdm scores` says why"
        )
        raise FormatError(message) from None


def _rows_of(path: str, trust: Trust, of_output: OfOutput) -> NDArray[Any] | str:
    """Read the rows that were not to be chosen, or alone were; or say that the file is missing, or not trusted."""
    if outside := trust.outside(path):
        return outside
    file = local(path)
    if not os.path.exists(file):  # noqa: PTH110 - which raises for no path
        return f"{path}: it is not there"
    if os.path.isdir(file):  # noqa: PTH112 - which raises for no path
        try:
            return trust.first_leading_out([path]) or of_output(file)
        except FileNotFoundError as missing:
            return what_is_missing(missing)
    try:
        rows = checks.excluded_rows(read_rows(file))
    except SourceChangedError:
        raise
    except (*WRONG, OSError):
        rows = None
    if rows is None:
        message = f"{path}: the manifest tells that this holds row numbers, and it is no .npy file of them"
        raise FormatError(message)
    return rows


def _read_rows(
    arguments: dict[str, Any],
    selection: Mapping[str, Any],
    trust: Trust,
    sources: Sequence[str],
    of_output: OfOutput,
) -> str | None:
    """Read which rows may be chosen, and the groups that they are of, into arguments; or say why they are not read."""
    for name in filter(selection.get, ROWS):
        rows = _rows_of(selection[name], trust, of_output)
        if isinstance(rows, str):
            return rows
        arguments[name] = rows
    if selection.get("groups") is None:
        return None
    groups = recorded_groups(selection, trust, sources, arguments.get("threads"))
    if isinstance(groups, str):
        return groups
    arguments["groups"] = groups
    return None


def _checked(
    manifest: str,
    selection: Mapping[str, Any],
    arguments: dict[str, Any],
    opened: "list[Scores | Rejoined]",
    nbytes: int,
) -> Again | str:
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
        return rows_again(selection["by"], selection, arguments, opened)
    except WRONG as error:
        paths = [*(path for scores in opened for path in scores.paths), *_paths_of_groups(selection)]
        files = ", ".join(map(str, paths))
        by = f" by {files}" if files else ""
        # What is wrong with groups can be said by their names alone, and these by whoever's bytes the file has.
        why = "the groups are others than it tells of" if "groups" in arguments else error
        message = f"{manifest}: what it tells of the selection cannot be done{by}: {why}"
        raise FormatError(message) from error


def _paths_of_groups(selection: Mapping[str, Any]) -> list[Any]:
    return [file.get("path") for file in files_of_inputs(selection).get("groups", [])]

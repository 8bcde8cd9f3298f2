"""The scores that were added to rows as columns, held against the files in which ``dsdm.json`` says that they lie."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, FileIdentity
from dsdm.errors import ChecksumError, FormatError, SourceChangedError
from dsdm.paths.named import place_of
from dsdm.selection.record.located import WRONG, opened_numbers
from dsdm.selection.record.repeat import identities


def added_files(path: str, selection: Mapping[str, Any]) -> list[FileIdentity]:
    """Return the files of added scores, where they are now: fields were looked at."""
    files = [file for one in selection.get("scores", ()) for file in one.get("files", ())]
    return [file.at(place_of(file.path, path)) for file in identities(files)]


def added_names(selection: Mapping[str, Any]) -> list[str] | None:
    """Return the columns of scores that were added; None where that is not told."""
    told = selection.get("scores")
    return None if told is None else [one["name"] for one in told]


def compare_added(
    manifest: str,
    selection: Mapping[str, Any],
    here: Corpus,
    rows: NDArray[np.int64] | None,
    of: int | None,
    same: Sequence[str],
    threads: int | None,
) -> None:
    """Compare the columns of added scores with what their files have of `rows`, in the order in which these lie `here`.

    Each vector has `of` scores, where that is known. Files are read that are among the `same`, which lie where that is
    trusted. Without rows, the names are compared.

    Raises
    ------
    ChecksumError
        For a column that is not there, or has another score than its files, with the row.
    FormatError
        For files that cannot be read as is told.

    """
    names = added_names(selection) or []
    have = here.schema.names
    ids = [selection["row_ids"]] if "row_ids" in selection else []
    if names and have[len(have) - len(ids) - len(names) :] != [*ids, *names]:
        message = f"{manifest}: selection.scores tells of the last columns {names}, and the columns are {have}"
        raise ChecksumError(message)
    folder = os.path.dirname(manifest)  # noqa: PTH120 - a path may be any text
    if rows is None:
        return
    if names and len(rows) != len(here):
        message = f"{manifest}: {len(rows):,} rows are told, and {len(here):,} are there"
        raise ChecksumError(message)
    for told in selection.get("scores", ()):
        files = [place_of(str(file["path"]), folder) for file in told.get("files", ())]
        if files and set(files) <= set(same):
            there = _scores_of(manifest, told, files, rows, of)
            _compare(manifest, told["name"], here, there, threads)


def _scores_of(
    manifest: str, told: Mapping[str, Any], files: list[str], rows: NDArray[np.int64], of: int | None
) -> NDArray[Any]:
    """Return the scores of rows out of files that were looked at."""
    what = f"selection.scores: {told['name']!r}"
    try:
        opened = opened_numbers(files, told)
        sizes = [(file.get("rows"), found.rows) for file, found in zip(told["files"], opened.identities(), strict=True)]
        cut = opened if "rows" not in told else opened.slice(0, told["rows"])
        values = np.asarray(cut[rows])
    except SourceChangedError:
        raise
    except (*WRONG, OSError):
        # What its reader says of a file can be its bytes.
        message = f"{manifest}: {what} is told to lie in {', '.join(files)}, which cannot be read so; write it again"
        raise FormatError(message) from None
    if wrong := next((pair for pair in sizes if None not in pair and pair[0] != pair[1]), None):
        message = f"{manifest}: {what} has a file of {wrong[0]:,} scores, and there are {wrong[1]:,}; write it again"
        raise ChecksumError(message)
    if of is not None and len(cut) != of:
        message = f"{manifest}: {what} is told to have {len(cut):,} scores, and there are {of:,} rows; write it again"
        raise ChecksumError(message)
    return values


def _compare(manifest: str, name: str, here: Corpus, there: NDArray[Any], threads: int | None) -> None:
    """Fail where a column has another score than its files."""
    found = here.select([name]).take(np.arange(len(here)), threads=threads).column(0)
    own = found.to_numpy().astype(there.dtype if there.dtype.kind in "fiu" else np.float32)
    is_nan = np.isnan(own) & np.isnan(there) if own.dtype.kind == "f" else np.zeros(len(own), np.bool_)
    differ = (own != there) & ~is_nan
    if differ.any():
        at = int(differ.argmax())
        message = (
            f"{manifest}: the column {name!r} has {own[at]} in row {at:,}, and the score of that row is {there[at]} "
            "in the files that selection.scores tells of: what it tells, or the order of rows, was changed"
        )
        raise ChecksumError(message)

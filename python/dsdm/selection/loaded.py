"""What a JSON file beside row numbers tells of files and bounds, looked at as it is read."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsdm._native import FileIdentity
from dsdm.errors import FormatError
from dsdm.paths.hive.columns import refuse_other_folders
from dsdm.selection.rules import saved


def at_hand(file: FileIdentity) -> FileIdentity:
    """Return what a file is known by with the time that it has now, where it is the same: a copy has another."""
    try:
        changed = os.stat(file.path).st_mtime_ns  # noqa: PTH116 - a path may be any text
        same = not file.difference()
    except (OSError, ValueError):
        return file
    return FileIdentity(**{**file.fields(), "modified_ns": changed}) if same else file


def input_of(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return where groups or lengths lie, of which a JSON file tells."""
    files = told.get("files", [])
    if not isinstance(files, list):
        message = f"{path}: files is {files!r:.200}; save the selection again"
        raise FormatError(message)
    found = [at_hand(file_of(path, file)).fields() for file in files]
    _check_folders(path, told.get("hive"), [str(file["path"]) for file in found])
    return {**told, "files": found} if "files" in told else dict(told)


def checked_corpora(path: Path, corpora: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return corpora of which a JSON file tells, if their directories hold what is told."""
    for told in corpora:
        _check_folders(path, told.get("hive"), [str(file["path"]) for file in told["files"]])
    return corpora


def _check_folders(path: Path, hive: Any, files: list[str]) -> None:
    """Fail for columns that directories do not hold."""
    try:
        refuse_other_folders(hive, files)
    except ValueError as error:
        message = f"{path}: {error}; save the selection again"
        raise FormatError(message) from None


def file_of(path: Path, file: Any) -> FileIdentity:
    """Return the score file of which a JSON file tells."""
    try:
        return FileIdentity(**file)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"{path}: score_files holds {file!r:.200} ({error}); save the selection again"
        raise FormatError(message) from None


def bounds_of(path: Path, told: Any) -> tuple[float | None, float | None]:
    """Return the bounds of which a JSON file tells."""
    found = [saved.argument(path, bound) for bound in told]
    if len(found) != 2 or any(type(bound) not in {int, float, type(None)} for bound in found):  # noqa: PLR2004 - two ends
        message = f"{path}: bounds is {told!r:.200}; save the selection again"
        raise FormatError(message)
    return found[0], found[1]

"""The columns of files by the names of the directories that they lie in: ``lang=en/year=2024/part-0.parquet``.

The names and values are those of ``pyarrow.dataset.partitioning(flavor="hive")``, where that changes no text: pyarrow
reads ``007`` as the number 7, and it stays a text here. ``datasets`` leaves such columns out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from dsdm.shown import shown

HiveColumn = tuple[str, bool, list[str | None]]
"""A column: its name, whether its values are whole numbers, and the text of that of each file."""

_FOLDER = re.compile(r"[^=/]+=[^/]*", re.DOTALL)
_NULL = "__HIVE_DEFAULT_PARTITION__"
# The one way to write a number, so that it gives back the text of the directory.
_WHOLE = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_LEAST, _MOST = -(2**63), 2**63 - 1


def first_key(path: str) -> str | None:
    """Return the name of the column that a relative path's directories hold, if they do."""
    folders = path.split("/")[:-1]
    return next((name.split("=")[0] for name in folders if _FOLDER.fullmatch(name)), None)


def without_keys(path: str) -> str:
    """Return a relative path without the directories whose names hold columns."""
    *folders, name = path.split("/")
    return "/".join([*(folder for folder in folders if not _FOLDER.fullmatch(folder)), name])


def columns_of(files: Sequence[str], below: Sequence[str], *, union: bool = False) -> list[HiveColumn]:
    """Return the columns of files by their paths below the directory or the glob that was given.

    By `union`, those of all files, in the order in which they come: null where the directories of a file hold another.

    Raises
    ------
    ValueError
        If there are none, or the files do not have the same in the same order, naming two of them; for a name or a
        value that is none; for whole numbers of which one is beyond int64.

    """
    found = [_pairs(file, path) for file, path in zip(files, below, strict=True)]
    if not any(found):
        message = (
            f"hive=True is for files in directories whose names hold columns (KEY=VALUE/), and {files[0]} "
            "is in none below the directory or glob that was given; leave it out, or name the directory above them"
        )
        raise ValueError(message)
    names = list(dict.fromkeys(name for pairs in found for name in pairs))
    for file, path, pairs in zip(files, below, found, strict=True):
        if union:
            _refuse_above(file, path, [name for name in names if name not in pairs])
        elif list(pairs) != list(found[0]):
            message = (
                f"{file}: the names of its directories hold {_listed(pairs)}, and those of {files[0]} "
                f"{_listed(found[0])}; with hive=True, all files have the same columns in the same order: give "
                'schema="union" for those of all, null where one is missing, or name those files that belong together '
                "by a directory or a glob"
            )
            raise ValueError(message)
    # Proof: by union, null in the files that do not have it; else all have it.
    return [_typed(name, [pairs.get(name) for pairs in found], files) for name in names]


def as_told(columns: Sequence[HiveColumn]) -> dict[str, list[int | str | None]]:
    """Return columns as JSON has them: by their names, the value of each file."""
    return {
        name: [int(value) if whole and value is not None else value for value in values]
        for name, whole, values in columns
    }


def of_told(told: Any, files: int) -> list[HiveColumn]:
    """Return the columns that were told of so many files; none where nothing was told.

    Raises
    ------
    ValueError
        For what is none.

    """
    columns = []
    for name, values in told.items() if isinstance(told, Mapping) else ():
        kinds = {type(value) for value in values if value is not None} if isinstance(values, list) else {None}
        small = kinds == {int} and all(_LEAST <= value <= _MOST for value in values if value is not None)
        if not (small or kinds <= {str}) or not isinstance(name, str) or len(values) != files:
            break
        columns.append((name, small, [None if value is None else str(value) for value in values]))
    if told is not None and (not isinstance(told, Mapping) or len(columns) != len(told)):
        message = (
            f"'hive' is {told!r:.200}; a mapping is needed, with the name of each column that directories hold, and a "
            f"list with its value, a text, a whole number or null, for each of {files:,} files"
        )
        raise ValueError(message)
    return columns


def refuse_other_folders(told: Any, files: Sequence[str]) -> None:
    """Fail where columns that were told of files have other values than the directories that these are named by.

    Raises
    ------
    ValueError
        Naming the file, the column and both values; and for what :func:`of_told` refuses.

    """
    for name, _, values in of_told(told, len(files)):
        for file, value in zip(files, values, strict=True):
            folders = [folder.partition("=") for folder in file.split("/")[:-1] if _FOLDER.fullmatch(folder)]
            there = [unquote(text) for key, _, text in folders if unquote(key) == name]
            if there and (_NULL if value is None else value) not in there:
                message = f"{name!r} is {value!r:.100} for {file}, whose directories tell {name}={there[-1]}"
                raise ValueError(message)


def _pairs(file: str, path: str) -> dict[str, str | None]:
    """Return the values that the directories of a file hold, by their names."""
    found: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        if folder.startswith("="):
            raise _wrong(file, folder, "has no name of a column before the sign")
        if not _FOLDER.fullmatch(folder):
            continue  # Proof: it holds no column.
        name, _, value = (_decoded(file, folder, part) for part in folder.partition("="))
        if "\0" in name:
            raise _wrong(file, folder, "has a NUL in the name of its column")
        if not value:
            raise _wrong(file, folder, f"has no value, and an empty text is not told from none: say {name}={_NULL}")
        if name in found:
            raise _wrong(file, folder, f"holds the column {name!r}, which a directory above holds already")
        found[name] = None if value == _NULL else value
    return found


def _refuse_above(file: str, path: str, missing: Sequence[str]) -> None:
    """Fail where a column that would be null is in the name of a directory above the one that was given."""
    folders = file[: len(file) - len(path)].split("/") if missing else []
    above = {unquote(folder.partition("=")[0]) for folder in folders if _FOLDER.fullmatch(folder)}
    name = next((name for name in missing if name in above), None)
    if name is not None:
        message = (
            f"{file}: the column {name!r} is in the names of the directories above those that were given, where names "
            f"do not count, and the directories of other files hold it; name a directory that holds {name}=… for all "
            "of them"
        )
        raise ValueError(message)


def _decoded(file: str, folder: str, part: str) -> str:
    """Return a name or a value with its escapes as what they stand for: ``%2F`` for ``/``."""
    try:
        text = unquote(part, errors="strict")
        text.encode()
    except UnicodeError:
        raise _wrong(file, folder, "is no UTF-8") from None
    return text


def _wrong(file: str, folder: str, what: str) -> ValueError:
    message = f"{file}: the directory {folder!r} {what}; rename it, or give the files as a list, without hive=True"
    return ValueError(shown(message))


def _typed(name: str, values: list[str | None], files: Sequence[str]) -> HiveColumn:
    """Return a column of whole numbers where all values are such, else of texts."""
    there = [value for value in values if value is not None]
    if not there or not all(map(_WHOLE.fullmatch, there)):
        return name, False, values
    for file, value in zip(files, values, strict=True):
        if value is not None and not _LEAST <= int(value) <= _MOST:
            message = (
                f"{file}: the column {name!r} of its directories holds whole numbers, and {value} is none of int64 "
                f"({_LEAST} to {_MOST}); rename the directory, or give the files as a list, without hive=True"
            )
            raise ValueError(message)
    return name, True, values


def _listed(pairs: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, pairs)) if pairs else "no column"

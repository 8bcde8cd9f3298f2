"""The group of each row out of files: a ``.npy`` file, a text file with a line for each row, or a column of rows."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dsdm._native import Corpus, prepare_arrays
from dsdm.checks import Schema
from dsdm.errors import FormatError, SourceChangedError
from dsdm.paths.belongs import ROWS
from dsdm.paths.hive.columns import of_told
from dsdm.selection.fields import field_of, has_field
from dsdm.selection.rules.origin import Placed, identities_of

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
prepare_arrays()

_NEEDED = (
    "groups= takes a .npy file of whole numbers or texts, a .txt file with a line for each row, or the column of a "
    "Parquet, Arrow or JSON lines file"
)
_ENDS = 16 << 10
"""Bytes at the start and at the end of a file that are digested, as ``docs/formats/dsdm-json.md`` has it."""


def is_table(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is named as those are that have columns."""
    name = os.fspath(path)
    # A .json that is named by itself is meant as lines, as a list of shards means it.
    return ROWS.kind(name) is not None or name.lower().endswith(".json")


def read_groups(path: str | os.PathLike[str]) -> Placed:
    """Read the group of each row: a ``.npy`` file of whole numbers or texts, or a text file with a line for each row.

    Raises
    ------
    FormatError
        For any other file.
    SourceChangedError
        If it changes as it is read.

    """
    file = Path(path)
    before = ends_of(file)
    try:
        if file.suffix.lower() == ".txt":
            # What ends lines is a line break alone, and the last one begins no line. A mark of the encoding is no text.
            groups: Any = file.read_text("utf-8").removeprefix("\ufeff").removesuffix("\n").split("\n")
        else:
            groups = np.load(file, allow_pickle=False)
    except UnicodeDecodeError as error:
        raise _wrong(file, f"this is no UTF-8 at byte {error.start}") from error
    except (ValueError, EOFError) as error:
        raise _wrong(file, "this is neither, or holds objects") from error
    if not isinstance(groups, list | np.ndarray):
        raise _wrong(file, "it holds several arrays")
    if isinstance(groups, np.ndarray) and (groups.ndim != 1 or groups.dtype.kind not in "iuU"):
        raise _wrong(file, f"it holds {groups.dtype} of shape {groups.shape}")
    if (now := ends_of(file)) != before:
        message = f"{file}: it changed while it was read; wait until nothing writes to it any more"
        raise SourceChangedError(message)
    return Placed(groups, {"files": [{**now, "rows": len(groups)}]})


def read_column(
    paths: Sequence[str | os.PathLike[str]],
    column: str | None,
    threads: int | None = None,
    schema: Schema = "same",
    *,
    named: str | None = None,
    hive: Any = None,
) -> Placed:
    """Read a column of all rows of Parquet or Arrow files; of the only one that there is, no name is needed.

    They are `named` in messages as those who asked named them. What was told of the columns of their directories is
    `hive`.

    Raises
    ------
    ValueError
        If there is no such column, with those that there are.

    """
    corpus = Corpus.open(list(paths), threads=threads, schema=schema, constants=of_told(hive, len(paths)))
    names = corpus.schema.names
    column = names[0] if column is None and len(names) == 1 else column
    first = os.fspath(paths[0]) if named is None else named
    if column is None or not has_field(corpus.schema, column):
        there = ", ".join(map(repr, names))
        asked = "which column is meant is not said" if column is None else f"there is no column {column!r}"
        how = f"; say {first}:COLUMN" if len(paths) == 1 or named is not None else ""
        message = f"{first}: groups= takes a column, and {asked}; there are {there}{how}"
        raise ValueError(message)
    values = field_of(corpus, column, f"{first}: column").take(np.arange(len(corpus)), threads)
    origin = {"files": identities_of(corpus), "column": column, **({"hive": dict(hive)} if hive else {})}
    return Placed(values, origin)


def ends_of(file: Path) -> dict[str, Any]:
    """Return what a file is known by: its size, its time, and the digest of its first and last bytes."""
    import xxhash

    with file.open("rb") as opened:
        size, modified = os.fstat(opened.fileno()).st_size, os.fstat(opened.fileno()).st_mtime_ns
        first = opened.read(_ENDS)
        opened.seek(max(0, size - _ENDS))
        last = opened.read(_ENDS)
    known = {"path": str(file.absolute()), "bytes": size, "modified_ns": modified}
    # Of one that ends as Parquet files do, more is digested, as if there was a footer.
    return known if last.endswith(b"PAR1") else {**known, "ends": xxhash.xxh3_128_hexdigest(first + last)}


def _wrong(file: Path, what: str) -> FormatError:
    return FormatError(f"{file}: {_NEEDED}, and {what}")

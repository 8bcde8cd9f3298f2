"""Which files scores by id lie in: a path, a directory, a glob or a list of these."""

import os
from collections.abc import Sequence
from typing import Any

from dsdm.paths import ROWS, find, is_searched


def paths_of(values: Any) -> list[str] | None:
    """Return the paths that were given; None for what is in memory.

    >>> paths_of("scores.jsonl"), paths_of(["a.parquet", "b.parquet"]), paths_of(([1, 2], [0.5, 1.5]))
    (['scores.jsonl'], ['a.parquet', 'b.parquet'], None)
    """
    if isinstance(values, str | bytes | os.PathLike):
        return [os.fsdecode(values)]
    listed = isinstance(values, list | tuple) and len(values) > 0
    if not listed or not all(isinstance(value, str | bytes | os.PathLike) for value in values):
        return None
    return [os.fsdecode(value) for value in values]


def found_files(paths: Sequence[str], *, partial: bool = False) -> list[str]:
    """Return the files that paths mean, each of them once.

    Raises
    ------
    ValueError
        For a file that is named twice, whose ids would all be there twice.
    FileNotFoundError
        Where nothing is, or not all of it.

    """
    # A join takes rows in any order, so that none has to be chosen.
    sort = "name" if any(map(is_searched, paths)) else None
    files = find(paths[0] if len(paths) == 1 else paths, ROWS, sort=sort, partial=partial).files
    seen: dict[str, str] = {}
    for file in files:
        real = os.path.realpath(file)
        if real in seen:
            message = f"{file}: it is given twice, also as {seen[real]}; give each file of scores once"
            raise ValueError(message)
        seen[real] = file
    return files

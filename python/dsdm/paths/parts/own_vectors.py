"""Score files that may be a vector each for the same rows, and not parts of one: by their names and their rows.

Parts have names that are a series, and are numbered from 0 or 1, or it is said how they are sorted; or they have
different numbers of rows, also together with others of their name; or they are tables whose first rows are others, by
what these have beside the scores.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from dsdm._native import Corpus
from dsdm.errors import FormatError, SchemaError
from dsdm.paths.belongs import ROWS, SCORES
from dsdm.paths.hive.columns import without_keys
from dsdm.paths.order import HASH, skeleton

Files = list[tuple[str, int]]
"""Paths, each with its rows."""


def refuse_own_vectors(
    where: str,
    paths: Sequence[str],
    rows: Sequence[int | None],
    are_other_rows: Callable[[str, str], bool],
    *,
    partial: bool = False,
) -> None:
    """Fail where score files that were found may each be a vector for the same rows, and not parts of one.

    `are_other_rows` tells of two of the paths whether they are of other rows.

    Raises
    ------
    ValueError
        With two of them, and how to say which is meant.

    """
    found = own_vectors(paths, rows, partial=partial)
    if found is not None and not are_other_rows(*found[:2]):
        one, other, how = found
        message = (
            f"{where}: {one} and {other} have {how}, and may be parts of one vector or a vector each for the same "
            "rows, as their names are no series from 0 or 1; name each by its own path, or where they are parts, give "
            "a list of them in their order, or number them (part-0, part-1)"
        )
        raise ValueError(message)


def own_vectors(
    paths: Sequence[str], rows: Sequence[int | None], *, partial: bool = False
) -> tuple[str, str, str] | None:
    """Return two files that may be a vector each, and how many rows they have; None where all are parts of one.

    With `partial`, the first numbers of a series may be missing.
    """
    files = [(path, count) for path, count in zip(paths, rows, strict=True) if count]
    named: dict[int, str] = {}
    for path, count in files:
        if _form(path) != _form(named.setdefault(count, path)):
            return named[count], path, f"{count:,} rows each"
    series: dict[str, Files] = defaultdict(list)
    for path, count in files:
        series[_form(path)].append((path, count))
    return _as_many_together(series.values()) or (None if partial else _no_series(series.values()))


def same_names(paths: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether files have the names of others, one by one, but for what tells their format."""
    return [_name(os.path.basename(path)) for path in paths] == [_name(os.path.basename(path)) for path in others]  # noqa: PTH119


def begin_with_other_rows(one: str, other: str, column: str | int | None) -> bool:
    """Return whether two tables begin with other rows, by what they have beside the column of the scores."""
    if not isinstance(column, str) or not all(ROWS.kind(path) for path in (one, other)):
        return False
    import pyarrow as pa

    try:
        first, second = (pa.table(Corpus.open([path]).take(np.zeros(1, np.int64))) for path in (one, other))
    except (FormatError, SchemaError):
        return False
    name = re.split(r"[.[]", column)[0]
    if not all(name in table.column_names for table in (first, second)):
        return False
    return bool(first.drop_columns([name]).to_pylist() != second.drop_columns([name]).to_pylist())


def _as_many_together(series: Iterable[Files]) -> tuple[str, str, str] | None:
    """Return the first files of two series that have as many rows in all."""
    totals: dict[int, str] = {}
    for files in series:
        total = sum(count for _, count in files)
        other = totals.setdefault(total, files[0][0])
        if other != files[0][0]:
            return other, files[0][0], f"{total:,} rows each, with those of their names"
    return None


def _no_series(series: Iterable[Files]) -> tuple[str, str, str] | None:
    """Return two files with as many rows whose names differ by numbers that are no series, or by hashes alone."""
    for files in series:
        counts = {count for _, count in files}
        if len(files) > 1 and len(counts) == 1 and not _is_series([_numbers(path) for path, _ in files]):
            return files[0][0], files[1][0], f"{files[0][1]:,} rows each"
    return None


def _is_series(numbers: list[tuple[int, ...]]) -> bool:
    """Return whether the numbers of names begin with 0 or 1: the first that differ, and so on to the last."""
    if len(numbers) < 2:  # noqa: PLR2004
        return True
    if not all(numbers):
        return False
    following: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for first, *rest in numbers:
        following[first].append(tuple(rest))
    return (len(following) == 1 or min(following) <= 1) and all(map(_is_series, following.values()))


def _form(path: str) -> str:
    """Return a path without what may differ between parts: columns in its directories, numbers, hashes, its format."""
    return skeleton(_name(without_keys(path))).replace("\0h", "\0n")


def _numbers(path: str) -> tuple[int, ...]:
    text = HASH.sub("", _name(without_keys(path)))
    return tuple(int(number) for number in re.findall("[0-9]+", text))


def _name(path: str) -> str:
    """Return a path without the endings that tell a format of scores."""
    stem, last = os.path.splitext(path)  # noqa: PTH122
    if last.lower() in {".gz", ".zst"}:
        stem, last = os.path.splitext(stem)  # noqa: PTH122
    return stem if SCORES.kind(f"x{path[len(stem) :]}") or last.lower() == ".json" else path

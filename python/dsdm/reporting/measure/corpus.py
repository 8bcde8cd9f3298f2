"""What the corpus tells of rows: the file that each is from, its group and its length."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native
from dsdm.checks import refuse_masked
from dsdm.joins.lengths import RowLengths
from dsdm.reporting.facts import LengthFacts, LengthStats, Part
from dsdm.reporting.measure.bins import even_edges, histogram_of, whole_edges
from dsdm.rows.sources import Source
from dsdm.selection.fields import field_of
from dsdm.selection.inputs import engine_scores
from dsdm.selection.rules.origin import values_of
from dsdm.selection.rules.sizes.budget import LazyLengths

_BLOCK = 1 << 18
_MOST_GROUPS = 100_000


class TooManyGroupsError(ValueError):
    """More groups than a report counts."""


def sources_of(source: Source, rows: NDArray[np.int64]) -> list[Part]:
    """Return the files of a corpus with their rows, and how many of each were chosen; `rows` ascend."""
    files = source.corpus.identities()
    sizes = [file.rows for file in files]
    ends = np.cumsum([0, *(size for size in sizes if size is not None)])
    if not files or None in sizes or ends[-1] != len(source.corpus):
        return []
    every = ends if source.mapping is None else np.searchsorted(np.sort(source.mapping), ends)
    mine = np.searchsorted(np.sort(source.rows(rows)), ends)
    return [
        Part(file.path, int(size), int(count))
        for file, size, count in zip(files, np.diff(every), np.diff(mine), strict=True)
    ]


def groups_of(groups: Any, source: Source | None, n: int, rows: NDArray[np.int64]) -> list[Part]:
    """Return how many rows each group has, and how many of them were chosen.

    Raises
    ------
    ValueError
        If there is no such column, or not one group for each row.
    TooManyGroupsError
        For more groups than can be looked at.
    TypeError
        For groups that are neither whole numbers nor texts.

    """
    every: Counter[Any] = Counter()
    mine: Counter[Any] = Counter()
    for start, values in _blocks(groups, source, n):
        first, last = np.searchsorted(rows, (start, start + len(values)))
        _count(every, values)
        _count(mine, values.take(rows[first:last] - start))
        if len(every) > _MOST_GROUPS:
            message = f"groups has more than {_MOST_GROUPS:,} values; name what has fewer: a domain, a source"
            raise TooManyGroupsError(message)
    found = [Part("null" if name is None else str(name), count, mine[name]) for name, count in every.items()]
    return sorted(found, key=lambda part: (-part.chosen, -(part.rows or 0), part.name))


def _blocks(groups: Any, source: Source | None, n: int) -> Iterator[tuple[int, Any]]:
    """Yield runs of the group of each row, with the row at which each begins."""
    import pyarrow as pa

    if isinstance(groups, str):
        if source is None:
            message = f"groups is {groups!r}, and there is no corpus to have this column; name it by corpus="
            raise ValueError(message)
        field = field_of(source.corpus, groups, "groups")
        for start in range(0, n, _BLOCK):
            some = source.rows(np.arange(start, min(start + _BLOCK, n)))
            yield start, _of_groups(field.take(some).combine_chunks())
        return
    groups = values_of(groups)
    # Rows of no group are counted as such, as in a column of the corpus.
    if not isinstance(groups, pa.Array | pa.ChunkedArray):
        refuse_masked("groups", groups)
    if isinstance(groups, bytes) or not hasattr(groups, "__len__"):
        message = (
            f"groups is a {type(groups).__name__}; a column, or an array or list with the group of each row is needed"
        )
        raise TypeError(message)
    if len(groups) != n:
        message = f"groups has {len(groups):,} values, and there are {n:,} rows: each row needs one"
        raise ValueError(message)
    for start in range(0, n, _BLOCK):
        some = groups[start : start + _BLOCK]
        chunked = some.combine_chunks() if isinstance(some, pa.ChunkedArray) else some
        yield start, _of_groups(chunked if isinstance(chunked, pa.Array) else pa.array(chunked))


def _of_groups(values: Any) -> Any:
    """Return values of a type that groups may have."""
    import pyarrow as pa

    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    kind, types = values.type, pa.types
    if not any(check(kind) for check in (types.is_integer, types.is_string, types.is_large_string, types.is_null)):
        message = f"groups is {kind}; whole numbers or texts are needed"
        raise TypeError(message)
    return values


def _count(counter: Counter[Any], values: Any) -> None:
    import pyarrow.compute as pc

    counted = pc.value_counts(values)
    for name, count in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
        counter[name] += count


def lengths_of(lengths: Any, source: Source | None, n: int, rows: NDArray[np.int64], bins: int) -> LengthFacts:
    """Return how long the chosen rows are, and all rows where their lengths are at hand.

    Raises
    ------
    ValueError
        If there is no such column, or not one length for each row.
    TypeError
        For what has no lengths.

    """
    if isinstance(lengths, str):
        if source is None:
            message = f"lengths is {lengths!r}, and there is no corpus to have this column; name it by corpus="
            raise ValueError(message)
        by_column = RowLengths(source, lengths)
        every = None if by_column.fixed is None else np.full(n, by_column.fixed, np.int64)
        return _length_facts((lengths, _unit(by_column)), every, by_column[rows], bins)
    lengths = values_of(lengths)
    if isinstance(lengths, LazyLengths):
        _check_count(len(lengths), n)
        by = (getattr(lengths, "column", "lengths"), _unit(lengths))
        return _length_facts(by, None, lengths[rows], bins)
    refuse_masked("lengths", lengths)
    every = np.asarray(lengths)
    if every.dtype.kind not in "iu" or every.ndim != 1:
        message = f"lengths is {every.dtype} of shape {every.shape}; one whole number for each row is needed"
        raise TypeError(message)
    _check_count(len(every), n)
    if len(every) and int(every.min()) < 0:
        message = f"lengths has {int(every.min())} at row {int(every.argmin())}; no length is less than 0"
        raise ValueError(message)
    column = lengths.column if isinstance(lengths, _native.Scores) else None
    return _length_facts(("lengths" if column is None else str(column), "numbers"), every, every[rows], bins)


def _check_count(found: int, n: int) -> None:
    if found != n:
        message = f"lengths has {found:,} values, and there are {n:,} rows: each row needs one"
        raise ValueError(message)


def _unit(lengths: LazyLengths) -> str:
    """Return what the length of a row counts."""
    import pyarrow as pa

    kind = getattr(lengths, "type", None)
    if kind is None or pa.types.is_integer(kind):
        return "numbers"
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return "items" if any(check(kind) for check in lists) else "bytes"


def _length_facts(by: tuple[str, str], every: NDArray[Any] | None, mine: NDArray[Any], bins: int) -> LengthFacts:
    of = mine if every is None else every
    histogram = None
    if len(of):
        least, most = int(of.min()), int(of.max())
        edges = whole_edges(least, most, bins)
        edges = even_edges(least, most, bins) if edges is None else edges
        histogram = histogram_of(edges, engine_scores(of), engine_scores(mine), None)
    return LengthFacts(*by, _stats(mine), None if every is None else _stats(every), histogram)


def _stats(values: NDArray[Any]) -> LengthStats | None:
    if len(values) == 0:
        return None
    total = int(values.sum(dtype=object)) if values.dtype == np.uint64 else int(values.sum(dtype=np.int64))
    return LengthStats(
        rows=len(values),
        total=total,
        least=int(values.min()),
        most=int(values.max()),
        mean=total / len(values),
        median=float(np.median(values)),
    )

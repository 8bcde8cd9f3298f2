"""The lengths of rows by a column of their corpus: of its lists and texts, or the whole numbers in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.rows.sources import Source, opened_as
from dsdm.selection.fields import field_of
from dsdm.selection.rules.origin import identities_of
from dsdm.selection.rules.sizes.budget import LazyLengths

_AT_ONCE = 4096
"""Rows that are in memory at once."""


class RowLengths(LazyLengths):
    """The length of each row by a column, read for those rows alone that are asked for."""

    def __init__(self, source: Source, column: str) -> None:
        """Look at the type of the column.

        Raises
        ------
        ValueError
            If there is no such column.
        TypeError
            If it has neither lists, texts, bytes nor whole numbers.

        """
        import pyarrow as pa

        self._field = field_of(source.corpus, column)
        self.column = column
        self._source = source
        self.type = kind = self._field.type
        """Of the values of the column."""
        self.fixed: int | None = kind.list_size if pa.types.is_fixed_size_list(kind) else None
        """The length of every row, if the type says it."""
        self._length_of = _length_of(column, kind)

    @property
    def origin(self) -> Mapping[str, Any] | None:
        """Where they lie, which is told of a choice by them; None for rows that are no files as they lie."""
        return origin_of_column(self._source, self.column)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._source)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the lengths of rows, a few of which are in memory at once.

        Raises
        ------
        ValueError
            For a row that is null, which has no length.

        """
        lengths = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), _AT_ONCE):
            some = np.ascontiguousarray(rows[start : start + _AT_ONCE])
            values = self._field.take(self._source.rows(some))
            if values.null_count:
                row = some[int(np.argmax(values.is_null().to_numpy()))]
                message = f"row {row}: the column {self.column!r} is null, which has no length"
                raise ValueError(message)
            lengths[start : start + len(some)] = self._length_of(values)
        return lengths


def origin_of_column(source: Source, column: str) -> Mapping[str, Any] | None:
    """Return where a column of rows lies; None for a table in memory, and for rows in another order than in files."""
    if source.dataset is not None or source.mapping is not None:
        return None
    files = identities_of(source.corpus)
    return {"files": files, "column": column, **opened_as(source.corpus)} if files else None


def _length_of(column: str, kind: Any) -> Any:
    """Return the function that gives the lengths of values of a type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if any(check(kind) for check in (types.is_list, types.is_large_list, types.is_fixed_size_list)):
        return lambda values: pc.list_value_length(values).to_numpy()
    if any(check(kind) for check in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)):
        return lambda values: pc.binary_length(values).to_numpy()
    if types.is_integer(kind):
        return lambda values: values.cast(pa.int64()).to_numpy()
    message = f"the column {column!r} holds {kind}; lists, texts, bytes or whole numbers are needed: they have a length"
    raise TypeError(message)

"""The lengths of rows by a column of their corpus: of its lists and texts, or the whole numbers in it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.rows.sources import Source, opened_as
from dsdm.selection.fields import Field, field_of
from dsdm.selection.rules.origin import identities_of
from dsdm.selection.rules.sizes.budget import LazyLengths

_AT_ONCE = 1 << 20
"""Rows whose lengths are read at once."""


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
        self._lengths = Field(self._field.lengths(), ("length",)) if _has_lengths(column, kind) else self._field

    @property
    def origin(self) -> Mapping[str, Any] | None:
        """Where they lie, which is told of a choice by them; None for rows that are no files as they lie."""
        return origin_of_column(self._source, self.column)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._source)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the lengths of rows.

        Raises
        ------
        ValueError
            For a row that is null, which has no length.

        """
        import pyarrow as pa

        lengths = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), _AT_ONCE):
            some = np.ascontiguousarray(rows[start : start + _AT_ONCE])
            values = self._lengths.take(self._source.rows(some))
            if values.null_count:
                row = some[int(np.argmax(values.is_null().to_numpy()))]
                message = (
                    f"row {row}: the column {self.column!r} is null, which has no length; give every row one, those "
                    "that are not to be chosen too (0 is a length), or choose of a corpus without such rows"
                )
                raise ValueError(message)
            lengths[start : start + len(some)] = values.cast(pa.int64()).to_numpy()
        return lengths


def origin_of_column(source: Source, column: str) -> Mapping[str, Any] | None:
    """Return where a column of rows lies; None for a table in memory, and for rows in another order than in files."""
    if source.dataset is not None or source.mapping is not None:
        return None
    files = identities_of(source.corpus)
    return {"files": files, "column": column, **opened_as(source.corpus)} if files else None


def _has_lengths(column: str, kind: Any) -> bool:
    """Return whether the values of a type have lengths, or are lengths themselves."""
    import pyarrow as pa

    types = pa.types
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    if any(
        check(kind)
        for check in (*lists, types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    ):
        return True
    if types.is_integer(kind):
        return False
    message = f"the column {column!r} holds {kind}; lists, texts, bytes or whole numbers are needed: they have a length"
    raise TypeError(message)

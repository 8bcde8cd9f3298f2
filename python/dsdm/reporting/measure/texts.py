"""What rows hold, as text for people."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.rows.sources import Source


class Texts:
    """What rows hold, as text that is cut: nothing else than that is made of a row of any size."""

    def __init__(self, source: Source, column: str | None, characters: int) -> None:
        """Take the column of texts: `column`, else the one that is named ``text``, else all columns by their names.

        Raises
        ------
        ValueError
            If there is no such column.

        """
        import pyarrow as pa

        schema, self._source, self._characters = source.corpus.schema, source, characters
        if column is not None and column not in schema.names:
            message = f"text is {column!r}, and the rows have {', '.join(map(repr, schema.names))}"
            raise ValueError(message)
        if column is None and "text" in schema.names:
            kind = schema.field("text").type
            column = "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None
        self._columns = schema.names if column is None else [column]

    def of(self, rows: NDArray[np.int64]) -> list[tuple[str, bool]]:
        """Return the text of each row, and whether it has more."""
        if len(rows) == 0 or not self._columns:
            return [("", False)] * len(rows)
        distinct, places = np.unique(rows, return_inverse=True)
        table = self._source.corpus.select(self._columns).take(self._source.rows(distinct))
        found = [self._text(table, at) for at in range(len(distinct))]
        return [found[place] for place in places]

    def _text(self, table: Any, at: int) -> tuple[str, bool]:
        parts, is_cut = [], False
        for name in self._columns:
            text, more = _shown(table[name].slice(at, 1).combine_chunks(), self._characters + 1)
            parts.append(text if len(self._columns) == 1 else f"{name}: {text}")
            is_cut |= more
        whole = "\n".join(parts)
        return whole[: self._characters], is_cut or len(whole) > self._characters


def _shown(value: Any, most: int) -> tuple[str, bool]:
    """Return an array of one value as text of so many characters at most, and whether it has more."""
    import pyarrow as pa

    kind, types = value.type, pa.types
    if value.null_count:
        return "null", False
    if types.is_string(kind) or types.is_large_string(kind):
        # A character has four bytes at most; bytes that are no UTF-8 are shown as such.
        start = memoryview(value.cast(pa.large_binary())[0].as_buffer())[: 4 * most]
        text = bytes(start).decode("utf-8", "replace")
        return text[:most], len(text) > most
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return repr(bytes(memoryview(value[0].as_buffer())[:most])), len(value[0].as_buffer()) > most
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        items = value[0].values
        text = ", ".join(_shown(items.slice(place, 1), most)[0] for place in range(min(len(items), most)))
        return f"[{text}]"[:most], len(items) > most or len(text) + 2 > most
    text = str(value[0].as_py())
    return text[:most], len(text) > most

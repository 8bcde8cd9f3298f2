"""What rows hold, as text for people."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.rows.sources import Source
from dsdm.selection.fields import Field, field_of


class Texts:
    """What rows hold, as text that is cut: nothing else than that is made of a row of any size."""

    def __init__(self, source: Source, column: str | None, characters: int) -> None:
        """Take the column of texts: `column`, else the one that is named ``text``, else all columns by their names.

        Raises
        ------
        ValueError
            If there is no such column or field of structs, or two are meant.

        """
        import pyarrow as pa

        schema, self._source, self._characters = source.corpus.schema, source, characters
        if column is None and "text" in schema.names:
            kind = schema.field("text").type
            column = "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None
        self._field: Field | None = None if column is None else field_of(source.corpus, column, "text")

    def of(self, rows: NDArray[np.int64]) -> list[tuple[str, bool]]:
        """Return the text of each row, and whether it has more."""
        distinct, places = np.unique(rows, return_inverse=True)
        if len(distinct) == 0:
            return []
        taken = self._source.rows(distinct)
        if self._field is None:
            table = self._source.corpus.take(taken)
            found = [self._of_all(table, at) for at in range(len(distinct))]
        else:
            values = self._field.take(taken)
            found = [self._cut(*self._one(values, at)) for at in range(len(distinct))]
        return [found[place] for place in places]

    def _of_all(self, table: Any, at: int) -> tuple[str, bool]:
        """Return all columns of a row, a line for each; of one column, the value alone."""
        if len(table.column_names) == 1:
            return self._cut(*self._one(table.column(0), at))
        shown = [(name, *self._one(values, at)) for name, values in zip(table.column_names, table.columns, strict=True)]
        return self._cut("\n".join(f"{name}: {text}" for name, text, _ in shown), any(more for _, _, more in shown))

    def _one(self, values: Any, at: int) -> tuple[str, bool]:
        return _shown(values.slice(at, 1).combine_chunks(), self._characters + 1)

    def _cut(self, text: str, more: bool) -> tuple[str, bool]:  # noqa: FBT001 - the pair that _shown returns
        return text[: self._characters], more or len(text) > self._characters


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
    return _parts(value, most) if types.is_nested(kind) else _plain(value, most)


def _parts(value: Any, most: int) -> tuple[str, bool]:
    """Return a list or a struct; the maps of a corpus are lists of structs."""
    import pyarrow as pa

    kind = value.type
    if pa.types.is_struct(kind):
        fields = (_named(kind.field(at).name, value.field(at), most) for at in range(kind.num_fields))
        return _listed("{}", fields, most)
    items = value[0].values
    return _listed("[]", (_shown(items.slice(place, 1), most) for place in range(len(items))), most)


def _listed(ends: str, items: Iterator[tuple[str, bool]], most: int) -> tuple[str, bool]:
    """Return items between two marks: no more of them are made than there is room for."""
    parts, length, is_cut = [], 0, False
    for text, more in items:
        if length > most:
            is_cut = True
            break
        parts.append(text)
        length += len(text)
        is_cut |= more
    whole = f"{ends[0]}{', '.join(parts)}{ends[1]}"
    return whole[:most], is_cut or len(whole) > most


def _named(name: str, value: Any, most: int) -> tuple[str, bool]:
    text, more = _shown(value, most)
    return f"{name}: {text}", more


def _plain(value: Any, most: int) -> tuple[str, bool]:
    """Return a value of a type without parts as Python has it; where it has no such value, the number that it is."""
    try:
        text = str(value[0].as_py())
    except (ValueError, OverflowError):
        # A year beyond 9999, or nanoseconds.
        number = value.view(f"int{value.type.bit_width}")
        text = f"{value.type} {number[0].as_py()}"
    return text[:most], len(text) > most

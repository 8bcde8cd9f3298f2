"""A column of rows, or a field of its structs, by a name such as ``meta.domain``: as scores are named in files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dsdm._native import fields_named

if TYPE_CHECKING:
    import pyarrow as pa

    from dsdm._native import Corpus


@dataclass(frozen=True)
class Field:
    """A column of a corpus, or a field of structs in it."""

    rows: "Corpus"
    """The rows with the one column in which it lies."""
    way: tuple[str, ...]
    """The names of the column, and of the field in each struct."""

    @property
    def type(self) -> "pa.DataType":
        """The type of its values."""
        kind = self.rows.schema.field(0).type
        for name in self.way[1:]:
            kind = kind.field(name).type
        return kind

    def lengths(self) -> "Corpus":
        """Return the rows with the length of each value in place of it: of a list its items, of a text its bytes.

        Values are not read where offsets tell: in Arrow, and in memory.
        """
        return self.rows.lengths(list(self.way[1:]))

    def take(self, rows: NDArray[Any], threads: int | None = None) -> "pa.ChunkedArray":
        """Return the values of rows of the files; null where a struct on the way is null."""
        import pyarrow.compute as pc

        values = self.rows.take(rows, threads=threads).column(0)
        for name in self.way[1:]:
            values = pc.struct_field(values, name)
        return values


def may_be_nested(name: str) -> bool:
    """Return whether a name can mean a field of structs, so that all columns tell what it means.

    >>> may_be_nested("id"), may_be_nested("meta.id")
    (False, True)
    """
    return not set(name).isdisjoint('.["')


def has_field(schema: "pa.Schema", name: str) -> bool:
    """Return whether a name means a column, or a field of structs, or several."""
    return bool(fields_named(schema, name))


def field_of(corpus: "Corpus", name: str, asked: str = "column") -> Field:
    """Return the column, or the field of structs, that a name means.

    Raises
    ------
    ValueError
        If there is no such column, with those that there are; if two are meant, with a name for each.

    """
    way = way_of(corpus.schema, name, asked)
    return Field(corpus.select([way[0]]), way)


def way_of(schema: "pa.Schema", name: str, asked: str = "column") -> tuple[str, ...]:
    """Return the names of the column, and of the field in each struct, that a name means.

    Raises
    ------
    ValueError
        As :func:`field_of`.

    """
    found = fields_named(schema, name)
    if not found:
        message = f"{asked} is {name!r}, and the rows have {', '.join(map(repr, schema.names))}"
        raise ValueError(message)
    if len(found) > 1:
        ways = " and ".join(" in ".join(map(repr, reversed(way))) for _, way in found)
        message = f"{asked} is {name!r}, which is {ways}; say {' or '.join(text for text, _ in found)}"
        raise ValueError(message)
    return tuple(found[0][1])

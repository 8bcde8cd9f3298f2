"""Columns, and fields of structs, that may name rows: by their names and types."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from dsdm._native import fields_named
from dsdm.selection.ids.alike import plain

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = re.compile(
    r"(?:^|[^a-z])(?:ids?|uid|uuid|guid|key|index|idx|hash|sha1|sha256|md5|digest|url|uri|docno|docid)(?:$|[^a-z])"
)
"""The words of which one is in the name of a key."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

USUAL = ("id", "_id", "ID", "doc_id", "docid", "docno", "uid", "uuid", "guid", "key", "index", "hash", "sha256", "url")
"""Names that are looked for where the columns of neither side can all be opened, so that no other is known."""

Way: TypeAlias = tuple[str, ...]
"""The names of a column, and of the field in each of its structs."""


def looks_like_a_key(name: str) -> bool:
    """Return whether the name of a column is that of a key.

    >>> [looks_like_a_key(name) for name in ("id", "doc_id", "docId", "URL", "valid", "text", "n_ids")]
    [True, True, True, True, False, False, True]
    """
    return _KEY.search(_CAPITAL.sub("_", name).lower()) is not None


def may_name_rows(kind: "pa.DataType") -> bool:
    """Return whether values of a type can be those of a key: no lists, such as ``input_ids``, and no yes and no."""
    import pyarrow as pa

    kind = plain(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_boolean(kind))


def is_text(kind: "pa.DataType") -> bool:
    """Return whether values of a type are texts."""
    import pyarrow as pa

    return plain(kind) == pa.large_string()


def leaves(way: Way, kind: "pa.DataType") -> Iterator[tuple[Way, "pa.DataType"]]:
    """Yield the fields of structs that are no structs, with the way to them; or a column that is none."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        yield way, kind
        return
    names = [kind.field(at).name for at in range(kind.num_fields)]
    for at, name in enumerate(names):
        if names.count(name) == 1:
            yield from leaves((*way, name), kind.field(at).type)


def ways(schema: "pa.Schema") -> Iterator[tuple[Way, "pa.DataType"]]:
    """Yield the columns that are no structs, and the fields of structs, each with its type: those of one name."""
    for name in schema.names:
        if schema.names.count(name) == 1:
            yield from leaves((name,), schema.field(name).type)


def name_of(schema: "pa.Schema", way: Way) -> str:
    """Return the shortest text that means a column, or a field of structs."""
    # Proof: with points between the names, it is meant at least.
    return next((text for text, found in fields_named(schema, ".".join(way)) if tuple(found) == way), ".".join(way))

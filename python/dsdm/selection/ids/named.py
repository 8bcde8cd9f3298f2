"""Which fields hold ids and scores, by their names in a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dsdm.errors import SchemaError
from dsdm.selection.fields import has_field, way_of

if TYPE_CHECKING:
    import pyarrow as pa

Way: TypeAlias = tuple[str, ...]
"""The names of a column, and of the field in each of its structs."""

BOTH = "where rows and scores call the ids otherwise, on= takes both names, that of the rows first"


def named(schema: "pa.Schema", path: Path, on: str, column: str | None) -> tuple[Way, Way, str]:
    """Return where the ids lie and where the scores, and what the latter are called.

    Raises
    ------
    ValueError
        Where it is not said which of several columns has the scores, and where a name means two.
    SchemaError
        For a column that is not there.

    """
    if not has_field(schema, on):
        message = f"{path}: there is no column {on!r}; there are {_listed(schema.names)}; {BOTH}"
        raise SchemaError(message)
    ids = way_of(schema, on, f"{path}: on")
    others = _beside(schema, ids)
    if column is None and len(others) != 1:
        message = (
            f"{path}: which column holds the scores is not said; beside the ids there are {_listed(others)}: give "
            "column="
        )
        raise ValueError(message)
    name = others[0] if column is None else column
    if name == on or not has_field(schema, name):
        message = f"{path}: there is no column {name!r}; there are {_listed(others)}"
        raise SchemaError(message)
    scores = way_of(schema, name, f"{path}: column")
    if ids[: len(scores)] == scores or scores[: len(ids)] == ids:
        message = f"{path}: ids are {on!r} and scores {name!r}, of which one lies in the other; name the field of each"
        raise SchemaError(message)
    return ids, scores, name


def value_in(table: "pa.Table", way: Way) -> Any:
    """Return a column, or a field of its structs: null where one on the way is null."""
    import pyarrow.compute as pc

    values = table.column(way[0])
    for name in way[1:]:
        values = pc.struct_field(values, name)
    return values


def _beside(schema: "pa.Schema", ids: Way) -> list[str]:
    """Return the columns beside that of the ids, and the fields beside them where they are one."""
    others = [name for name in schema.names if name != ids[0]]
    kind, above = schema.field(ids[0]).type, ids[0]
    for name in ids[1:]:
        others += [f"{above}.{field.name}" for field in kind if field.name != name]
        kind, above = kind.field(name).type, f"{above}.{name}"
    return others


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"

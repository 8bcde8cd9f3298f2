"""Whether scores that are taken by position lie in the order of the rows: by a column that both have.

A file of scores often names the rows that they are of. Where a column of it, or a field of structs, is one of the rows
as well, and its name is that of a key, such as ``id`` or ``meta.id``, all of its values are compared, block by block;
where no name is, the texts in both, such as ``text``, at both ends and evenly between. A key of which the values cannot
be compared is refused: nothing tells then that the scores are those of the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus
from dsdm.errors import FormatError, SchemaError
from dsdm.selection.columns import is_table
from dsdm.selection.fields import Field
from dsdm.selection.ids.alike import as_plain, blocks, common, first_other, shown_key
from dsdm.selection.ids.order.keys import USUAL, is_text, leaves, looks_like_a_key, may_name_rows, name_of
from dsdm.selection.ids.order.renamed import refuse_renamed, refuse_two_meanings
from dsdm.selection.ids.order.side import Beside, OtherOrderError, Rows, Side, how

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 1 << 12
"""Texts that are compared at each end, and between them."""


def refuse_other_order(beside: Beside, rows: Rows, threads: int | None = None) -> None:
    """Fail where scores in files are beside ids of other rows than those at their positions.

    Raises
    ------
    ValueError
        With the first row where they differ, both values, and how to join them; for ids that cannot be compared, with
        both types.
    SchemaError
        For ids that cannot be read.

    """
    if not beside.files or not all(map(is_table, beside.files)):
        return
    side = Side(beside, threads)
    if side.whole is not None and len(side.whole) < beside.start + rows.count:
        return  # which those refuse who look at the number of scores
    names = _names(side.whole, rows.schema)
    pairs = [pair for name in names for pair in _pairs(name, side, rows)]
    keys = [pair for pair in pairs if looks_like_a_key(pair.name)]
    for pair in keys:
        _compare(side, pair, rows, blocks(rows.count), threads)
    refuse_two_meanings(side, rows, threads)
    texts = [pair for pair in pairs if pair.is_text]
    refuse_renamed(side, rows, [pair.there.way for pair in keys or texts], threads)
    for pair in [] if keys else texts:
        _compare(side, pair, rows, _samples(rows.count), threads)


@dataclass(frozen=True)
class _Pair:
    """A column, or a field of structs, that both sides have."""

    there: Field
    here: Field
    mapping: NDArray[np.int64] | None

    @property
    def name(self) -> str:
        return ".".join(self.there.way)

    @property
    def is_text(self) -> bool:
        return is_text(self.there.type) and is_text(self.here.type)


def _names(whole: Corpus | None, schema: "pa.Schema | None") -> list[str]:
    """Return the columns that both may have: those that are known of either."""
    known = [names.names for names in (None if whole is None else whole.schema, schema) if names is not None]
    if not known:
        return list(USUAL)
    return [name for name in known[0] if all(name in names for names in known)]


def _pairs(name: str, side: Side, rows: Rows) -> Iterator[_Pair]:
    """Yield what both sides have of a column: itself, or the fields of its structs."""
    try:
        there = side.column(name)
        found = None if there is None else rows.column(name)
    except (FormatError, SchemaError) as error:
        if not looks_like_a_key(name):
            return
        message = (
            f"{error}; so whether by position {side.what} are those of the rows cannot be found out: {how(name, side)}"
        )
        raise SchemaError(message) from error
    if there is None or found is None or len(there) < side.start + rows.count:
        return
    here, mapping = found
    kinds = [dict(leaves((name,), corpus.schema.field(0).type)) for corpus in (there, here)]
    ways = [way for way in kinds[0] if not side.are_values(there, way)]
    pairs = [_Pair(Field(there, way), Field(here, way), mapping) for way in ways if way in kinds[1]]
    if not pairs and ways and looks_like_a_key(name) and ((name,) in kinds[0]) != ((name,) in kinds[1]):
        raise _of_types(side, name, there.schema.field(0).type, here.schema.field(0).type)
    yield from (pair for pair in pairs if may_name_rows(pair.there.type) and may_name_rows(pair.here.type))


def _compare(side: Side, pair: _Pair, rows: Rows, blocks: Iterator[NDArray[np.int64]], threads: int | None) -> None:
    kind = common(pair.there.type, pair.here.type)
    for block in blocks:
        of_scores = kind and as_plain(pair.there.take(block + side.start, threads), kind)
        mapped = block if pair.mapping is None else pair.mapping[block]
        of_rows = kind and as_plain(pair.here.take(mapped, threads), kind)
        if of_scores is None or of_rows is None:
            raise _of_types(side, pair.name, pair.there.type, pair.here.type)
        at = first_other(of_scores, of_rows)
        if at is None:
            continue
        there = "there" if side.start == 0 else f"in row {block[at]:,}"
        message = (
            f"{side.files[0]}: its column {pair.name!r} has {shown_key(of_scores[at])} in row "
            f"{block[at] + side.start:,}, and the rows have {shown_key(of_rows[at])} {there}, so that by position "
            f"{side.what} would be those of other rows; {how(_on(pair, side, rows), side)}"
        )
        raise OtherOrderError(message, _on(pair, side, rows))


def _on(pair: _Pair, side: Side, rows: Rows) -> str | tuple[str, str]:
    """Return by what names the two columns are joined: by one, where it means them alone on both sides."""
    if side.whole is None or rows.schema is None:
        return pair.name
    here, there = name_of(rows.schema, pair.here.way), name_of(side.whole.schema, pair.there.way)
    return here if here == there else (here, there)


def _of_types(side: Side, name: str, there: "pa.DataType", here: "pa.DataType") -> OtherOrderError:
    message = (
        f"{side.files[0]}: its column {name!r} is {there}, and that of the rows {here}, so that whether by position "
        f"{side.what} are those of the rows cannot be compared; write both as one type: {how(name, side)}"
    )
    return OtherOrderError(message, name)


def _samples(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield the first rows, as many that lie evenly between, and the last ones: all of few."""
    yield np.arange(min(rows, _SAMPLE), dtype=np.int64)
    yield np.unique(np.linspace(0, max(rows - 1, 0), min(rows, _SAMPLE)).astype(np.int64))
    yield np.arange(max(0, rows - _SAMPLE), rows, dtype=np.int64)

"""The columns in which the ids of the rows may lie beside scores where these, or the rows, call them otherwise."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsdm.errors import InternalError
from dsdm.selection.fields import Field
from dsdm.selection.ids.order.elsewhere import Column, agrees, names_all, pair_of
from dsdm.selection.ids.order.keys import Way, is_text, looks_like_a_key, may_name_rows, name_of, ways
from dsdm.selection.ids.order.other_names import Told, refuse_renamed_keys
from dsdm.selection.ids.order.side import OtherOrderError, Rows, Side, how

if TYPE_CHECKING:
    import pyarrow as pa

    from dsdm._native import Corpus

_Block: TypeAlias = NDArray[np.int64]


def refuse_renamed(side: Side, rows: Rows, same: Sequence[Way], threads: int | None) -> None:
    """Fail where the ids of the rows are beside the scores by another name, at other places.

    `same` are the columns of one name that were compared, or are to be: the keys of both, or else the texts.
    """
    found = _Columns.of(side, rows, threads)
    if found is None:
        return  # Proof: of columns that cannot be opened no name is known, and of no rows no id.
    one_name = [pair for way in same if (pair := pair_of(found.there(way), found.here(way))) is not None]
    if any(looks_like_a_key(pair.there.name) and names_all(pair, rows.count) for pair in one_name):
        return
    # Of whole numbers and bytes, those alone whose name says that they are ids.
    there = [
        found.there(way)
        for way, kind in found.of_scores.items()
        if way not in found.of_rows and (is_text(kind) or (_is_key(way) and may_name_rows(kind)))
    ]
    here = [found.here(way) for way, kind in found.of_rows.items() if there and _is_key(way) and may_name_rows(kind)]
    pairs = [pair for one in there for key in here if (pair := pair_of(one, key)) is not None]
    told = Told(side.files[0], side.start, side.what, lambda names: how(names, side))
    refuse_renamed_keys(told, pairs, one_name, rows.count)


def refuse_two_meanings(side: Side, rows: Rows, threads: int | None) -> None:
    """Fail where a name such as ``meta.id`` is that of a column here and of a field there, or of both on one side.

    Raises
    ------
    ValueError
        If not all that it means have the same values, with all of them and how to say which is meant.

    """
    found = _Columns.of(side, rows, threads)
    if found is None:
        return  # Proof: of columns that cannot be opened no name is known, and of no rows no id.
    for name in dict.fromkeys(".".join(way) for way in found.of_scores):
        both = [[way for way in of if ".".join(way) == name] for of in (found.of_scores, found.of_rows)]
        if not _is_key((name,)) or not all(both) or set(both[0]) == set(both[1]):
            continue
        columns = [(found.there(one), found.here(other)) for one in both[0] for other in both[1]]
        pairs = [pair_of(*pair) for pair in columns]
        if all(pair is not None and agrees(pair, rows.count) for pair in pairs):
            continue
        meant = [" and ".join(" in ".join(map(repr, reversed(way))) for way in of) for of in both]
        message = (
            f"{side.files[0]}: {name!r} is {meant[0]} beside the {side.what}, and {meant[1]} of the rows, and not all "
            f"of these have the same ids, so that whether by position {side.what} are those of the rows cannot be "
            f"told; {how([(here.name, there.name) for there, here in columns], side)}"
        )
        raise OtherOrderError(message)


class _Columns:
    """The columns and fields of structs on both sides, by the names on the way to them."""

    def __init__(self, side: Side, rows: Rows, schemas: "tuple[pa.Schema, pa.Schema]", threads: int | None) -> None:
        self._side, self._rows, self._schemas, self._threads = side, rows, schemas, threads
        whole = side.whole
        of_scores = dict(ways(schemas[0]))
        self.of_scores = {
            way: kind for way, kind in of_scores.items() if whole is not None and not side.are_values(whole, way)
        }
        """The types of those beside the scores, but for what has the scores themselves."""
        self.of_rows = dict(ways(schemas[1]))

    @classmethod
    def of(cls, side: Side, rows: Rows, threads: int | None) -> "_Columns | None":
        """Return the columns of both sides; None where not all of one are known, or there are no rows."""
        if side.whole is None or rows.schema is None or not rows.count:
            return None
        return cls(side, rows, (side.whole.schema, rows.schema), threads)

    def there(self, way: Way) -> Column:
        """Return a column beside the scores, of which the rows are those of the scores."""
        corpus = self._side.column(way[0])
        return self._column(0, way, corpus, lambda block: block + self._side.start)

    def here(self, way: Way) -> Column:
        """Return a column of the rows."""
        corpus, mapping = self._rows.column(way[0]) or (None, None)
        return self._column(1, way, corpus, lambda block: block if mapping is None else mapping[block])

    def _column(self, at: int, way: Way, corpus: "Corpus | None", placed: Callable[[_Block], _Block]) -> Column:
        if corpus is None:
            message = f"there is no column {way[0]!r}, which the schema has"
            raise InternalError(message)
        field, threads = Field(corpus, way), self._threads
        name = name_of(self._schemas[at], way)
        return Column(name, field.type, _is_key(way), lambda block: field.take(placed(block), threads))


def _is_key(way: Way) -> bool:
    return looks_like_a_key(".".join(way))

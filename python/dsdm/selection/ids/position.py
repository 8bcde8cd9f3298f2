"""Whether scores that are taken by position lie in the order of the rows: by a column that both have.

A file of scores often names the rows that they are of. Where a column of it, or a field of structs, is one of the rows
as well, and its name is that of a key, such as ``id`` or ``meta.id``, all of its values are compared, block by block;
where no name is, the texts in both, such as ``text``, at both ends and evenly between. A key of which the values cannot
be compared is refused: nothing tells then that the scores are those of the rows.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, fields_named
from dsdm.errors import FormatError, SchemaError
from dsdm.selection.columns import is_table
from dsdm.selection.fields import Field
from dsdm.selection.ids.alike import as_plain, blocks, common, first_other, plain, shown_key
from dsdm.selection.ids.other_names import refuse_renamed_keys

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_KEY = re.compile(
    r"(?:^|[^a-z])(?:ids?|uid|uuid|guid|key|index|idx|hash|sha1|sha256|md5|digest|url|uri|docno|docid)(?:$|[^a-z])"
)
"""The words of which one is in the name of a key."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SAMPLE = 1 << 12
"""Texts that are compared at each end, and between them."""

_USUAL = ("id", "_id", "ID", "doc_id", "docid", "docno", "uid", "uuid", "guid", "key", "index", "hash", "sha256", "url")
"""Names that are looked for where the columns of neither side can all be opened, so that no other is known."""

_Way = tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The rows that scores are held against."""

    count: int
    schema: "pa.Schema | None"
    """All columns that they have; None where some of them cannot be opened, so that it is not known which there are."""
    column: Callable[[str], "tuple[Corpus, NDArray[np.int64] | None] | None"]
    """Gives a column by its name, with the row of the files that each row is; None where there is none."""


@dataclass(frozen=True)
class Beside:
    """Files with a score, a group or a length in each row, and perhaps with columns that name these rows."""

    files: tuple[str, ...]
    of_values: frozenset[str] = frozenset()
    """The columns in which the values themselves lie, which are not compared."""
    what: str = "scores"
    """What the values are: scores, groups or lengths."""
    start: int = 0
    """The row of the files that is the first of the rows."""
    of_rows: str = ""
    """The argument that has rows which were chosen by them: exclude or only; empty where they choose themselves."""

    def told(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        told = {"files": list(self.files), "columns": sorted(self.of_values), "what": self.what}
        more = {"start": self.start, "of_rows": self.of_rows}
        return {**told, **{name: value for name, value in more.items() if value}}


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
    side = _Side(beside, threads)
    if side.whole is not None and len(side.whole) < beside.start + rows.count:
        return  # which those refuse who look at the number of scores
    names = _names(side.whole, rows.schema)
    pairs = [pair for name in names for pair in _pairs(name, side, rows)]
    keys = [pair for pair in pairs if looks_like_a_key(pair.name)]
    if not keys:
        _refuse_renamed_keys(side, rows, threads)
    for pair in keys or [pair for pair in pairs if pair.is_text]:
        _compare(side, pair, blocks(rows.count) if keys else _samples(rows.count), threads)


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
        return _is_text(self.there.type) and _is_text(self.here.type)


class _Side:
    """The files of scores, opened whole where all of their columns can be."""

    def __init__(self, beside: Beside, threads: int | None) -> None:
        self.files, self._of_values, self._threads = list(beside.files), beside.of_values, threads
        self.what, self.start, self.of_rows = beside.what, beside.start, beside.of_rows
        self.whole: Corpus | None = None
        try:
            self.whole = Corpus.open(self.files, threads=threads, schema="union")
        except (FormatError, SchemaError) as error:
            logger.info("%s: its columns are opened one by one, as one of them cannot be: %s", self.files[0], error)

    def column(self, name: str) -> Corpus | None:
        """Return a column; None where there is none."""
        if self.whole is not None:
            return self.whole.select([name]) if name in self.whole.schema.names else None
        return column_alone(self.files, name, self._threads, schema="union")

    def are_values(self, corpus: Corpus, way: _Way) -> bool:
        """Return whether a column has the scores themselves, or is within what has them."""
        own = [tuple(found) for name in self._of_values for _, found in fields_named(corpus.schema, name)]
        return any(way[: len(one)] == one[: len(way)] for one in own)


def column_alone(
    files: Sequence[str], name: str, threads: int | None, schema: str, constants: Any = None
) -> Corpus | None:
    """Open one column of files, of which others may be such as cannot be opened; None where there is none.

    Raises
    ------
    SchemaError, FormatError
        For a column that cannot be opened.

    """
    try:
        return Corpus.open(files, columns=[name], threads=threads, schema=schema, constants=constants)
    except (FormatError, SchemaError):
        raise
    except ValueError:  # there is no such column
        return None


def _names(whole: Corpus | None, schema: "pa.Schema | None") -> list[str]:
    """Return the columns that both may have: those that are known of either."""
    known = [names.names for names in (None if whole is None else whole.schema, schema) if names is not None]
    if not known:
        return list(_USUAL)
    return [name for name in known[0] if all(name in names for names in known)]


def _pairs(name: str, side: _Side, rows: Rows) -> Iterator[_Pair]:
    """Yield what both sides have of a column: itself, or the fields of its structs."""
    try:
        there = side.column(name)
        found = None if there is None else rows.column(name)
    except (FormatError, SchemaError) as error:
        if not looks_like_a_key(name):
            return
        message = (
            f"{error}; so whether by position {side.what} are those of the rows cannot be found out: {_how(name, side)}"
        )
        raise SchemaError(message) from error
    if there is None or found is None or len(there) < side.start + rows.count:
        return
    here, mapping = found
    kinds = [dict(_leaves((name,), corpus.schema.field(0).type)) for corpus in (there, here)]
    ways = [way for way in kinds[0] if not side.are_values(there, way)]
    pairs = [_Pair(Field(there, way), Field(here, way), mapping) for way in ways if way in kinds[1]]
    if not pairs and ways and looks_like_a_key(name) and ((name,) in kinds[0]) != ((name,) in kinds[1]):
        raise _of_types(side, name, there.schema.field(0).type, here.schema.field(0).type)
    yield from (pair for pair in pairs if may_name_rows(pair.there.type) and may_name_rows(pair.here.type))


def _leaves(way: _Way, kind: "pa.DataType") -> Iterator[tuple[_Way, "pa.DataType"]]:
    """Yield the fields of structs that are no structs, with the way to them; or a column that is none."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        yield way, kind
        return
    names = [kind.field(at).name for at in range(kind.num_fields)]
    for at, name in enumerate(names):
        if names.count(name) == 1:
            yield from _leaves((*way, name), kind.field(at).type)


def may_name_rows(kind: "pa.DataType") -> bool:
    """Return whether values of a type can be those of a key: no lists, such as ``input_ids``, and no yes and no."""
    import pyarrow as pa

    kind = plain(kind)
    return not (pa.types.is_nested(kind) or pa.types.is_boolean(kind))


def _compare(side: _Side, pair: _Pair, blocks: Iterator[NDArray[np.int64]], threads: int | None) -> None:
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
            f"{side.what} would be those of other rows; {_how(pair.name, side)}"
        )
        raise ValueError(message)


def _refuse_renamed_keys(side: _Side, rows: Rows, threads: int | None) -> None:
    """Fail where the ids of the rows are beside the scores by another name, at other places."""
    whole, schema = side.whole, rows.schema
    if whole is None or schema is None:
        return  # Proof: of columns that cannot be opened no name is known.

    def there(name: str, first: NDArray[np.int64]) -> Any:
        return whole.select([name]).take(first + side.start, threads=threads).column(0)

    def here(name: str, first: NDArray[np.int64]) -> Any:
        found = rows.column(name)
        if found is None:
            return None
        corpus, mapping = found
        return corpus.take(first if mapping is None else mapping[first], threads=threads).column(0)

    others = [name for name in _only_once(whole.schema) if not side.are_values(whole, (name,))]
    # Of whole numbers, those alone whose name says that they are ids.
    names = [name for name in others if looks_like_a_key(name) or _is_text(whole.schema.field(name).type)]
    keys = [name for name in _only_once(schema) if looks_like_a_key(name) and may_name_rows(schema.field(name).type)]
    renamed = {name: looks_like_a_key(name) for name in names if name not in schema.names}
    refuse_renamed_keys(
        side.files[0],
        rows.count,
        (whole.schema, renamed, there),
        (schema, keys, here),
        lambda key, name: _how((key, name), side),
        side.what,
        side.start,
    )


def _only_once(schema: "pa.Schema") -> list[str]:
    return [name for name in schema.names if schema.names.count(name) == 1]


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return plain(kind) == pa.large_string()


def _of_types(side: _Side, name: str, there: "pa.DataType", here: "pa.DataType") -> ValueError:
    message = (
        f"{side.files[0]}: its column {name!r} is {there}, and that of the rows {here}, so that whether by position "
        f"{side.what} are those of the rows cannot be compared; write both as one type: {_how(name, side)}"
    )
    return ValueError(message)


def _how(name: str | tuple[str, str], side: _Side) -> str:
    what = side.what
    if side.of_rows:
        # Those who give a selection need not have its scores at hand.
        join = f" with scores joined by dsdm.align(scores, corpus, on={name!r})" if what == "scores" else ""
        return (
            f"the rows of {side.of_rows}= were chosen by them: choose these again{join}, or where they lie as the rows "
            "do, give their numbers alone: selection.indices"
        )
    if what == "scores":
        return (
            f"join them by dsdm.align(scores, corpus, on={name!r}), or where they lie as the rows do, give "
            "numpy.asarray(scores)"
        )
    # Of a column, what is read of it tells of no files.
    return (
        f"write {what} in the order of the rows, or where they lie as the rows do, give dsdm.open_shards(file).column"
        "(name)"
    )


def looks_like_a_key(name: str) -> bool:
    """Return whether the name of a column is that of a key.

    >>> [looks_like_a_key(name) for name in ("id", "doc_id", "docId", "URL", "valid", "text", "n_ids")]
    [True, True, True, True, False, False, True]
    """
    return _KEY.search(_CAPITAL.sub("_", name).lower()) is not None


def _samples(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield the first rows, as many that lie evenly between, and the last ones: all of few."""
    yield np.arange(min(rows, _SAMPLE), dtype=np.int64)
    yield np.unique(np.linspace(0, max(rows - 1, 0), min(rows, _SAMPLE)).astype(np.int64))
    yield np.arange(max(0, rows - _SAMPLE), rows, dtype=np.int64)

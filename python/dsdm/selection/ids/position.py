"""Whether scores that are taken by position lie in the order of the rows: by a column that both have.

A file of scores often names the rows that they are of. Where a column of it is one of the rows as well, and its name is
that of a key, such as ``id``, all of its values are compared, block by block; where no name is, the texts in both, such
as ``text``, at both ends and evenly between.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, Scores, fields_named
from dsdm.errors import FormatError, SchemaError
from dsdm.selection.columns import is_table
from dsdm.selection.rules.groups.values import decoded

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

_KEY = re.compile(
    r"(?:^|[^a-z])(?:ids?|uid|uuid|guid|key|index|idx|hash|sha1|sha256|md5|digest|url|uri|docno|docid)(?:$|[^a-z])"
)
"""The words of which one is in the name of a key."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BLOCK = 1 << 16
_SAMPLE = 1 << 12
"""Texts that are compared at each end, and between them."""

Column = Callable[[str], "tuple[Corpus, NDArray[np.int64] | None] | None"]
"""Gives a column of the rows by its name, with the row of the files that each row is; None where there is none."""


def refuse_other_order(scores: Any, rows: int, column: Column, threads: int | None = None) -> None:
    """Fail where scores in a file are beside ids of other rows than those at their positions.

    `scores` are a vector as it was opened, or what a record tells of one: its files and how they are read.

    Raises
    ------
    ValueError
        With the first row where they differ, both values, and how to join them.

    """
    placed = _placed(scores)
    if placed is None or not all(map(is_table, placed[0])):
        return
    files, of_scores = placed
    try:
        beside = Corpus.open(files, threads=threads, schema="union")
    except (FormatError, SchemaError) as error:
        # One column of them could be read; the others are no rows.
        logger.info("%s: its columns are not compared with those of the rows: %s", files[0], error)
        return
    if len(beside) < rows:
        return  # which those refuse who look at the number of scores
    own = {way[0] for _, way in fields_named(beside.schema, of_scores)} if of_scores is not None else set()
    kinds = {field.name: _kind(field.type) for field in beside.schema if field.name not in own}
    named = [name for name, kind in kinds.items() if kind is not None]
    shared = {name: found for name in named if (found := column(name)) is not None}
    shared = {name: found for name, found in shared.items() if _kind(found[0].schema.field(0).type) == kinds[name]}
    keys = [name for name in shared if looks_like_a_key(name)]
    for name in keys or [name for name in shared if kinds[name] == "text"]:
        blocks = _blocks(rows) if keys else _samples(rows)
        _compare(files[0], name, beside.select([name]), shared[name], blocks, threads)


def looks_like_a_key(name: str) -> bool:
    """Return whether the name of a column is that of a key.

    >>> [looks_like_a_key(name) for name in ("id", "doc_id", "docId", "URL", "valid", "text", "n_ids")]
    [True, True, True, True, False, False, True]
    """
    return _KEY.search(_CAPITAL.sub("_", name).lower()) is not None


def _placed(scores: Any) -> tuple[list[str], str | None] | None:
    """Return the files of scores, in their order, and the column in them; None for others."""
    if isinstance(scores, Scores):
        opened = scores.opened_as()
        return None if opened is None else ([str(file) for file in opened[0]], opened[1].get("column"))
    if not isinstance(scores, Mapping):
        return None
    column = (scores.get("reading") or {}).get("column")
    return list(map(str, scores["scores"])), column


def _kind(kind: "pa.DataType") -> str | None:
    """Return whether a type has whole numbers or texts; None for others."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(kind):
        return "number"
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return "text" if is_text else None


def _blocks(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield all rows, block by block."""
    for start in range(0, rows, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, rows), dtype=np.int64)


def _samples(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield the first rows, as many that lie evenly between, and the last ones: all of few."""
    yield np.arange(min(rows, _SAMPLE), dtype=np.int64)
    yield np.unique(np.linspace(0, max(rows - 1, 0), min(rows, _SAMPLE)).astype(np.int64))
    yield np.arange(max(0, rows - _SAMPLE), rows, dtype=np.int64)


def _compare(
    path: str,
    name: str,
    beside: Corpus,
    there: tuple[Corpus, NDArray[np.int64] | None],
    blocks: Iterator[NDArray[np.int64]],
    threads: int | None,
) -> None:
    corpus, mapping = there
    kind = _common(beside.schema.field(0).type, corpus.schema.field(0).type)
    for block in blocks:
        of_scores = _values(beside, block, kind, threads)
        of_rows = _values(corpus, block if mapping is None else mapping[block], kind, threads)
        at = _first_other(of_scores, of_rows)
        if at is None:
            continue
        message = (
            f"{path}: its column {name!r} has {_shown(of_scores[at])} in row {block[at]:,}, and the rows have "
            f"{_shown(of_rows[at])} there, so that by position scores would be those of other rows; join them "
            f"by dsdm.align(scores, corpus, on={name!r}), or where they lie as the rows do, give numpy.asarray(scores)"
        )
        raise ValueError(message)


def _common(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType":
    """Return the type in which values of two types are compared, both of which are whole numbers, or both texts."""
    import pyarrow as pa

    if _kind(one) == "text":
        return pa.large_string()
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in (one, other)]
    # Of numbers below 0 and numbers of 2^63 and more, decimals have room for all.
    return pa.decimal128(20) if pa.uint64() in plain else pa.int64()


def _values(corpus: Corpus, rows: NDArray[np.int64], kind: "pa.DataType", threads: int | None) -> "pa.Array":
    return decoded(corpus.take(rows, threads=threads).column(0)).cast(kind)


def _shown(value: Any) -> str:
    """Return a value as a message has it: a decimal as the whole number that it is."""
    found = value.as_py()
    return str(found) if found is None or not isinstance(found, str) else f"{found!r:.100}"


def _first_other(values: "pa.Array", others: "pa.Array") -> int | None:
    """Return the first place where values differ; None where none do. A null equals a null alone."""
    import pyarrow.compute as pc

    if values.equals(others):
        return None
    same = pc.or_(pc.fill_null(pc.equal(values, others), False), pc.and_(values.is_null(), others.is_null()))  # noqa: FBT003 - as Arrow has it
    return int(pc.index(same, False).as_py())

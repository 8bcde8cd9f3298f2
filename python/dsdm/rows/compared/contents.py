"""Rows of an output, compared with those of its sources that ``dsdm.json`` says they are.

It tells the sources in their order, the columns of their directories, which rows were chosen, in which order they were
written and the seed of a shuffle. Of any of these that is another, other rows would be in the output.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, FileIdentity
from dsdm.errors import ChecksumError, FormatError, SchemaError
from dsdm.paths.hive.columns import of_told
from dsdm.rows.compared.added import added_names
from dsdm.rows.options import in_order
from dsdm.selection.ids.alike import as_plain, common, first_other, plain, shown_key

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("arrow", "parquet", "jsonl")
"""Whose columns have the names and values that those of the sources have."""
_LINES = re.compile(r"\.(?:jsonl?|ndjson)(?:\.\w+)?$", re.IGNORECASE)
_MOST_LINES = 1 << 30
"""Bytes of sources that are JSON lines, which are opened again."""
_SAMPLE = 1 << 7
"""Rows that are compared at each end, and between them: each may be in a page of its own."""


def opened_sources(selection: Mapping[str, Any], sources: Sequence[FileIdentity], threads: int | None) -> Corpus | None:
    """Open the sources of an output, with the columns of their directories; None where they cannot be opened whole.

    Columns that were not written may be such as no corpus has. Of JSON lines, all is read: many bytes are left alone.
    """
    if sum(file.bytes for file in sources if _LINES.search(file.path)) > _MOST_LINES:
        return None
    files = [file.path for file in sources]
    constants = of_told(selection.get("hive"), len(files))
    try:
        return Corpus.open(files, threads=threads, schema="union", constants=constants)
    except (FormatError, SchemaError):
        return None


def opened_shards(shards: Sequence[str], threads: int | None) -> Corpus | None:
    """Open the shards of an output; None where what was written is of columns that no corpus has."""
    try:
        return Corpus.open(list(shards), threads=threads, schema="union")
    except (FormatError, SchemaError):
        return None


def compare_rows(
    manifest: str,
    selection: Mapping[str, Any],
    there: Corpus,
    here: Corpus,
    chosen: NDArray[np.int64],
    threads: int | None,
) -> int:
    """Compare some rows of an output, which are `here`, with those of its sources.

    `chosen` has the row numbers as they were given. Returns how many rows were compared; 0 where no column is
    comparable.

    Raises
    ------
    ChecksumError
        With the first row and column that differ.

    """
    rows, _ = in_order(chosen, selection["order"], selection.get("seed"))
    if len(rows) != len(here) or (len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(there)):
        message = f"{manifest}: {len(rows):,} rows of {len(there):,} are told, and {len(here):,} are there"
        raise ChecksumError(message)
    names = [name for name in _names(here, there, selection) if _kind(here, there, name) is not None]
    row_ids = selection.get("row_ids")
    if row_ids is not None:
        _compare_numbers(manifest, here, str(row_ids), rows, threads)
    at = _samples(len(rows)) if names else _samples(0)
    for name in names:
        _compare(manifest, name, (here, at), (there, rows[at]), threads)
    return len(rows) if row_ids is not None else len(at)


def compare_sizes(manifest: str, selection: Mapping[str, Any], sources: Sequence[FileIdentity], there: Corpus) -> None:
    """Fail where sources have other numbers of rows than are told.

    Raises
    ------
    ChecksumError
        With both numbers.

    """
    for at, (told, found) in enumerate(zip(sources, there.identities(), strict=True)):
        if told.rows is not None and told.rows != found.rows:
            message = f"{manifest}: sources[{at}].rows is {told.rows:,}, and {told.path} has {found.rows:,}"
            raise ChecksumError(message)
    if selection.get("mapped"):
        return
    chosen = selection.get("chosen")
    count = chosen.get("source_rows") if isinstance(chosen, Mapping) else None
    if type(count) is int and count != len(there):
        message = f"{manifest}: selection.chosen.source_rows is {count:,}, and the sources have {len(there):,} rows"
        raise ChecksumError(message)


def _names(here: Corpus, there: Corpus, selection: Mapping[str, Any]) -> list[str]:
    """Return the columns of an output that are those of its sources, in any case.

    Scores may have been added by the name of a column that was not written. Where a manifest does not tell of them, as
    older ones do not, they are numbers, and come last.
    """
    own, names, row_ids = there.schema.names, here.schema.names, selection.get("row_ids")
    added = added_names(selection)
    if added is None and not set(own) <= set(names):
        texts = [at for at, field in enumerate(here.schema) if not _is_number(field.type)]
        names = names[: max(texts, default=-1) + 1]
    names = [name for name in names if name not in (added or ())]
    return [name for name in names if name in own and name != row_ids and own.count(name) == names.count(name) == 1]


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _kind(here: Corpus, there: Corpus, name: str) -> "pa.DataType | None":
    """Return the type in which a column is compared; None for one whose values may be written otherwise."""
    import pyarrow as pa

    one, other = plain(here.schema.field(name).type), plain(there.schema.field(name).type)
    # JSON has floats as texts of their own digits, and files in columns of images are taken in.
    if pa.types.is_nested(one) or pa.types.is_nested(other) or pa.types.is_floating(one) != pa.types.is_floating(other):
        return None
    return None if pa.types.is_floating(one) and one != other else common(one, other)


def _compare_numbers(manifest: str, here: Corpus, name: str, rows: NDArray[np.int64], threads: int | None) -> None:
    """Fail where the column of row numbers has others than are told."""
    import pyarrow as pa

    found = here.select([name]).take(np.arange(len(here)), threads=threads).column(0)
    at = first_other(found.cast(pa.int64()).combine_chunks(), pa.array(rows))
    if at is not None:
        message = (
            f"{os.path.dirname(manifest)}: its column {name!r} has {shown_key(found[at])} in row {at:,}, and by "  # noqa: PTH120
            f"dsdm.json that row is {rows[at]:,} of the sources: which rows it tells of, or in which order, was changed"
        )
        raise ChecksumError(message)


def _compare(
    manifest: str,
    name: str,
    own: tuple[Corpus, NDArray[np.int64]],
    of_sources: tuple[Corpus, NDArray[np.int64]],
    threads: int | None,
) -> None:
    """Fail where rows of an output have another value in a column than those of the sources."""
    kind = _kind(own[0], of_sources[0], name)
    pair = [corpus.select([name]).take(rows, threads=threads).column(0) for corpus, rows in (own, of_sources)]
    here, there = (None if kind is None else as_plain(values, kind) for values in pair)
    if here is None or there is None:
        return  # Proof: a type that has no room for a value says nothing of the row.
    at = first_other(here, there)
    if at is not None:
        message = (
            f"{os.path.dirname(manifest)}: its column {name!r} has {shown_key(here[at])} in row {own[1][at]:,}, and by "  # noqa: PTH120
            f"dsdm.json that is row {of_sources[1][at]:,} of the sources, which have {shown_key(there[at])}: what "
            "dsdm.json tells of the sources, of their order or of the rows was changed"
        )
        raise ChecksumError(message)


def _samples(rows: int) -> NDArray[np.int64]:
    """Return the first rows, as many that lie evenly between, and the last ones: all of few."""
    first, last = np.arange(min(rows, _SAMPLE)), np.arange(max(0, rows - _SAMPLE), rows)
    between = np.linspace(0, max(rows - 1, 0), min(rows, _SAMPLE)).astype(np.int64)
    return np.unique(np.concatenate([first, between, last])).astype(np.int64)

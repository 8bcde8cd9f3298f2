"""Checks that a system wrote the rows that were asked for: they are read by pyarrow and compared by their hashes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsdm_bench.gather.corpus.tokens import COLUMN, Hashes, hash_rows
from dsdm_bench.gather.settings import ROW_TOKENS
from dsdm_bench.harness.errors import WrongAnswerError

if TYPE_CHECKING:
    import pyarrow as pa

_MAGIC = b"ARROW1"  # of an Arrow file; a stream has none


def check(folder: Path, expected: Hashes, *, ordered: bool) -> str:
    """Compare the rows in a directory with the expected hashes, and return what was found right.

    Raises
    ------
    WrongAnswerError
        If they are wrong, saying how.

    """
    files = shards(folder)
    if not files:
        message = "no shard was written"
        raise WrongAnswerError(message)
    found = np.concatenate([_hashes(batch, file) for file in files for batch in _batches(file)] or [expected[:0]])
    if len(found) != len(expected):
        message = f"{len(found):,} rows in place of {len(expected):,}"
        raise WrongAnswerError(message)
    if ordered:
        return _in_order(found, expected)
    if missing := int(np.count_nonzero(np.sort(found) != np.sort(expected))):
        message = f"about {missing:,} rows are others"
        raise WrongAnswerError(message)
    return "the rows asked for, in another order"


def shards(folder: Path) -> list[Path]:
    """Return the files of rows in an output, in the order of the rows."""
    states = sorted(folder.rglob("state.json"))
    if states:
        named = json.loads(states[0].read_text())["_data_files"]
        return [states[0].parent / one["filename"] for one in named]
    return sorted(path for path in folder.rglob("*") if path.suffix in (".arrow", ".parquet"))


def _in_order(found: Hashes, expected: Hashes) -> str:
    differing = np.flatnonzero(found != expected)
    if len(differing):
        message = f"{len(differing):,} rows are not those asked for at their place, the first at {differing[0]:,}"
        raise WrongAnswerError(message)
    return "the rows asked for, in order"


def _batches(file: Path) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    from pyarrow import ipc, parquet

    if file.suffix == ".parquet":
        with parquet.ParquetFile(file) as opened:
            yield from opened.iter_batches()
        return
    with pa.memory_map(str(file)) as mapped:
        if mapped.read(len(_MAGIC)) == _MAGIC:
            opened = ipc.open_file(mapped)
            yield from map(opened.get_batch, range(opened.num_record_batches))
        else:
            mapped.seek(0)
            yield from ipc.open_stream(mapped)


def _hashes(batch: "pa.RecordBatch", file: Path) -> Hashes:
    import pyarrow as pa
    from pyarrow import compute

    if batch.schema.names != [COLUMN]:
        message = f"{file.name} has the columns {batch.schema.names} in place of {COLUMN} alone"
        raise WrongAnswerError(message)
    rows = batch.column(0)
    if getattr(rows.type, "value_type", None) != pa.uint16() or rows.null_count:
        message = f"{file.name} has {rows.type} with {rows.null_count:,} nulls in place of lists of uint16"
        raise WrongAnswerError(message)
    if not compute.all(compute.equal(compute.list_value_length(rows), ROW_TOKENS), min_count=0).as_py():
        message = f"{file.name} has rows of another length than {ROW_TOKENS:,} tokens"
        raise WrongAnswerError(message)
    return hash_rows(rows.flatten().to_numpy().reshape(-1, ROW_TOKENS))

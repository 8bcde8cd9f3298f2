"""Rows as a dataset of their own: in memory, or in the cache of ``datasets`` where they do not fit."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm._native import OutputOptions
from dsdm.hf.digests import digest_of_selection, digest_of_table
from dsdm.rows.sources import Source

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


def to_dataset(table: "pa.Table", fingerprint: str | None = None) -> "datasets.Dataset":
    """Wrap a table, whose rows are not hashed for a fingerprint."""
    import datasets
    from datasets.table import InMemoryTable

    info = datasets.DatasetInfo(features=datasets.Features.from_arrow_schema(table.schema))
    return datasets.Dataset(InMemoryTable(table), info=info, fingerprint=fingerprint or uuid.uuid4().hex[:16])


def select_rows(
    source: Source, indices: NDArray[np.int64], memory_limit: int, threads: int | None
) -> "datasets.Dataset":
    """Return rows of a source as a dataset of their own, whose fingerprint says which rows of which source they are."""
    rows = source.rows(indices)
    fingerprint = digest_of_selection(source, rows)
    row_bytes = source.corpus.nbytes / max(len(source.corpus), 1)
    if row_bytes * len(rows) <= memory_limit:
        table = source.corpus.take(rows, memory_limit=memory_limit, threads=threads)
        return to_dataset(table, fingerprint or digest_of_table(table))
    return _in_cache(source, rows, memory_limit, threads, fingerprint)


def _in_cache(
    source: Source, rows: NDArray[np.int64], memory_limit: int, threads: int | None, fingerprint: str | None
) -> "datasets.Dataset":
    """Write rows into the cache of ``datasets``, under the digest of their bytes."""
    import datasets

    cache = Path(datasets.config.HF_DATASETS_CACHE) / "dsdm"
    # One name for all: what a run that was killed left behind is found by it, and removed.
    options = OutputOptions(cache / "selection", memory_limit=memory_limit, by_fingerprint=True)
    written = source.corpus.materialize(rows, options, threads=threads)
    dataset = datasets.load_from_disk(str(cache / written.fingerprint))
    if fingerprint is not None:
        dataset._fingerprint = fingerprint  # noqa: SLF001 - no public name
    return dataset

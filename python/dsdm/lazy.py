"""A ``datasets.Dataset`` whose selections cost nothing until their rows are wanted, and then little."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from datasets import Dataset, DatasetInfo, Features
from datasets.arrow_dataset import transmit_format
from datasets.features.features import require_storage_embed
from datasets.table import InMemoryTable
from datasets.utils.py_utils import asdict
from numpy.typing import NDArray

from dsdm._native import default_memory_limit
from dsdm.corpus_table import CorpusTable
from dsdm.materializing import identity_of, in_files
from dsdm.memory import select_rows, to_dataset
from dsdm.paths import local, refuse_inside
from dsdm.sizes import to_bytes
from dsdm.sources import Source, check_range, open_source, row_numbers

# Rows that iterating a selection reads at once.
_RUN = 1000


def open_lazily(source: Source) -> "LazyDataset":
    """Wrap a source. A dataset keeps its info, its format and its selection; files stay where they are."""
    if source.dataset is not None:
        return _adopt(source.dataset)
    if not source.files:
        table = source.corpus.take(np.arange(len(source.corpus)))
        return _adopt(to_dataset(table))
    table = CorpusTable(source.corpus, source.files, source.places)
    info = DatasetInfo(features=Features.from_arrow_schema(table.schema))
    dataset = LazyDataset(table, info=info, fingerprint=_of_files(source))
    return dataset if source.mapping is None else dataset.select(source.mapping)


def _adopt(dataset: Dataset) -> "LazyDataset":
    """Give a dataset this class; nothing else of it changes."""
    lazy = LazyDataset.__new__(LazyDataset)
    lazy.__dict__.update(dataset.__dict__)
    return lazy


def _of_files(source: Source) -> str:
    """Give a digest of what the files are, by their sizes and times, and of the columns read."""
    digest = xxhash.xxh64(repr(source.corpus.schema.names).encode())
    for file in source.files:
        state = Path(file).stat()
        digest.update(repr((os.path.realpath(file), state.st_size, state.st_mtime_ns)).encode())
    return digest.hexdigest()


def _refuse_source(folder: str | os.PathLike[str], files: Sequence[str]) -> None:
    """Fail if a folder is one that rows are read from: ``datasets`` would write over them."""
    target = Path(folder).expanduser().resolve()
    for file in files:
        if Path(file).resolve().parent == target:
            message = f"{target}: the output would replace the source {file}; choose another directory"
            raise ValueError(message)


class LazyDataset(Dataset):  # type: ignore[misc]
    """A dataset over a corpus that is read where it lies.

    ``select`` keeps the indices as they are, and takes a digest of their bytes for the fingerprint.
    ``save_to_disk`` and ``flatten_indices`` read the rows in the order in which they lie, on all threads.
    """

    @transmit_format  # type: ignore[untyped-decorator]
    def select(
        self,
        indices: Iterable[int],
        keep_in_memory: bool = False,  # noqa: ARG002, FBT001, FBT002
        indices_cache_file_name: str | None = None,  # noqa: ARG002
        writer_batch_size: int | None = 1000,  # noqa: ARG002
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """Give the rows at ``indices``, in that order, repeats included; nothing is read."""
        if self.list_indexes():
            message = "a search index is attached to the dataset, and rows would lose it; call .drop_index() first"
            raise ValueError(message)
        rows = row_numbers(indices)
        check_range(rows, len(self))
        if new_fingerprint is None:
            new_fingerprint = self._digest("select", rows)
        if self._indices is not None:
            rows = self._mapping()[rows]
        return LazyDataset(
            self._data,
            info=self.info.copy(),
            split=self.split,
            indices_table=InMemoryTable(pa.table({"indices": pa.array(rows.astype(np.uint64, copy=False))})),
            fingerprint=new_fingerprint,
        )

    def _digest(self, name: str, rows: NDArray[np.int64]) -> str:
        digest = xxhash.xxh64(f"{self._fingerprint}/{name}/".encode())
        digest.update(rows.data)
        return str(digest.hexdigest())

    def _mapping(self) -> NDArray[np.int64]:
        """Give the indices of this selection."""
        indices: NDArray[np.int64] = self._indices.column(0).to_numpy().astype(np.int64, copy=False)
        return indices

    @transmit_format  # type: ignore[untyped-decorator]
    def flatten_indices(self, *args: Any, **kwargs: Any) -> Dataset:
        """Give the selected rows as a dataset of their own: in memory if they fit, else in a file of the cache."""
        if self._indices is None or args or set(kwargs) - {"keep_in_memory", "num_proc", "new_fingerprint"}:
            return super().flatten_indices(*args, **kwargs)
        limit = 2**62 if kwargs.get("keep_in_memory") else default_memory_limit()
        flat = select_rows(open_source(self), np.arange(len(self)), limit, kwargs.get("num_proc"))
        flat.info.update(self.info)
        flat._split = self.split
        flat._fingerprint = kwargs.get("new_fingerprint") or self._digest("flatten", np.empty(0, np.int64))
        return flat

    def save_to_disk(
        self,
        dataset_path: str | os.PathLike[str],
        max_shard_size: str | int | None = None,
        num_shards: int | None = None,
        num_proc: int | None = None,
        storage_options: dict[str, Any] | None = None,
    ) -> None:
        """Save the rows as ``datasets`` does: whole or not at all, a dataset that is there replaced."""
        if max_shard_size is not None and num_shards is not None:
            message = f"max_shard_size={max_shard_size!r} and num_shards={num_shards} are both given; give one of them"
            raise ValueError(message)
        if self.list_indexes():
            message = "a search index is attached to the dataset, which is not saved; call .drop_index() first"
            raise ValueError(message)
        source = open_source(self)
        remote = "://" in os.fspath(dataset_path) or storage_options
        if not remote:
            dataset_path = local(dataset_path, "dataset_path")
            refuse_inside(dataset_path, source.places)
        if remote or any(require_storage_embed(feature) for feature in self.features.values()):
            if not remote:
                _refuse_source(dataset_path, source.files)
            super().save_to_disk(dataset_path, max_shard_size, num_shards, num_proc, storage_options)
            return
        source.corpus.materialize(
            source.rows(np.arange(len(self))),
            os.fspath(dataset_path),
            sources=source.files,
            max_shard_size=to_bytes(max_shard_size or "500MB", "max_shard_size"),
            num_shards=num_shards,
            overwrite=True,
            resume="either",
            resumable=in_files(source),
            selection=json.dumps({"rows": len(self)}),
            identity=json.dumps(identity_of(source)),
            state=self._state(),
            info=json.dumps(asdict(self._info)),
        )

    def _state(self) -> str:
        """Give what ``state.json`` says of the format and the split."""
        keys = ("_format_columns", "_format_kwargs", "_format_type", "_output_all_columns")
        split = None if self.split is None else str(self.split)
        return json.dumps({**{key: self.__dict__[key] for key in keys}, "_split": split})

    def to_parquet(self, path_or_buf: Any, *args: Any, **kwargs: Any) -> int:
        """Write the rows as one Parquet file."""
        if self._indices is None:
            return int(super().to_parquet(path_or_buf, *args, **kwargs))
        return int(self.flatten_indices().to_parquet(path_or_buf, *args, **kwargs))

    def __iter__(self) -> Iterator[Any]:
        if self._indices is None:
            yield from super().__iter__()
            return
        # A row at a time would decode the batch around it anew for each.
        for start in range(0, len(self), _RUN):
            rows = range(start, min(start + _RUN, len(self)))
            yield from self._flat(rows)

    def _flat(self, rows: range) -> Dataset:
        read: Callable[..., Dataset] = transmit_format(
            lambda dataset: to_dataset(open_source(dataset).corpus.take(dataset._mapping()[rows.start : rows.stop]))
        )
        flat = read(self)
        flat.info.features = self.features
        return flat

"""A ``datasets.Dataset`` whose selections cost nothing until their rows are wanted, and then little."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features
from datasets.arrow_dataset import DatasetTransformationNotAllowedError, transmit_format
from datasets.features.features import require_storage_embed
from datasets.fingerprint import is_caching_enabled
from datasets.table import InMemoryTable, Table
from datasets.utils.py_utils import asdict
from numpy.typing import NDArray

from dsdm._native import OutputOptions, default_memory_limit
from dsdm.hf.corpus_table import CorpusTable
from dsdm.hf.digests import digest_of, digest_of_source, digest_of_table
from dsdm.hf.in_memory import select_rows, to_dataset
from dsdm.hf.lazy_cache import cache_folder, clean_up, shards_of, write_indices, write_rows
from dsdm.hf.lazy_info import description_of, reading
from dsdm.hf.runs import in_runs
from dsdm.paths import local, refuse_inputs, refuse_inside, refuse_nul
from dsdm.rows.row_numbers import check_range
from dsdm.rows.sizes import to_bytes
from dsdm.rows.sources import Source, blocks_of, files_of, identity_of, in_files, open_source
from dsdm.rows.told.corpora import rows_taken
from dsdm.rows.told.positions import check_selection_order

_FORMAT = ("_format_columns", "_format_kwargs", "_format_type", "_output_all_columns")


def open_lazily(source: Source) -> "LazyDataset":
    """Wrap a source. A dataset keeps its info, its format and its selection; files stay where they are."""
    if source.dataset is not None:
        return _adopt(source.dataset)
    if not source.files:
        table = source.corpus.take(np.arange(len(source.corpus)))
        return _adopt(to_dataset(table, digest_of_table(table)))
    table = CorpusTable(source.corpus, source.files, source.places)
    description = description_of(source.files)
    description.info.features = Features.from_arrow_schema(table.schema)
    dataset = LazyDataset(table, info=description.info, split=description.split, fingerprint=digest_of_source(source))
    if set(description.format.get("columns") or ()) <= set(table.column_names):
        with reading(description.where, description.format):
            dataset.set_format(**description.format)
        dataset._fingerprint = digest_of_source(source)
    return dataset if source.mapping is None else dataset.select(source.mapping)


def _adopt(dataset: Dataset) -> "LazyDataset":
    """Return a dataset as one of this class; nothing else of it changes."""
    lazy = LazyDataset.__new__(LazyDataset)
    lazy.__dict__.update(dataset.__dict__)
    return lazy


def _refuse_source(folder: str | os.PathLike[str], files: Sequence[str]) -> None:
    """Fail if a directory is one that rows are read from: ``datasets`` would write over them."""
    target = Path(folder).expanduser().resolve()
    for file in files:
        if Path(file).resolve().parent == target:
            message = f"{target}: the output would replace the source {file}; choose another directory"
            raise ValueError(message)


class LazyDataset(Dataset):  # type: ignore[misc]
    """A dataset over a corpus that is read where it lies.

    ``select`` keeps the indices as they are, and takes a digest of their bytes for the fingerprint.
    ``save_to_disk`` and ``flatten_indices`` read the rows in the order in which they lie, on all threads.
    What ``datasets`` makes of it (``map``, ``filter``, ``sort``, …) it writes into its cache, and finds there again.
    """

    # --- the cache ---

    @property
    def cache_files(self) -> list[dict[str, str]]:
        """The files that rows and indices are read from: the shards, and files of the cache."""
        blocks = blocks_of(self._data) + ([] if self._indices is None else blocks_of(self._indices))
        return [{"filename": file} for block in blocks for file in files_of(block)]

    def _get_cache_file_path(self, fingerprint: str) -> str:
        shards = shards_of(self._data)
        if not shards or not is_caching_enabled():
            return str(super()._get_cache_file_path(fingerprint))
        return str(cache_folder(shards) / f"cache-{fingerprint}.arrow")

    def cleanup_cache_files(self) -> int:
        """Remove what is in the cache of these shards and not in use; give the number of files removed."""
        shards = shards_of(self._data)
        if not shards:
            return int(super().cleanup_cache_files())
        return clean_up(cache_folder(shards), [file["filename"] for file in self.cache_files])

    # --- rows ---

    @transmit_format  # type: ignore[untyped-decorator]
    def select(
        self,
        indices: Iterable[int],
        keep_in_memory: bool = False,  # noqa: FBT001, FBT002
        indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,  # noqa: ARG002
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """Return the rows at ``indices``, in that order, repeats included; nothing is read."""
        if indices_cache_file_name is not None:
            refuse_nul(indices_cache_file_name, "indices_cache_file_name")
        if keep_in_memory and indices_cache_file_name is not None:
            message = "keep_in_memory= and indices_cache_file_name= are both given; give one of them"
            raise ValueError(message)
        if self.list_indexes():
            message = "a search index is attached to the dataset, and rows would lose it; call .drop_index() first"
            raise DatasetTransformationNotAllowedError(message)
        rows = rows_taken(self, indices, len(self))
        check_range(rows, len(self))
        check_selection_order(open_source(self), self, indices)
        fingerprint = new_fingerprint or self._digest("select", rows)
        start = _start_of_run(rows)
        if start is not None and (self._indices is None or not len(rows)):
            return self._with(self._data.slice(start, len(rows)), None, fingerprint)
        if start is not None:
            return self._with(self._data, self._indices.slice(start, len(rows)), fingerprint)
        if self._indices is not None:
            rows = self._mapping()[rows]
        if indices_cache_file_name is not None:
            return self._with(self._data, write_indices(rows, indices_cache_file_name), fingerprint)
        mapping = pa.table({"indices": pa.array(rows.astype(np.uint64, copy=False))})
        return self._with(self._data, InMemoryTable(mapping), fingerprint)

    def _with(self, table: Table, indices: Table | None, fingerprint: str) -> "LazyDataset":
        info = self.info.copy()
        return LazyDataset(table, info=info, split=self.split, indices_table=indices, fingerprint=fingerprint)

    def _digest(self, name: str, rows: NDArray[np.int64]) -> str:
        return digest_of(self._fingerprint, name, np.ascontiguousarray(rows).data.cast("B"))

    def _mapping(self) -> NDArray[np.int64]:
        """Return the indices of this selection."""
        indices: NDArray[np.int64] = self._indices.column(0).to_numpy().astype(np.int64, copy=False)
        return indices

    def _new_dataset_with_indices(self, *args: Any, **kwargs: Any) -> Dataset:
        return _adopt(super()._new_dataset_with_indices(*args, **kwargs))

    def add_column(self, *args: Any, **kwargs: Any) -> Dataset:
        """Return the rows with one more column, as ``datasets`` does."""
        return _adopt(super().add_column(*args, **kwargs))

    def add_item(self, *args: Any, **kwargs: Any) -> Dataset:
        """Return the rows and one more, as ``datasets`` does."""
        return _adopt(super().add_item(*args, **kwargs))

    def repeat(self, num_times: int) -> Dataset:
        """Return the rows so many times over; nothing is read."""
        if num_times is None:
            message = "num_times is None; a dataset whose rows are numbered is repeated a number of times"
            raise ValueError(message)
        return self.select(np.tile(np.arange(len(self)), max(num_times, 0)))

    @transmit_format  # type: ignore[untyped-decorator]
    def sort(self, column_names: str | Sequence[str], *args: Any, **kwargs: Any) -> Dataset:
        """Sort the rows as ``datasets`` does, which reads all columns for it; here those sorted by alone are read."""
        keys = [column_names] if isinstance(column_names, str) else list(column_names)
        if not keys or not set(keys) <= set(self.column_names):
            return super().sort(column_names, *args, **kwargs)
        narrow = _adopt(self.select_columns(list(dict.fromkeys(keys))))
        # It has the fingerprint of all columns, for which the order is the same.
        narrow.__dict__.update(_fingerprint=self._fingerprint, _format_columns=None)
        found = Dataset.sort(narrow, column_names, *args, **kwargs)
        if found is narrow:
            return self
        if found._indices is None:  # they lie in this order
            return self._with(self._data.slice(0, len(found)), None, found._fingerprint)
        return self._with(self._data, found._indices, found._fingerprint)

    def unique(self, column: str) -> list[Any]:
        """Return the values of a column, each once: of the rows that are selected."""
        if self._indices is None or column not in self.column_names:
            return list(super().unique(column))
        only = self.select_columns([column]).with_format(None)
        if len(self) == len(self._data) and len(np.unique(self._mapping())) == len(self):
            # All rows: datasets has them in the order of the table.
            return list(Dataset.unique(only, column))
        return list(Dataset.unique(only.flatten_indices(), column))

    @transmit_format  # type: ignore[untyped-decorator]
    def flatten_indices(self, *args: Any, **kwargs: Any) -> Dataset:
        """Return the selected rows as a dataset: in a file of the cache, or in memory as their source is."""
        if kwargs.get("cache_file_name") is not None:
            refuse_nul(kwargs["cache_file_name"], "cache_file_name")
        known = {"keep_in_memory", "cache_file_name", "writer_batch_size", "num_proc", "new_fingerprint"}
        if self._indices is None or args or set(kwargs) - known or self.list_indexes() or not len(self):
            return super().flatten_indices(*args, **kwargs)
        fingerprint = kwargs.get("new_fingerprint") or self._digest("flatten", np.empty(0, np.int64))
        path, in_memory = kwargs.get("cache_file_name"), kwargs.get("keep_in_memory")
        if in_memory and path is not None:
            return super().flatten_indices(*args, **kwargs)
        threads = kwargs.get("num_proc") or None
        if in_memory or (path is None and not self.cache_files):
            flat = self._gathered(2**62 if in_memory else default_memory_limit(), threads)
        else:
            path = path or self._get_cache_file_path(fingerprint)
            if not (is_caching_enabled() and Path(path).exists()):
                write_rows(open_source(self), path, threads)
            flat = Dataset.from_file(path, info=self.info, split=self.split)
        flat._fingerprint = fingerprint
        return flat

    def _gathered(self, limit: int, threads: int | None = None) -> Dataset:
        """Return the rows as a dataset of their own: in memory if they fit, else in a file of the cache."""
        flat = select_rows(open_source(self), np.arange(len(self)), limit, threads)
        flat.info.update(self.info)
        flat._split = self.split
        return flat

    def __iter__(self) -> Iterator[Any]:
        if self._indices is None:
            yield from super().__iter__()
            return
        # A row at a time would decode the batch around it anew for each.
        source = open_source(self)
        rows = source.rows(np.arange(len(self)))
        shown = {key: self.__dict__[key] for key in _FORMAT}
        row_bytes = source.corpus.nbytes / max(len(source.corpus), 1)
        for run in in_runs(len(rows), lambda start, stop: source.corpus.take(rows[start:stop]), row_bytes):
            flat = to_dataset(run, self._fingerprint)
            flat.info.features = self.features
            flat.__dict__.update(shown)
            yield from flat

    # --- what is written ---

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
        size = to_bytes(max_shard_size or "500MB", "max_shard_size")
        rows = source.rows(np.arange(len(self)))
        if num_shards is None and num_proc is not None and num_proc > 1:
            # As datasets has it, one for each process that would write.
            planned = source.corpus.plan(rows, max_shard_size=size).shards
            num_shards = max(planned, min(num_proc, len(rows)), 1)
        options = OutputOptions(
            os.fspath(dataset_path),
            sources=source.files,
            max_shard_size=size,
            num_shards=num_shards,
            overwrite=True,
            resume="either",
            resumable=in_files(source),
            selection=json.dumps({"rows": len(self)}),
            identity=json.dumps(identity_of(source)),
            state=self._state(),
            info=json.dumps(asdict(self._info)),
        )
        source.corpus.materialize(rows, options)

    def _state(self) -> str:
        """Return what ``state.json`` says of the format and the split."""
        split = None if self.split is None else str(self.split)
        return json.dumps({**{key: self.__dict__[key] for key in _FORMAT}, "_split": split})

    def to_parquet(self, path_or_buf: Any, *args: Any, **kwargs: Any) -> int:
        """Write the rows as one Parquet file."""
        if isinstance(path_or_buf, str | bytes | os.PathLike):
            refuse_nul(os.fsdecode(path_or_buf), "path_or_buf")
            refuse_inputs(os.fsdecode(path_or_buf), open_source(self).files)
        if self._indices is None:
            return int(super().to_parquet(path_or_buf, *args, **kwargs))
        return int(self._gathered(default_memory_limit()).to_parquet(path_or_buf, *args, **kwargs))


def _start_of_run(rows: NDArray[np.int64]) -> int | None:
    """Return the first of row numbers that follow one another, 0 for none at all."""
    if not len(rows):
        return 0
    is_run = rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all())
    return int(rows[0]) if is_run else None

"""A corpus as the table of a ``datasets.Dataset``: rows are read when they are asked for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets.table import InMemoryTable, MemoryMappedTable, Table
from numpy.typing import NDArray

from dsdm._native import Corpus, default_memory_limit
from dsdm.checks import aligned
from dsdm.errors import SourceChangedError
from dsdm.hf.digests import digest_of_files, digest_of_opened
from dsdm.hf.lazy_cache import place_in_cache
from dsdm.hf.runs import in_runs
from dsdm.rows.releases import installed
from dsdm.rows.sizes import readable
from dsdm.shown import shown

# A run of rows of so many bytes is read by the calling thread alone.
_FEW_BYTES = 1 << 20
# Of rows that must be unpacked, so many are kept beside the one asked for, and four times as many where runs are
# asked for one after the other, up to so many bytes.
_BESIDE, _BESIDE_BYTES = 64, 16 << 20


class CorpusTable(MemoryMappedTable):  # type: ignore[misc]
    """A table whose rows stay in their files: for ``datasets``, one that is mapped.

    Runs of rows are cut out, and columns chosen, dropped and renamed, without a read. What else ``datasets`` does
    to a table (casts, added columns) needs its rows in memory, and is refused where they do not fit.
    """

    # The base class reads one file, and asks for its rows.
    def __init__(  # pylint: disable=super-init-not-called
        self, corpus: Corpus, files: Sequence[str], places: Sequence[str] = (), window: range | None = None
    ) -> None:
        self.corpus = corpus
        self.files = tuple(files)
        self.places = tuple(places)
        self._window = range(len(corpus)) if window is None else window
        self._schema: pa.Schema = corpus.schema
        self._loaded: pa.Table | None = None
        self._width: float | None = None
        self._beside: tuple[int, pa.Table] | None = None
        self._columns: dict[str, CorpusTable] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> "CorpusTable":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the files again. Their state is for fingerprints, which are taken of the pickle.
        metadata = {key.decode(): value.decode() for key, value in (self._schema.metadata or {}).items()}
        window, state = (self._window.start, self._window.stop), digest_of_opened(self.corpus, self.files)
        names = self.corpus.stored_names, self._schema.names
        # What is as ever is left out: fingerprints, and with them caches, stay what they were.
        how: tuple[Any, ...] = () if self.corpus.io == "mmap" else (self.corpus.io,)
        how = how if self.corpus.missing == "same" else (self.corpus.io, self.corpus.missing)
        constants = self.corpus.constants
        how = (self.corpus.io, self.corpus.missing, constants) if constants else how
        return _reopen, (self.files, *names, metadata, self.places, window, state, *how)

    def _renamed(self, corpus: Corpus) -> "CorpusTable":
        table = CorpusTable(corpus, self.files, self.places, self._window)
        table._width = self._width
        return table

    @property
    def _row_bytes(self) -> float:
        """About what a row takes in memory; it may have to be looked for in the files."""
        if self._width is None:
            self._width = self.corpus.nbytes / max(len(self.corpus), 1)
        return self._width

    @property
    def path(self) -> str:
        """A file beside which ``datasets`` may write what it makes of a table that holds this one."""
        return place_in_cache(self.files)

    def in_corpus(self, rows: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """Return the corpus rows of rows of this table, of all if None; None for all rows of the corpus."""
        if rows is not None:
            return rows + self._window.start if self._window.start else rows
        whole = self._window == range(len(self.corpus))
        return None if whole else np.arange(self._window.start, self._window.stop)

    @property
    def table(self) -> pa.Table:
        """All rows, in memory."""
        if self._loaded is None:
            needed, room = self.nbytes, 2 * default_memory_limit()
            if needed > room:
                message = (
                    f"this needs all {len(self):,} rows in memory, about {readable(needed)}, and "
                    f"{readable(room)} are free for them; select rows first and call flatten_indices() on the selection"
                )
                raise MemoryError(message)
            self._loaded = self._read(0, len(self))
        return self._loaded

    @table.setter
    def table(self, table: pa.Table) -> None:
        self._loaded = table

    @property
    def schema(self) -> pa.Schema:
        """The schema."""
        return self._schema

    @property
    def num_columns(self) -> int:
        """The number of columns."""
        return len(self._schema)

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(self._window)

    def __len__(self) -> int:
        return len(self._window)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.num_rows, self.num_columns

    @property
    def nbytes(self) -> int:
        """About how many bytes the rows take in memory."""
        return int(self._row_bytes * len(self))

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return list(self._schema.names)

    def __repr__(self) -> str:
        names = shown(", ".join(self.column_names))
        return f"CorpusTable({self.num_rows:,} rows of {names} in {len(self.files)} files)"

    __str__ = __repr__

    def field(self, *args: Any, **kwargs: Any) -> pa.Field:
        """Return a field of the schema."""
        return self._schema.field(*args, **kwargs)

    def fast_gather(self, indices: Any) -> pa.Table:
        """Read rows by their numbers."""
        rows = aligned(np.asarray(indices), np.int64) + self._window.start
        # A few rows that lie in place are copied sooner than threads are started for them.
        few = self.corpus.in_place and len(rows) * self._row_bytes <= _FEW_BYTES
        return self.corpus.take(rows, threads=1 if few else None)

    def fast_slice(self, offset: int = 0, length: int | None = None) -> pa.Table:
        """Read a run of rows."""
        if offset < 0:
            message = f"the offset is {offset}; rows are counted from 0"
            raise IndexError(message)
        end = len(self) if length is None else min(offset + length, len(self))
        return self._read(offset, max(offset, end))

    def _read(self, start: int, stop: int) -> pa.Table:
        """Read a run of rows, few of them by this thread alone."""
        start, stop = (self._window.start + row for row in (min(start, len(self)), min(stop, len(self))))
        if (stop - start) * self._row_bytes > _FEW_BYTES:
            return self.corpus.take(np.arange(start, stop))
        if self.corpus.in_place:
            return self.corpus.run(start, stop)
        return self._unpacked(start, stop)

    def _unpacked(self, start: int, stop: int) -> pa.Table:
        """Read a run of rows with some that follow: what must be unpacked for it holds them too."""
        ahead = _BESIDE
        if self._beside is not None:
            first, held = self._beside
            if first <= start and stop <= first + len(held):
                return held.slice(start - first, stop - start)
            if first <= start <= first + len(held):
                ahead = min(4 * len(held), int(_BESIDE_BYTES / max(self._row_bytes, 1)))
        end = min(max(stop, start + ahead), self._window.stop)
        self._beside = start, self.corpus.run(start, end)
        return self._beside[1].slice(0, stop - start)

    def slice(self, offset: int = 0, length: int | None = None) -> "CorpusTable":
        """Cut out a run of rows; nothing is read."""
        window = self._window[offset:] if length is None else self._window[offset : offset + length]
        table = CorpusTable(self.corpus, self.files, self.places, window)
        table._width = self._width
        return table

    def to_reader(self, max_chunksize: int | None = None) -> pa.RecordBatchReader:
        """Read all rows, a batch at a time."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches_of(max_chunksize or 1000))

    def _batches_of(self, rows: int) -> Iterator[pa.RecordBatch]:
        for run in in_runs(len(self), self._read, self._row_bytes, rows):
            yield from run.combine_chunks().to_batches(max_chunksize=rows)

    def column(self, i: int | str) -> pa.ChunkedArray:
        """Read a column."""
        name = self._schema.field(i).name
        return self.select([name]).table.column(0)

    def select(self, columns: Sequence[str]) -> Table:
        """Choose columns. With none there is nothing to read, and rows are but counted."""
        columns = list(columns)
        if not columns:
            return InMemoryTable(pa.table({"": pa.nulls(len(self))}).select([]))
        if len(columns) > 1:
            return self._chosen(columns)
        # A column that is read row by row is chosen anew for each row.
        if columns[0] not in self._columns:
            self._columns[columns[0]] = self._chosen(columns)
        return self._columns[columns[0]]

    def _chosen(self, columns: list[str]) -> "CorpusTable":
        return CorpusTable(self.corpus.select(columns), self.files, self.places, self._window)

    def drop(self, columns: Sequence[str] | str) -> Table:
        """Leave columns out."""
        dropped = {columns} if isinstance(columns, str) else set(columns)
        return self.select([name for name in self.column_names if name not in dropped])

    def rename_columns(self, names: Sequence[str]) -> "CorpusTable":
        """Rename the columns."""
        metadata = {key.decode(): value.decode() for key, value in (self._schema.metadata or {}).items()}
        return self._renamed(self.corpus.rename(list(names), metadata))

    def replace_schema_metadata(self, metadata: Any = None) -> "CorpusTable":
        """Replace the metadata of the schema."""
        text = {_text(key): _text(value) for key, value in (metadata or {}).items()}
        return self._renamed(self.corpus.rename(self.column_names, text))

    def cast(self, target_schema: pa.Schema, *args: Any, **kwargs: Any) -> Table:
        """Change types; the order of the columns and the metadata without a read."""
        types = {field.name: field.type for field in self._schema}
        if types == {field.name: field.type for field in target_schema}:
            return self.select(target_schema.names).replace_schema_metadata(target_schema.metadata)
        return InMemoryTable(self.table).cast(target_schema, *args, **kwargs)

    def filter(self, *args: Any, **kwargs: Any) -> Table:
        """Keep some rows, in memory."""
        return InMemoryTable(self.table).filter(*args, **kwargs)

    def flatten(self, *args: Any, **kwargs: Any) -> Table:
        """Make columns of the fields of structs, in memory."""
        return InMemoryTable(self.table).flatten(*args, **kwargs)

    def combine_chunks(self, *args: Any, **kwargs: Any) -> Table:
        """Return all rows in one chunk, in memory."""
        return InMemoryTable(self.table).combine_chunks(*args, **kwargs)

    def add_column(self, *args: Any, **kwargs: Any) -> Table:
        """Add a column, in memory."""
        return InMemoryTable(self.table).add_column(*args, **kwargs)

    def append_column(self, *args: Any, **kwargs: Any) -> Table:
        """Add a column at the end, in memory."""
        return InMemoryTable(self.table).append_column(*args, **kwargs)

    def remove_column(self, i: int) -> Table:
        """Leave a column out."""
        return self.drop(self.column_names[i])

    def set_column(self, *args: Any, **kwargs: Any) -> Table:
        """Replace a column, in memory."""
        return InMemoryTable(self.table).set_column(*args, **kwargs)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _reopen(
    files: Sequence[str],
    stored: list[str],
    names: list[str],
    metadata: dict[str, str],
    places: Sequence[str],
    window: tuple[int, int],
    state: str,
    io: str = "mmap",
    schema: str = "same",
    constants: list[tuple[str, bool, list[str | None]]] | None = None,
) -> CorpusTable:
    _refuse_another(files, digest_of_files(files), state)
    corpus = Corpus.open(list(files), columns=stored, io=io, schema=schema, constants=constants)
    # What was opened, and not what had these names just before.
    _refuse_another(files, digest_of_opened(corpus, files), state)
    return CorpusTable(corpus.for_datasets(installed()).rename(names, metadata), files, places, range(*window))


def _refuse_another(files: Sequence[str], found: str, state: str) -> None:
    if found != state:
        message = (
            f"{files[0]} and those with it: a file is not as it was when the dataset was pickled, or it is another "
            "file; open the dataset again"
        )
        raise SourceChangedError(message)

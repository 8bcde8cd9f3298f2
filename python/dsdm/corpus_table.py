"""A corpus as the table of a ``datasets.Dataset``: rows are read when they are asked for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets.table import InMemoryTable, Table, TableBlock

from dsdm._native import Corpus, default_memory_limit
from dsdm.sizes import readable

_READ_ROWS = 1000


class CorpusTable(TableBlock):  # type: ignore[misc]
    """A table whose rows stay in their files.

    Columns are chosen, dropped and renamed without a read. What else ``datasets`` does to a table (casts,
    added columns) needs its rows in memory, and is refused where they do not fit.
    """

    # The base class is for tables in memory and asks for one.
    def __init__(  # pylint: disable=super-init-not-called
        self, corpus: Corpus, files: Sequence[str], places: Sequence[str] = ()
    ) -> None:
        self.corpus = corpus
        self.files = tuple(files)
        self.places = tuple(places)
        self._schema: pa.Schema = corpus.schema
        self._loaded: pa.Table | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "CorpusTable":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the files again.
        metadata = {key.decode(): value.decode() for key, value in (self._schema.metadata or {}).items()}
        return _reopen, (self.files, self.corpus.stored_names, self._schema.names, metadata, self.places)

    @property
    def table(self) -> pa.Table:
        """All rows, in memory."""
        if self._loaded is None:
            needed, room = self.corpus.nbytes, 2 * default_memory_limit()
            if needed > room:
                message = (
                    f"this needs all {len(self.corpus):,} rows in memory, about {readable(needed)}, and "
                    f"{readable(room)} are free for them; select rows first and call flatten_indices() on the selection"
                )
                raise MemoryError(message)
            self._loaded = self.corpus.take(np.arange(len(self.corpus)))
        return self._loaded

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
        return len(self.corpus)

    def __len__(self) -> int:
        return len(self.corpus)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.num_rows, self.num_columns

    @property
    def nbytes(self) -> int:
        """About how many bytes the rows take in memory."""
        return self.corpus.nbytes

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return list(self._schema.names)

    def __repr__(self) -> str:
        return f"CorpusTable({self.num_rows:,} rows of {', '.join(self.column_names)} in {len(self.files)} files)"

    __str__ = __repr__

    def field(self, *args: Any, **kwargs: Any) -> pa.Field:
        """Give a field of the schema."""
        return self._schema.field(*args, **kwargs)

    def fast_gather(self, indices: Any) -> pa.Table:
        """Read rows by their numbers."""
        return self.corpus.take(np.ascontiguousarray(indices, dtype=np.int64))

    def fast_slice(self, offset: int = 0, length: int | None = None) -> pa.Table:
        """Read a run of rows."""
        end = self.num_rows if length is None else min(offset + length, self.num_rows)
        return self.corpus.take(np.arange(offset, max(offset, end)))

    def slice(self, offset: int = 0, length: int | None = None) -> InMemoryTable:
        """Read a run of rows."""
        return InMemoryTable(self.fast_slice(offset, length))

    def to_reader(self, max_chunksize: int | None = None) -> pa.RecordBatchReader:
        """Read all rows, a batch at a time."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches_of(max_chunksize or _READ_ROWS))

    def _batches_of(self, rows: int) -> Iterator[pa.RecordBatch]:
        # Runs of many batches, so that a Parquet row group is not decoded anew for each.
        run = max(rows, min(64 * rows, int(64e6 / (self.nbytes / max(self.num_rows, 1) + 1))))
        for start in range(0, self.num_rows, run):
            yield from self.fast_slice(start, run).combine_chunks().to_batches(max_chunksize=rows)

    def column(self, i: int | str) -> pa.ChunkedArray:
        """Read a column."""
        name = self._schema.field(i).name
        return self.select([name]).table.column(0)

    def select(self, columns: Sequence[str]) -> "CorpusTable":
        """Choose columns."""
        return CorpusTable(self.corpus.select(list(columns)), self.files, self.places)

    def drop(self, columns: Sequence[str] | str) -> "CorpusTable":
        """Leave columns out."""
        dropped = {columns} if isinstance(columns, str) else set(columns)
        return self.select([name for name in self.column_names if name not in dropped])

    def rename_columns(self, names: Sequence[str]) -> "CorpusTable":
        """Give the columns other names."""
        metadata = {key.decode(): value.decode() for key, value in (self._schema.metadata or {}).items()}
        return CorpusTable(self.corpus.rename(list(names), metadata), self.files, self.places)

    def replace_schema_metadata(self, metadata: Any = None) -> "CorpusTable":
        """Give the schema other metadata."""
        text = {_text(key): _text(value) for key, value in (metadata or {}).items()}
        return CorpusTable(self.corpus.rename(self.column_names, text), self.files, self.places)

    def cast(self, target_schema: pa.Schema, *args: Any, **kwargs: Any) -> Table:
        """Change types; names and metadata alone without a read."""
        if [field.type for field in target_schema] == [field.type for field in self._schema]:
            return self.rename_columns(target_schema.names).replace_schema_metadata(target_schema.metadata)
        return InMemoryTable(self.table).cast(target_schema, *args, **kwargs)

    def filter(self, *args: Any, **kwargs: Any) -> Table:
        """Keep some rows, in memory."""
        return InMemoryTable(self.table).filter(*args, **kwargs)

    def flatten(self, *args: Any, **kwargs: Any) -> Table:
        """Make columns of the fields of structs, in memory."""
        return InMemoryTable(self.table).flatten(*args, **kwargs)

    def combine_chunks(self, *args: Any, **kwargs: Any) -> Table:
        """Give all rows in one chunk, in memory."""
        return InMemoryTable(self.table).combine_chunks(*args, **kwargs)

    def add_column(self, *args: Any, **kwargs: Any) -> Table:
        """Add a column, in memory."""
        return InMemoryTable(self.table).add_column(*args, **kwargs)

    def append_column(self, *args: Any, **kwargs: Any) -> Table:
        """Add a column at the end, in memory."""
        return InMemoryTable(self.table).append_column(*args, **kwargs)

    def remove_column(self, i: int) -> "CorpusTable":
        """Leave a column out."""
        return self.drop(self.column_names[i])

    def set_column(self, *args: Any, **kwargs: Any) -> Table:
        """Replace a column, in memory."""
        return InMemoryTable(self.table).set_column(*args, **kwargs)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _reopen(
    files: Sequence[str], stored: list[str], names: list[str], metadata: dict[str, str], places: Sequence[str]
) -> CorpusTable:
    return CorpusTable(Corpus.open(list(files), columns=stored).rename(names, metadata), files, places)

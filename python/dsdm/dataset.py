"""Rows: shards read where they lie, rows taken from them, a dataset written from them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dsdm import _native
from dsdm.checks import Io, Schema, Sort, check_threads, said
from dsdm.hf.runs import in_runs
from dsdm.joins.lengths import RowLengths, origin_of_column
from dsdm.names import public_names
from dsdm.rows.materializing import Report, materialize
from dsdm.rows.releases import for_datasets
from dsdm.rows.row_numbers import row_numbers
from dsdm.rows.sizes import readable, to_bytes
from dsdm.rows.sources import Source, open_source
from dsdm.rows.told.corpora import rows_taken
from dsdm.rows.told.positions import check_selection_order
from dsdm.selection.fields import field_of
from dsdm.selection.rules.origin import Placed
from dsdm.shown import as_html, safe_messages, shown

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

__all__ = ["Report", "Shards", "materialize", "open_dataset", "open_shards", "select"]


_COLUMNS = 20
"""Columns that a notebook lists."""


class Shards:
    """A corpus read where it lies: Arrow or Parquet shards, or a table, as one run of rows.

    Made by :func:`open_shards`. Rows come out in the types that ``datasets`` has: dictionary columns as
    their values, string views as strings, maps as lists of key and value.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shown: Source | None = None

    def __len__(self) -> int:
        return len(self._source)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._source.corpus.schema.names)

    @property
    def schema(self) -> "pa.Schema":
        """The Arrow schema of the rows."""
        return self._source.corpus.schema

    @property
    def features(self) -> "datasets.Features":
        """The features that ``datasets`` has for the rows: those of the metadata where they fit, else by the types."""
        import datasets

        return datasets.Features.from_arrow_schema(self._as_shown().corpus.schema)

    @property
    def files(self) -> tuple[str, ...]:
        """The files, in their order; none for a table in memory."""
        return self._source.files

    def take(self, indices: Any, *, memory_limit: int | str | None = None, threads: int | None = None) -> "pa.Table":
        """Read rows into memory, in the order given, repeats included.

        >>> import dsdm, pyarrow as pa
        >>> dsdm.open_shards(pa.table({"text": ["a", "b", "c"]})).take([2, 0, 2])["text"].to_pylist()
        ['c', 'a', 'c']

        Raises
        ------
        IndexError
            For a row number that is negative or too large.

        """
        check_threads(threads)
        limit = None if memory_limit is None else to_bytes(memory_limit, "memory_limit")
        rows = self._source.rows(rows_taken(self, indices, len(self), threads))
        check_selection_order(self._source, self, indices, threads)
        return self._source.corpus.take(rows, memory_limit=limit, threads=threads)

    def column(self, name: str) -> "pa.ChunkedArray":
        """Read a column of all rows into memory, such as the groups that :func:`dsdm.choose` takes.

        ``meta.domain`` is the column of that name, or the field ``domain`` of the structs in ``meta``, which is null
        where they are; where both are there, ``["meta.domain"]`` and ``["meta"]["domain"]`` are.

        >>> import dsdm, numpy as np, pyarrow as pa
        >>> shards = dsdm.open_shards(pa.table({"text": ["a", "b", "c"], "domain": ["x", "y", "x"]}))
        >>> dsdm.choose(np.array([0.5, 1, 2]), groups=shards.column("domain"), per_group=1).indices
        array([2, 1])

        Raises
        ------
        ValueError
            If there is no such column, with those that there are; if the name means two.

        """
        field = field_of(self._source.corpus, name)
        return field.take(self._source.rows(np.arange(len(self))))

    def groups(self, column: str) -> Placed:
        """Read the group of each row out of a column, for :func:`dsdm.choose`, which tells the column of its choice.

        The rows of a selection by such groups are chosen again by :func:`dsdm.verify`.

        >>> import dsdm, numpy as np, pyarrow as pa
        >>> shards = dsdm.open_shards(pa.table({"text": ["a", "b", "c"], "domain": ["x", "y", "x"]}))
        >>> dsdm.choose(np.array([0.5, 1, 2]), groups=shards.groups("domain"), per_group=1).per_group
        {'x': 1, 'y': 1}

        Raises
        ------
        ValueError
            If there is no such column, with those that there are.

        """
        return Placed(self.column(column), origin_of_column(self._source, column))

    def lengths(self, column: str) -> RowLengths:
        """Return the length of each row by a column, for :func:`dsdm.choose`.

        Of lists it is that of each list, of texts and bytes their bytes, and whole numbers are lengths themselves. Of
        Arrow files and tables in memory the offsets alone are read.
        The column may be a field of structs, as in :meth:`column`.
        Rows are read when a choice asks for them.

        >>> import dsdm, numpy as np, pyarrow as pa
        >>> shards = dsdm.open_shards(pa.table({"input_ids": [[1, 2], [3], [4, 5, 6]]}))
        >>> dsdm.choose(np.array([0.5, 1, 2]), tokens=4, lengths=shards.lengths("input_ids")).indices
        array([2, 1])

        Raises
        ------
        ValueError
            If there is no such column; when lengths are read, for a row that is null.
        TypeError
            If the column holds none of these.

        """
        return RowLengths(self._source, column)

    def select(self, indices: Any, **options: Any) -> "datasets.Dataset":
        """Return rows as a dataset of their own; see :func:`dsdm.select`."""
        return select(self, indices, **options)

    def __getitem__(self, key: Any) -> dict[str, Any]:
        """Return a row, or the columns of a slice or of row numbers; negative ones count from the end."""
        from dsdm.hf.in_memory import to_dataset

        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            row = int(key) + len(self) if key < 0 else int(key)
            if not 0 <= row < len(self):
                message = f"row {said(key)} is out of range: there are {len(self)} rows"
                raise IndexError(message)
            return dict(to_dataset(self._run(row, row + 1))[0])
        rows = row_numbers(range(*key.indices(len(self))) if isinstance(key, slice) else key)
        from_the_end = (rows < 0) & (rows >= -len(self))
        return dict(to_dataset(Shards(self._as_shown()).take(np.where(from_the_end, rows + len(self), rows)))[:])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows one by one, as Python objects; they are read in runs that take little memory each."""
        from dsdm.hf.in_memory import to_dataset

        corpus = self._source.corpus
        for run in in_runs(len(self), self._run, corpus.nbytes / max(len(corpus), 1)):
            yield from to_dataset(run)

    def _run(self, start: int, stop: int) -> "pa.Table":
        """Read a run of rows in the types that ``datasets`` has."""
        source = self._as_shown()
        if source.mapping is None and stop - start == 1:
            return source.corpus.run(start, stop)
        return source.corpus.take(source.rows(np.arange(start, stop)))

    def _as_shown(self) -> Source:
        """Return the rows in the types that ``datasets`` has."""
        if self._shown is None:
            self._shown = for_datasets(self._source)
        return self._shown

    def _repr_html_(self) -> str:
        kinds = [f"{field.name} ({field.type})" for field in self.schema]
        columns = ", ".join(kinds[:_COLUMNS]) + (f" and {len(kinds) - _COLUMNS:,} more" if kinds[_COLUMNS:] else "")
        files = [("files", f"{len(self.files):,}")] if self.files else []
        size = ("size", f"about {readable(self._source.corpus.nbytes)}")
        pairs = [("source", self._source.label), ("rows", f"{len(self):,}"), *files, size, ("columns", columns)]
        return as_html("Shards", pairs)

    def __repr__(self) -> str:
        return shown(
            f"Shards({self._source.label!r}: {len(self):,} rows of {', '.join(self.column_names)}, "
            f"about {readable(self._source.corpus.nbytes)})"
        )


@safe_messages
def open_shards(
    source: Any,
    *,
    columns: Sequence[str] | None = None,
    threads: int | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> Shards:
    """Open a corpus: its metadata is read, its rows are not.

    Parameters
    ----------
    source
        A directory, a glob, a list of ``.arrow`` or ``.parquet`` files (in the order given) or of directories and
        globs, a ``save_to_disk`` directory or one that holds nothing but such directories, a hub cache directory, a
        ``datasets.Dataset`` or a ``pyarrow.Table``. Names that begin with ``_`` or ``.`` are no data, at any depth,
        unless a glob spells that out. Directories of several splits, configurations or series of shards, with another
        data set below, tables of Delta Lake and Iceberg, and URLs are refused, and without `hive` also columns in the
        names of directories.
    columns
        The columns to read, in this order; all if not given.
    threads
        Threads that open files.
    sort
        The order of the files of a directory or glob. They are read by the text of their paths, as datasets and pyarrow
        have it, and directories named exactly ``0`` to ``m - 1`` by their numbers. Where files are numbered and that
        order is not the natural one (2 before 10), nothing is guessed: it is an error until ``"name"`` or ``"natural"``
        says which is meant. A list of files is taken as given: of one that is in it twice, the rows are there twice.
    partial
        Whether shards that their names tell of (``-00001-of-00003``, directories ``0`` to ``m - 1``) may be missing, in
        a directory or glob.
    io
        "mmap" reads the files where they lie, through a memory map: a file that another process cuts in the moment in
        which it is read can end this process with SIGBUS. "pread" copies what it reads by positional reads, which is
        slower: of Arrow batches of which few rows are wanted, by much. A file that is cut is then an error in any
        moment. By both, files that changed since they were opened are an error. Rows that are opened already stay
        what they are.
    schema
        "same": files that differ in their columns are an error. "union": a column that a file lacks is null there, and
        so is a field of structs; both are those of all files, in the order of the first. By both, columns whose types
        differ come out in one type that holds the values of all files, whatever their order: null becomes any type;
        integers, floats, texts, bytes, lists and decimals the widest that is needed, times of one zone those of the
        finest unit; fields of structs go by their names. 64-bit integers beside floats become float64; one that is not
        exact in it, and a time that the finer unit has no place for, is an error when its row is read.
    hive
        Whether the names of directories below the directory or glob hold columns (``lang=en/year=2024/0.parquet``),
        which come behind those of the files, in their order: int64 where all values are whole numbers written as Python
        writes them, else strings, so that ``007`` stays one; ``__HIVE_DEFAULT_PARTITION__`` is null. Names and values
        are percent-decoded. Without it such directories are an error; a list of their files leaves the columns out.
        All files have the same in one order, or with ``schema="union"`` those of all, null where one is missing.

    Raises
    ------
    FileNotFoundError
        With what was looked for; for a shard that is missing, and a link to nothing.
    ValueError
        For files whose order cannot be known, or that are no one table, with how to choose. If there is no such
        `io` or `schema`, or it is another for rows that were opened before. With `hive`, for files whose directories
        hold other columns than those of another, or none, naming both (not with ``schema="union"``); for an empty
        value, and whole numbers of which one is beyond int64.
    FormatError
        For a file that is neither Arrow nor Parquet, or is damaged; ``TruncatedError`` if it was cut.
    SchemaError
        If shards differ in their columns, or in types of which none holds the values of all, with the column and both
        types. With `hive`, for a column that a file holds as well.

    """
    how: dict[str, Any] = {"sort": sort, "partial": partial, "io": io, "schema": schema, "hive": hive}
    return Shards(open_source(source, columns, threads, **how))


@safe_messages
def select(
    source: Any,
    indices: Any,
    *,
    columns: Sequence[str] | None = None,
    memory_limit: int | str | None = None,
    threads: int | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> "datasets.Dataset":
    """Return rows as a contiguous ``datasets.Dataset``, in the order given, repeats included.

    It is in memory while it fits ``memory_limit`` (a quarter of what is free, if not given), else in a file in
    the cache of ``datasets``, memory-mapped. ``sort``, ``partial``, ``io``, ``schema`` and ``hive`` are
    those of :func:`open_shards`.

    >>> import dsdm, pyarrow as pa
    >>> dsdm.select(pa.table({"text": ["a", "b", "c"]}), [2, 0])["text"][:]
    ['c', 'a']
    """
    from dsdm.hf.in_memory import select_rows

    limit = _native.default_memory_limit() if memory_limit is None else to_bytes(memory_limit, "memory_limit")
    how: dict[str, Any] = {"sort": sort, "partial": partial, "io": io, "schema": schema, "hive": hive}
    opened = open_source(source, columns, threads, **how)
    rows = rows_taken(opened, indices, len(opened), threads)
    check_selection_order(opened, source, indices, threads)
    return select_rows(for_datasets(opened), rows, limit, threads)


def open_dataset(
    source: Any,
    *,
    columns: Sequence[str] | None = None,
    threads: int | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> "datasets.Dataset":
    """Open a corpus as a ``datasets.Dataset`` whose rows stay where they are.

    Its ``select`` is lazy and cheap, and ``save_to_disk``, ``to_parquet`` and ``flatten_indices`` of a selection
    read the shards in the order in which rows lie, on all threads. Parquet shards are not copied. ``sort``,
    ``partial``, ``io``, ``schema`` and ``hive`` are those of :func:`open_shards`.

    >>> import dsdm.dataset, pyarrow as pa
    >>> rows = dsdm.dataset.open_dataset(pa.table({"text": ["a", "b", "c"]}))
    >>> rows.select([2, 0]).select([1])[:]
    {'text': ['a']}
    """
    from dsdm.hf.lazy import open_lazily

    how: dict[str, Any] = {"sort": sort, "partial": partial, "io": io, "schema": schema, "hive": hive}
    return open_lazily(for_datasets(open_source(source, columns, threads, **how)))


__dir__ = public_names(globals())

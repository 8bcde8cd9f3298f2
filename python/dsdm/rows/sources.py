"""Where rows come from: files, directories, globs, tables and datasets, each as one corpus."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, PinnedFile, check_files
from dsdm.checks import Io, Schema, Sort, check_flag, check_io, check_schema, check_threads
from dsdm.errors import SchemaError
from dsdm.paths import ROWS, absolute, absolute_place, check_sort, find
from dsdm.paths.hive.columns import HiveColumn, as_told, columns_of, of_told
from dsdm.rows.progress import opening
from dsdm.rows.row_numbers import check_range

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """Rows, and which of them there are: all, or those that an indices mapping names."""

    corpus: Corpus
    mapping: NDArray[np.int64] | None = None
    """The corpus row of each row."""
    files: tuple[str, ...] = ()
    label: str = "table"
    dataset: "datasets.Dataset | None" = None
    """The dataset whose rows they are, if they are not read from files."""
    places: tuple[str, ...] = ()
    """The directories and globs that the files were found by: what is written there would be read with them."""
    all_columns: bool = True
    """Whether they have all columns of what they are read from."""
    held: set[tuple[Any, ...]] = field(default_factory=set, compare=False, repr=False)
    """What the rows were compared with (:mod:`dsdm.rows.told.once`)."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what opens the same rows in another process: files by their names, a table by its rows."""
        if self.dataset is not None:
            return _again_from_dataset, (self.dataset, self.corpus.schema.names)
        pinned = self.corpus.pinned()
        if not pinned:
            table = self.corpus.take(np.arange(len(self.corpus)))
            return _again_from_table, (table, self.mapping, self.label)
        return _again_from_files, (
            [one.at(absolute(one.file.path)) for one in pinned],
            self.corpus.stored_names,
            self.corpus.schema,
            self.mapping,
            self.files,
            self.label,
            self.places,
            self.corpus.io,
            self.corpus.missing,
            self.corpus.constants,
            self.all_columns,
        )

    def __len__(self) -> int:
        return len(self.corpus) if self.mapping is None else len(self.mapping)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the corpus rows of row numbers of this source."""
        if self.mapping is None:
            return indices
        check_range(indices, len(self.mapping))
        return self.mapping[indices]


def open_source(
    source: Any,
    columns: Sequence[str] | None = None,
    threads: int | None = None,
    *,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
    told: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> Source:
    """Open whatever rows can be read from, with these columns alone. JSON lines are looked at, which has a progress.

    Files have the columns that were `told` of their directories, or with `hive` those that the names of these hold.
    """
    check_sort(sort)
    check_flag("partial", partial)
    check_flag("hive", hive)
    check_threads(threads)
    check_io(io)
    check_schema(schema)
    if columns is not None:
        if isinstance(columns, str):
            message = f"columns={columns!r} is one name; a list of names is needed: [{columns!r}]"
            raise TypeError(message)
        columns = list(columns)
    paths = isinstance(source, list | tuple) and all(isinstance(item, str | bytes | os.PathLike) for item in source)
    if paths or isinstance(source, str | bytes | os.PathLike):
        found = find(source, ROWS, sort=sort, partial=partial, hive=hive)
        if not found.files:
            message = "the list of shards is empty; name at least one .arrow, .parquet or .jsonl file"
            raise ValueError(message)
        label = f"{len(found.files)} files" if paths else os.fsdecode(source)
        # A working directory that is another later changes nothing.
        files, places = tuple(map(absolute, found.files)), tuple(map(absolute_place, found.places))
        added = columns_of(files, found.below, union=schema == "union") if hive else of_told(told, len(files))
        how: dict[str, Any] = {"threads": threads, "io": io, "schema": schema, "constants": added}
        with opening(shown=progress) as on_progress:
            corpus = Corpus.open(files, columns=columns, progress=on_progress, **how)
        return Source(corpus, None, files, label, places=places, all_columns=columns is None)
    for name, given in (("sort", sort), ("partial", partial or None)):
        if given is not None:
            message = f"{name}={given!r} is for directories and globs, and these rows are opened already; leave it out"
            raise ValueError(message)
    opened = _open_opened(source, columns)
    _refuse_options(opened.corpus, io, schema, hive=hive)
    return opened


_NO_COLUMN = re.compile(r'there is no column "(.*?)"; the columns are ', re.DOTALL)


@contextmanager
def hinting(hint: Callable[[str], str], what: str = "") -> Iterator[None]:
    """Say what to do where there is no column of a name, by that name, and before it what has none."""
    try:
        yield
    except ValueError as error:
        missing = _NO_COLUMN.match(str(error))
        if missing is None:
            raise
        message = f"{what}{error}{hint(missing[1])}"
        raise type(error)(message) from error


def _refuse_options(corpus: Corpus, io: str, schema: str, *, hive: bool) -> None:
    """Refuse options that say how files are opened, for rows that were opened otherwise."""
    if io not in ("mmap", corpus.io):
        message = (
            f'io="{io}" is for files that this call opens, and these rows are opened already; '
            f'open their files by dsdm.open_shards(paths, io="{io}")'
        )
        raise ValueError(message)
    if schema not in ("same", corpus.missing):
        message = (
            f'schema="{schema}" is for files that this call opens, and these rows are opened already; '
            f'open their files by dsdm.open_shards(paths, schema="{schema}")'
        )
        raise ValueError(message)
    if hive and not corpus.constants:
        message = (
            "hive=True is for directories and globs that this call opens, and these rows are opened already; "
            "open their directory by dsdm.open_shards(path, hive=True)"
        )
        raise ValueError(message)


def in_files(source: Source) -> bool:
    """Return whether all rows of a source lie in files, by which can be told whether they are the same."""
    if source.dataset is None:
        return bool(source.files)
    data = source.dataset.data
    blocks = [block for row in getattr(data, "blocks", [[data]]) for block in row]
    return all(hasattr(block, "path") or hasattr(block, "corpus") for block in blocks)


_SAME_ROWS = frozenset({"replace_schema_metadata", "combine_chunks", "select", "drop", "remove_column"})
"""What ``datasets`` may have done to a table of a file that leaves its rows, and what is in their columns."""


def is_as_in_files(source: Source) -> bool:
    """Return whether row numbers of a source are those of its files, one after the other, and its values theirs.

    A dataset may have slices of files, or one several times, which is told by what was done to their tables.
    """
    if source.mapping is not None:
        return False
    if source.dataset is None or not source.files:
        return True
    data = source.dataset.data
    if hasattr(data, "corpus"):
        stored, names = source.corpus.stored_names, source.corpus.schema.names
        return not any(name != own and name in stored for own, name in zip(stored, names, strict=True))
    tables = [row[0] for row in getattr(data, "blocks", [[data]]) if len(row) == 1]
    done = [{name for name, *_ in getattr(table, "replays", [("",)])} for table in tables]
    return all(names <= _SAME_ROWS for names in done) and len(tables) == len(source.files) == len(blocks_of(data))


def identity_of(source: Source) -> dict[str, Any]:
    """Return what must be the same in a run that continues another, beside the files: their columns, and a dataset."""
    opened = opened_as(source.corpus)
    return opened if source.dataset is None else {**opened, "dataset": source.dataset._fingerprint}


def opened_as(corpus: Corpus) -> dict[str, Any]:
    """Return what is told of how files were opened: whether they may lack columns, and the columns of directories."""
    schema = {} if corpus.missing == "same" else {"schema": corpus.missing}
    return {**schema, "hive": as_told(corpus.constants)} if corpus.constants else schema


def _open_opened(source: Any, columns: list[str] | None) -> Source:
    """Return rows that are in memory, or were opened before."""
    opened = getattr(source, "_source", source)
    if isinstance(opened, Source):
        if columns is None:
            return opened
        return replace(opened, corpus=opened.corpus.select(columns), dataset=None, all_columns=False)
    return _open_table(source, columns)


def _again_from_files(
    pinned: list[PinnedFile],
    stored: list[str],
    schema: "pa.Schema",
    mapping: NDArray[np.int64] | None,
    files: tuple[str, ...],
    label: str,
    places: tuple[str, ...],
    io: str,
    schema_of_files: str = "same",
    constants: list[HiveColumn] | None = None,
    all_columns: bool = True,  # noqa: FBT001, FBT002 - as pickle gives it
) -> Source:
    """Open the files of a source that was pickled, if they are still the same."""
    check_files(pinned)
    paths = [one.file.path for one in pinned]
    corpus = Corpus.open(paths, columns=stored, io=io, schema=schema_of_files, constants=constants)
    # What was opened, and not what had these names just before.
    check_files(pinned)
    corpus.check_named()
    metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    renamed = corpus.rename(schema.names, metadata)
    return Source(renamed, mapping, files, label, places=places, all_columns=all_columns)


def _again_from_table(table: "pa.Table", mapping: NDArray[np.int64] | None, label: str) -> Source:
    return Source(_corpus_of(table), mapping, (), label)


def _again_from_dataset(dataset: "datasets.Dataset", columns: list[str]) -> Source:
    return _open_dataset(dataset, columns)


def _open_table(source: Any, columns: list[str] | None) -> Source:
    # Nobody has a dataset who has not imported datasets.
    loaded = sys.modules.get("datasets")
    if loaded is not None and isinstance(source, loaded.DatasetDict):
        message = f"this is a DatasetDict; choose one of its splits: {', '.join(map(repr, source))}"
        raise TypeError(message)
    if loaded is not None and isinstance(source, loaded.Dataset):
        return _open_dataset(source, columns)
    if hasattr(source, "__arrow_c_stream__"):
        return Source(_corpus_of(source, columns), all_columns=columns is None)
    message = (
        "rows are read from a directory, a glob, a list of .arrow, .parquet or .jsonl files, a datasets.Dataset or a "
        f"pyarrow.Table, and not from {_kind_of(source)}"
    )
    raise TypeError(message)


def _kind_of(source: Any) -> str:
    """Name the type of what is no source; of a list that holds something else than paths, also of that."""
    if not isinstance(source, list | tuple):
        return type(source).__name__
    number, item = next((n, item) for n, item in enumerate(source) if not isinstance(item, str | bytes | os.PathLike))
    return f"a {type(source).__name__} whose item {number} is a {type(item).__name__}"


def _corpus_of(table: Any, columns: list[str] | None = None) -> Corpus:
    """Borrow a table through Arrow's C interface, which cuts texts at a NUL without a word."""
    schema: Any = getattr(table, "schema", None)
    # What is no schema of pyarrow comes from a library that made the cut already, or refuses to.
    if type(schema).__module__.partition(".")[0] == "pyarrow":
        for field in schema:
            _check_texts(field, repr(field.name))
    return Corpus.from_stream(table, columns=columns)


def _check_texts(field: Any, place: str) -> None:
    """Refuse a NUL in the name or the time zone of a field, or of one within it."""
    zone = getattr(field.type, "tz", None)
    for what, text in (("name", field.name), ("time zone", zone)):
        if text is not None and "\0" in text:
            message = f"column {place}: the {what} {text!r} has a NUL in it, which would be cut there; rename it"
            raise SchemaError(message)
    for inner in _inner_fields(field.type):
        _check_texts(inner, f"{place}, field {inner.name!r}")


def _inner_fields(kind: Any) -> list[Any]:
    """Return the fields within a type: those of structs, lists, maps, unions, dictionaries and extension types."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _inner_fields(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return [pa.field("values", kind.value_type)]
    if pa.types.is_run_end_encoded(kind):
        return [pa.field("values", kind.value_type)]
    return [kind.field(index) for index in range(kind.num_fields)]


def _open_dataset(dataset: "datasets.Dataset", columns: list[str] | None) -> Source:
    """Borrow a dataset's table, with its features as they are now, and its indices mapping."""
    mapping = None
    if dataset._indices is not None:
        mapping = dataset._indices.column(0).to_numpy().astype(np.int64, copy=False)
    data = dataset.data
    blocks = blocks_of(data) + ([] if dataset._indices is None else blocks_of(dataset._indices))
    files = tuple(dict.fromkeys(file for block in blocks for file in files_of(block)))
    if hasattr(data, "corpus"):
        # The table of a lazy dataset is a corpus itself.
        corpus = data.corpus if columns is None else data.corpus.select(columns)
        rows = data.in_corpus(mapping)
        return Source(corpus, rows, data.files, "dataset", _chosen(dataset, columns), data.places, columns is None)
    features = json.dumps({"info": {"features": dataset.features.to_dict()}})
    metadata = {**(data.schema.metadata or {}), b"huggingface": features.encode()}
    corpus = _corpus_of(data.table.replace_schema_metadata(metadata), columns)
    return Source(corpus, mapping, files, "dataset", _chosen(dataset, columns), all_columns=columns is None)


def blocks_of(table: Any) -> list[Any]:
    """Return the tables that a table of ``datasets`` is made of."""
    return [block for row in getattr(table, "blocks", [[table]]) for block in row]


def files_of(block: Any) -> Sequence[str]:
    """Return the files that a block reads: shards, or the one file of a mapped table."""
    if hasattr(block, "files"):
        return block.files
    return [block.path] if hasattr(block, "path") else []


def _chosen(dataset: "datasets.Dataset", columns: list[str] | None) -> "datasets.Dataset":
    return dataset if columns is None else dataset.select_columns(columns)

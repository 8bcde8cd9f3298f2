"""Where rows come from: files, folders, globs, tables and datasets, each as one corpus."""

import glob
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus
from dsdm.checks import check_threads
from dsdm.errors import FormatError, SchemaError

if TYPE_CHECKING:
    import datasets

_SUFFIXES = (".arrow", ".parquet")
# Results of datasets' transforms lie in its cache beside the shards.
_NOT_SHARDS = re.compile(r"(cache|tmp|indices)-?.*\.arrow")
_SPLIT = re.compile(r"(?:.*-)?(?P<split>[A-Za-z_]\w*?)(?:-\d{5}-of-\d{5})?(?:-[0-9a-f]{16})?\.(?:parquet|arrow)")
_SAVED = re.compile(r"data-\d{5}-of-\d{5}\.arrow")
_STATE_KEYS = (
    "_data_files",
    "_fingerprint",
    "_format_columns",
    "_format_kwargs",
    "_format_type",
    "_output_all_columns",
    "_split",
)


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

    def __len__(self) -> int:
        return len(self.corpus) if self.mapping is None else len(self.mapping)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the corpus rows of row numbers of this source."""
        if self.mapping is None:
            return indices
        check_range(indices, len(self.mapping))
        return self.mapping[indices]


def open_source(source: Any, columns: Sequence[str] | None = None, threads: int | None = None) -> Source:
    """Open whatever rows can be read from, with these columns alone."""
    check_threads(threads)
    if columns is not None:
        if isinstance(columns, str):
            message = f"columns={columns!r} is one name; a list of names is needed: [{columns!r}]"
            raise TypeError(message)
        columns = list(columns)
    if isinstance(source, str | os.PathLike):
        return _open_files(find_files(os.fspath(source)), os.fspath(source), columns, threads)
    if isinstance(source, list | tuple) and all(isinstance(item, str | os.PathLike) for item in source):
        files = [file for item in source for file in find_files(os.fspath(item))]
        if not files:
            message = "the list of shards is empty; name at least one .arrow or .parquet file"
            raise ValueError(message)
        return _open_files(files, f"{len(files)} files", columns, threads)
    opened = getattr(source, "_source", source)
    if isinstance(opened, Source):
        return opened if columns is None else replace(opened, corpus=opened.corpus.select(columns), dataset=None)
    return _open_table(source, columns)


def _open_files(files: list[str], label: str, columns: list[str] | None, threads: int | None) -> Source:
    return Source(Corpus.open(files, columns=columns, threads=threads), None, tuple(files), label)


def _open_table(source: Any, columns: list[str] | None) -> Source:
    # Nobody has a dataset who has not imported datasets.
    loaded = sys.modules.get("datasets")
    if loaded is not None and isinstance(source, loaded.DatasetDict):
        message = f"this is a DatasetDict; choose one of its splits: {', '.join(map(repr, source))}"
        raise TypeError(message)
    if loaded is not None and isinstance(source, loaded.Dataset):
        return _open_dataset(source, columns)
    if hasattr(source, "__arrow_c_stream__"):
        return Source(Corpus.from_stream(source, columns=columns))
    message = (
        "rows are read from a folder, a glob, a list of .arrow or .parquet files, a datasets.Dataset or a "
        f"pyarrow.Table, and not from {type(source).__name__}"
    )
    raise TypeError(message)


def _open_dataset(dataset: "datasets.Dataset", columns: list[str] | None) -> Source:
    """Borrow a dataset's table, with its features as they are now, and its indices mapping."""
    mapping = None
    if dataset._indices is not None:
        mapping = dataset._indices.column(0).to_numpy().astype(np.int64, copy=False)
    data = dataset.data
    blocks = [block for row in getattr(data, "blocks", []) for block in row]
    files = tuple(file["filename"] for file in dataset.cache_files)
    files += tuple(file for block in blocks for file in getattr(block, "files", ()))
    if hasattr(data, "corpus"):
        # The table of a lazy dataset is a corpus itself.
        corpus = data.corpus if columns is None else data.corpus.select(columns)
        return Source(corpus, mapping, data.files, "dataset", _chosen(dataset, columns))
    features = json.dumps({"info": {"features": dataset.features.to_dict()}})
    metadata = {**(data.schema.metadata or {}), b"huggingface": features.encode()}
    corpus = Corpus.from_stream(data.table.replace_schema_metadata(metadata), columns=columns)
    return Source(corpus, mapping, files, "dataset", _chosen(dataset, columns))


def _chosen(dataset: "datasets.Dataset", columns: list[str] | None) -> "datasets.Dataset":
    return dataset if columns is None else dataset.select_columns(columns)


def find_files(where: str) -> list[str]:
    """Give the shards that a path names: a file, a glob (sorted), or a folder.

    Raises
    ------
    FileNotFoundError
        With what was looked for.

    """
    path = Path(where)
    if path.is_dir():
        return _folder(path)
    if path.exists() or not glob.has_magic(where):
        return [where]
    files = sorted(file for file in glob.glob(where, recursive=True) if Path(file).is_file())  # noqa: PTH207
    if not files:
        raise FileNotFoundError(2, "no file matches this glob", where)
    return files


def _folder(folder: Path) -> list[str]:
    if (folder / "state.json").exists():
        return _saved_shards(folder)
    if (folder / "dataset_dict.json").exists():
        splits = ", ".join(sorted(str(entry) for entry in folder.iterdir() if entry.is_dir()))
        raise IsADirectoryError(21, f"this is a DatasetDict; name one of its splits ({splits})", str(folder))
    if any(_SAVED.fullmatch(entry.name) for entry in folder.iterdir()):
        message = f"{folder}: state.json is missing beside the data-*.arrow shards: the save did not finish; save again"
        raise FormatError(message)
    if (folder / "snapshots").is_dir():
        return _folder(_snapshot(folder))
    found = [path for suffix in _SUFFIXES for path in folder.rglob(f"*{suffix}") if path.is_file()]
    shards = [path for path in found if not _hidden(path.relative_to(folder)) and not _NOT_SHARDS.fullmatch(path.name)]
    if not shards:
        raise FileNotFoundError(
            2, "no *.arrow and no *.parquet files here or in folders below, and no state.json", str(folder)
        )
    _one_kind(folder, shards)
    return [str(path) for path in sorted(shards)]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _one_kind(folder: Path, shards: list[Path]) -> None:
    """Refuse a folder of several splits, whose rows are no one table, and of both formats."""
    if len({path.suffix for path in shards}) > 1:
        message = f"{folder}: there are both .arrow and .parquet files; choose by a glob such as {folder}/**/*.parquet"
        raise ValueError(message)
    matches = [_SPLIT.fullmatch(path.name) for path in shards]
    splits = {match["split"] for match in matches if match} & {"train", "test", "validation", "valid", "dev", "eval"}
    if len(splits) > 1:
        message = f"{folder}: there are the splits {sorted(splits)}; choose one by a glob such as {folder}/**/*train*"
        raise ValueError(message)


def _snapshot(folder: Path) -> Path:
    """Give the snapshot of a hub cache folder that ``refs/main`` names, or the only one."""
    reference = folder / "refs" / "main"
    if reference.exists():
        return folder / "snapshots" / reference.read_text().strip()
    snapshots = sorted((folder / "snapshots").iterdir())
    if len(snapshots) != 1:
        raise FileNotFoundError(
            2, f"{len(snapshots)} snapshots and no refs/main; name one of them", str(folder / "snapshots")
        )
    return snapshots[0]


def _saved_shards(folder: Path) -> list[str]:
    """Give the shards of a ``save_to_disk`` folder, in the order of its state."""
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path}: this is no JSON ({error}); the save did not finish: save again"
        raise FormatError(message) from error
    missing = [key for key in _STATE_KEYS if not isinstance(state, dict) or key not in state]
    if missing:
        message = f"{path}: the key {missing[0]!r} is missing; save_to_disk writes {', '.join(_STATE_KEYS)}"
        raise FormatError(message)
    files = state["_data_files"]
    names: list[Any] = (
        [file.get("filename") if isinstance(file, dict) else None for file in files]
        if isinstance(files, list)
        else [None]
    )
    if not names or not all(isinstance(name, str) and name for name in names):
        message = f"{path}: '_data_files' must be a list of at least one {{'filename': …}}, and is {files!r}"
        raise FormatError(message)
    for name in names:
        if Path(name).name != name or name in {".", ".."} or "\\" in name:
            message = f"{path}: the filename {name!r} leads out of the folder; shards lie in it"
            raise FormatError(message)
        if not (folder / name).exists():
            raise FileNotFoundError(2, "state.json names this shard, which is not there", str(folder / name))
    return [str(folder / name) for name in names]


def row_numbers(indices: Any) -> NDArray[np.int64]:
    """Give indices as a one-dimensional int64 array.

    Raises
    ------
    TypeError
        For anything but whole numbers.
    ValueError
        For another number of dimensions, or a number of 2^63 or more.

    """
    if isinstance(indices, range):
        return np.arange(indices.start, indices.stop, indices.step, dtype=np.int64)
    if not hasattr(indices, "__array__") and not isinstance(indices, list | tuple):
        if not hasattr(indices, "__iter__") or isinstance(indices, str | bytes | dict):
            message = f"indices must be an array, list or range of row numbers, and are {type(indices).__name__}"
            raise TypeError(message)
        indices = list(indices)
    array = np.asarray(indices)
    if array.ndim != 1:
        message = f"indices must have one dimension and have the shape {array.shape}"
        raise ValueError(message)
    if array.size == 0 and array.dtype.kind in "fiuO":
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind == "O" and all(isinstance(value, int | np.integer) for value in array):
        large = next((value for value in array if not -(2**63) <= value < 2**63), None)
        if large is not None:
            message = f"the index {large} does not fit 64 bits; row numbers are below 2^63"
            raise ValueError(message)
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        hint = "; turn a mask into row numbers with numpy.flatnonzero" if array.dtype.kind == "b" else ""
        message = f"indices must be whole numbers and are {array.dtype}{hint}"
        raise TypeError(message)
    if array.dtype == np.uint64 and array.max() >= 2**63:
        message = f"the index {array.max()} does not fit 63 bits; row numbers are below 2^63"
        raise ValueError(message)
    return np.ascontiguousarray(array, dtype=np.int64)


def check_range(indices: NDArray[np.int64], rows: int) -> None:
    """Fail at the first row number that there is no row for."""
    outside = (indices < 0) | (indices >= rows)
    if outside.any():
        position = int(outside.argmax())
        there = f"there are {rows} rows, 0 to {rows - 1}" if rows else "there are no rows"
        message = f"index {indices[position]} at position {position} is out of range: {there}"
        raise IndexError(message)


def refuse_name(source: Source, name: str, purpose: str) -> None:
    """Fail if a column to be added has the name of one that is there."""
    have = source.corpus.schema.names
    if name in have:
        message = f"{purpose} adds a column {name!r}, and there is one: the columns are {have}"
        raise SchemaError(message)

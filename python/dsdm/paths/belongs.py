"""What of a directory is data: which names, how far down, and where another data set begins."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dsdm.paths.deep import MOST_DEEP, too_deep
from dsdm.paths.saved import is_saved

_KINDS = {
    ".arrow": "Arrow",
    ".arrows": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
    ".parquet": "Parquet",
    ".pq": "Parquet",
}
LINES = "JSON lines"
# A .json by itself is mostly no table: what a directory, a model or a data set is told by.
_LINE_KINDS = {
    ".jsonl": LINES,
    ".ndjson": LINES,
    **{f"{suffix}{packed}": LINES for suffix in (".jsonl", ".ndjson", ".json") for packed in (".gz", ".zst")},
}
_SCORE_KINDS = {
    ".pt": "torch",
    ".pth": "torch",
    ".npy": "npy",
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".bin": "raw",
    ".raw": "raw",
}

# What datasets' map and filter leave in its cache, beside the shards.
_LEFTOVER = re.compile(r"cache-[0-9a-f]{16}(_\d{5}_of_\d{5})?\.arrow")

_MARKS = {
    "_delta_log": "Delta Lake",
    ".hoodie": "Hudi",
    "dsdm.json": "dsdm.json",
    "dataset_dict.json": "dataset_dict.json",
}

TABLES = {"Delta Lake": "deltalake", "Iceberg": "pyiceberg", "Hudi": "Hudi"}
"""Tables whose files are not their rows, and what lists the files that are."""


@dataclass(frozen=True)
class Use:
    """What files are opened for."""

    name: str
    kinds: dict[str, str]
    """The format that a suffix stands for."""

    @property
    def suffixes(self) -> str:
        """The suffixes of names, for a message or a help."""
        return ", ".join(sorted(self.kinds))

    def kind(self, name: str) -> str | None:
        """Return the format that a file's name promises, if it is one that is opened."""
        stem, last = os.path.splitext(name.lower())  # noqa: PTH122
        return self.kinds.get(last) or self.kinds.get(os.path.splitext(stem)[1] + last)  # noqa: PTH122


SCORES = Use("scores", _KINDS | _SCORE_KINDS | _LINE_KINDS)
ARRAYS = Use("scores", _KINDS | _SCORE_KINDS)
"""What readers of arrays look for, which read no lines."""
ROWS = Use("rows", _KINDS | _LINE_KINDS)


@dataclass
class Tree:
    """What a directory holds, by paths relative to it with ``/``."""

    files: list[str] = field(default_factory=list)
    sets: dict[str, str] = field(default_factory=dict)
    """The data sets of their own that lie below, and what they are."""
    folders: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    """The directories that links lead to."""


def is_hidden(name: str) -> bool:
    """Return whether Hive, Spark and pyarrow leave a name out."""
    return name.startswith(("_", "."))


def is_leftover(name: str, beside: Iterable[str]) -> bool:
    """Return whether a file is what datasets left in a directory of its cache, where these entries are."""
    return "dataset_info.json" in beside and _LEFTOVER.fullmatch(name) is not None


def data_set_kind(folder: str, names: set[str]) -> str | None:
    """Return what a directory with these entries is, if it is a data set of its own."""
    for mark, kind in _MARKS.items():
        if mark in names:
            return kind
    if "metadata" in names and any(Path(folder, "metadata").glob("*.metadata.json")):
        return "Iceberg"
    if is_saved(folder, names):
        return "state.json"
    return "dataset_info.json" if "dataset_info.json" in names else None


def walk(folder: str, use: Use) -> Tree:
    """Look at everything below a directory.

    Raises
    ------
    OSError
        For a link that leads nowhere or back, for a directory that cannot be read, and for directories that lie deeper
        in each other than `MOST_DEEP`.
    ValueError
        For a directory or file that is there by two names, through a link.

    """
    tree = Tree()
    links: dict[str, str] = {}
    try:
        _walk(_Place(folder, "", ()), use, tree, {}, links)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and error.filename != folder:
            raise too_deep(folder, os.path.relpath(os.fsdecode(error.filename), folder)) from error
        raise
    # A link beside the file that it leads to, and not one into the blobs of the hub's cache.
    real = {os.path.realpath(os.path.join(folder, path)): path for path in tree.files if path not in links}  # noqa: PTH118
    for link, target in links.items() if links else ():
        if target in real:
            raise ValueError(twice(folder, link, real[target]))
    return tree


def has_data(folder: str, use: Use) -> bool:
    """Return whether any file below a directory has a name that is opened."""
    ahead = [(folder, 0)]
    while ahead:
        place, depth = ahead.pop()
        if depth > MOST_DEEP:
            raise too_deep(folder, os.path.relpath(place, folder))
        for entry in _entries(place):
            if entry.is_dir(follow_symlinks=False):
                ahead.append((entry.path, depth + 1))
            elif use.kind(entry.name):
                return True
    return False


@dataclass(frozen=True)
class _Place:
    path: str
    relative: str
    above: tuple[tuple[int, int], ...]


def _walk(place: _Place, use: Use, tree: Tree, seen: dict[tuple[int, int], str], links: dict[str, str]) -> None:
    state = os.stat(place.path)  # noqa: PTH116
    identity = (state.st_dev, state.st_ino)
    if identity in place.above:
        raise OSError(errno.ELOOP, "this link leads back to a directory that it lies in; remove it", place.path)
    if identity in seen:
        raise ValueError(twice(place.path, place.relative, seen[identity]))
    seen[identity] = place.relative
    entries = sorted(_entries(place.path), key=lambda entry: entry.name)
    names = {entry.name for entry in entries}
    kind = data_set_kind(place.path, names) if place.relative else None
    if kind is not None and (kind in TABLES or has_data(place.path, use)):
        tree.sets[place.relative] = kind
        return
    for entry in entries:
        if is_hidden(entry.name):
            continue
        if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
            raise FileNotFoundError(errno.ENOENT, "this link leads to nothing; remove it or mend it", entry.path)
        relative = f"{place.relative}/{entry.name}" if place.relative else entry.name
        if entry.is_dir():
            _note_folder(entry, relative, tree)
            _walk(_Place(entry.path, relative, (*place.above, identity)), use, tree, seen, links)
        elif use.kind(entry.name) and not is_leftover(entry.name, names):
            tree.files.append(relative)
            if entry.is_symlink():
                links[relative] = os.path.realpath(entry.path)


def _note_folder(entry: "os.DirEntry[str]", relative: str, tree: Tree) -> None:
    if relative.count("/") >= MOST_DEEP:
        raise too_deep(entry.path.removesuffix(f"/{relative}"), relative)
    tree.folders.append(relative)
    if entry.is_symlink():
        tree.linked.append(os.path.realpath(entry.path))


def _entries(path: str) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(path) as entries:
        yield from entries


def twice(where: str, one: str, other: str) -> str:
    """Say that a link gives data a second name."""
    other = other or "the directory itself"
    return f"{where}: {one} and {other} are the same through a link, and rows would be there twice; remove the link"

"""Which files a path, a list, a glob or a directory of scores stands for."""

import errno
import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

PathLike = str | os.PathLike[str]

_KINDS = {
    ".pt": "torch",
    ".pth": "torch",
    ".npy": "npy",
    ".arrow": "arrow",
    ".parquet": "parquet",
    ".bin": "raw",
    ".raw": "raw",
}

_SAVED = ("state.json", "dataset_info.json", "dataset_dict.json")

_LOOKED_FOR = (
    "a directory of scores is one that datasets wrote with save_to_disk (with a state.json), "
    "one that holds score files of one kind (.pt, .npy, .arrow, .parquet, .bin, .raw), "
    "or one with subdirectories 0 to m-1 that each are the first or hold one score file"
)


def resolve(path_or_paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Give the files and ``save_to_disk`` directories that are meant, in the order of the vector."""
    if isinstance(path_or_paths, str | os.PathLike):
        return _expand(os.fspath(path_or_paths))
    paths = [file for path in path_or_paths for file in _expand(os.fspath(path))]
    if not paths:
        message = "no score file was given"
        raise ValueError(message)
    return paths


def natural(path: PathLike) -> list[tuple[int, str]]:
    """Order names as people do: ``part2`` before ``part10``."""
    pieces = re.split(r"([0-9]+)", os.fspath(path))
    return [(int(piece), piece) if piece.isdecimal() and piece.isascii() else (-1, piece) for piece in pieces]


def _expand(path: str) -> list[str]:
    if os.path.isdir(path):  # noqa: PTH112
        return _of_directory(Path(path))
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    matches = sorted(glob.glob(path, recursive=True), key=natural)  # noqa: PTH207
    if not matches:
        raise FileNotFoundError(errno.ENOENT, "no file matches the glob", path)
    return [file for match in matches for file in _expand_match(match)]


def _expand_match(path: str) -> list[str]:
    return _of_directory(Path(path)) if Path(path).is_dir() else [path]


def _of_directory(directory: Path) -> list[str]:
    """Give the files of a directory of scores."""
    found = _saved(directory) or _score_files(directory) or _numbered(directory)
    if not found:
        raise IsADirectoryError(errno.EISDIR, f"no scores were found in this directory; {_LOOKED_FOR}", str(directory))
    return found


def _saved(directory: Path) -> list[str]:
    """Give a ``save_to_disk`` directory as itself: the engine reads its list of shards."""
    return [str(directory)] if any((directory / name).exists() for name in _SAVED) else []


def _score_files(directory: Path) -> list[str]:
    """Give the score files of a directory that holds them side by side."""
    files = [file for file in directory.iterdir() if file.suffix.lower() in _KINDS and file.is_file()]
    kinds = {_KINDS[file.suffix.lower()] for file in files}
    if len(kinds) > 1:
        names = ", ".join(sorted(file.name for file in files)[:5])
        message = f"score files of several kinds are in this directory ({names}); name the files, or a glob of them"
        raise IsADirectoryError(errno.EISDIR, message, str(directory))
    return [str(file) for file in sorted(files, key=natural)]


def _numbered(directory: Path) -> list[str]:
    """Give the files of subdirectories 0 to m - 1."""
    numbered = {int(entry.name): entry for entry in directory.iterdir() if _is_number(entry.name) and entry.is_dir()}
    if not numbered:
        return []
    absent = [number for number in range(len(numbered)) if number not in numbered]
    if absent:
        message = f"subdirectories 0 to {max(numbered)} are expected, and {absent[0]} is not there"
        raise IsADirectoryError(errno.EISDIR, message, str(directory))
    return [file for number in range(len(numbered)) for file in _of_numbered(numbered[number])]


def _of_numbered(directory: Path) -> list[str]:
    saved = _saved(directory)
    if saved:
        return saved
    files = _score_files(directory)
    if len(files) != 1:
        message = f"one score file is expected in a numbered directory, and {len(files)} are there; {_LOOKED_FOR}"
        raise IsADirectoryError(errno.EISDIR, message, str(directory))
    return files


def _is_number(name: str) -> bool:
    return name.isdecimal() and name.isascii() and str(int(name)) == name

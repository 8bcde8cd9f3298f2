"""What the patterns of a card match, as :func:`datasets.data_files.resolve_pattern` has it.

That is another glob than that of a shell: it goes into no directory by a link, ``**`` at the end is all files below,
and names that begin with ``_`` count.
"""

import fnmatch
import glob
import os
from collections.abc import Iterator

from dsdm.paths.deep import MOST_DEEP, too_deep

_IGNORED = {
    "README.md",
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dummy_data.zip",
    "dataset_dict.json",
}


def plain(pattern: str) -> bool:
    """Return whether a pattern names files below its directory, in a way that has one meaning."""
    parts = _parts(pattern)
    odd = any(part in {"", ".", ".."} or ("**" in part and part != "**") for part in parts)
    return not (odd or "://" in pattern or "::" in pattern or "\\" in pattern or "\0" in pattern)


def matched(folder: str, pattern: str) -> list[str]:
    """Return the files that a plain pattern matches, relative to the directory; one without magic names a file."""
    parts = _parts(pattern)
    if not glob.has_magic(pattern):
        path = "/".join(parts)
        return [path] if os.path.isfile(os.path.join(folder, path)) else []  # noqa: PTH113, PTH118
    fixed = next(rank for rank, part in enumerate(parts) if glob.has_magic(part))
    root = "/".join(parts[:fixed])
    ignored = _IGNORED - {parts[-1]}
    return sorted(
        path
        for path in _files(folder, root, parts)
        if path.rpartition("/")[2] not in ignored
        and _hidden(path.split("/")) == _hidden(parts)
        and _matches(parts, path.split("/"))
    )


def _parts(pattern: str) -> list[str]:
    return pattern.removeprefix("./").split("/")


def _hidden(parts: list[str]) -> tuple[int, int]:
    """Return how many names are hidden, and how many directories are special."""
    return sum(part.startswith(".") for part in parts), sum(part.startswith("__") for part in parts[:-1])


def _files(folder: str, root: str, parts: list[str]) -> Iterator[str]:
    hidden, special = _hidden(parts)
    ahead = [root]
    while ahead:
        place = ahead.pop()
        path = os.path.join(folder, place)  # noqa: PTH118
        if place.count("/") > MOST_DEEP:
            raise too_deep(folder, place)
        if not os.path.isdir(path):  # noqa: PTH112
            continue
        with os.scandir(path) as entries:
            for entry in entries:
                relative = f"{place}/{entry.name}" if place else entry.name
                left_out = (not hidden and entry.name.startswith(".")) or (not special and entry.name.startswith("__"))
                if not entry.is_dir(follow_symlinks=False):
                    if entry.is_file():
                        yield relative
                elif not left_out:
                    ahead.append(relative)


def _matches(parts: list[str], names: list[str]) -> bool:
    """Return whether names match a pattern's parts: by all places in it at once, so that many stars cost little."""
    last = len(parts) - 1
    places = _with_none(parts, {0})
    for name in names:
        after = set()
        for rank in places:
            if rank <= last and parts[rank] == "**":
                after |= {rank, rank + 1} if rank == last else {rank}
            elif rank <= last and fnmatch.fnmatchcase(name, parts[rank]):
                after.add(rank + 1)
        places = _with_none(parts, after)
    return len(parts) in places


def _with_none(parts: list[str], places: set[int]) -> set[int]:
    """Add the places behind a ``**`` that stands for no directory; the last part stands for one name at least."""
    found = set(places)
    for rank in range(len(parts) - 1):
        if rank in found and parts[rank] == "**":
            found.add(rank + 1)
    return found

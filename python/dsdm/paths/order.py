"""The one order of files: by the text of their paths, as datasets and pyarrow have it.

``a-b/x`` comes before ``a/x`` there, since ``-`` comes before ``/``; sorting ``Path`` objects has them the other way.
The suffix takes no part: an order that holds for ``.npy`` and not for ``.parquet`` would part scores from rows.
"""

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

SORTS = ("name", "natural")

# What tells uploads of one shard from each other, as the hub and Spark have it: its digits are no numbers.
HASH = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,})(?![0-9A-Za-z])"
)
_PIECE = re.compile(rf"({HASH.pattern})|(\d+)")


def check_sort(sort: str | None) -> None:
    """Fail unless `sort` is an order.

    Raises
    ------
    ValueError
        Naming those there are.

    """
    if sort is not None and sort not in SORTS:
        message = f"sort is {sort!r}; it is 'name' (the order of datasets) or 'natural' (2 before 10)"
        raise ValueError(message)


def in_order(where: str, paths: Iterable[str], sort: str | None, *, gaps: bool = False) -> list[str]:
    """Return relative paths in their order; directories named exactly 0 to m - 1 are in numerical order.

    Parameters
    ----------
    where
        The directory or glob, for messages.
    paths
        Relative to one directory, with or without suffixes.
    sort
        "name", "natural", or None to refuse where the two differ for names that are the same but for their numbers.
    gaps
        Whether numbers of directories may be missing.

    Raises
    ------
    ValueError
        For an order that cannot be known, with the first difference.

    """
    padded = _padded(list(paths), gaps=gaps)
    stems = {path: _stem(text) for path, text in padded.items()}
    named = sorted(padded, key=lambda path: stems[path])
    _refuse_suffixes(where, named, stems)
    if sort == "natural":
        return sorted(named, key=lambda path: _natural(stems[path]))
    if sort is None:
        _refuse_series(where, named, stems)
    return named


def other_order(paths: Sequence[str]) -> tuple[str, str, str] | None:
    """Return two paths, one behind the other, that lie the other way by "name" or by "number"; None where none do."""
    padded = _padded(list(paths), gaps=True)
    for one, other in pairwise(paths):
        stems = _stem(padded[one]), _stem(padded[other])
        if stems[0] > stems[1]:
            return one, other, "name"
        if skeleton(stems[0]) == skeleton(stems[1]) and _natural(stems[0]) > _natural(stems[1]):
            return one, other, "number"
    return None


def is_numbered(names: Collection[str], *, gaps: bool = False) -> bool:
    """Return whether names are the numbers 0 to m - 1, as they are written without a zero in front."""
    if not all(name.isascii() and name.isdecimal() and str(int(name)) == name for name in names):
        return False
    return "0" in names and (gaps or max(map(int, names)) == len(names) - 1)


def children(paths: Iterable[str]) -> dict[str, set[str]]:
    """Return the names of the directories in each directory of the paths."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        *folders, _ = _parts(path)
        for depth, name in enumerate(folders):
            found["/".join(folders[:depth])].add(name)
    return found


def skeleton(text: str) -> str:
    """Return a name without its numbers and hashes."""
    return _PIECE.sub(lambda piece: "\0h" if piece[1] else "\0n", text)


def _parts(path: str) -> list[str]:
    return path.replace(os.sep, "/").split("/")


def _padded(paths: list[str], *, gaps: bool) -> dict[str, str]:
    """Return each path with the numbers of numbered directories padded, so that any order of them is numerical."""
    numbered = {folder for folder, names in children(paths).items() if is_numbered(names, gaps=gaps)}

    def pad(path: str) -> str:
        parts = _parts(path)
        for depth in range(len(parts) - 1):
            if "/".join(_parts(path)[:depth]) in numbered:
                parts[depth] = parts[depth].zfill(255)
        return "/".join(parts)

    return {path: pad(path) for path in paths}


def _stem(path: str) -> str:
    """Return a path without its suffix; its dot stays, as what follows a name counts in the order."""
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 - of a text that is no path of the system
    return stem + suffix[:1]


def _natural(stem: str) -> tuple[list[str | int], str]:
    """Order names as people do, ``part2`` before ``part10``: text and numbers take turns."""
    pieces: list[str | int] = [""]
    end = 0
    for match in _PIECE.finditer(stem):
        pieces[-1] = f"{pieces[-1]}{stem[end : match.start()]}{match[1] or ''}"
        if match[2]:
            pieces += [int(match[2]), ""]
        end = match.end()
    pieces[-1] = f"{pieces[-1]}{stem[end:]}"
    return pieces, stem


def _refuse_suffixes(where: str, named: list[str], stems: dict[str, str]) -> None:
    """Fail where the order depends on what the files' suffix is, as for ``a.parquet`` and ``a.o.parquet``."""
    of: dict[str, str] = {}
    for path in named:
        stem = stems[path]
        dots = [end for end, letter in enumerate(stem, 1) if letter == "."]
        other = next((of[stem[:end]] for end in dots if stem[:end] in of), None)
        if other is not None:
            message = (
                f"{where}: {other} and {path} have one name up to a dot, and which comes first depends on their "
                "suffix; rename them, or give the files as a list in their order"
            )
            raise ValueError(message)
        of[stem] = path


def _refuse_series(where: str, named: list[str], stems: dict[str, str]) -> None:
    """Fail where names differ in their numbers alone and the two orders differ: of files, or of their directories."""
    _refuse_two_orders(where, "files", [(path, stems[path]) for path in named])
    folders: dict[str, str] = {}
    for path in named:
        parts, padded = _parts(path), _parts(stems[path])
        for depth in range(1, len(parts)):
            # What is in a directory comes where its name with the slash does.
            folders["/".join(parts[:depth]) + "/"] = "/".join(padded[:depth]) + "/"
    # Files of other names lie in the order of their directories all the same.
    _refuse_two_orders(where, "directories", sorted(folders.items(), key=lambda item: item[1]))


def _refuse_two_orders(where: str, what: str, named: list[tuple[str, str]]) -> None:
    """Fail where names, each with the text that it is ordered by, are a series with another order by number."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, stem in named:
        groups[skeleton(stem)].append((path, stem))
    for group in groups.values():
        natural = sorted(group, key=lambda item: _natural(item[1]))
        for rank, ((by_name, _), (by_number, _)) in enumerate(zip(group, natural, strict=True)):
            if by_name != by_number:
                before = f"after {group[rank - 1][0]} " if rank else "first "
                message = (
                    f"{where}: the {what} are numbered, and {before}comes {by_name} by name and {by_number} by "
                    'number: which order the rows have cannot be known. Choose by sort="name" (the order of datasets, '
                    'pyarrow and polars) or sort="natural" (2 before 10), or give the files as a list'
                )
                raise ValueError(message)

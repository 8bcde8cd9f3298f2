"""Which files a path means: asked here by scores and by rows, and answered once.

One order (:mod:`~dsdm.paths.order`), one rule for what belongs (:mod:`~dsdm.paths.belongs`), one for what must be
there (:mod:`~dsdm.paths.complete`), for directories, globs and lists of both. A list of files is taken as given.
"""

import errno
import glob
import os
import re
from collections.abc import Iterable

from dsdm.paths.belongs import ROWS, SCORES, Use
from dsdm.paths.folders import Found, Options, open_folder
from dsdm.paths.globs import open_glob, would_read
from dsdm.paths.local import PathLike, absolute, absolute_place, local, refuse_nul
from dsdm.paths.order import check_sort

_OF_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w-]*(\.\d[\w-]*)*")

__all__ = [
    "ROWS",
    "SCORES",
    "Found",
    "PathLike",
    "Use",
    "absolute",
    "absolute_place",
    "check_sort",
    "find",
    "is_searched",
    "local",
    "refuse_inputs",
    "refuse_inside",
    "refuse_nul",
]


def find(
    what: PathLike | Iterable[PathLike],
    use: Use,
    *,
    sort: str | None = None,
    partial: bool = False,
    hive: bool = False,
) -> Found:
    """Return the files that a path, a glob, a directory or a list of these means, in their order.

    Raises
    ------
    ValueError
        For a URL; an order that cannot be known; files that are no one table.
    FileNotFoundError, IsADirectoryError
        Where nothing is, or not all of it.

    """
    check_sort(sort)
    options = Options(use, sort, partial, hive)
    if isinstance(what, str | bytes | os.PathLike):
        what = [what]
    what = list(what)
    refuse_unused(what, sort, partial=partial, hive=hive)
    found = Found()
    for path in what:
        start = len(found.files)
        found.add(_open(local(path), options))
        if is_searched(path):
            found.searched.append((local(path), range(start, len(found.files))))
    return found


def is_searched(path: PathLike) -> bool:
    """Return whether a path is a directory or a glob, which means files that are found."""
    text = local(path)
    return os.path.isdir(text) or (glob.has_magic(text) and not os.path.lexists(text))  # noqa: PTH112


def refuse_unused(paths: list[PathLike], sort: str | None, *, partial: bool, hive: bool = False) -> None:
    """Fail where an option says how files are found, and nothing is searched.

    Raises
    ------
    ValueError
        Naming the option and the first of the paths.

    """
    options = {"partial=True": partial, f"sort={sort!r}": sort is not None, "hive=True": hive}
    given = next((name for name, is_given in options.items() if is_given), None)
    if given is not None and paths and not any(map(is_searched, paths)):
        many = "are files, in the order given" if len(paths) > 1 else "is a file"
        named = os.fsdecode(local(paths[0])) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        message = f"{given} is for directories and globs, and {named} {many}; leave it out"
        raise ValueError(message)


def refuse_inside(target: str, places: Iterable[str]) -> None:
    """Fail if an output lies in what its source is read from, and would become a part of it.

    Raises
    ------
    ValueError
        Naming both.

    """
    for place in places:
        if glob.has_magic(place) and not os.path.lexists(place):
            inside = would_read(place, target)
        else:
            real = os.path.realpath(place)
            inside = os.path.commonpath([real, os.path.realpath(target)]) == real
        if inside:
            same = os.path.realpath(place) == os.path.realpath(target)
            what = (
                f"replace the source {place}" if same else f"lie inside of the source {place} and become a part of it"
            )
            message = f"{target}: the output would {what}; choose another directory"
            raise ValueError(message)


def refuse_inputs(target: PathLike, inputs: Iterable[PathLike]) -> None:
    """Fail if an output would replace a file that is read, by whatever name: a link, or a directory around it.

    Raises
    ------
    ValueError
        Naming both.

    """
    place = os.path.realpath(target)
    for file in inputs:
        if not os.path.exists(file):  # noqa: PTH110
            continue
        real = os.path.realpath(file)
        same = os.path.exists(place) and os.path.samefile(place, real)  # noqa: PTH110, PTH121
        if same or os.path.commonpath([place, real]) == place:
            message = (
                f"{os.fspath(target)!s}: the output would replace {os.fspath(file)!s}, which is read; choose another"
            )
            raise ValueError(message)


def _refuse_hub(path: str) -> None:
    """Fail for what is not there and is called as data sets of the hub are.

    Raises
    ------
    FileNotFoundError
        With how one is downloaded.

    """
    if _OF_HUB.fullmatch(path) and not os.path.lexists(os.path.dirname(path)):  # noqa: PTH120
        message = (
            "there is no such file or directory; a data set of the hub is downloaded first, such as by `hf download "
            f"{path} --repo-type dataset --local-dir {os.path.basename(path)}`"  # noqa: PTH119
        )
        raise FileNotFoundError(errno.ENOENT, message, path)


def _open(path: str, options: Options) -> Found:
    if os.path.isdir(path):  # noqa: PTH112
        return open_folder(path, options)
    if os.path.lexists(path) or not glob.has_magic(path):
        _refuse_hub(path)
        return Found([path], below=[os.path.basename(path)])  # noqa: PTH119
    return open_glob(path, options)

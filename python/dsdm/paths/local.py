"""Paths of this machine: `~` is expanded, and addresses of other places are refused by name."""

import glob
import os
import re

PathLike = str | os.PathLike[str]

# pathlib makes one slash of two. A letter alone is a drive of Windows.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def local(path: PathLike, what: str = "the path") -> str:
    """Return a path of this machine as text, with ``~`` expanded.

    >>> local("a/b.npy")
    'a/b.npy'

    Raises
    ------
    ValueError
        For a URL, also for what ``pathlib`` makes of one, and for a NUL, which the system would end the path at.

    """
    text = os.fsdecode(path)
    refuse_nul(text, what)
    if match := _URL.match(text):
        message = (
            f"{text}: {what} is a URL, and {match[1]}:// is not read or written; copy it to or from this machine "
            "(for a directory of this machine that is called so, begin with ./)"
        )
        raise ValueError(message)
    return os.path.expanduser(text)  # noqa: PTH111 - Path would drop "./" and a slash at the end


def refuse_nul(path: PathLike, what: str) -> None:
    """Fail for a path with a NUL, before anything is done that ends in an error of the system."""
    if "\0" in (text := os.fsdecode(path)):
        message = f"{what} is {text!r}, with a NUL in it, which no path can have; give it without"
        raise ValueError(message)


def absolute(path: str) -> str:
    """Return a path from the root; links and ``..`` stay, and so does a path to nothing, for the error that names it.

    >>> absolute("/a/../b")
    '/a/../b'
    """
    there = os.path.lexists(path) and not os.path.isabs(path)  # noqa: PTH117 - as text
    return os.path.join(os.getcwd(), path) if there else path  # noqa: PTH109, PTH118 - as text


def absolute_place(place: str) -> str:
    """Return a path or a glob from the root; in a glob, what stands before it is taken as it is."""
    if os.path.isabs(place) or os.path.lexists(place) or not glob.has_magic(place):  # noqa: PTH117 - as text
        return absolute(place)
    return os.path.join(glob.escape(os.getcwd()), place)  # noqa: PTH109, PTH118 - as text

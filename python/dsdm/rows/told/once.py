"""What the rows of a source were compared with already: of the same files, nothing is read twice."""

import os
from collections.abc import Iterable
from typing import Any

from dsdm.rows.sources import Source


def known_as(what: str, files: Iterable[str], *more: Any) -> tuple[Any, ...] | None:
    """Return what says that a comparison with files is the same as another; None where a file cannot be looked at.

    Files are the same as long as they lie there and nobody wrote to them: by size, times and inode.
    """
    try:
        found = [os.stat(file) for file in files]  # noqa: PTH116 - a path may be any text
    except (OSError, ValueError):
        return None
    states = tuple((one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found)
    return (what, states, *more)


def was_compared(source: Source, known: tuple[Any, ...] | None) -> bool:
    """Return whether the rows were compared so, and did not differ."""
    return known is not None and known in source.held


def compared(source: Source, known: tuple[Any, ...] | None) -> None:
    """Keep that the rows were compared so, and did not differ."""
    if known is not None:
        source.held.add(known)

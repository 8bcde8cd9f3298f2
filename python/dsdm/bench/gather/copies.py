"""The unit of what is read from the page cache: as many bytes copied into a file at the place of the output."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path

from dsdm.bench.answers import WrongAnswerError
from dsdm.bench.timing import Contestant

_PIECE = 4 << 20  # bytes
Piece = tuple[Path, int, int, int]
"""A source, where to read in it, where to write, and how many bytes."""


def copies(files: list[Path], size: int, target: Path, threads: int, *, flush: bool) -> list[Contestant]:
    """Copy the first `size` bytes of the files by one thread and by all, and have them on the disk if that is asked."""
    return [
        Contestant(
            f"copy by {count} thread{'s'[: count > 1]}", partial(_copy, files, size, target, count, flush), check
        )
        for check in [partial(_is_all, size, target)]
        for count in sorted({1, threads})
    ]


def _copy(files: list[Path], size: int, target: Path, threads: int, flush: bool) -> None:  # noqa: FBT001 - by partial
    target.parent.mkdir(exist_ok=True)
    with target.open("wb", buffering=0) as out:
        out.truncate(size)
        pieces = list(_pieces(files, size))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(partial(_copy_pieces, out.fileno()), (pieces[first::threads] for first in range(threads))))
        if flush:
            os.fsync(out.fileno())


def _pieces(files: list[Path], size: int) -> Iterable[Piece]:
    """From file after file, and from the first again if there are too few bytes in them."""
    done = 0
    for file in cycle(files):
        length = file.stat().st_size
        for start in range(0, length, _PIECE):
            count = min(_PIECE, length - start, size - done)
            if not count:
                return
            yield file, start, done, count
            done += count


def _copy_pieces(out: int, pieces: list[Piece]) -> None:
    buffer = memoryview(bytearray(_PIECE))
    for file, start, place, count in pieces:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            got = os.preadv(descriptor, [buffer[:count]], start)
        finally:
            os.close(descriptor)
        os.pwrite(out, buffer[:got], place)


def _is_all(size: int, target: Path, _: object) -> str:
    found = target.stat().st_size
    if found != size:
        message = f"{found:,} bytes were copied of {size:,}"
        raise WrongAnswerError(message)
    return "all bytes"

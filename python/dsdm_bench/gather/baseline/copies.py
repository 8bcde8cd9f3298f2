"""The unit of warm cases: as many bytes, copied one after the other from the page cache to the place of the output.

They are written from the mapped files, by one thread into one file, and by several threads into a file each, as the
kernel serializes the writes to one file. The faster way is the unit.
"""

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

from dsdm_bench.harness.contest import Contestant
from dsdm_bench.harness.errors import WrongAnswerError

_CHUNK = 4 << 20  # bytes of a write
Span = tuple[Path, int, int]
"""A file, and the first and the last byte (exclusive) in it."""


def copies(files: list[Path], size: int, folder: Path, threads: int, *, flush: bool) -> list[Contestant]:
    """Return every way to copy the first `size` bytes of the files, synced to the disk if `flush` is set."""
    check = partial(_is_all, size, folder)
    names = {1: "copy into 1 file", threads: f"copy into {threads} file{'s'[: threads > 1]}"}
    return [Contestant(name, partial(_copy, files, size, folder, count, flush), check) for count, name in names.items()]


def _copy(files: list[Path], size: int, folder: Path, count: int, flush: bool) -> None:  # noqa: FBT001 - by partial
    bounds = [size * part // count for part in range(count + 1)]
    with ThreadPoolExecutor(count) as pool:
        shares = [
            pool.submit(_copy_spans, list(_spans(files, first, last)), folder / f"copy-{part:05}", flush)
            for part, (first, last) in enumerate(pairwise(bounds))
        ]
        for share in shares:
            share.result()


def _spans(files: list[Path], first: int, last: int) -> Iterator[Span]:
    """Yield the spans that hold the bytes from `first` to `last` of the files, repeated as often as needed."""
    start = 0
    for file in cycle(files):
        length = file.stat().st_size
        if start + length > first:
            yield file, max(first - start, 0), min(last - start, length)
        start += length
        if start >= last:
            return


def _copy_spans(spans: list[Span], target: Path, flush: bool) -> None:  # noqa: FBT001 - by submit
    with target.open("wb", buffering=0) as out:
        for path, first, last in spans:
            with (
                path.open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source,
                memoryview(source) as view,
            ):
                _write(out.fileno(), view, first, last)
        if flush:
            os.fsync(out.fileno())


def _write(out: int, view: memoryview, first: int, last: int) -> None:
    while first < last:
        with view[first : min(first + _CHUNK, last)] as chunk:
            first += os.write(out, chunk)


def _is_all(size: int, folder: Path, _: object) -> str:
    found = sum(path.stat().st_size for path in folder.iterdir())
    if found != size:
        message = f"{found:,} bytes were copied of {size:,}"
        raise WrongAnswerError(message)
    return "all bytes"

"""The page cache: files brought into it or dropped from it, and what was read past it."""

import gc
import os
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 8 << 20  # bytes at a time


def drop(path: Path) -> None:
    """Drop a file from the page cache, after writing its dirty pages; no process may have it mapped."""
    gc.collect()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def warm(paths: Iterable[Path]) -> None:
    """Read files, so that they are in the page cache as far as they fit: the kernel may evict idle pages any time."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(_BLOCK):
                pass


def bytes_from_disk() -> int | None:
    """Return the bytes that this process has read from the disk so far; None where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes:")), None)

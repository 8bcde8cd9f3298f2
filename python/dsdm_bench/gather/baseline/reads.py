"""The unit of cold cases: the bytes that are needed, read past the page cache as fast as the disk can.

The rows are needed, and the metadata that locates each batch of them. Small gaps between these ranges may be read as
well, up to the whole files, and many reads are in flight at once; the fastest way is the unit. Where the output is on
the disk too, as many bytes as the rows have are then written and synced.
"""

import mmap
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.gather.settings import ROW_BYTES, TOKEN_BYTES
from dsdm_bench.harness.console import readable
from dsdm_bench.harness.contest import Contestant
from dsdm_bench.harness.errors import WrongAnswerError

_BLOCK = 4_096  # the alignment of reads past the page cache
_READ = 1 << 20  # bytes of the largest read
_WAYS = (("the rows alone", 0, 64), ("gaps to 16 kB", 1 << 14, 64), ("gaps to 128 kB", 1 << 17, 8))
_WHOLE = (2, 4)  # reads at once
Rows = NDArray[np.int64]
Ranges = NDArray[np.int64]
"""(n, 2): the first and the last byte (exclusive) of each."""
Locate = Callable[[Rows], Ranges]
Read = tuple[Path, int, int]
"""A file, the offset in it, and how many bytes."""


@dataclass(frozen=True)
class FileRanges:
    """The ranges of a file that are needed."""

    file: Path
    ranges: Ranges

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return int((self.ranges[:, 1] - self.ranges[:, 0]).sum())


def needed(files: Sequence[Path], rows: Rows) -> list[FileRanges]:
    """Return the ranges that hold rows: of Arrow files, each row; of Parquet files, each row group with one of them."""
    rows = np.unique(rows)
    found, first = [], 0
    for file in files:
        count, locate = _parquet_groups(file) if file.suffix == ".parquet" else _arrow_rows(file)
        here = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + count)] - first
        found.append(FileRanges(file, locate(here)))
        first += count
    return found


def reads(files: Sequence[FileRanges], size: int, folder: Path | None) -> list[Contestant]:
    """Return every way of reading that is tried; `size` bytes are then written to the directory, if one is given."""
    whole = [FileRanges(one.file, np.array([[0, one.file.stat().st_size]])) for one in files]
    ways = [(f"{name}, {count} reads at once", _plan(files, gap), count) for name, gap, count in _WAYS]
    ways += [(f"whole files, {count} reads at once", _plan(whole, 0), count) for count in _WHOLE]
    least = sum(one.bytes for one in files)
    return [
        Contestant(name, partial(_read_and_write, planned, count, size, folder), partial(_is_all, least))
        for name, planned, count in ways
    ]


def _arrow_rows(file: Path) -> tuple[int, Locate]:
    """Return how many rows an Arrow stream has, and a function that locates rows, which all have the same length."""
    import pyarrow as pa
    from pyarrow import ipc

    begins, counts = [], []
    with pa.memory_map(str(file)) as mapped:
        whole = mapped.read_buffer()
        for batch in ipc.open_stream(whole):
            lists = batch.column(0)
            first_token = lists.values.offset + lists.offsets[0].as_py()
            begins.append(lists.values.buffers()[1].address - whole.address + first_token * TOKEN_BYTES)
            counts.append(len(batch))
    firsts = np.cumsum([0, *counts])

    def locate(rows: Rows) -> Ranges:
        batches = np.searchsorted(firsts, rows, side="right") - 1
        # The header of a batch and the offsets of its lists come before the first of its rows.
        ends = np.array(begins, np.int64)
        starts = ends[batches] + (rows - firsts[batches]) * ROW_BYTES
        heads = np.maximum(ends - _BLOCK, 0)
        spans = np.column_stack((np.append(starts, heads), np.append(starts + ROW_BYTES, ends)))
        return spans[np.argsort(spans[:, 0])]

    return int(firsts[-1]), locate


def _parquet_groups(file: Path) -> tuple[int, Locate]:
    """Return how many rows a Parquet file has, and a function that locates the row groups of rows."""
    from pyarrow import parquet

    spans, counts = [], []
    with parquet.ParquetFile(file) as opened:
        for number in range(opened.metadata.num_row_groups):
            group = opened.metadata.row_group(number)
            chunk = group.column(0)
            start = min(chunk.dictionary_page_offset or chunk.data_page_offset, chunk.data_page_offset)
            spans.append((start, start + chunk.total_compressed_size))
            counts.append(group.num_rows)
    firsts = np.cumsum([0, *counts])

    def locate(rows: Rows) -> Ranges:
        groups = np.unique(np.searchsorted(firsts, rows, side="right") - 1)
        return np.array(spans, np.int64).reshape(-1, 2)[groups]

    return int(firsts[-1]), locate


def _plan(files: Sequence[FileRanges], gap: int) -> list[Read]:
    """Return the reads: of whole blocks, across gaps of at most `gap` bytes, and none too large."""
    return [
        (one.file, first, min(_READ, last - first))
        for one in files
        for start, end in _merged(one.ranges, gap)
        for first, last in ((first, end) for first in range(start, end, _READ))
    ]


def _merged(ranges: Ranges, gap: int) -> list[list[int]]:
    """Return ascending ranges rounded out to blocks; those at most `gap` bytes apart become one."""
    if not len(ranges):
        return []
    starts = ranges[:, 0] // _BLOCK * _BLOCK
    ends = -(-ranges[:, 1] // _BLOCK) * _BLOCK
    apart = np.flatnonzero(starts[1:] > ends[:-1] + gap) + 1
    return np.column_stack((starts[np.append(0, apart)], ends[np.append(apart - 1, -1)])).tolist()


def _read_and_write(planned: list[Read], at_once: int, size: int, folder: Path | None) -> int:
    found = _read(planned, at_once)
    if folder is not None:
        with (folder / "written").open("wb", buffering=0) as out, mmap.mmap(-1, _READ) as memory:
            for start in range(0, size, _READ):
                out.write(memoryview(memory)[: min(_READ, size - start)])
            os.fdatasync(out.fileno())
    return found


def _read(planned: list[Read], at_once: int) -> int:
    """Do all reads, `at_once` at a time, and return the bytes that were read."""
    with ExitStack() as opened:
        descriptors = {}
        for file in {file for file, _, _ in planned}:
            descriptors[file] = os.open(file, os.O_RDONLY | os.O_DIRECT)
            opened.callback(os.close, descriptors[file])
        shares = [
            [(descriptors[file], first, count) for file, first, count in planned[n::at_once]] for n in range(at_once)
        ]
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(_read_share, shares))


def _read_share(share: list[tuple[int, int, int]]) -> int:
    with mmap.mmap(-1, _READ) as memory, memoryview(memory) as buffer:
        return sum(os.preadv(descriptor, [buffer[:count]], first) for descriptor, first, count in share)


def _is_all(least: int, found: int) -> str:
    if found < least:
        message = f"{found:,} bytes were read of {least:,}"
        raise WrongAnswerError(message)
    return f"{readable(found)}, past the page cache"

"""Rows read run by run, of which none takes much memory."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

RUN_BYTES = 32 << 20
"""About what a run of rows takes in memory."""


def in_runs(
    rows: int, read: "Callable[[int, int], pa.Table]", row_bytes: float, first: int = 16
) -> "Iterator[pa.Table]":
    """Read the rows 0 to ``rows`` by calls of ``read(start, stop)``, and give each run as a table.

    The first run is short, as few rows may be wanted. Those that follow are four times as long each, up to the
    bytes of a run by ``row_bytes``, what a row takes on average, and by what the rows of the last run took.
    """
    start, size = 0, max(first, 1)
    while start < rows:
        stop = min(start + size, rows)
        run = read(start, stop)
        yield run
        each = max(run.nbytes / (stop - start), row_bytes, 1)
        size = max(min(4 * (stop - start), int(RUN_BYTES / each)), 1)
        start = stop

"""The bar that shows how far the writing of rows is."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

from dsdm.rows.sizes import readable


def bar(rows: int, row_bytes: float, *, shown: bool | None) -> AbstractContextManager[Any]:
    """Return a context whose value is called with the progress, or nothing."""
    if not _is_open(sys.stderr) or not (sys.stderr.isatty() if shown is None else shown):
        return nullcontext()
    return _Bar(rows, row_bytes)


def _is_open(stream: Any) -> bool:
    """Return whether there is a stream to write to: a daemon closes it, and others put in its place what is none."""
    return stream is not None and not getattr(stream, "closed", False) and hasattr(stream, "isatty")


class _Bar:
    """A bar over rows, each of which counts once read and once written; with bytes a second and the time left."""

    def __init__(self, rows: int, row_bytes: float) -> None:
        from tqdm.auto import tqdm

        self._row_bytes = row_bytes
        self._begun: float | None = None
        self._bar = tqdm(total=rows, unit=" rows", unit_scale=True)

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int) -> None:
        if self._begun is None:
            # What an interrupted run had finished is counted at once, and says nothing of the speed.
            self._begun = time.perf_counter()
            self._bar.initial = self._bar.n = self._bar.last_print_n = done // 2
        rows = done // 2 - self._bar.initial
        rate = readable(rows * self._row_bytes / max(time.perf_counter() - self._begun, 1e-9))
        self._bar.set_postfix_str(f"{rate}/s", refresh=False)
        self._bar.update(done // 2 - self._bar.n)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._bar.update(self._bar.total - self._bar.n)
        self._bar.close()

"""How far the writing of rows is, and the look at JSON lines: a bar, or lines of the log."""

import logging
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

from dsdm.rows.sizes import readable

logger = logging.getLogger(__name__)

_SECONDS = 10
"""Between two lines of the log."""


def bar(rows: int, row_bytes: float, *, shown: bool | None) -> AbstractContextManager[Any]:
    """Return a context whose value is called with the progress, or nothing.

    If nothing is said, there is a bar on a terminal and in a notebook, and elsewhere lines of the log.
    """
    if _is_shown(shown=shown):
        return _Bar(rows, row_bytes)
    if shown is None and logger.isEnabledFor(logging.INFO):
        return nullcontext(_Lines(rows, row_bytes))
    return nullcontext()


def opening(*, shown: bool | None) -> AbstractContextManager[Any]:
    """Return the same for files that are opened: the value is called with how many bytes of lines were looked at.

    A bar is there after a second alone: other files are open by then.
    """
    if _is_shown(shown=shown):
        return _OpeningBar()
    if shown is None and logger.isEnabledFor(logging.INFO):
        return nullcontext(_OpeningLines())
    return nullcontext()


def _is_shown(*, shown: bool | None) -> bool:
    return _is_open(sys.stderr) and (sys.stderr.isatty() or _in_notebook() if shown is None else shown)


def _in_notebook() -> bool:
    """Return whether a kernel of Jupyter runs this: it has loaded IPython, and its shell is the application's."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


class _Lines:
    """A line of the log every ten seconds, that says how many rows are written and how long the rest takes about."""

    def __init__(self, rows: int, row_bytes: float) -> None:
        self._rows, self._row_bytes = rows, row_bytes
        self._said: float | None = None
        self._begun, self._kept = 0.0, 0

    def __call__(self, done: int) -> None:
        now = time.perf_counter()
        if self._said is None:
            # What an interrupted run had finished says nothing of the speed.
            self._said, self._begun, self._kept = now, now, done // 2
        if now - self._said < _SECONDS:
            return
        self._said = now
        done_here = done // 2 - self._kept
        rate = done_here / (now - self._begun)
        left = f", about {(self._rows - done // 2) / rate:.0f} s left" if rate else ""
        logger.info(
            "%s of %s rows, %s/s%s", f"{done // 2:,}", f"{self._rows:,}", readable(rate * self._row_bytes), left
        )


class _OpeningLines:
    """A line of the log every ten seconds, that says how much of JSON lines was looked at."""

    def __init__(self) -> None:
        self._begun = self._said = time.perf_counter()

    def __call__(self, done: int) -> None:
        now = time.perf_counter()
        if now - self._said < _SECONDS:
            return
        self._said = now
        speed = readable(done / (now - self._begun))
        logger.info("%s of JSON lines were looked at, %s/s", readable(done), speed)


class _OpeningBar:
    """A count of the bytes that were looked at: how many there are is not known of packed files."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc="JSON lines", unit="B", unit_scale=True, delay=1)

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int) -> None:
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        self._bar.close()


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

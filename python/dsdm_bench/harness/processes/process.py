"""A process whose work is timed and watched from outside.

It prints "ready" when its libraries are imported and waits for a line; then it works, prints "done" while it still
holds its result, and waits for another line to end. Either word may be followed by a message.
"""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from dsdm_bench.harness.errors import ChildError

_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_KIB = 1024


class Child:
    """A running process and its own children; none of them outlives the ``with`` that it is used in."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, errors: int | None = None
    ) -> None:
        self._began = time.perf_counter()
        # In a session of its own: Ctrl-C reaches this process alone, which then ends the child and its children.
        self._process = subprocess.Popen(  # noqa: S603 - what runs are modules of the benchmark
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._output):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()

    def next_word(self, word: str) -> str:
        """Wait for a word, and return the message that follows it.

        Raises
        ------
        ChildError
            If the process ends before, for instance when memory runs out, or prints something else.

        """
        line = self._output.readline().decode().strip()
        if line and not line.startswith(word):
            message = f"its process printed {line!r} where {word!r} was to come"
            raise ChildError(message)
        if not line:
            message = f"its process ended with code {self._process.wait()}"
            raise ChildError(message)
        return line.removeprefix(word).strip()

    def seconds(self) -> float:
        """Return the seconds since the process was started."""
        return time.perf_counter() - self._began

    def proceed(self) -> None:
        """Send the line that the process waits for."""
        if self._process.stdin:
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def watch(self, interval: float) -> int:
        """Sample the memory every `interval` seconds until the next word, and return the peak in bytes."""
        peak = self.anonymous()
        while not select.select([self._output], [], [], interval)[0]:
            peak = max(peak, self.anonymous())
        return peak

    def anonymous(self) -> int:
        """Return the bytes of anonymous memory that the process and its children have now."""
        return sum(map(_anonymous, _family(self._process.pid)))

    @property
    def _output(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise ChildError
        return self._process.stdout


def is_measurable() -> bool:
    """Return whether this system says how much anonymous memory a process has."""
    status = Path("/proc/self/status")
    return status.exists() and bool(_ANONYMOUS.search(status.read_text()))


def _anonymous(pid: int) -> int:
    """Return the anonymous memory of one process in bytes; 0 if it has ended."""
    try:
        found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * _KIB if found else 0


def _family(pid: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found

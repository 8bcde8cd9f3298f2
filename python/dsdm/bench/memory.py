"""The peak of the memory that a system takes beyond the mapped files: a fresh process for each, watched from here.

Read from ``/proc``, so on Linux only. Anonymous memory alone is counted: what is mapped is the file's.
"""

import re
import select
import subprocess
import sys
from pathlib import Path
from typing import IO

from dsdm.bench.peers import Peer
from dsdm.bench.tasks import Task

_INTERVAL = 0.002  # seconds between two looks
_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_KIB = 1024


class ChildError(RuntimeError):
    """The process that was to be watched died."""


def is_measurable() -> bool:
    """Whether this system tells how much anonymous memory a process has."""
    status = Path("/proc/self/status")
    return status.exists() and bool(_ANONYMOUS.search(status.read_text()))


def peak(peer: Peer, task: Task) -> int:
    """Run a task in a process of its own, and give the bytes by which its memory rose, result included.

    The library is imported before that; preparing the input counts.

    Raises
    ------
    ChildError
        If the process ends before its work does, as when memory runs out.

    """
    command = [sys.executable, "-m", "dsdm.bench.child", peer.name, task.to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - this module
        try:
            _next_word(child, "ready")
            before = anonymous(child.pid)
            _tell(child)
            most = _watch(child, before)
            _tell(child)
        except BaseException:
            child.kill()
            raise
    return most - before


def anonymous(pid: int) -> int:
    """The anonymous memory of a process, in bytes; 0 if it has ended."""
    found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * _KIB if found else 0


def _watch(child: "subprocess.Popen[bytes]", before: int) -> int:
    """Look again and again until the work is done, and once more while its result is still held."""
    most = before
    while not select.select([_output(child)], [], [], _INTERVAL)[0]:
        most = max(most, anonymous(child.pid))
    _next_word(child, "done")
    return max(most, anonymous(child.pid))


def _next_word(child: "subprocess.Popen[bytes]", word: str) -> None:
    line = _output(child).readline().decode().strip()
    if line != word:
        message = f"its process ended with code {child.wait()}"
        raise ChildError(message)


def _output(child: "subprocess.Popen[bytes]") -> IO[bytes]:
    if child.stdout is None:
        raise ChildError
    return child.stdout


def _tell(child: "subprocess.Popen[bytes]") -> None:
    if child.stdin:
        child.stdin.write(b"\n")
        child.stdin.flush()

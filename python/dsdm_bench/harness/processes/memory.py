"""The peak of the memory that some work takes beyond its input: a fresh process for each, watched from here.

The numbers come from ``/proc``, so it works on Linux alone. Only anonymous memory counts: mapped pages are the file's.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dsdm_bench.harness.processes.process import Child

_INTERVAL = 0.002  # seconds between two samples


def peak(module: str, *arguments: str) -> int:
    """Run a module that calls :func:`work` as a process, and return by how many bytes its memory rose, result included.

    Raises
    ------
    ChildError
        If the process ends before its work does, for instance when memory runs out.

    """
    with Child([sys.executable, "-m", module, *arguments]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(_INTERVAL)
        child.next_word("done")
        most = max(most, child.anonymous())
        child.proceed()
    return most - before


def work(call: Callable[[], Any]) -> None:
    """Print "ready" and wait; call, print "done" and hold the result until told to end."""
    _give_back()
    print("ready", flush=True)
    sys.stdin.readline()
    result = call()
    print("done", flush=True)
    sys.stdin.readline()
    del result


def _give_back() -> None:
    """Give memory that is no longer used back to the system: a call that takes it again would seem to take none."""
    gc.collect()
    with suppress(AttributeError, OSError):  # other systems have no such function
        ctypes.CDLL(None).malloc_trim(0)

"""The peak of the memory that a system takes beyond the mapped files: a fresh process for each, watched from here.

Read from ``/proc``, so on Linux only. Anonymous memory alone is counted: what is mapped is the file's.
"""

import sys

from dsdm.bench.peers import Peer
from dsdm.bench.process import Child, ChildError, is_measurable
from dsdm.bench.tasks import Task

__all__ = ["ChildError", "is_measurable", "peak"]

_INTERVAL = 0.002  # seconds between two looks


def peak(peer: Peer, task: Task) -> int:
    """Run a task in a process of its own, and give the bytes by which its memory rose, result included.

    The library is imported before that; preparing the input counts.

    Raises
    ------
    ChildError
        If the process ends before its work does, as when memory runs out.

    """
    with Child([sys.executable, "-m", "dsdm.bench.child", peer.name, task.to_json()]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(_INTERVAL)
        child.next_word("done")
        most = max(most, child.anonymous())
        child.proceed()
    return most - before

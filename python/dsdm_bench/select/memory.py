"""The peak of the memory that a system takes beyond the mapped files: a fresh process for each, watched from here.

The numbers come from ``/proc``, so it works on Linux alone. Only anonymous memory counts: mapped pages are the file's.
"""

import sys

from dsdm_bench.harness.processes.process import Child
from dsdm_bench.select.peers.peer import Peer
from dsdm_bench.select.tasks import Task

_INTERVAL = 0.002  # seconds between two samples


def peak(peer: Peer, task: Task) -> int:
    """Run a task in a process of its own, and return the bytes by which its memory rose, result included.

    The library is imported before; preparing the input counts.

    Raises
    ------
    ChildError
        If the process ends before its work does, for instance when memory runs out.

    """
    with Child([sys.executable, "-m", "dsdm_bench.select.child", peer.name, task.to_json()]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(_INTERVAL)
        child.next_word("done")
        most = max(most, child.anonymous())
        child.proceed()
    return most - before

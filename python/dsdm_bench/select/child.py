"""The process whose memory is watched: ``python -m dsdm_bench.select.child SYSTEM TASK``."""

import sys
from importlib import import_module

from dsdm_bench.select.peers import PEERS
from dsdm_bench.select.tasks import Task


def main(name: str, text: str) -> None:
    """Import, print "ready" and wait; run, print "done" and hold the result until told to end."""
    task = Task.from_json(text)
    peer = next(peer for peer in PEERS if peer.name == name and task.operation in peer.promises)
    import_module(peer.module)
    print("ready", flush=True)
    sys.stdin.readline()
    result = peer.prepare(task)()
    print("done", flush=True)
    sys.stdin.readline()
    del result


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The process whose memory is watched: ``python -m dsdm_bench.select.child SYSTEM TASK``."""

import sys
from importlib import import_module
from typing import Any

from dsdm_bench.harness.processes.memory import work
from dsdm_bench.select.peers import PEERS
from dsdm_bench.select.tasks import Task


def main(name: str, text: str) -> None:
    """Import the library, and do the task; preparing the input counts."""
    task = Task.from_json(text)
    peer = next(peer for peer in PEERS if peer.name == name and task.operation in peer.promises)
    import_module(peer.module)

    def run() -> Any:
        return peer.prepare(task)()

    work(run)


if __name__ == "__main__":
    main(*sys.argv[1:])

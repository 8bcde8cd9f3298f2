"""The reference's own recipes, with numpy in place of torch where torch is not installed."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness import machine
from dsdm_bench.select.peers.peer import NOISY, UNIFORM, VALUES, Call, Peer
from dsdm_bench.select.score_files import mapped
from dsdm_bench.select.tasks import Operation, Task


def _best(task: Task) -> Call:
    def run() -> NDArray[np.int64]:
        vectors = [_load(path) for path in task.paths]
        scores = (vectors[0] + vectors[1] + vectors[2]) / 3 if task.operation is Operation.mean else vectors[0]
        if not machine.is_installed("torch"):
            return np.argsort(scores)[-task.k :]
        return import_module("torch").argsort(scores)[-task.k :].numpy()

    return run


def _gumbel(task: Task) -> Call:
    def run() -> NDArray[np.int64]:
        scores = np.asarray(_load(task.paths[0])).astype(np.float64)
        scores += np.random.default_rng(task.seed).gumbel(size=task.rows)
        return np.argpartition(-scores, min(task.k, task.rows - 1))[: task.k]

    return run


def _choice(task: Task) -> Call:
    return lambda: np.random.default_rng(task.seed).choice(task.rows, size=(task.k,), replace=False)


def _load(path: Path) -> Any:
    """Return a file's tensor in memory, as the reference loads it; without torch, its values as an array."""
    if machine.is_installed("torch"):
        return import_module("torch").load(path)
    return np.array(mapped(path))


_INSTEAD = "" if machine.is_installed("torch") else ", numpy for torch"

PEERS = [
    Peer(f"reference argsort{_INSTEAD}", "reference", VALUES, _best),
    Peer(f"reference gumbel{_INSTEAD}", "reference", NOISY, _gumbel),
    Peer("reference choice", "reference", UNIFORM, _choice),
]

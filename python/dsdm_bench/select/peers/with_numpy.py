"""numpy, as its documentation has it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.answers import Promise
from dsdm_bench.select.peers.peer import NOISY, UNIFORM, VALUES, Call, Peer
from dsdm_bench.select.tasks import Operation, Task


def _argpartition(task: Task) -> Call:
    scores = _scores(task)
    return lambda: np.argpartition(scores(), task.rows - task.k)[task.rows - task.k :]


def _partition(task: Task) -> Call:
    scores = _scores(task)

    def run() -> NDArray[np.int64]:
        values = scores()
        threshold = np.partition(values, task.rows - task.k)[task.rows - task.k]
        above = np.flatnonzero(values > threshold)
        return np.concatenate((above, np.flatnonzero(values == threshold)[: task.k - len(above)]))

    return run


def _gumbel(task: Task) -> Call:
    scores = task.arrays[0]

    def run() -> NDArray[np.int64]:
        keys = scores + np.random.default_rng(task.seed).gumbel(size=task.rows)
        return np.argpartition(keys, task.rows - task.k)[task.rows - task.k :]

    return run


def _choice(task: Task) -> Call:
    return lambda: np.random.default_rng(task.seed).choice(task.rows, task.k, replace=False, shuffle=False)


def _scores(task: Task) -> Callable[[], NDArray[np.float32]]:
    """Return what computes the scores, within the time."""
    arrays = task.arrays
    if task.operation is Operation.mean:
        return lambda: (arrays[0] + arrays[1] + arrays[2]) / np.float32(3)
    return lambda: arrays[0]


_ROWS = {Operation.top_k: Promise.rows, Operation.mean: Promise.rows}

PEERS = [
    Peer("numpy argpartition", "numpy", VALUES, _argpartition),
    Peer("numpy partition, flatnonzero", "numpy", _ROWS, _partition),
    Peer("numpy gumbel, argpartition", "numpy", NOISY, _gumbel),
    Peer("numpy choice, not shuffled", "numpy", UNIFORM, _choice),
]

"""numpy: by a bound from a sample, which is the fastest way that is known, and by its own `top_k` where it has one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.answers import Promise
from dsdm_bench.select.peers.peer import NOISY, UNIFORM, VALUES, Call, Peer
from dsdm_bench.select.tasks import Operation, Task

_STRIDE = 1_000
_DEVIATIONS = 5
"""How far below its expected place the bound is taken of the sample."""


def _by_sample(task: Task) -> Call:
    scores = _scores(task)
    return lambda: _best(scores(), task.k)


def _best(values: NDArray[np.floating[Any]], k: int) -> NDArray[np.int64]:
    """Return the rows of the k largest values, of equal ones the lowest, in ascending parts.

    What is surely not among them is left out first: what lies below a bound from a sample.
    """
    sample = np.sort(values[::_STRIDE])
    expected = k / len(values) * len(sample)
    above = math.ceil(expected + _DEVIATIONS * math.sqrt(expected + 1))
    rows = np.flatnonzero(values >= sample[-above]) if above <= len(sample) else np.arange(len(values))
    if len(rows) < k:  # The sample was no fair one.
        rows = np.arange(len(values))
    left = values[rows]
    threshold = np.partition(left, len(left) - k)[len(left) - k]
    found = rows[left > threshold]
    return np.concatenate((found, rows[left == threshold][: k - len(found)]))


def _own_top_k(task: Task) -> Call:
    scores = _scores(task)
    return lambda: np.top_k(scores(), task.k)[1]  # type: ignore[attr-defined] # of numpy 2.6 and later


def _gumbel(task: Task) -> Call:
    scores = task.arrays[0]
    return lambda: _best(scores + np.random.default_rng(task.seed).gumbel(size=task.rows), task.k)


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
    Peer("numpy filter", "numpy", _ROWS, _by_sample),
    Peer("numpy gumbel", "numpy", NOISY, _gumbel),
    Peer("numpy choice", "numpy", UNIFORM, _choice),
]
if hasattr(np, "top_k"):
    PEERS.append(Peer("numpy top_k", "numpy", VALUES, _own_top_k))

"""torch, as its documentation has it."""

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.answers import Promise
from dsdm_bench.select.peers.peer import UNIFORM, VALUES, Call, Peer
from dsdm_bench.select.tasks import Operation, Task


def _topk(task: Task) -> Call:
    torch, scores = _torch(task), _scores(task)
    return lambda: np.asarray(torch.topk(scores(), task.k).indices)


def _gumbel(task: Task) -> Call:
    torch, scores = _torch(task), _scores(task)

    def run() -> NDArray[np.int64]:
        generator = torch.Generator().manual_seed(task.seed)
        noise = torch.empty(task.rows, dtype=torch.float64).exponential_(generator=generator).log_().neg_()
        return torch.topk(noise.add_(scores()), task.k).indices.numpy()

    return run


def _randperm(task: Task) -> Call:
    torch = _torch(task)
    return lambda: np.asarray(torch.randperm(task.rows)[: task.k])


def _torch(task: Task) -> Any:
    torch = import_module("torch")
    if task.threads:
        torch.set_num_threads(task.threads)
    return torch


def _scores(task: Task) -> Callable[[], Any]:
    """Return what computes the scores, within the time."""
    torch = import_module("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the map is read-only; nothing writes to it
        tensors = [torch.from_numpy(array) for array in task.arrays]
    if task.operation is Operation.mean:
        return lambda: (tensors[0] + tensors[1] + tensors[2]) / 3
    return lambda: tensors[0]


PEERS = [
    Peer("torch topk", "torch", VALUES, _topk),
    Peer("torch gumbel", "torch", {Operation.gumbel: Promise.draw}, _gumbel),
    Peer("torch randperm", "torch", UNIFORM, _randperm),
]

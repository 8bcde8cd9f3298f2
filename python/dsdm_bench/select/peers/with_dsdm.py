"""dsdm itself, with its scores open already and with the opening in the time."""

from typing import Literal

import dsdm
from dsdm_bench.select.answers import Promise
from dsdm_bench.select.peers.peer import Call, Peer
from dsdm_bench.select.tasks import Operation, Task


def _opened_before(task: Task) -> Call:
    if task.operation is Operation.sample:
        return lambda: dsdm.sample(task.rows, task.k, seed=task.seed, threads=task.threads)
    scores = _open(task)
    if task.operation in (Operation.top_k, Operation.mean):
        return lambda: dsdm.top_k(scores, task.k, threads=task.threads)
    noise: Literal["philox", "numpy"] = "numpy" if task.operation is Operation.gumbel_numpy else "philox"
    return lambda: dsdm.gumbel_top_k(scores, task.k, seed=task.seed, noise=noise, threads=task.threads)


def _opening_the_file(task: Task) -> Call:
    return lambda: dsdm.top_k(_open(task), task.k, threads=task.threads)


def _open(task: Task) -> dsdm.Scores:
    vectors = [dsdm.open_scores(path) for path in task.paths]
    return (vectors[0] + vectors[1] + vectors[2]) / 3 if task.operation is Operation.mean else vectors[0]


PEERS = [
    Peer(
        "dsdm",
        "dsdm",
        {
            Operation.top_k: Promise.order,
            Operation.mean: Promise.order,
            Operation.gumbel: Promise.close,
            Operation.gumbel_numpy: Promise.order,
            Operation.sample: Promise.order,
        },
        _opened_before,
    ),
    Peer(
        "dsdm, opening the file",
        "dsdm",
        {Operation.top_k: Promise.order, Operation.mean: Promise.order},
        _opening_the_file,
    ),
]

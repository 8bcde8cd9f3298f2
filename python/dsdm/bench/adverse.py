"""Vectors that are hard on a selection, against random values: the right answer, and in about the same time."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm.bench.answers import Promise, check
from dsdm.bench.contest import Bench, with_unit
from dsdm.bench.data import normal
from dsdm.bench.oracle import Expected, largest
from dsdm.bench.report import say
from dsdm.bench.results import JobResult, Measured, Unit, compare
from dsdm.bench.settings import SEED, Settings
from dsdm.bench.tasks import Operation, Task
from dsdm.bench.timing import Contestant

_RANDOM = "random"
_UNTIED = 100  # one value in so many is no tie
Vector = NDArray[np.float32]


def adverse(bench: Bench) -> Iterator[JobResult]:
    """One result per k. Each vector has its turns with random values, against which its ratio is."""
    rows = bench.settings.rows
    random = normal(rows, "a")
    for k in bench.settings.sizes[:2]:
        title = f"top_k of adverse arrays, k = {k:,}"
        say(title)
        pairs = [_against_random(bench.settings, k, random, name, make(rows, k)) for name, make in VECTORS.items()]
        unit = min((unit for unit, _ in pairs), key=lambda unit: unit.seconds)
        systems = [pairs[0][1][0], *(systems[1] for _, systems in pairs)]
        yield JobResult("adverse", title, rows, k, unit, _RANDOM, systems)


def _against_random(
    settings: Settings, k: int, random: Vector, name: str, values: Vector
) -> tuple[Unit, list[Measured]]:
    """The unit, and what was measured of random values and of the vector `name`."""
    contestants = [_contestant(_RANDOM, random, k, settings), _contestant(name, values, k, settings)]
    unit = with_unit([random], contestants, settings)
    systems = [Measured.of(one, unit) for one in contestants]
    for one in systems:
        one.library, one.version = "dsdm", dsdm.__version__
    compare(systems, _RANDOM)
    return unit, systems


def _contestant(name: str, values: Vector, k: int, settings: Settings) -> Contestant:
    task = Task(Operation.top_k, (), len(values), k, SEED, settings.threads)
    right = Expected(largest(values, k), values)
    return Contestant(name, partial(_top_k, values, task), partial(check, Promise.order, task, right))


def _top_k(values: Vector, task: Task) -> NDArray[Any]:
    return dsdm.top_k(values, task.k, threads=task.threads)


def _equal(rows: int, _: int) -> Vector:
    return np.full(rows, 0.5, np.float32)


def _ascending(rows: int, _: int) -> Vector:
    return np.arange(rows, dtype=np.float32)


def _descending(rows: int, _: int) -> Vector:
    return -_ascending(rows, 0)


def _tied(rows: int, _: int) -> Vector:
    values = np.zeros(rows, np.float32)
    values[::_UNTIED] = normal(len(values[::_UNTIED]), "ties")
    return values


def _spike(rows: int, _: int) -> Vector:
    values = np.zeros(rows, np.float32)
    values[rows * 2 // 3] = 1
    return values


def _infinite(rows: int, k: int) -> Vector:
    """All minus infinity but `k` values, evenly spaced."""
    values = np.full(rows, -np.inf, np.float32)
    values[np.linspace(0, rows - 1, k, dtype=np.int64)] = normal(k, "finite")
    return values


VECTORS: dict[str, Callable[[int, int], Vector]] = {
    "all equal": _equal,
    "ascending": _ascending,
    "descending": _descending,
    "99 % ties": _tied,
    "one spike": _spike,
    "all -inf but k": _infinite,
}
"""By name: from the number of rows and k. Ascending float32 beyond 2**24 has ties, as it must."""

"""Vectors that are hard on a selection, against random values: the right answer, and in about the same time."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, measured
from dsdm_bench.harness.results import JobResult, Measured, Unit, compare
from dsdm_bench.select.answers import Promise, check
from dsdm_bench.select.measure import SelectBench, with_unit
from dsdm_bench.select.oracle import Expected, largest
from dsdm_bench.select.settings import SEED, SelectSettings
from dsdm_bench.select.tasks import Operation, Task
from dsdm_bench.select.vectors import normal

_RANDOM = "random"
_UNTIED = 100  # one value in so many is not tied
Vector = NDArray[np.float32]


def adverse(bench: SelectBench) -> Iterator[JobResult]:
    """Yield one result per k. Each vector runs in turns with random values, to which its ratio is relative."""
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
    settings: SelectSettings, k: int, random: Vector, name: str, values: Vector
) -> tuple[Unit, list[Measured]]:
    """Return the unit, and what was measured of random values and of the vector `name`."""
    contestants = [_contestant(_RANDOM, random, k, settings), _contestant(name, values, k, settings)]
    unit = with_unit([random], contestants, settings)
    systems = [measured(one, unit) for one in contestants]
    for one in systems:
        one.library, one.version = "dsdm", dsdm.__version__
    compare(systems, _RANDOM)
    return unit, systems


def _contestant(name: str, values: Vector, k: int, settings: SelectSettings) -> Contestant:
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
    """Return minus infinity everywhere but for `k` values, evenly spaced."""
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
"""What makes each vector, from the number of rows and k. Ascending float32 beyond 2**24 must have ties."""

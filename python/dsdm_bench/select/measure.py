"""dsdm against every peer on one task: the answers, the times in turns, and then the memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, fastest, measured
from dsdm_bench.harness.errors import ChildError
from dsdm_bench.harness.machine import version_of
from dsdm_bench.harness.passes import Arrays, readers
from dsdm_bench.harness.processes.memory import peak
from dsdm_bench.harness.processes.process import is_measurable
from dsdm_bench.harness.results import JobResult, Measured, Unit, compare
from dsdm_bench.select.answers import check
from dsdm_bench.select.oracle import Expected, expected
from dsdm_bench.select.peers import peers_for
from dsdm_bench.select.peers.peer import Peer
from dsdm_bench.select.settings import SEED, SelectSettings
from dsdm_bench.select.tasks import Operation, Task
from dsdm_bench.select.vectors import Vectors

_NAMES = {
    Operation.top_k: "top_k",
    Operation.mean: "top_k of (a + b + c) / 3",
    Operation.gumbel: "gumbel_top_k, philox",
    Operation.gumbel_numpy: "gumbel_top_k, numpy's noise",
    Operation.sample: "sample",
}
_FILES = {Operation.mean: ("a", "b", "c")}
_BASE_MEMORY, _MEMORY_PER_ROW, _SAMPLE_MEMORY = 64_000_000, 32, 512_000_000  # bytes


@dataclass(frozen=True)
class SelectBench:
    """What every job is given."""

    settings: SelectSettings
    vectors: Vectors


def measure(bench: SelectBench, job: str, operation: Operation, k: int) -> JobResult:
    """Measure all systems on one operation and one k."""
    settings = bench.settings
    title = f"{_NAMES[operation]}, k = {k:,}"
    say(title)
    paths = tuple(bench.vectors.path(name) for name in _FILES.get(operation, ("a",)))
    task = Task(operation, paths, settings.rows, k, SEED, settings.threads)
    peers = peers_for(operation, settings.peers)
    unit, contestants = _timed(task, peers, settings)
    systems = [_of_library(peer, measured(one, unit)) for peer, one in zip(peers, contestants, strict=True)]
    if settings.memory and is_measurable():
        for peer, one in zip(peers, systems, strict=True):
            _measure_memory(peer, task, one)
    compare(systems, "dsdm")
    return JobResult(job, title, settings.rows, k, unit, "dsdm", systems)


def with_unit(arrays: Arrays, contestants: list[Contestant], settings: SelectSettings) -> Unit:
    """Time contestants in turns with every reader of the arrays, and return the fastest reader as the unit."""
    reading = readers(arrays, settings.thread_count)
    alternate([*reading, *contestants], settings.repeats, settings.budget)
    best = fastest(reading)
    return Unit(best.name, best.median or 0.0, sum(array.nbytes for array in arrays))


def _timed(task: Task, peers: list[Peer], settings: SelectSettings) -> tuple[Unit, list[Contestant]]:
    """Return the unit, and the peers with their times in the same turns."""
    right = expected(task)
    contestants = [_contestant(peer, task, right) for peer in peers]
    unit = with_unit(task.arrays, contestants, settings)
    return unit, contestants


def _contestant(peer: Peer, task: Task, right: Expected) -> Contestant:
    return Contestant(peer.name, _prepared(peer, task), partial(check, peer.promises[task.operation], task, right))


def _prepared(peer: Peer, task: Task) -> Callable[[], NDArray[Any]]:
    """Return what is timed; a peer that cannot even prepare fails when it is run."""
    try:
        return peer.prepare(task)
    except Exception as error:  # noqa: BLE001 - whatever ends one peer, the others are still measured
        return partial(_fail, error)


def _fail(error: Exception) -> NDArray[Any]:
    raise error


def _of_library(peer: Peer, one: Measured) -> Measured:
    one.library, one.version = peer.library, version_of(peer.module)
    return one


def _measure_memory(peer: Peer, task: Task, one: Measured) -> None:
    if one.problem:
        return
    try:
        one.memory = peak("dsdm_bench.select.child", peer.name, task.to_json())
    except ChildError as error:
        one.note = f"memory: {error}"
    if peer.name == "dsdm":
        one.memory_limit = _memory_limit(task)


def _memory_limit(task: Task) -> int:
    """Return the bytes that dsdm may take beyond the map."""
    if task.operation is Operation.sample:
        return _SAMPLE_MEMORY
    return _BASE_MEMORY + _MEMORY_PER_ROW * task.k

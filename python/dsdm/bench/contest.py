"""dsdm against every peer on one task: the answers, the times in turns, and then the memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from numpy.typing import NDArray

from dsdm.bench import memory
from dsdm.bench.answers import check
from dsdm.bench.data import Vectors
from dsdm.bench.oracle import Expected, expected
from dsdm.bench.passes import Arrays, readers
from dsdm.bench.peers import Peer, peers_for, version_of
from dsdm.bench.report import say
from dsdm.bench.results import JobResult, Measured, Unit, compare
from dsdm.bench.settings import SEED, Settings
from dsdm.bench.tasks import Operation, Task
from dsdm.bench.timing import Contestant, alternate, fastest

_NAMES = {
    Operation.top_k: "top_k",
    Operation.mean: "top_k of (a + b + c) / 3",
    Operation.gumbel: "gumbel_top_k, philox",
    Operation.gumbel_numpy: "gumbel_top_k, numpy's noise",
    Operation.sample: "sample",
}
_FILES = {Operation.mean: ("a", "b", "c")}
_BASE_MEMORY, _MEMORY_OF_A_ROW, _SAMPLE_MEMORY = 64_000_000, 32, 512_000_000  # bytes


@dataclass(frozen=True)
class Bench:
    """What every job is given."""

    settings: Settings
    vectors: Vectors


def contest(bench: Bench, job: str, operation: Operation, k: int) -> JobResult:
    """Measure all systems on one operation and one k."""
    settings = bench.settings
    title = f"{_NAMES[operation]}, k = {k:,}"
    say(title)
    paths = tuple(bench.vectors.path(name) for name in _FILES.get(operation, ("a",)))
    task = Task(operation, paths, settings.rows, k, SEED, settings.threads)
    peers = peers_for(operation, settings.peers)
    unit, contestants = _timed(task, peers, settings)
    systems = [_described(peer, Measured.of(one, unit)) for peer, one in zip(peers, contestants, strict=True)]
    if settings.memory and memory.is_measurable():
        for peer, one in zip(peers, systems, strict=True):
            _measure_memory(peer, task, one)
    compare(systems, "dsdm")
    return JobResult(job, title, settings.rows, k, unit, "dsdm", systems)


def _timed(task: Task, peers: list[Peer], settings: Settings) -> tuple[Unit, list[Contestant]]:
    """The unit, and the times of the peers in the same turns."""
    right = expected(task)
    contestants = [_contestant(peer, task, right) for peer in peers]
    unit = with_unit(task.arrays, contestants, settings)
    return unit, contestants


def with_unit(arrays: Arrays, contestants: list[Contestant], settings: Settings) -> Unit:
    """Time contestants in turns with every reader of the bytes, and give the fastest of those as the unit."""
    reading = readers(arrays, settings.thread_count)
    alternate([*reading, *contestants], settings.repeats, settings.budget)
    best = fastest(reading)
    return Unit(best.name, best.median or 0.0, sum(array.nbytes for array in arrays))


def _contestant(peer: Peer, task: Task, right: Expected) -> Contestant:
    return Contestant(peer.name, _prepared(peer, task), partial(check, peer.promises[task.operation], task, right))


def _prepared(peer: Peer, task: Task) -> Callable[[], NDArray[Any]]:
    """What is timed; a peer that cannot even prepare fails when it is to run."""
    try:
        return peer.prepare(task)
    except Exception as error:  # noqa: BLE001 - whatever a peer dies of, the others are still measured
        return partial(_fail, error)


def _fail(error: Exception) -> NDArray[Any]:
    raise error


def _described(peer: Peer, one: Measured) -> Measured:
    one.library, one.version = peer.library, version_of(peer.module)
    return one


def _measure_memory(peer: Peer, task: Task, one: Measured) -> None:
    if one.problem:
        return
    try:
        one.memory = memory.peak(peer, task)
    except memory.ChildError as error:
        one.note = f"memory: {error}"
    if peer.name == "dsdm":
        one.memory_limit = memory_limit(task)


def memory_limit(task: Task) -> int:
    """The bytes that dsdm is held to beyond the map."""
    if task.operation is Operation.sample:
        return _SAMPLE_MEMORY
    return _BASE_MEMORY + _MEMORY_OF_A_ROW * task.k

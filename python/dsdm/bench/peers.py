"""The systems that are compared: for each, one function that prepares a task and gives what is timed.

Inputs are handed over without a copy where a system can take them so, and outside the time. What a system needs
beside the scores, such as a column of row numbers, is made outside the time as well.
"""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm.bench.answers import Promise
from dsdm.bench.tasks import Operation, Task

Run: TypeAlias = Callable[[], NDArray[Any]]
Prepare: TypeAlias = Callable[[Task], Run]

LIBRARIES = ("numpy", "torch", "polars", "pyarrow", "duckdb", "reference")
"""The names that ``--peers`` takes."""

_BEST = {Operation.top_k: Promise.values, Operation.mean: Promise.values}
_NOISY = {Operation.gumbel: Promise.draw, Operation.gumbel_numpy: Promise.values}


@dataclass(frozen=True)
class Peer:
    """A system, the library that it is of, and what it promises of its rows for each operation that it has."""

    name: str
    library: str
    promises: Mapping[Operation, Promise]
    prepare: Prepare

    @property
    def module(self) -> str:
        """The module that it imports; the reference's recipes do with numpy where there is no torch."""
        if self.library == "reference":
            return "torch" if is_installed("torch") else "numpy"
        return self.library

    @property
    def available(self) -> bool:
        """Whether its library is installed."""
        return is_installed(self.module)


PEERS: list[Peer] = []
"""Every system; dsdm comes first."""


def peer(name: str, library: str, promises: Mapping[Operation, Promise]) -> Callable[[Prepare], Prepare]:
    """Enter a function into the list of systems."""

    def enter(prepare: Prepare) -> Prepare:
        PEERS.append(Peer(name, library, promises, prepare))
        return prepare

    return enter


def is_installed(module: str) -> bool:
    """Whether a module could be imported."""
    return find_spec(module) is not None


def version_of(library: str) -> str | None:
    """The version of a library that is installed."""
    return version(library) if is_installed(library) else None


def peers_for(operation: Operation, libraries: tuple[str, ...] | None) -> list[Peer]:
    """The systems that are there and can do it; of the libraries named, and dsdm in any case."""
    wanted = LIBRARIES if libraries is None else libraries
    return [
        peer
        for peer in PEERS
        if operation in peer.promises and peer.available and (peer.library == "dsdm" or peer.library in wanted)
    ]


# --- dsdm ------------------------------------------------------------------------------------------------------


@peer(
    "dsdm",
    "dsdm",
    {
        Operation.top_k: Promise.order,
        Operation.mean: Promise.order,
        Operation.gumbel: Promise.close,
        Operation.gumbel_numpy: Promise.order,
        Operation.sample: Promise.order,
    },
)
def _dsdm(task: Task) -> Run:
    if task.operation is Operation.sample:
        return lambda: dsdm.sample(task.rows, task.k, seed=task.seed, threads=task.threads)
    scores = _opened(task)
    if task.operation in (Operation.top_k, Operation.mean):
        return lambda: dsdm.top_k(scores, task.k, threads=task.threads)
    rng: dsdm.indices.Rng = "numpy" if task.operation is Operation.gumbel_numpy else "philox"
    return lambda: dsdm.gumbel_top_k(scores, task.k, seed=task.seed, rng=rng, threads=task.threads)


@peer("dsdm, opening the file", "dsdm", {Operation.top_k: Promise.order, Operation.mean: Promise.order})
def _dsdm_from_file(task: Task) -> Run:
    return lambda: dsdm.top_k(_opened(task), task.k, threads=task.threads)


def _opened(task: Task) -> dsdm.Scores:
    vectors = [dsdm.open_scores(path) for path in task.paths]
    return (vectors[0] + vectors[1] + vectors[2]) / 3 if task.operation is Operation.mean else vectors[0]


# --- numpy -----------------------------------------------------------------------------------------------------


@peer("numpy argpartition", "numpy", _BEST)
def _numpy_argpartition(task: Task) -> Run:
    scores = _numpy_scores(task)
    return lambda: np.argpartition(scores(), task.rows - task.k)[task.rows - task.k :]


@peer("numpy partition, flatnonzero", "numpy", {Operation.top_k: Promise.rows, Operation.mean: Promise.rows})
def _numpy_partition(task: Task) -> Run:
    scores = _numpy_scores(task)

    def run() -> NDArray[np.int64]:
        values = scores()
        limit = np.partition(values, task.rows - task.k)[task.rows - task.k]
        above = np.flatnonzero(values > limit)
        return np.concatenate((above, np.flatnonzero(values == limit)[: task.k - len(above)]))

    return run


@peer("numpy gumbel, argpartition", "numpy", _NOISY)
def _numpy_gumbel(task: Task) -> Run:
    scores = task.arrays[0]

    def run() -> NDArray[np.int64]:
        keys = scores + np.random.default_rng(task.seed).gumbel(size=task.rows)
        return np.argpartition(keys, task.rows - task.k)[task.rows - task.k :]

    return run


@peer("numpy choice, not shuffled", "numpy", {Operation.sample: Promise.draw})
def _numpy_choice(task: Task) -> Run:
    return lambda: np.random.default_rng(task.seed).choice(task.rows, task.k, replace=False, shuffle=False)


def _numpy_scores(task: Task) -> Callable[[], NDArray[np.float32]]:
    arrays = task.arrays
    if task.operation is Operation.mean:
        return lambda: (arrays[0] + arrays[1] + arrays[2]) / np.float32(3)
    return lambda: arrays[0]


# --- torch -----------------------------------------------------------------------------------------------------


@peer("torch.topk", "torch", _BEST)
def _torch_topk(task: Task) -> Run:
    torch, scores = _torch(task), _torch_scores(task)
    return lambda: np.asarray(torch.topk(scores(), task.k).indices)


@peer("torch.argsort", "torch", _BEST)
def _torch_argsort(task: Task) -> Run:
    torch, scores = _torch(task), _torch_scores(task)
    return lambda: np.asarray(torch.argsort(scores(), descending=True)[: task.k])


@peer("torch exponential, topk", "torch", {Operation.gumbel: Promise.draw})
def _torch_gumbel(task: Task) -> Run:
    torch, scores = _torch(task), _torch_scores(task)

    def run() -> NDArray[np.int64]:
        generator = torch.Generator().manual_seed(task.seed)
        noise = torch.empty(task.rows, dtype=torch.float64).exponential_(generator=generator).log_().neg_()
        return torch.topk(noise.add_(scores()), task.k).indices.numpy()

    return run


@peer("torch.randperm", "torch", {Operation.sample: Promise.draw})
def _torch_randperm(task: Task) -> Run:
    torch = _torch(task)
    return lambda: np.asarray(torch.randperm(task.rows)[: task.k])


def _torch(task: Task) -> Any:
    torch = import_module("torch")
    if task.threads:
        torch.set_num_threads(task.threads)
    return torch


def _torch_scores(task: Task) -> Callable[[], Any]:
    torch = import_module("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the map is read-only; nothing writes to it
        tensors = [torch.from_numpy(array) for array in task.arrays]
    if task.operation is Operation.mean:
        return lambda: (tensors[0] + tensors[1] + tensors[2]) / 3
    return lambda: tensors[0]


# --- polars, pyarrow, duckdb -----------------------------------------------------------------------------------

_COLUMNS = ("a", "b", "c")


@peer("polars top_k", "polars", _BEST)
def _polars(task: Task) -> Run:
    if task.threads:
        os.environ.setdefault("POLARS_MAX_THREADS", str(task.threads))
    polars = import_module("polars")
    frame = polars.from_arrow(_arrow_table(task)).with_row_index("row").lazy()
    by = polars.col("a")
    if task.operation is Operation.mean:
        by = (polars.col("a") + polars.col("b") + polars.col("c")) / polars.lit(3, polars.Float32)
    query = frame.top_k(task.k, by=by).select("row")
    return lambda: np.asarray(query.collect()["row"])


@peer("pyarrow select_k_unstable", "pyarrow", _BEST)
def _pyarrow(task: Task) -> Run:
    pa, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if task.threads:
        pa.set_cpu_count(task.threads)
    columns = _arrow_table(task).columns
    options = compute.SelectKOptions(task.k, [("a", "descending")])

    def run() -> NDArray[Any]:
        values = columns[0]
        if task.operation is Operation.mean:
            sums = compute.add(compute.add(columns[0], columns[1]), columns[2])
            values = compute.divide(sums, pa.scalar(3, pa.float32()))
        return compute.select_k_unstable(values.chunk(0), options=options).to_numpy()

    return run


@peer("duckdb order by, limit", "duckdb", _BEST)
def _duckdb(task: Task) -> Run:
    pa, duckdb = import_module("pyarrow"), import_module("duckdb")
    table = _arrow_table(task)
    numbers = pa.array(np.arange(task.rows, dtype=np.int32 if task.rows < 2**31 else np.int64))
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = '{str(task.paths[0].parent).replace(chr(39), chr(39) * 2)}'")
    if task.threads:
        connection.execute(f"SET threads = {task.threads}")
    connection.register("scores", table.append_column("row", numbers))
    by = "(a + b + c) / 3::FLOAT" if task.operation is Operation.mean else "a"
    query = f"SELECT row FROM scores ORDER BY {by} DESC LIMIT {task.k}"  # noqa: S608 - nothing of it is foreign
    return lambda: connection.execute(query).fetchnumpy()["row"]


def _arrow_table(task: Task) -> Any:
    pa = import_module("pyarrow")
    return pa.table({name: pa.array(array) for name, array in zip(_COLUMNS, task.arrays, strict=False)})


# --- the reference's own recipes -------------------------------------------------------------------------------

_INSTEAD = "" if is_installed("torch") else "numpy for torch: "


@peer(f"reference ({_INSTEAD}load, argsort)", "reference", _BEST)
def _reference_best(task: Task) -> Run:
    def run() -> NDArray[np.int64]:
        vectors = [_loaded(path) for path in task.paths]
        scores = (vectors[0] + vectors[1] + vectors[2]) / 3 if task.operation is Operation.mean else vectors[0]
        if not is_installed("torch"):
            return np.argsort(scores)[-task.k :]
        return import_module("torch").argsort(scores)[-task.k :].numpy()

    return run


@peer(f"reference ({_INSTEAD}load, gumbel, argpartition)", "reference", _NOISY)
def _reference_gumbel(task: Task) -> Run:
    def run() -> NDArray[np.int64]:
        scores = np.asarray(_loaded(task.paths[0])).astype(np.float64)
        scores += np.random.default_rng(task.seed).gumbel(size=task.rows)
        return np.argpartition(-scores, min(task.k, task.rows - 1))[: task.k]

    return run


@peer("reference (numpy choice)", "reference", {Operation.sample: Promise.draw})
def _reference_sample(task: Task) -> Run:
    return lambda: np.random.default_rng(task.seed).choice(task.rows, size=(task.k,), replace=False)


def _loaded(path: Any) -> Any:
    """A file's tensor in memory, as the reference loads it; without torch, its values as an array."""
    if is_installed("torch"):
        return import_module("torch").load(path)
    return np.array(Task(Operation.top_k, (path,), 0, 0, 0).arrays[0])

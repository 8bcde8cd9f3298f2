"""The jobs by name; each yields its results one after the other."""

from collections.abc import Callable, Iterator

from dsdm_bench.harness.results import JobResult
from dsdm_bench.select.jobs import adverse, billion, cold, operations, startup
from dsdm_bench.select.measure import SelectBench

JOBS: dict[str, Callable[[SelectBench], Iterator[JobResult]]] = {
    "top-k": operations.top_k,
    "mean": operations.mean,
    "gumbel": operations.gumbel,
    "gumbel-numpy": operations.gumbel_numpy,
    "sample": operations.sample,
    "adverse": adverse.adverse,
    "startup": startup.startup,
    "cold": cold.cold,
    "billion": billion.billion,
}
"""In the order in which they run."""

ON_DEMAND = ("cold", "billion")
"""Those that run only when they are named."""

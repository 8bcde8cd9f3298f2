"""The jobs that measure one operation against every peer."""

from collections.abc import Iterator

from dsdm_bench.harness.results import JobResult
from dsdm_bench.select.measure import SelectBench, measure
from dsdm_bench.select.tasks import Operation


def top_k(bench: SelectBench) -> Iterator[JobResult]:
    """Select the best rows of one vector."""
    for k in bench.settings.sizes:
        yield measure(bench, "top-k", Operation.top_k, k)


def mean(bench: SelectBench) -> Iterator[JobResult]:
    """Select the best rows of the mean of three vectors."""
    yield measure(bench, "mean", Operation.mean, bench.settings.small)


def gumbel(bench: SelectBench) -> Iterator[JobResult]:
    """Draw rows by score."""
    for k in bench.settings.sizes[:2]:
        yield measure(bench, "gumbel", Operation.gumbel, k)


def gumbel_numpy(bench: SelectBench) -> Iterator[JobResult]:
    """Draw rows by score, with numpy's noise."""
    yield measure(bench, "gumbel-numpy", Operation.gumbel_numpy, bench.settings.small)


def sample(bench: SelectBench) -> Iterator[JobResult]:
    """Draw rows uniformly."""
    for k in bench.settings.drawn:
        yield measure(bench, "sample", Operation.sample, k)

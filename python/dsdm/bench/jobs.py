"""The jobs by name; each gives its results one after the other."""

from collections.abc import Callable, Iterator

from dsdm.bench.adverse import adverse
from dsdm.bench.billion import billion
from dsdm.bench.cold import cold
from dsdm.bench.contest import Bench, contest
from dsdm.bench.results import JobResult
from dsdm.bench.startup import startup
from dsdm.bench.tasks import Operation

Job = Callable[[Bench], Iterator[JobResult]]


def top_k(bench: Bench) -> Iterator[JobResult]:
    """The best rows of one vector."""
    for k in bench.settings.sizes:
        yield contest(bench, "top-k", Operation.top_k, k)


def mean(bench: Bench) -> Iterator[JobResult]:
    """The best rows of the mean of three vectors."""
    yield contest(bench, "mean", Operation.mean, bench.settings.small)


def gumbel(bench: Bench) -> Iterator[JobResult]:
    """Rows drawn by score."""
    for k in bench.settings.sizes[:2]:
        yield contest(bench, "gumbel", Operation.gumbel, k)


def gumbel_numpy(bench: Bench) -> Iterator[JobResult]:
    """Rows drawn by score with the noise that numpy draws."""
    yield contest(bench, "gumbel-numpy", Operation.gumbel_numpy, bench.settings.small)


def sample(bench: Bench) -> Iterator[JobResult]:
    """Rows drawn uniformly."""
    for k in bench.settings.drawn:
        yield contest(bench, "sample", Operation.sample, k)


JOBS: dict[str, Job] = {
    "top-k": top_k,
    "mean": mean,
    "gumbel": gumbel,
    "gumbel-numpy": gumbel_numpy,
    "sample": sample,
    "adverse": adverse,
    "startup": startup,
    "cold": cold,
    "billion": billion,
}
"""In the order in which they run."""

ON_DEMAND = ("cold", "billion")
"""Those that run only when asked for."""

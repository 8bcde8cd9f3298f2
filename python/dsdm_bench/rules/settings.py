"""What a benchmark of rules is asked for."""

from dataclasses import dataclass

from dsdm_bench.harness.machine import usable_threads

SEED = 1
"""The seed of every vector, and of what is drawn."""

JOBS = ("threshold", "budget", "quotas", "near", "near-fraction", "quantile", "like", "ties", "lengths")
"""The rules that are measured."""

LIBRARIES = ("numpy", "polars", "duckdb")
"""What dsdm is compared with."""


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """The options of ``dsdm bench rules``."""

    jobs: tuple[str, ...] = JOBS
    rows: int = 20_000_000
    groups: int = 1_000
    repeats: int = 5
    peers: tuple[str, ...] | None = None
    """The libraries to compare with; None for every one that is installed."""
    threads: int | None = None
    budget: float = 10.0
    """Seconds: a system whose first run takes longer has no further runs."""
    memory: bool = True
    """Measure memory as well, by one more run of each."""

    @property
    def thread_count(self) -> int:
        """The threads that every system may use."""
        return usable_threads(self.threads)

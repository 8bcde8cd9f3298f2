"""What was measured of materialization."""

from dataclasses import dataclass

from dsdm_bench.harness.results import JobResult, Measured


@dataclass(kw_only=True)
class Materialized(Measured):
    """One system in one case."""

    speed: float | None = None
    """Bytes of rows per second."""
    started: float | None = None
    """The median of the seconds from the start of the process until all was imported."""
    read: int | None = None
    """The bytes that came from the disk in the last run."""
    ordered: bool = True
    """Whether its rows come in the order in which they were asked for."""


@dataclass
class CaseResult(JobResult):
    """One case: what it was, and its systems."""

    source: str
    percent: float
    order: str
    output: str
    cold: bool

"""What was measured."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dsdm_bench.harness.errors import WrongAnswerError


@dataclass(frozen=True)
class Unit:
    """What times are compared with: the seconds of the fastest reader, and the bytes that it read."""

    name: str
    seconds: float
    bytes: int

    @property
    def speed(self) -> float:
        """Bytes per second."""
        return self.bytes / self.seconds


@dataclass(kw_only=True)
class Measured:
    """One system in one job."""

    system: str
    library: str = ""
    version: str | None = None
    times: list[float] = field(default_factory=list)
    """Seconds of each run."""
    seconds: float | None = None
    """The median of the times; some jobs subtract from it."""
    passes: float | None = None
    """`seconds` in units."""
    ratio: float | None = None
    """`seconds` over those of the job's `against`; for vectors of different lengths, per row."""
    memory: int | None = None
    """The peak of memory beyond the map, in bytes."""
    memory_limit: int | None = None
    """The bytes that `memory` must not exceed."""
    limit: float | None = None
    """The seconds that `seconds` must stay below."""
    answer: str = ""
    problem: str = ""
    note: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether its answer was wrong, or it is dsdm and returned none."""
        return self.problem.startswith("WRONG") or (bool(self.problem) and self.library == "dsdm")


@dataclass
class JobResult:
    """One job: its systems in the order in which they are shown."""

    job: str
    title: str
    rows: int
    k: int | None
    unit: Unit | None
    against: str
    """The system whose time the ratios are relative to."""
    systems: Sequence[Measured]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the JSON report holds them."""
        return asdict(self)


def compare(systems: Sequence[Measured], against: str) -> None:
    """Fill in the ratio of each system's time to that of the system `against`."""
    base = next((one.seconds for one in systems if one.system == against), None)
    for one in systems:
        one.ratio = one.seconds / base if base and one.seconds is not None else None


def refuse_wrong(results: Sequence[JobResult]) -> None:
    """Fail if any answer was wrong.

    Raises
    ------
    WrongAnswerError
        Naming each system whose answer was wrong.

    """
    wrong = [f"{job.title}: {one.system}: {one.problem}" for job in results for one in job.systems if one.is_wrong]
    if wrong:
        message = f"not the right answer: {'; '.join(wrong)}"
        raise WrongAnswerError(message)

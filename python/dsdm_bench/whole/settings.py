"""What a benchmark of whole jobs is asked for."""

from dataclasses import dataclass
from pathlib import Path

from dsdm_bench.harness.machine import usable_threads

SEED = 1
"""The seed of the corpus."""

JOBS = ("budget", "share")
"""QuRating's job and data-juicer's."""

SHARE = 0.2
"""Of the rows, which data-juicer's job takes; the budget of the other is as large a part of the tokens."""


@dataclass(frozen=True, kw_only=True)
class WholeSettings:
    """The options of ``dsdm bench whole``."""

    jobs: tuple[str, ...] = JOBS
    rows: int = 200_000
    repeats: int = 3
    script: Path | None = None
    """QuRating's ``select_subset.py``; None where it is not at hand."""
    folder: Path | None = None
    """The directory in which a temporary one is made; the working directory if None."""
    budget: float = 120.0
    """Seconds: a system whose first run takes longer has no further runs."""

    @property
    def thread_count(self) -> int:
        """The threads and processes that every system may use."""
        return usable_threads()

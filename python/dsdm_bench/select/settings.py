"""What a benchmark of selection is asked for."""

from dataclasses import dataclass
from pathlib import Path

from dsdm.reference import DATASET_SIZE
from dsdm_bench.harness.machine import usable_threads

SEED = 1
"""The seed of every vector and every draw."""

_SMALL, _MEDIUM, _DRAWN = 100_000, 6_350_000, 25_400_000


@dataclass(frozen=True, kw_only=True)
class SelectSettings:
    """The options of ``dsdm bench select``."""

    jobs: tuple[str, ...]
    rows: int = DATASET_SIZE
    k: tuple[int, ...] = ()
    repeats: int = 5
    folder: Path | None = None
    keep: bool = False
    peers: tuple[str, ...] | None = None
    """The libraries to compare with; None for every one that is installed."""
    threads: int | None = None
    budget: float = 10.0
    """Seconds: a system whose first run takes longer has no further runs."""
    memory: bool = True

    @property
    def thread_count(self) -> int:
        """The threads that every system may use."""
        return usable_threads(self.threads)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many rows `top_k` selects: by default 100,000, what the reference trains on, and a quarter."""
        return self.k or (self.small, self._share(_MEDIUM), max(1, self.rows // 4))

    @property
    def small(self) -> int:
        """The first of the sizes."""
        return self.k[0] if self.k else self._share(_SMALL)

    @property
    def drawn(self) -> tuple[int, ...]:
        """How many rows `sample` draws."""
        return self.k or (self._share(_DRAWN),)

    def _share(self, count: int) -> int:
        """Scale a count for the reference's size to the number of rows here."""
        return max(1, self.rows * count // DATASET_SIZE)

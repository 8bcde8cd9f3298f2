"""What a benchmark of materialization was asked for, and its cases."""

from dataclasses import dataclass
from pathlib import Path

from dsdm.bench.settings import usable_threads

SHARDS, SHARD_ROWS, ROW_TOKENS, VOCABULARY = 8, 243_489, 1_024, 50_257
"""The shape of the corpus: eight shards of the reference's candidates."""
TOKEN_BYTES = 2
ROW_BYTES = TOKEN_BYTES * ROW_TOKENS
ROWS = SHARDS * SHARD_ROWS

SOURCES, ORDERS, OUTPUTS = ("arrow", "parquet"), ("random", "sorted"), ("memory", "disk")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One selection, and where it goes."""

    source: str = "arrow"
    percent: float = 10
    """How many of the rows are wanted."""
    order: str = "random"
    output: str = "memory"
    cold: bool = False

    @property
    def name(self) -> str:
        """Short, and another for each case."""
        return f"{self.source}-{self.percent:g}-{self.order}-{self.output}-{'cold' if self.cold else 'warm'}"

    @property
    def title(self) -> str:
        """As a heading."""
        return (
            f"{self.source.capitalize()}, {self.percent:g} %, {self.order} order, output "
            f"{'in memory' if self.output == 'memory' else 'on disk'}, {'cold' if self.cold else 'warm'}"
        )

    def wanted(self, rows: int) -> int:
        """How many rows that is, at least one."""
        return max(1, round(rows * self.percent / 100))


USUAL = (
    Case(percent=10),
    Case(percent=10, order="sorted"),
    Case(percent=10, output="disk"),
    Case(percent=50),
    Case(percent=50, order="sorted"),
    Case(percent=1, cold=True),
    Case(percent=10, cold=True),
    Case(source="parquet", percent=10),
)
"""What is measured where nothing is named."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of ``dsdm bench gather``."""

    cases: tuple[Case, ...] = USUAL
    rows: int = ROWS
    """Of all shards."""
    repeats: int = 3
    folder: Path | None = None
    """Where the corpus and what goes to disk lie; a temporary folder in the working directory if None."""
    keep: bool = False
    peers: tuple[str, ...] | None = None
    """The libraries to compare with; None for every one that is installed."""
    budget: float = 30.0
    """Seconds: whose first run takes longer has no further ones."""

    @property
    def thread_count(self) -> int:
        """The threads that everybody may use."""
        return usable_threads()

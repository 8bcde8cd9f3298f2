"""What a benchmark of materialization is asked for, and its cases."""

from dataclasses import dataclass
from pathlib import Path

from dsdm_bench.harness.machine import usable_threads

SEED = 1
"""The seed of the corpus and of every choice of rows."""

SHARDS, SHARD_ROWS, ROW_TOKENS, VOCABULARY = 8, 243_489, 1_024, 50_257
"""The shape of the corpus: eight shards of the reference's candidates."""
TOKEN_BYTES = 2
ROW_BYTES = TOKEN_BYTES * ROW_TOKENS
ROWS = SHARDS * SHARD_ROWS

RECIPES = Path(__file__).with_name("recipes.py")
"""The file of the functions that do the work."""

SOURCES, ORDERS, OUTPUTS = ("arrow", "parquet"), ("random", "sorted"), ("memory", "disk")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One selection, and where it is written."""

    source: str = "arrow"
    percent: float = 10
    """How many of the rows are selected."""
    order: str = "random"
    output: str = "memory"
    cold: bool = False

    @property
    def name(self) -> str:
        """A short name, which no other case has."""
        return f"{self.source}-{self.percent:g}-{self.order}-{self.output}-{'cold' if self.cold else 'warm'}"

    @property
    def title(self) -> str:
        """The heading of its table."""
        return (
            f"{self.source.capitalize()}, {self.percent:g} %, {self.order} order, output "
            f"{'in memory' if self.output == 'memory' else 'on disk'}, {'cold' if self.cold else 'warm'}"
        )

    def count(self, rows: int) -> int:
        """Return how many of `rows` rows are selected, at least one."""
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
"""What is measured where no option chooses."""


@dataclass(frozen=True, kw_only=True)
class GatherSettings:
    """The options of ``dsdm bench gather``."""

    cases: tuple[Case, ...] = USUAL
    rows: int = ROWS
    """The rows of all shards."""
    repeats: int = 3
    folder: Path | None = None
    """Where the corpus and the output on disk are; a temporary directory in the working directory if None."""
    keep: bool = False
    peers: tuple[str, ...] | None = None
    """The libraries to compare with; None for every one that is installed."""
    budget: float = 30.0
    """Seconds: a system whose first run takes longer has no further runs."""

    @property
    def thread_count(self) -> int:
        """The threads that every system may use."""
        return usable_threads()

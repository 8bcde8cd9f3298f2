"""Scores, labels, lengths, groups and texts of rows, and what each rule asks for."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.rules.settings import SEED, RuleSettings

if TYPE_CHECKING:
    import pyarrow as pa

_DECIMALS = 4
"""Of scores, so that some tie."""
_MEAN, _SPREAD = 6.0, 1.0
"""Of the logarithm of a length: texts of some 400 tokens, a few of them long."""
_BYTES_TO_LENGTH = 16
"""A text has one byte for so many of its row's tokens: the texts of all rows are to fit into memory."""


@dataclass(frozen=True)
class Inputs:
    """One number of each kind for every row, in memory, and a text where a job asks for texts."""

    scores: NDArray[np.float32]
    lengths: NDArray[np.int32]
    groups: NDArray[np.int32]
    """From 0 on; low ones are large."""
    texts: "pa.LargeStringArray | None"

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.scores)

    @property
    def k(self) -> int:
        """A twentieth of all rows."""
        return self.rows // 20

    @property
    def least(self) -> float:
        """The threshold: one row in twenty has a larger score."""
        return 1.6449

    @property
    def value(self) -> float:
        """What the nearest rows are near to: scores lie on both sides of it, more of them below."""
        return 0.5

    @property
    def quantiles(self) -> tuple[float, float]:
        """Between these lies a twentieth of the rows."""
        return 0.9, 0.95

    @cached_property
    def tokens(self) -> int:
        """The budget: a twentieth of all tokens."""
        return int(self.lengths.sum(dtype=np.int64)) // 20

    @cached_property
    def quota(self) -> int:
        """Rows of each group: a twentieth of the rows in the mean, and never more than a group has."""
        smallest = int(np.bincount(self.groups).min())
        return min(smallest, max(1, self.rows // (20 * (int(self.groups.max()) + 1))))

    @cached_property
    def reference(self) -> NDArray[np.int64]:
        """The distribution to choose by, as a weight of each group: some have two or three times their part."""
        counts = np.bincount(self.groups)
        return counts * (1 + np.arange(len(counts)) % 3)

    @cached_property
    def quotas(self) -> NDArray[np.int64]:
        """How many rows of each group that distribution gives: by largest remainder, and of equal ones the first."""
        exact = self.k * self.reference
        total = int(self.reference.sum())
        quotas = exact // total
        left = self.k - int(quotas.sum())
        quotas[np.argsort(-(exact % total), kind="stable")[:left]] += 1
        return quotas

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        """Scores as a classifier gives them: whole numbers, so that most of the best rows tie."""
        return np.rint(self.scores)

    @cached_property
    def text_lengths(self) -> NDArray[np.int32]:
        """The bytes of each text."""
        return text_lengths(self.lengths)

    @cached_property
    def text_budget(self) -> int:
        """A twentieth of the bytes of all texts."""
        return int(self.text_lengths.sum(dtype=np.int64)) // 20

    def compute(self) -> None:
        """Compute what is kept once it was asked for, so that no job does."""
        for name in ("tokens", "quota", "quotas", "labels", "text_lengths", "text_budget"):
            getattr(self, name)


def make(settings: RuleSettings) -> Inputs:
    """Make the inputs, the same for every run of so many rows and groups."""
    rng = np.random.default_rng(SEED)
    scores = rng.standard_normal(settings.rows, dtype=np.float32).round(_DECIMALS)
    lengths = np.exp(rng.normal(_MEAN, _SPREAD, settings.rows)).astype(np.int32) + 1
    # Every group has some rows; the others fall off as domains do.
    share = rng.random(settings.rows)
    groups = (settings.groups * share * share).astype(np.int32)
    groups[: settings.groups] = np.arange(settings.groups)
    texts = _texts(text_lengths(lengths)) if "lengths" in settings.jobs else None
    return Inputs(scores, lengths, groups, texts)


def text_lengths(lengths: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return how many bytes the texts of rows of so many tokens have."""
    return lengths // _BYTES_TO_LENGTH + 1


def _texts(lengths: NDArray[np.int32]) -> "pa.LargeStringArray":
    """Return texts of so many bytes each, letters that repeat."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    letters = np.resize(np.frombuffer(b"the quick brown fox jumps over the lazy dog ", np.uint8), int(ends[-1]))
    return pa.LargeStringArray.from_buffers(len(lengths), pa.py_buffer(ends), pa.py_buffer(letters))

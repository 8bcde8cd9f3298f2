"""Scores, lengths and groups of rows, and what each rule asks for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.rules.settings import SEED, RuleSettings

_DECIMALS = 4
"""Of scores, so that some tie."""
_MEAN, _SPREAD = 6.0, 1.0
"""Of the logarithm of a length: texts of some 400 tokens, a few of them long."""


@dataclass(frozen=True)
class Inputs:
    """One number of each kind for every row, in memory."""

    scores: NDArray[np.float32]
    lengths: NDArray[np.int32]
    groups: NDArray[np.int32]
    """From 0 on; low ones are large."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.scores)

    @property
    def least(self) -> float:
        """The threshold: one row in twenty has a larger score."""
        return 1.6449

    @property
    def tokens(self) -> int:
        """The budget: a twentieth of all tokens."""
        return int(self.lengths.sum(dtype=np.int64)) // 20

    @property
    def quota(self) -> int:
        """Rows of each group: a twentieth of the rows in the mean, and never more than a group has."""
        smallest = int(np.bincount(self.groups).min())
        return min(smallest, max(1, self.rows // (20 * (int(self.groups.max()) + 1))))


def make(settings: RuleSettings) -> Inputs:
    """Make the inputs, the same for every run of so many rows and groups."""
    rng = np.random.default_rng(SEED)
    scores = rng.standard_normal(settings.rows, dtype=np.float32).round(_DECIMALS)
    lengths = np.exp(rng.normal(_MEAN, _SPREAD, settings.rows)).astype(np.int32) + 1
    # Every group has some rows; the others fall off as domains do.
    share = rng.random(settings.rows)
    groups = (settings.groups * share * share).astype(np.int32)
    groups[: settings.groups] = np.arange(settings.groups)
    return Inputs(scores, lengths, groups)

"""What a score vector holds and which part of it was chosen: engine passes for the quantiles, one here for the bins."""

import logging
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, arrays
from dsdm.reporting.facts import CutFacts, Histogram, Outside, Part, Quantile, ScoreFacts
from dsdm.reporting.measure.bins import Bins
from dsdm.selection.inputs import HeldScores, engine_scores
from dsdm.selection.rules.ranked.quantile import bounds_between
from dsdm.selection.rules.ranked.ranking import Bounds, Number, Ranking
from dsdm.selection.summary import scores_between

logger = logging.getLogger(__name__)

SHARES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""The quantiles that are told."""
_BLOCK = 1 << 18
"""Rows that are looked at together."""
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Scored:
    """The facts of a vector, and the scores of the chosen rows."""

    facts: ScoreFacts
    values: NDArray[Any]
    """One for each chosen row, in ascending order of the rows."""


class Vector:
    """Scores that the engine ranks, and that are read block by block."""

    def __init__(self, scores: Any, threads: int | None) -> None:
        """Take what :func:`dsdm.choose` takes."""
        self.engine = engine_scores(scores)
        self.threads = threads
        held = scores.scores if isinstance(scores, HeldScores) else scores
        self._read = scores if isinstance(scores, _native.Scores) else np.reshape(arrays.numbers("scores", held), -1)
        self.paths = [str(path) for path in scores.paths] if isinstance(scores, _native.Scores) else []
        self.dtype = str(self._read.dtype)

    def __len__(self) -> int:
        """Return how many rows have a score."""
        return len(self._read)

    def block(self, start: int, stop: int) -> NDArray[Any]:
        """Return a run of scores, bfloat16 as float32."""
        found: NDArray[Any] = self._read[start:stop]
        return found.astype(np.float32) if found.dtype.name == "bfloat16" else found

    def ranking(self, *, largest: bool = True, nan: str = "omit", excluded: Any = None) -> Ranking:
        """Return all rows but the excluded ones, ranked by their scores."""
        return Ranking(self.engine, len(self), largest, None, nan, excluded, (None, None), self.threads)

    def finite(self) -> Ranking:
        """Return the rows with a finite score."""
        is_float = self.block(0, 0).dtype.kind == "f"
        bounds: Bounds = (-_LARGEST, _LARGEST) if is_float else (None, None)
        return replace(self.ranking(), bounds=bounds)


def look(vector: Vector, rows: NDArray[np.int64], files: list[Part], excluded: int | None, bins: int) -> Scored:
    """Return the facts of a vector of which these rows, which ascend, were chosen."""
    finite = vector.finite()
    count = finite.count()
    logger.info("looking at %s scores", f"{len(vector):,}")
    least, most = bounds_between(finite, 0.0, 1.0) if count else (None, None)
    cut_into = Bins(float(least or 0), float(most or 0), bins)
    counted, values = _scan(vector, rows, cut_into)
    found = _quantiles(vector.engine, counted.outside, count, threads=vector.threads)
    chosen = engine_scores(values)
    own = _quantiles(chosen, counted.chosen_outside, int(counted.chosen.sum()), threads=vector.threads)
    quantiles = [Quantile(share, found[at], own[at] if own else None) for at, share in enumerate(SHARES) if count]
    histogram = Histogram(cut_into.edges.tolist(), counted.rows.tolist(), counted.chosen.tolist()) if count else None
    facts = ScoreFacts(
        files=files,
        dtype=vector.dtype,
        rows=len(vector),
        finite=count,
        outside=counted.outside,
        chosen_outside=counted.chosen_outside,
        excluded=excluded,
        mean=counted.mean,
        least=least,
        most=most,
        quantiles=quantiles,
        histogram=histogram,
    )
    return Scored(facts, values)


def cut_of(
    vector: Vector, rows: NDArray[np.int64], values: NDArray[Any], excluded: Any, *, largest: bool, nan: str
) -> CutFacts | None:
    """Return the worst of the chosen scores, how many rows tie with it, and how many of these were chosen."""
    if len(values) == 0 or np.isnan(values).any():
        return None
    worst = (values.min() if largest else values.max()).item()
    tied = vector.ranking(nan=nan, excluded=excluded).count((worst, worst))
    # Copies of a row are one row.
    return CutFacts(worst, tied, len(np.unique(rows[values == worst])))


@dataclass
class _Counted:
    """Counts of one pass."""

    rows: NDArray[np.int64]
    chosen: NDArray[np.int64]
    outside: Outside = field(default_factory=Outside)
    chosen_outside: Outside = field(default_factory=Outside)
    mean: float | None = None


def _scan(vector: Vector, rows: NDArray[np.int64], bins: Bins) -> tuple[_Counted, NDArray[Any]]:
    """Pass over the scores once: count all and the chosen ones by bins, and keep the scores of the chosen ones."""
    counted = _Counted(np.zeros(len(bins), np.int64), np.zeros(len(bins), np.int64))
    kept = [vector.block(0, 0)[:0]]
    total, finite = 0.0, 0
    for start in range(0, len(vector), _BLOCK):
        block = vector.block(start, min(start + _BLOCK, len(vector)))
        first, last = np.searchsorted(rows, (start, start + len(block)))
        mine = block[rows[first:last] - start]
        kept.append(mine)
        inside, outside = _split(block)
        counted.rows += bins.counts(inside)
        counted.outside = _sum(counted.outside, outside)
        # By blocks, so that no sum of them is far from a part that is added.
        if len(inside):
            finite += len(inside)
            with np.errstate(over="ignore", invalid="ignore"):
                total += (float(np.mean(inside)) - total) * (len(inside) / finite)
        inside, outside = _split(mine)
        counted.chosen += bins.counts(inside)
        counted.chosen_outside = _sum(counted.chosen_outside, outside)
    counted.mean = total if finite else None
    return counted, np.concatenate(kept)


def _split(block: NDArray[Any]) -> tuple[NDArray[np.float64], Outside]:
    """Return the finite values, and how many others there are."""
    values = block.astype(np.float64)
    finite = np.isfinite(values)
    if finite.all():
        return values, Outside()
    rest = values[~finite]
    outside = Outside(int(np.isnan(rest).sum()), int((rest == -np.inf).sum()), int((rest == np.inf).sum()))
    return values[finite], outside


def _sum(one: Outside, other: Outside) -> Outside:
    return Outside(
        one.nan + other.nan, one.minus_infinity + other.minus_infinity, one.plus_infinity + other.plus_infinity
    )


def _quantiles(engine: Any, outside: Outside, count: int, *, threads: int | None) -> list[Number]:
    """Return the quantiles of the finite ones of some scores, of which there are so many; none of none."""
    if count == 0:
        return []
    first = outside.minus_infinity
    return scores_between(engine, [Fraction(repr(share)) * (count - 1) + first for share in SHARES], threads)

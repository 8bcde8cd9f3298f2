"""What a score vector holds and which part of it was chosen: engine passes for the quantiles, one here for the bins."""

import logging
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, arrays
from dsdm.reporting.facts import CutFacts, Histogram, Outside, Part, Quantile, ScoreFacts
from dsdm.reporting.measure.bins import Bins
from dsdm.rows.row_numbers import interruptibly
from dsdm.selection.inputs import HeldScores, engine_scores
from dsdm.selection.rules.ranked.quantile import bounds_between
from dsdm.selection.rules.ranked.ranking import Bounds, Number, Ranking

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
    ends = _quantiles_of(finite, (0.0, 1.0)) if count else (0, 0)
    cut_into = Bins(float(ends[0]), float(ends[1]), bins)
    counted, values = _scan(vector, rows, cut_into)
    found = (ends[0], *_quantiles_of(finite, SHARES[1:-1]), ends[1]) if count else ()
    own = _quantiles_of_chosen(values)
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
        least=ends[0] if count else None,
        most=ends[1] if count else None,
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


def _quantiles_of(ranking: Ranking, shares: tuple[float, ...]) -> list[Number]:
    """Return quantiles of the scores of a ranking, two by each call."""
    padded = [*shares, shares[-1]] if len(shares) % 2 else list(shares)
    pairs = [pair for at, pair in enumerate(pairwise(padded)) if at % 2 == 0]
    return [end for pair in pairs for end in bounds_between(ranking, *pair) if end is not None][: len(shares)]


def _quantiles_of_chosen(values: NDArray[Any]) -> list[Number]:
    """Return the same quantiles of the finite scores of the chosen rows, which are in memory; none of none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    ascending = interruptibly(lambda: np.sort(finite), len(finite))
    if len(ascending) == 0:
        return []
    found: list[Number] = []
    for share in SHARES:
        place = Fraction(repr(share)) * (len(ascending) - 1)
        below = int(place)
        ends = ascending[below : below + 2]
        if place == below:
            found.append(ends[0].item())
        else:
            found.append(float(np.quantile(ends.astype(np.float64), float(place - below))))
    return found

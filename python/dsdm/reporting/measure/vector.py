"""What a score vector holds and which part of it was chosen: counted by passes of the engine."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, arrays
from dsdm.reporting.facts import CutFacts, Outside, Part, Quantile, ScoreFacts
from dsdm.reporting.measure.bins import even_edges, histogram_of, histogram_of_labels, whole_edges
from dsdm.selection.inputs import HeldScores, engine_scores
from dsdm.selection.rules.ranked.ranking import Number, Ranking
from dsdm.selection.summary import proportional

logger = logging.getLogger(__name__)

SHARES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""The quantiles that are told."""
_BLOCK = 1 << 18
"""Rows that are looked at together where some scores are infinite."""
_SHRUNK = 2.0**-64
"""By what scores are multiplied before they are added, so that a sum of the largest has room."""
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Scored:
    """The facts of a vector, and the scores of the chosen rows."""

    facts: ScoreFacts
    values: NDArray[Any]
    """One for each chosen row, in ascending order of the rows."""


class Vector:
    """Scores that the engine ranks, and that are read block by block."""

    def __init__(self, scores: Any, threads: int | None, paths: Sequence[str] = ()) -> None:
        """Take what :func:`dsdm.choose` takes, and the files of what was joined."""
        self.engine = engine_scores(scores)
        self.threads = threads
        held = scores.scores if isinstance(scores, HeldScores) else scores
        self._read = scores if isinstance(scores, _native.Scores) else np.reshape(arrays.numbers("scores", held), -1)
        self.paths = [str(path) for path in scores.paths] if isinstance(scores, _native.Scores) else [*paths]
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


def look(vector: Vector, rows: NDArray[np.int64], files: list[Part], excluded: int | None, bins: int) -> Scored:
    """Return the facts of a vector of which these rows, which ascend, were chosen."""
    logger.info("looking at %s scores", f"{len(vector):,}")
    values = vector.ranking().scores_of(rows)
    mine = Vector(values, vector.threads)
    every, chosen = _counted(vector), _counted(mine)
    found, own = _quantiles(vector, every), _quantiles(mine, chosen)
    least, most = (found[0], found[-1]) if found else (None, None)
    histogram = None
    if least is not None and most is not None:
        labels = whole_edges(least, most, bins)
        if labels is not None:
            histogram = histogram_of_labels(labels, vector.engine, mine.engine, every.finite, vector.threads)
        if histogram is None:
            edges = even_edges(least, most, bins)
            histogram = histogram_of(edges, vector.engine, mine.engine, vector.threads)
    facts = ScoreFacts(
        files=files,
        dtype=vector.dtype,
        rows=len(vector),
        finite=every.finite,
        outside=every.outside,
        chosen_outside=chosen.outside,
        excluded=excluded,
        mean=_mean(vector, every) if every.finite else None,
        least=least,
        most=most,
        quantiles=[Quantile(share, found[at], own[at] if own else None) for at, share in enumerate(SHARES) if found],
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


@dataclass(frozen=True)
class _Counted:
    finite: int
    outside: Outside
    mean: float
    """NaN beside infinite scores."""


def _counted(vector: Vector) -> _Counted:
    """Count the scores that are finite, and those that are not: one pass, or two where some are infinite."""
    found = _native.moments(vector.engine, vector.threads)
    if not any(end is not None and math.isinf(end) for end in (found.least, found.most)):
        return _Counted(found.count, Outside(found.nan, 0, 0), found.mean)
    edges = [-math.inf, -_LARGEST, math.inf, math.inf]
    below, finite, above = _native.histogram(vector.engine, edges, vector.threads)[0].tolist()
    return _Counted(finite, Outside(found.nan, below, above), found.mean)


def _mean(vector: Vector, counted: _Counted) -> float:
    """Return the mean of the finite scores, of which there is one at least."""
    if counted.outside.minus_infinity == counted.outside.plus_infinity == 0:
        return counted.mean
    mean, finite = 0.0, 0
    for start in range(0, len(vector), _BLOCK):
        block = vector.block(start, min(start + _BLOCK, len(vector))).astype(np.float64)
        inside = block[np.isfinite(block)]
        # By blocks, so that no sum of them is far from a part that is added.
        if len(inside):
            finite += len(inside)
            mean += (float(np.mean(inside * _SHRUNK)) - mean) * (len(inside) / finite)
    return max(-_LARGEST, min(_LARGEST, mean / _SHRUNK))


def _quantiles(vector: Vector, counted: _Counted) -> list[Number]:
    """Return the quantiles of the finite scores; none where there are none. One pass."""
    if counted.finite == 0:
        return []
    finite = replace(vector.ranking(), bounds=(-_LARGEST, _LARGEST))
    _, ends = finite.at_shares([Decimal(repr(share)) for share in SHARES])
    places = [Fraction(repr(share)) * (counted.finite - 1) for share in SHARES]
    return [proportional(low, high, place % 1) for (low, high), place in zip(ends, places, strict=True)]

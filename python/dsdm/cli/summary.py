"""What a score vector holds, in memory that does not grow with it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dsdm.scores import Scores

_BLOCK = 1 << 20
_SAMPLE = 1 << 20
_QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@dataclass
class Moments:
    """Running count, mean and sum of squared deviations, range and NaN count (Chan, Golub and LeVeque 1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    smallest: float = math.inf
    largest: float = -math.inf
    nan: int = 0

    def add(self, block: NDArray[np.float64]) -> None:
        """Add a block of values."""
        valid = block[~np.isnan(block)]
        self.nan += len(block) - len(valid)
        if not len(valid):
            return
        mean = float(valid.mean())
        gap, total = mean - self.mean, self.count + len(valid)
        self.squares += float(((valid - mean) ** 2).sum()) + gap * gap * self.count * len(valid) / total
        self.mean += gap * len(valid) / total
        self.count = total
        self.smallest = min(self.smallest, float(valid.min()))
        self.largest = max(self.largest, float(valid.max()))


def summarize(scores: "Scores") -> Iterator[tuple[str, str]]:
    """Yield the lines of the summary, as name and value.

    Quantiles are exact up to 1,048,576 rows, and beyond that those of so many rows, evenly spaced.
    """
    rows = len(scores)
    moments = Moments()
    stride = -(-rows // _SAMPLE) if rows else 1
    sampled = []
    for start in range(0, rows, _BLOCK):
        block = _as_float(scores[start : min(start + _BLOCK, rows)])
        with np.errstate(invalid="ignore", over="ignore"):
            moments.add(block)
        sampled.append(block[-start % stride :: stride].copy())
    yield "files", ", ".join(str(path) for path in scores.paths)
    for name in ("column", "key"):
        if taken := getattr(scores, name, None):
            yield name, taken
    yield "dtype", str(scores.dtype)
    yield "rows", f"{rows:,}"
    yield "NaN", f"{moments.nan:,}"
    if moments.count:
        yield from _spread(moments, np.concatenate(sampled), stride)


def _spread(moments: Moments, sample: NDArray[np.float64], stride: int) -> Iterator[tuple[str, str]]:
    yield "range", f"{moments.smallest:.9g} to {moments.largest:.9g}"
    yield "mean", f"{moments.mean:.9g}"
    yield "std", f"{math.sqrt(moments.squares / moments.count):.9g}"
    valid = sample[~np.isnan(sample)]
    if len(valid):
        values = np.quantile(valid, _QUANTILES, method="inverted_cdf")
        about = "" if stride == 1 else " about"
        for share, value in zip(_QUANTILES, values, strict=True):
            yield f"{share:.0%}{about}", f"{value:.9g}"


def _as_float(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64)

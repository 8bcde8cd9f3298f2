"""What a score vector holds, in memory that does not grow with it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


def facts(scores: "Scores") -> dict[str, Any]:
    """Return what the vector holds, in one pass.

    The range and the quantiles of whole numbers are exact, and all else is computed in float64. Quantiles are those of
    all rows up to 1,048,576, and beyond that those of so many rows, evenly spaced: `sampled` of them.
    """
    rows = len(scores)
    moments = Moments()
    stride = -(-rows // _SAMPLE) if rows else 1
    sampled: list[NDArray[Any]] = []
    ends: list[int] = []
    for start in range(0, rows, _BLOCK):
        values = scores[start : min(start + _BLOCK, rows)]
        block = _as_float(values)
        if values.dtype.kind in "iu":
            ends += [int(values.min()), int(values.max())]
            ends = [min(ends), max(ends)]
        with np.errstate(invalid="ignore", over="ignore"):
            moments.add(block)
        kept = values if values.dtype.kind in "iu" else block
        sampled.append(kept[-start % stride :: stride].copy())
    taken = {name: getattr(scores, name, None) for name in ("column", "key", "reduce")}
    found: dict[str, Any] = {"files": [str(path) for path in scores.paths]}
    found |= {name: value for name, value in taken.items() if value is not None}
    found |= {"dtype": str(scores.dtype), "rows": rows, "nan": moments.nan}
    if moments.count:
        smallest, largest = ends or (moments.smallest, moments.largest)
        found |= {"smallest": smallest, "largest": largest, "mean": moments.mean}
        found["std"] = math.sqrt(moments.squares / moments.count)
        sample = np.concatenate(sampled)
        found["quantiles"] = dict(zip(_QUANTILES, _quantiles(sample), strict=False))
        found["sampled"] = len(sample)
    return found


def _quantiles(sample: NDArray[Any]) -> list[Any]:
    """Return the quantiles of values as they are: which of them is found by their places, of which float64 has all."""
    valid = np.sort(sample[~np.isnan(sample)])
    if not len(valid):
        return []
    at = np.quantile(np.arange(len(valid)), _QUANTILES, method="inverted_cdf").astype(np.int64)
    return list(valid[at].tolist())


def summarize(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a summary, as name and value."""
    yield "files", ", ".join(found["files"])
    yield from ((name, found[name]) for name in ("column", "key", "reduce", "dtype") if name in found)
    yield "rows", f"{found['rows']:,}"
    yield "NaN", f"{found['nan']:,}"
    if "mean" in found:
        yield "range", f"{_text(found['smallest'])} to {_text(found['largest'])}"
        yield "mean", f"{found['mean']:.9g}"
        yield "std", f"{found['std']:.9g}"
        about = "" if found["sampled"] == found["rows"] else " about"
        for share, value in found["quantiles"].items():
            yield f"{share:.0%}{about}", _text(value)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"


def _as_float(values: NDArray[np.generic]) -> NDArray[np.float64]:
    return values.astype(np.float64)

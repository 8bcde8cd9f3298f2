"""What scores are like: :func:`describe`, :func:`quantile`, :func:`histogram`.

They are methods of :class:`dsdm.Scores`; here they take scores in memory as well. Values are looked at block by block.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from dsdm import _native, checks
from dsdm.checks import Nan
from dsdm.selection.inputs import UNBOUNDED, ScoresLike, engine_scores, rows_of
from dsdm.shown import safe_messages

Method: TypeAlias = Literal["linear", "lower", "higher"]
"""Which number a quantile is where it lies between two scores, by the name that numpy has for it."""
Shares: TypeAlias = float | Sequence[float] | npt.NDArray[np.floating[Any]]
Bins: TypeAlias = int | Sequence[float] | npt.NDArray[Any]

_METHODS: tuple[str, ...] = get_args(Method)
_QUARTERS = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
_MOST = 1 << 20
"""The most bins of a histogram, and the most shares of one call."""
_ENDS = 2


@dataclass(frozen=True)
class Description:
    """What the scores of a vector are like, as :meth:`dsdm.Scores.describe` tells it."""

    count: int
    """Scores that are numbers."""
    nan: int
    """Scores that are NaN, which are in none of the other figures."""
    mean: float
    """NaN if no score is a number."""
    std: float
    """The square root of the mean squared deviation from the mean. NaN beside infinite scores."""
    min: int | float
    """The least score, as it is."""
    q1: float
    """The score below which a quarter of them lie; NaN if it lies between an infinite score and another."""
    median: float
    q3: float
    max: int | float
    """The greatest score, as it is."""

    def __str__(self) -> str:
        """Return a line for each figure."""
        figures = [("scores", f"{self.count:,}"), ("NaN", f"{self.nan:,}")]
        named = {"mean": self.mean, "std": self.std, "min": self.min, "25%": self.q1, "50%": self.median}
        named |= {"75%": self.q3, "max": self.max}
        figures += [(name, str(value) if isinstance(value, int) else f"{value:.6g}") for name, value in named.items()]
        width = max(len(figure) for _, figure in figures)
        return "\n".join(f"{name:<8}{figure:>{width}}" for name, figure in figures)


@safe_messages
def describe(scores: ScoresLike, *, threads: int | None = None) -> Description:
    """Tell what scores are like, as :meth:`dsdm.Scores.describe` does; also scores in memory."""
    checks.check_threads(threads)
    held = engine_scores(scores)
    found = _native.moments(held, threads)
    if found.least is None or found.most is None:
        return Description(found.count, found.nan, *[math.nan] * 7)
    places = [share * (found.count - 1) for share in _QUARTERS]
    quarters = scores_between(held, places, threads)
    low, middle, high = [math.nan if quarter is None else float(quarter) for quarter in quarters]
    return Description(
        count=found.count,
        nan=found.nan,
        mean=found.mean,
        std=found.std,
        min=found.least,
        q1=low,
        median=middle,
        q3=high,
        max=found.most,
    )


@safe_messages
def quantile(
    scores: ScoresLike, q: Shares, *, method: Method = "linear", nan: Nan = "raise", threads: int | None = None
) -> Any:
    """Find the quantiles of scores, as :meth:`dsdm.Scores.quantile` does; also of scores in memory."""
    checks.one_of("method", method, _METHODS)
    checks.one_of("nan", nan, checks.NANS)
    checks.check_threads(threads)
    given = np.asarray(q, object)
    shares = [_share(share) for share in (_each_share(q, given) if given.ndim else [q])]
    if len(shares) > _MOST:
        message = f"q has {len(shares):,} shares; there can be at most {_MOST:,} in one call"
        raise ValueError(message)
    held = engine_scores(scores)
    n = rows_of(held)
    numbers = _native.count_between(held, ("row", "raise" if nan == "raise" else "omit", None, UNBOUNDED), threads)
    # Where NaN counts as a number, it has places before all others or behind them.
    before, count = n - numbers if nan == "smallest" else 0, n if nan in ("largest", "smallest") else numbers
    if count == 0 and shares:
        message = "no score is left, so that there is no quantile"
        raise ValueError(message)
    places = [share * (count - 1) - before for share in shares]
    found = _found(held, places, (method, numbers), threads)
    for share, value in zip(shares, found, strict=True):
        if value is None:
            message = (
                f"the quantile {float(share):.4g} lies between an infinite score and another, where there is no number "
                'in proportion; the methods "lower" and "higher" give one of the two'
            )
            raise ValueError(message)
    if not given.ndim:
        return found[0]
    return np.array(found, np.float64 if method == "linear" else _own_type(held)).reshape(given.shape)


def _share(value: Any) -> Fraction:
    """Return a share as the decimal number that it is written as."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating | Fraction):
        message = f"q is {value!r}; a share from 0 to 1 is needed, or several"
        raise TypeError(message)
    if not 0 <= value <= 1:
        message = f"q has the share {checks.said(value)}; a share is from 0 to 1"
        raise ValueError(message)
    # The shortest decimal number of its own type: of a float32, another than that of the same number as a float64.
    value = str(value) if isinstance(value, np.floating) else value
    return Fraction(value) if isinstance(value, Fraction) else Fraction(repr(float(value)))


def _each_share(q: Any, given: npt.NDArray[Any]) -> list[Any]:
    """Return the shares of an array or of lists, those of an array as numbers of its type."""
    return list(q.reshape(-1)) if isinstance(q, np.ndarray) else given.reshape(-1).tolist()


def _found(held: Any, places: list[Fraction], rule: tuple[str, int], threads: int | None) -> list[Any]:
    """Return the scores at places among the numbers, NaN for those beside them, None where there is none."""
    method, numbers = rule
    if method != "linear":
        places = [Fraction(math.floor(place) if method == "lower" else math.ceil(place)) for place in places]
    inside = [0 <= place <= numbers - 1 for place in places]
    found = iter(scores_between(held, [place for place, is_in in zip(places, inside, strict=True) if is_in], threads))
    values = [next(found) if is_in else math.nan for is_in in inside]
    return [float(value) if method == "linear" and value is not None else value for value in values]


def scores_between(held: Any, places: Sequence[Fraction], threads: int | None) -> list[Any]:
    """Return the scores at places of the ascending ones, as they are.

    Between two that differ, it is the float64 next to what lies there in proportion; None if one of them is infinite.
    """
    wanted = sorted({end for place in places for end in (math.floor(place), math.ceil(place))})
    scores = _native.scores_at(held, np.array(wanted, np.uint64), threads)
    at = dict(zip(wanted, scores, strict=True))
    return [proportional(at[math.floor(place)], at[math.ceil(place)], place % 1) for place in places]


def proportional(low: float, high: float, part: Fraction) -> Any:
    """Return the float64 next to what lies between two scores in proportion, or one of them as it is.

    None where one of two that differ is infinite.
    """
    if low == high or part == 0:
        return low
    if math.isinf(low) or math.isinf(high):
        return None
    return float(Fraction(low) + (Fraction(high) - Fraction(low)) * part)


@safe_messages
def histogram(
    scores: ScoresLike,
    bins: Bins = 10,
    range: tuple[float, float] | None = None,  # noqa: A002 - as in numpy
    *,
    nan: Literal["raise", "omit"] = "raise",
    threads: int | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Count scores by bins, as :meth:`dsdm.Scores.histogram` does; also scores in memory."""
    checks.one_of("nan", nan, ("raise", "omit"))
    checks.check_threads(threads)
    edges = _edges(bins, range)
    number = 0 if edges is not None else _number_of_bins(bins)
    ends = _ends(range)
    held = engine_scores(scores)
    if edges is None:
        extremes = None
        if ends is None:
            found = _native.moments(held, threads)
            _refuse_nan(nan, found.nan, found.first_nan)
            extremes = _extremes(found)
        if extremes is not None:
            edges = _around(extremes, number, _own_type(held))
        else:
            # As numpy does, from 0 to 1 if there is no score.
            edges = _even_edges((0.0, 1.0) if ends is None else ends, number, _own_type(held))
    counts, missing, first = _native.histogram(held, edges.tolist(), threads)
    _refuse_nan(nan, missing, first)
    return counts, edges


def _number_of_bins(bins: Any) -> int:
    number = checks.whole("bins", bins)
    if not 1 <= number <= _MOST:
        message = f"bins is {checks.said(number)}; a number from 1 to {_MOST:,} is needed, or the edges of the bins"
        raise ValueError(message)
    return number


def _edges(bins: Any, ends: Any) -> npt.NDArray[Any] | None:
    """Return the edges that were given, if it is no number of bins."""
    if isinstance(bins, str):
        message = f'bins is "{bins}"; a number of bins or their edges are needed: rules need all scores at once'
        raise TypeError(message)
    if not isinstance(bins, Sequence | np.ndarray) or (isinstance(bins, np.ndarray) and not bins.ndim):
        return None
    edges = np.asarray(bins)
    if edges.ndim != 1 or edges.dtype.kind not in "iuf" or edges.dtype.itemsize > 8:  # noqa: PLR2004
        beyond = checks.first_beyond(edges) if edges.ndim == 1 else None
        if beyond is not None:
            message = (
                f"bins[{beyond[0]}] is {beyond[1]}, which no integers of 64 bits hold with the others; give floats"
            )
            raise ValueError(message)
        message = f"bins are {edges.dtype} of shape {edges.shape}; their edges are numbers in one row"
        raise TypeError(message)
    if ends is not None:
        message = "range is for a number of bins, and their edges are given; leave it out"
        raise ValueError(message)
    if not 1 < len(edges) <= _MOST + 1 or not (edges[:-1] <= edges[1:]).all():
        message = f"bins has {len(edges):,} edges; 2 to {_MOST + 1:,} that ascend are needed, and none of them NaN"
        raise ValueError(message)
    if not isinstance(bins, np.ndarray) and any(
        edge != given for edge, given in zip(edges.tolist(), bins, strict=True)
    ):
        message = "bins has an integer that float64 does not hold, among floats; give integers alone, or floats alone"
        raise ValueError(message)
    return edges


def _ends(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    pair = list(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else []
    real = (int, float, np.integer, np.floating)
    if len(pair) != _ENDS or not all(isinstance(end, real) and not isinstance(end, bool) for end in pair):
        shown = checks.said(given) if isinstance(given, int) else f"{given!r:.100}"
        message = f"range is {shown}; two numbers are needed: (low, high)"
        raise TypeError(message)
    try:
        low, high = float(pair[0]), float(pair[1])
    except OverflowError:
        low, high = -math.inf, math.inf
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        message = (
            f"range is ({checks.said(pair[0])}, {checks.said(pair[1])}); the lower end comes first, and both are finite"
        )
        raise ValueError(message)
    return low, high


def _extremes(found: _native.Moments) -> tuple[float, float] | None:
    """Return the least score and the greatest, which must be finite, or nothing if there is none."""
    if found.least is None or found.most is None:
        return None
    if math.isinf(found.least) or math.isinf(found.most):
        message = (
            f"the scores are from {found.least} to {found.most}, between which there are no bins of one width; give "
            "a range, (low, high), or the edges of the bins"
        )
        raise ValueError(message)
    return found.least, found.most


def _around(extremes: tuple[float, float], bins: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the edges of bins that hold the least score and the greatest."""
    edges = _even_edges(extremes, bins, dtype, np.array(extremes, dtype))
    # A long integer may be rounded to an end on the wrong side of it.
    if edges[0].item() > extremes[0]:
        edges[0] = np.nextafter(edges[0], -np.inf)
    if edges[-1].item() < extremes[1]:
        edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges


def _even_edges(
    ends: tuple[float, float], bins: int, dtype: np.dtype[Any], scores: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Return the edges that numpy gives for scores of a type: from the first of some to the last, or between ends."""
    try:
        with np.errstate(all="ignore"):
            if scores is None:
                edges = np.histogram_bin_edges(np.array([], dtype), bins, ends)
            else:
                edges = np.histogram_bin_edges(scores, bins)
    except ValueError:
        edges = np.array([np.nan])
    if not (np.isfinite(edges).all() and (edges[:-1] <= edges[1:]).all()):
        message = (
            f"bins is {bins:,}, and {dtype} has no room for so many edges from {ends[0]} to {ends[1]}; give fewer, or "
            "the edges themselves"
        )
        raise ValueError(message)
    return edges


def _refuse_nan(nan: str, count: int, first: int | None) -> None:
    if nan == "raise" and count:
        verb = "is" if count == 1 else "are"
        message = f'{count} of the scores {verb} NaN, the first at row {first}; nan="omit" has them in no bin'
        raise ValueError(message)


def _own_type(held: Any) -> np.dtype[Any]:
    """Return the type in which numpy has the scores: float32 for bfloat16."""
    name = str(held.dtype) if isinstance(held, _native.Scores) else held[1]
    return np.dtype("float32" if name == "bfloat16" else name)

"""Score vector to row indices: :func:`top_k`, :func:`gumbel_top_k`, :func:`sample`."""

import logging
import operator
import secrets
import threading
from typing import Literal, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from dsdm import _native, checks
from dsdm.shown import telling

# Before any call that takes an array: numpy's functions are looked up here, where a failure is raised as it is.
_native.prepare_arrays()

Order: TypeAlias = Literal["best_first", "best_last", "row"]
Nan: TypeAlias = Literal["raise", "omit", "largest", "smallest"]
Rng: TypeAlias = Literal["philox", "numpy"]
Indices: TypeAlias = npt.NDArray[np.int64]
ScoresLike: TypeAlias = _native.Scores | npt.NDArray[np.generic]

logger = logging.getLogger(__name__)
_drawn = threading.local()


@telling
def top_k(
    scores: ScoresLike,
    k: SupportsIndex,
    *,
    largest: bool = True,
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> Indices:
    """The ``k`` rows of the largest scores.

    The scores are read once, in parallel, and never sorted or copied as a whole.

    Parameters
    ----------
    scores
        A :class:`dsdm.Scores`, or an array of shape ``(n,)`` or ``(n, 1)``: float16 to float64, int8 to int64,
        uint8 to uint64. An array that is not contiguous or not in native byte order is copied first.
    k
        How many, ``0 <= k <= n`` (``n`` less the excluded rows, and less the omitted NaN).
    largest
        False takes the smallest scores instead; "best" then means smallest.
    order
        ``"best_first"``; ``"best_last"``, its exact reverse; ``"row"``, ascending rows.
    nan
        ``"raise"``: a NaN is an error that names their number and the first row. ``"omit"``: such rows are never
        chosen. ``"largest"``, ``"smallest"``: NaN is greater, or less, than every number.
    exclude
        Row numbers in any order, or a boolean array with one value per row. Excluded scores are not looked at.
    threads
        How many; by default ``$DSDM_NUM_THREADS``, else all that the process may run on.

    Returns
    -------
    int64 array of shape ``(k,)``. Ties go to the lower row, -0.0 equals 0.0, infinities are ordinary numbers: the
    result depends on nothing but the scores.

    Raises
    ------
    ValueError
        ``k`` is out of range; a score is NaN; a name is not one of those above.
    TypeError
        Scores of another type; a masked array, whose mask would not be looked at.
    IndexError
        An excluded row does not exist.
    SourceChangedError
        A score file changed while it was read.

    Notes
    -----
    Memory beyond the scores is at most 64 MB + 32 bytes for each of the ``k`` rows.

    Examples
    --------
    >>> import dsdm, numpy as np
    >>> scores = np.array([0.5, 2.0, -1.0, 2.0], dtype=np.float32)
    >>> dsdm.top_k(scores, 3)
    array([1, 3, 0])
    >>> dsdm.top_k(scores, 2, largest=False, order="row")
    array([0, 2])
    >>> dsdm.top_k(scores, 1, exclude=[1])
    array([3])
    """
    source = _source(scores)
    _check(order, nan, threads)
    best = checks.check_flag("largest", largest)
    return _native.top_k(source, checks.count_of(k), best, order, nan, _excluded(exclude), threads)


@telling
def gumbel_top_k(
    scores: ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    temperature: float = 1.0,
    rng: Rng = "philox",
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> Indices:
    """``k`` rows drawn without replacement with probability proportional to ``exp(score / temperature)``.

    Independent Gumbel noise is added to ``score / temperature`` in float64 and the ``k`` largest sums are taken
    (Kool, van Hoof, Welling 2019, arXiv 1903.06059).

    Parameters
    ----------
    scores, k, order, nan, exclude, threads
        As in :func:`top_k`; "best" is the largest sum. Integers are taken as float64.
    seed
        A whole number from 0 to 2**64 - 1 (any of up to 1,000 digits for ``rng="numpy"``). None draws one, which is
        logged and which :func:`last_seed` gives.
    temperature
        Above 0. Small values approach :func:`top_k`, large ones :func:`sample`.
    rng
        ``"philox"``: Philox4x32-10 keyed by the seed and counted by the row, so that a row's noise depends on
        nothing but both; 64-bit uniforms, exact in the far tail. ``"numpy"``: bit for bit the noise of
        ``numpy.random.default_rng(seed).gumbel(size=n)``.

    Returns
    -------
    int64 array of shape ``(k,)``. A score of -inf is never drawn; one of +inf always is, lower rows first.

    Raises
    ------
    ValueError
        As for :func:`top_k`; a finite score divided by the temperature is infinite, of either sign; fewer than
        ``k`` rows can be drawn.

    Examples
    --------
    >>> import dsdm, numpy as np
    >>> dsdm.gumbel_top_k(np.log([1.0, 100.0, 10_000.0]), 2, seed=0)
    array([2, 1])
    """
    source = _source(scores)
    _check(order, nan, threads)
    if rng not in ("philox", "numpy"):
        message = f'rng is {rng!r}; it is one of "philox", "numpy"'
        raise ValueError(message)
    heat, count, excluded = checks.check_temperature(temperature), checks.count_of(k), _excluded(exclude)
    chosen = _seed(seed)
    if rng == "philox":
        noise: int | tuple[int, int] = _word(chosen)
    else:
        state = np.random.PCG64(chosen).state["state"]
        noise = state["state"], state["inc"]
    return _native.gumbel_top_k(source, count, noise, heat, order, nan, excluded, threads)


@telling
def sample(
    population: SupportsIndex | ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> Indices:
    """``k`` rows drawn uniformly without replacement, in random order.

    Every row has 64 random bits that depend on nothing but the seed and the row; the ``k`` rows of the smallest are
    taken, in the order of their bits. So a smaller sample is the beginning of a larger one, and nothing of the
    length of the population is stored. The bits of every row are computed, in a nanosecond or less each: of 10^12
    rows that takes minutes.

    Parameters
    ----------
    population
        A number of rows ``n``, for rows 0 to ``n - 1``; or row ids, an integer array or :class:`dsdm.Scores`.
    k
        How many, ``0 <= k <= n`` less the excluded.
    seed
        A whole number from 0 to 2**64 - 1; None draws one, which is logged and which :func:`last_seed` gives.
    exclude
        Rows (or ids, where the population is ids) that are not to be drawn, or a boolean array with one value for
        each of the population.
    threads
        As in :func:`top_k`.

    Returns
    -------
    int64 array of shape ``(k,)``: rows, or ids.

    Raises
    ------
    ValueError
        ``k`` is out of range; a population of more than 2^48 rows; an id that is negative, or 2^63 or more.
    TypeError
        A population of ids that are no integers.
    IndexError
        An excluded row does not exist.

    Examples
    --------
    >>> import dsdm
    >>> first, more = dsdm.sample(1_000_000, 3, seed=7), dsdm.sample(1_000_000, 5, seed=7)
    >>> bool((first == more[:3]).all())
    True
    """
    checks.check_threads(threads)
    chosen = _word(_seed(seed))
    if isinstance(population, (np.ndarray, _native.Scores)):
        return _sample_ids(population, checks.count_of(k), chosen, exclude, threads)
    rows = checks.whole("population", population)
    if rows < 0:
        message = f"population is {checks.said(rows)}; a number of rows cannot be negative"
        raise ValueError(message)
    if rows >= 2**63:
        message = (
            f"population is {checks.said(rows)}; row numbers are below 2^63, so that there are at most 2^63 - 1 rows"
        )
        raise ValueError(message)
    return _native.sample(rows, checks.count_of(k), chosen, _excluded(exclude), threads)


def last_seed() -> int | None:
    """The seed of this thread's last :func:`gumbel_top_k` or :func:`sample`, given or drawn; None before the first.

    Examples
    --------
    >>> import dsdm
    >>> rows = dsdm.sample(100, 5)
    >>> again = dsdm.sample(100, 5, seed=dsdm.last_seed())
    >>> bool((rows == again).all())
    True
    """
    return getattr(_drawn, "seed", None)


def _sample_ids(ids: ScoresLike, k: int, seed: int, exclude: npt.ArrayLike | None, threads: int | None) -> Indices:
    """A sample of positions, taken from the ids."""
    # Copied: what happens to the files while rows are drawn changes none of them.
    held = ids.__array__(copy=True) if isinstance(ids, _native.Scores) else ids
    rows = checks.row_ids(checks.plain_array("population", held), "population")
    excluded = _excluded(exclude)
    if excluded is not None and excluded.dtype == np.int64:
        excluded = np.isin(rows, excluded).view(np.uint8)
    return rows[_native.sample(len(rows), k, seed, excluded, threads)]


def _source(scores: ScoresLike) -> "_native.Scores | tuple[npt.NDArray[np.uint8], str]":
    """Scores as the engine takes them: its own, or the bytes of an array and the name of their type."""
    if isinstance(scores, _native.Scores):
        return scores
    if not isinstance(scores, np.ndarray):
        message = f"scores are a {type(scores).__name__}; a dsdm.Scores or a numpy array is needed"
        raise TypeError(message)
    checks.refuse_masked("scores", scores)
    if scores.ndim == 2 and scores.shape[1] == 1:  # noqa: PLR2004 - one column
        scores = scores[:, 0]
    if scores.ndim != 1:
        message = f"scores have shape {scores.shape}; one score per row is needed: (n,) or (n, 1)"
        raise ValueError(message)
    name = scores.dtype.name
    if not (scores.dtype.kind in "iuf" and scores.dtype.itemsize <= 8) and name != "bfloat16":  # noqa: PLR2004
        message = f"scores are {scores.dtype}; float16 to float64 or an integer type is needed"
        raise TypeError(message)
    if not scores.dtype.isnative:
        scores = scores.astype(scores.dtype.newbyteorder("="))
    if not (scores.flags.c_contiguous and scores.flags.aligned):
        scores = scores.copy()
    return scores.view(np.uint8), name


def _excluded(exclude: npt.ArrayLike | None) -> "npt.NDArray[np.int64] | npt.NDArray[np.uint8] | None":
    rows = checks.excluded_rows(exclude)
    return rows.view(np.uint8) if rows is not None and rows.dtype == np.bool_ else rows  # type: ignore[return-value]


def _check(order: object, nan: object, threads: object) -> None:
    checks.one_of("order", order, checks.ORDERS)
    checks.one_of("nan", nan, checks.NANS)
    checks.check_threads(threads)


def _seed(seed: SupportsIndex | None) -> int:
    """The seed given, or fresh entropy; remembered and logged."""
    checks.check_seed(seed)
    chosen = secrets.randbits(63) if seed is None else operator.index(seed)
    if seed is None:
        logger.info("seed %d was drawn", chosen)
    _drawn.seed = chosen
    return chosen


def _word(seed: int) -> int:
    if seed >= 2**64:
        message = f"seed is {checks.said(seed)}; it can be at most 2**64 - 1"
        raise ValueError(message)
    return seed

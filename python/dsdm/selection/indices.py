"""Score vector to row indices: :func:`top_k`, :func:`gumbel_top_k`, :func:`sample`."""

from typing import Literal, SupportsIndex, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from dsdm import _native, arrays, checks
from dsdm.arrays.scalars import plain_number, without_dimension
from dsdm.checks import Nan, Noise, Order
from dsdm.names import renamed
from dsdm.selection.inputs import (
    UNBOUNDED,
    ScoresLike,
    check_options,
    engine_excluded,
    engine_scores,
    refuse_other_numbers,
    rows_of,
)
from dsdm.selection.seeds import numpy_state, seed_of, word_of
from dsdm.shown import safe_messages

Indices: TypeAlias = npt.NDArray[np.int64]


@safe_messages
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
        uint8 to uint64. An array that is not contiguous or not in native byte order is copied first. Also a torch
        tensor, a Series of pandas or polars, an Arrow array, a column of ``datasets``, whatever speaks DLPack or
        Arrow's C interface, and a list of numbers; ``docs/scores.md`` has the rule of each.
    k
        How many, ``0 <= k <= n`` (``n`` less the excluded rows, and less the omitted NaN).
    largest
        False takes the smallest scores instead; "best" then means smallest.
    order
        ``"best_first"``; ``"best_last"``, its exact reverse; ``"row"``, ascending rows.
    nan
        ``"raise"``: a NaN is an error that names their number and the first row. ``"omit"``: such rows are never
        chosen. ``"largest"``, ``"smallest"``: NaN is greater, or less, than every number. A null of Arrow or Parquet
        is no NaN: it is an error where it is read.
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
        Scores of another type; a masked array, whose mask would not be looked at; nulls; a tensor on another device.
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
    source = engine_scores(scores)
    check_options(order, nan, threads)
    best, excluded = checks.check_flag("largest", largest), engine_excluded(exclude, rows_of(source), scores)
    return _native.top_k(source, checks.count_of(k), best, (order, nan, excluded, UNBOUNDED), threads)


@overload
def gumbel_top_k(
    scores: ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    temperature: float = 1.0,
    noise: Noise = "philox",
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[False] = False,
) -> Indices: ...


@overload
def gumbel_top_k(
    scores: ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    temperature: float = 1.0,
    noise: Noise = "philox",
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[True],
) -> tuple[Indices, int]: ...


@renamed(rng="noise")
@safe_messages
def gumbel_top_k(
    scores: ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    temperature: float = 1.0,
    noise: Noise = "philox",
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: bool = False,
) -> Indices | tuple[Indices, int]:
    """``k`` rows drawn without replacement with probability proportional to ``exp(score / temperature)``.

    Independent Gumbel noise is added to ``score / temperature`` in float64 and the ``k`` largest sums are taken
    (Kool, van Hoof, Welling 2019, arXiv 1903.06059).

    Parameters
    ----------
    scores, k, order, nan, exclude, threads
        As in :func:`top_k`; "best" is the largest sum. Integers are taken as float64. With ``nan="largest"`` a NaN
        counts as +inf, with ``nan="smallest"`` as -inf.
    seed
        A whole number from 0 to 2**64 - 1 (any of up to 1,000 digits for ``noise="numpy"``). None draws one, which is
        logged and which `return_seed` and :func:`last_seed` give.
    temperature
        Above 0. Small values approach :func:`top_k`, large ones :func:`sample`.
    noise
        ``"philox"``: Philox4x32-10 keyed by the seed and counted by the row, so that a row's noise depends on
        nothing but both; 64-bit uniforms, exact in the far tail. Rows of a slice, ``scores.slice(a, b)``, have the
        noise of the rows of the whole (:attr:`dsdm.Scores.first_row`): of the draw of the whole, those in the slice
        are drawn of it first. ``"numpy"``: bit for bit the noise of ``numpy.random.default_rng(seed).gumbel(size=n)``,
        with `n` the rows of the vector that is given, also of a slice.
    return_seed
        Return the rows and the seed, with which the draw can be repeated.

    Returns
    -------
    int64 array of shape ``(k,)``; with `return_seed`, it and the seed. A score of -inf is never drawn;
    one of +inf always is, lower rows first.

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
    >>> rows, seed = dsdm.gumbel_top_k(np.zeros(100), 5, return_seed=True)
    >>> bool((rows == dsdm.gumbel_top_k(np.zeros(100), 5, seed=seed)).all())
    True
    """
    source = engine_scores(scores)
    check_options(order, nan, threads)
    checks.one_of("noise", noise, checks.NOISES)
    with_seed = checks.check_flag("return_seed", return_seed)
    heat, count = checks.check_temperature(plain_number("temperature", temperature)), checks.count_of(k)
    excluded = engine_excluded(exclude, rows_of(source), scores)
    chosen = seed_of(seed)
    if noise == "philox":
        state: int | tuple[int, int] = word_of(chosen)
    else:
        state = numpy_state(chosen)
    rows = _native.gumbel_top_k(source, count, state, heat, (order, nan, excluded, UNBOUNDED), threads)
    return (rows, chosen) if with_seed else rows


@overload
def sample(
    population: SupportsIndex | ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[False] = False,
) -> Indices: ...


@overload
def sample(
    population: SupportsIndex | ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[True],
) -> tuple[Indices, int]: ...


@safe_messages
def sample(
    population: SupportsIndex | ScoresLike,
    k: SupportsIndex,
    *,
    seed: SupportsIndex | None = None,
    exclude: npt.ArrayLike | None = None,
    threads: int | None = None,
    return_seed: bool = False,
) -> Indices | tuple[Indices, int]:
    """``k`` rows drawn uniformly without replacement, in random order.

    Every row has 64 random bits that depend on nothing but the seed and the row; the ``k`` rows of the smallest are
    taken, in the order of their bits. So a smaller sample is the beginning of a larger one, and nothing of the
    length of the population is stored. The bits of every row are computed, in a nanosecond or less each: of 10^12
    rows that takes minutes.

    Parameters
    ----------
    population
        A number of rows ``n``, for rows 0 to ``n - 1``; or row ids, an integer array or :class:`dsdm.Scores`, of
        which a slice has the random bits of the rows of the whole.
    k
        How many, ``0 <= k <= n`` less the excluded.
    seed
        A whole number from 0 to 2**64 - 1; None draws one, which is logged and which `return_seed` and
        :func:`last_seed` give.
    exclude
        Rows (or ids, where the population is ids) that are not to be drawn, or a boolean array with one value for
        each of the population.
    threads
        As in :func:`top_k`.
    return_seed
        Return the rows and the seed, with which the draw can be repeated.

    Returns
    -------
    int64 array of shape ``(k,)``: rows, or ids; with `return_seed`, it and the seed.

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
    with_seed = checks.check_flag("return_seed", return_seed)
    chosen = word_of(seed_of(seed))
    drawn = _sampled(population, k, chosen, exclude, threads)
    return (drawn, chosen) if with_seed else drawn


def _sampled(
    population: SupportsIndex | ScoresLike,
    k: SupportsIndex,
    chosen: int,
    exclude: npt.ArrayLike | None,
    threads: int | None,
) -> Indices:
    """Return rows below a number, or some of the ids."""
    population = without_dimension(population)
    if isinstance(population, (np.ndarray, _native.Scores)):
        return _sample_ids(population, checks.count_of(k), chosen, exclude, threads)
    if hasattr(population, "__len__") and getattr(population, "ndim", True) and not isinstance(population, str | bytes):
        return _sample_ids(arrays.vector("population", population), checks.count_of(k), chosen, exclude, threads)
    rows = checks.whole("population", population)
    if rows < 0:
        message = f"population is {checks.said(rows)}; a number of rows cannot be negative"
        raise ValueError(message)
    if rows >= 2**63:
        message = (
            f"population is {checks.said(rows)}; row numbers are below 2^63, so that there are at most 2^63 - 1 rows"
        )
        raise ValueError(message)
    refuse_other_numbers("exclude", exclude, rows)
    return _native.sample(rows, checks.count_of(k), chosen, engine_excluded(exclude), threads)


def _sample_ids(ids: ScoresLike, k: int, seed: int, exclude: npt.ArrayLike | None, threads: int | None) -> Indices:
    """A sample of positions, taken from the ids."""
    # Copied: what happens to the files while rows are drawn changes none of them.
    held = ids.__array__(copy=True) if isinstance(ids, _native.Scores) else ids
    rows = checks.row_ids(checks.plain_array("population", held), "population")
    excluded = engine_excluded(exclude)
    if excluded is not None and excluded.dtype == np.int64:
        excluded = np.isin(rows, excluded).view(np.uint8)
    first_row = ids.first_row if isinstance(ids, _native.Scores) else 0
    return rows[_native.sample(len(rows), k, seed, excluded, threads, first_row)]

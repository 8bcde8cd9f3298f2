"""The five selection methods of the reference, over its published score files or others of that layout."""

import logging
import operator
from functools import reduce
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsdm import checks
from dsdm.checks import Nan, Noise, Order
from dsdm.names import renamed
from dsdm.paths import PathLike
from dsdm.reference import DATASET_SIZE, Method, Target, check_method, files_of, find_file, find_files, refuse_unused
from dsdm.selection.indices import gumbel_top_k, sample, top_k
from dsdm.selection.inputs import refuse_other_numbers, refuse_other_rows
from dsdm.selection.seeds import last_seed
from dsdm.shown import safe_messages, shown

if TYPE_CHECKING:
    from dsdm.scores import Scores

logger = logging.getLogger(__name__)


@overload
def get_indices(
    method: Method,
    k: int,
    target: Target | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    noise: Noise | None = None,
    order: Order | None = None,
    nan: Nan = "raise",
    exclude: ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[False] = False,
) -> NDArray[np.int64]: ...


@overload
def get_indices(
    method: Method,
    k: int,
    target: Target | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    noise: Noise | None = None,
    order: Order | None = None,
    nan: Nan = "raise",
    exclude: ArrayLike | None = None,
    threads: int | None = None,
    return_seed: Literal[True],
) -> tuple[NDArray[np.int64], int | None]: ...


@renamed(rng="noise")
@safe_messages
def get_indices(
    method: Method,
    k: int,
    target: Target | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
    temperature: float | None = None,
    noise: Noise | None = None,
    order: Order | None = None,
    nan: Nan = "raise",
    exclude: ArrayLike | None = None,
    threads: int | None = None,
    return_seed: bool = False,
) -> NDArray[np.int64] | tuple[NDArray[np.int64], int | None]:
    """Select `k` rows of the candidate corpus by one of the reference's methods.

    Parameters
    ----------
    method
        ``"dsdm"`` or ``"classifier"``: the rows with the largest scores for the target.
        ``"dsir"``: rows drawn without replacement with probability proportional to exp(score).
        ``"random"``: rows drawn uniformly. ``"semdedup"``: rows drawn uniformly from those in ``sdd.pt``.
    k
        How many; 0 <= k <= the rows there are to choose from. Nothing is cut silently.
    target
        ``"jeopardy"``, ``"squad"``, ``"lambada"``, ``"cs_algorithms"``, ``"lm_task_mix"`` or ``"gpt3_mix"``, for
        dsdm (which has no ``gpt3_mix``), classifier and dsir. The ``lm_task_mix`` of dsdm is the float32 mean of
        its jeopardy, squad and lambada, evaluated block by block.
    data_dir
        The directory that holds ``dsdm/``, ``classifier/``, ``dsir/`` and ``sdd.pt``. Files that are not there are
        looked for in ``$DSDM_DATA_DIR`` and in the cache that ``dsdm fetch`` fills. ``"random"`` reads none.
    rows
        Only the first `rows` rows of the corpus are candidates, for work on a part of its shards. For
        ``"random"``, which reads no file, the number of rows there are: the reference's 216,948,746 by default.
    seed
        Makes dsir, random and semdedup repeatable. Fresh by default, and then logged and given by
        `return_seed` and :func:`dsdm.last_seed`. The other methods draw nothing.
    temperature, noise
        As in :func:`dsdm.gumbel_top_k`, for dsir only: 1 and ``"philox"`` by default.
    order
        ``"best_first"`` (the default), ``"best_last"`` or ``"row"``, for dsdm, classifier and dsir. Ties go to
        the lower row. random and semdedup give their rows in the order drawn, or with ``"row"`` ascending.
    nan
        For dsdm, classifier and dsir, what a score that is NaN means. ``"raise"``: an error that names their number and
        the first row. ``"omit"``: such rows are never chosen. ``"largest"``, ``"smallest"``: NaN is greater, or less,
        than every number. random and semdedup have no scores, and refuse any but ``"raise"``.
    exclude
        Row ids that must not be chosen, or one boolean per row.
    threads
        All that the process may run on by default. The result does not depend on it.
    return_seed
        Return the rows and the seed with which they were drawn: None for dsdm and classifier, which draw nothing.

    Returns
    -------
    One-dimensional numpy int64 array of `k` distinct row numbers; with `return_seed`, it and the seed.

    Raises
    ------
    ValueError
        For an unknown method or target, a target missing or out of place, an option that the method has no use for, a
        `k` that cannot be, or a NaN; if the files of a mix are in two places, and may be of two versions.
    FileNotFoundError
        Naming every place where a score file was looked for.

    """
    check_method(method, target)
    _check_options(k, rows, seed, order, nan, threads)
    with_seed = checks.check_flag("return_seed", return_seed)
    excluded = checks.excluded_rows(exclude)
    refuse_unused(method, {"data_dir": data_dir, "seed": seed, "temperature": temperature, "noise": noise, "nan": nan})
    if method in ("random", "semdedup"):
        if method == "random":
            refuse_other_numbers("exclude", exclude, _population(rows))
        chosen = _drawn_uniformly(method, k, data_dir, rows, seed, order, excluded, threads)
        return (chosen, last_seed()) if with_seed else chosen
    scores = scores_of(method, target, data_dir=data_dir, rows=rows)
    refuse_other_rows("exclude", exclude, len(scores), scores)
    how_to_order = order or "best_first"
    if method != "dsir":
        best = top_k(scores, k, order=how_to_order, nan=nan, exclude=excluded, threads=threads)
        return (best, None) if with_seed else best
    drawn = gumbel_top_k(
        scores,
        k,
        seed=seed,
        temperature=1.0 if temperature is None else temperature,
        noise="philox" if noise is None else noise,
        order=how_to_order,
        nan=nan,
        exclude=excluded,
        threads=threads,
    )
    return (drawn, last_seed()) if with_seed else drawn


def _drawn_uniformly(
    method: str,
    k: int,
    data_dir: PathLike | None,
    rows: int | None,
    seed: int | None,
    order: Order | None,
    excluded: NDArray[np.int64] | NDArray[np.bool_] | None,
    threads: int | None,
) -> NDArray[np.int64]:
    """Draw rows by random or semdedup, which know no scores."""
    if order not in (None, "row"):
        message = f"order is {order!r}, and {method!r} has no scores to order by: leave it out (as drawn), or say 'row'"
        raise ValueError(message)
    if method == "random":
        return _in_order(sample(_population(rows), k, seed=seed, exclude=excluded, threads=threads), order)
    ids = semdedup_ids(data_dir, rows, excluded)
    return _in_order(ids[sample(len(ids), k, seed=seed, threads=threads)], order)


@safe_messages
def method_scores(
    method: Method,
    target: Target | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
) -> "Scores":
    """Open the scores by which one of the reference's methods ranks the rows for a target.

    They are what :func:`get_indices` chooses by, so that every rule of :func:`dsdm.choose` works on them too.

    Parameters
    ----------
    method
        ``"dsdm"``, ``"classifier"`` or ``"dsir"``. ``"random"`` and ``"semdedup"`` have no scores.
    target, data_dir, rows
        As for :func:`get_indices`.

    Returns
    -------
    Scores
        One score for each row, float32, of the file or files of the target; large ones are good. The ``lm_task_mix`` of
        dsdm is the mean of three files, evaluated block by block. Nothing is read yet.

    Raises
    ------
    ValueError
        For an unknown method or target, or a method without scores; if `rows` is more than the scores there are, or the
        files of a mix are in two places.
    FileNotFoundError
        Naming every place where a score file was looked for.

    """
    check_method(method, target)
    checks.check_rows(rows)
    if method in ("random", "semdedup"):
        message = f"method is {method!r}, which has no scores; dsdm, classifier and dsir have some"
        raise ValueError(message)
    return scores_of(method, target, data_dir=data_dir, rows=rows)


def scores_of(
    method: str, target: str | None, *, data_dir: PathLike | None = None, rows: int | None = None
) -> "Scores":
    """Open the scores of a method and target that were looked at."""
    from dsdm.scores import open_scores

    paths = find_files(files_of(method, target), data_dir)
    logger.info("scores of %s for %s: %s", method, target, ", ".join(map(shown, paths)))
    parts = [prefix(open_scores(path), rows, path) for path in paths]
    total = reduce(operator.add, parts)
    return total if len(parts) == 1 else total / len(parts)


def prefix(scores: "Scores", rows: int | None, path: PathLike) -> "Scores":
    """Return the scores of the first `rows` rows, or all of them.

    Raises
    ------
    ValueError
        If `rows` is more than the scores there are.

    """
    if rows is None:
        return scores
    if not 0 <= rows <= len(scores):
        message = f"rows is {rows:,} and {path} has {len(scores):,} scores; rows must be from 0 to that"
        raise ValueError(message)
    return scores.slice(0, rows)


def _population(rows: int | None) -> int:
    return DATASET_SIZE if rows is None else rows


def semdedup_ids(
    data_dir: PathLike | None, rows: int | None, excluded: NDArray[np.int64] | NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Return the row ids in ``sdd.pt`` that may be drawn."""
    from dsdm.scores import open_scores

    path = find_file(files_of("semdedup")[0], data_dir)
    # Copied: what happens to the file afterwards changes none of them.
    ids = np.asarray(open_scores(path, io="pread"))
    if ids.dtype.kind not in "iu":
        message = f"{path}: it holds {ids.dtype} values; row ids are whole numbers"
        raise ValueError(message)
    ids = checks.row_ids(ids, str(path))
    if rows is not None:
        ids = ids[ids < rows]
    return ids if excluded is None else ids[~_excluded(ids, excluded)]


def _excluded(ids: NDArray[np.int64], exclude: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.bool_]:
    if exclude.dtype != np.bool_:
        if exclude.size and exclude.min() < 0:
            position = int((exclude < 0).argmax())
            message = f"exclude[{position}] is {exclude[position]}, which is no row id; these are at least 0"
            raise IndexError(message)
        return np.isin(ids, exclude)
    if len(ids) and int(ids.max()) >= len(exclude):
        message = f"exclude has {len(exclude):,} booleans and row ids reach {int(ids.max()):,}; one per row is needed"
        raise ValueError(message)
    return exclude[ids].astype(np.bool_, copy=False)


def _check_options(k: object, rows: object, seed: object, order: object, nan: object, threads: object) -> None:
    """Refuse options that no method takes, whether or not this one uses them."""
    checks.count_of(k)
    checks.check_rows(rows)
    checks.check_seed(seed)
    if order is not None:
        checks.one_of("order", order, checks.ORDERS)
    checks.one_of("nan", nan, checks.NANS)
    checks.check_threads(threads)


def _in_order(rows: NDArray[np.int64], order: Order | None) -> NDArray[np.int64]:
    logger.info("drawn with seed %s", last_seed())
    return np.sort(rows) if order == "row" else rows

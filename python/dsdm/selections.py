"""The reference code's module ``dsdm.selections``: same names, same arguments, same results.

What it adds is keyword-only. Where the reference went wrong there is a clear error instead: unknown names,
NaN scores, more rows asked for than there are, a missing file or a git-LFS pointer in its place.
"""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from dsdm import reference
from dsdm.checks import Io, Schema, Sort, check_rows, count_of, said, whole
from dsdm.names import public_names
from dsdm.paths import ROWS, PathLike, local
from dsdm.paths.belongs import walk
from dsdm.paths.deep import matching
from dsdm.reference import DATASET_SIZE, Method, Target
from dsdm.selection import methods
from dsdm.selection.record import provenance
from dsdm.selection.record.row_counts import refuse_later_shards

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "CANDIDATE_DATASET",
    "CLASSIFIER_DATA_PATH",
    "DATASET_SIZE",
    "DSDM_DATA_PATH",
    "DSIR_DATA_PATH",
    "SDD_DATA_PATH",
    "TARGETED_METHODS",
    "TARGETS",
    "UNTARGETED_METHODS",
    "classifier_select",
    "cs_alg",
    "dataset_select",
    "dsdm_select",
    "dsir_select",
    "get_candidate_dataset",
    "get_indices",
    "gpt3_combo",
    "jeopardy",
    "lambada",
    "lm_combo",
    "process_path",
    "random_select",
    "semdedup_select",
    "squad",
]

jeopardy = "jeopardy"
squad = "squad"
lambada = "lambada"
cs_alg = "cs_algorithms"
lm_combo = "lm_task_mix"
gpt3_combo = "gpt3_mix"

TARGETS = [jeopardy, squad, lambada, cs_alg, lm_combo, gpt3_combo]

DSIR_DATA_PATH = "dsir"
DSDM_DATA_PATH = "dsdm"
CLASSIFIER_DATA_PATH = "classifier"
SDD_DATA_PATH = reference.SEMDEDUP_FILE

CANDIDATE_DATASET = "loganengstrom/dsdm-candidate-c4"
"""The candidate corpus on the hub."""


def dsdm_select(
    target_task: str,
    selection_size: int,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
) -> NDArray[np.int64]:
    """Select the rows that the datamodels find best for the target, the best last."""
    return _select("dsdm", _size(selection_size), target_task, data_dir=data_dir, rows=rows, order="best_last")


def classifier_select(
    target_task: str,
    selection_size: int,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
) -> NDArray[np.int64]:
    """Select the rows that the classifier finds most like the target, the best first."""
    return _select("classifier", _size(selection_size), target_task, data_dir=data_dir, rows=rows)


def dsir_select(
    target_task: str,
    selection_size: int,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
) -> NDArray[np.int64]:
    """Draw rows with probability proportional to their importance for the target, without replacement."""
    return _select("dsir", _size(selection_size), target_task, data_dir=data_dir, rows=rows, seed=seed)


def random_select(selection_size: int, *, rows: int | None = None, seed: int | None = None) -> NDArray[np.int64]:
    """Draw rows uniformly from all `DATASET_SIZE` (or the first `rows`) rows, in random order."""
    return _select("random", _size(selection_size), rows=rows, seed=seed)


def semdedup_select(
    selection_size: int,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
) -> NDArray[np.int64]:
    """Draw rows uniformly from those that SemDeDup keeps, in random order."""
    return _select("semdedup", _size(selection_size), data_dir=data_dir, rows=rows, seed=seed)


def _size(selection_size: int) -> int:
    """Return how many rows are asked for, under the reference's name for it."""
    return count_of(selection_size, "selection_size")


def _select(method: str, k: int, target: str | None = None, **options: Any) -> NDArray[np.int64]:
    """Select by names that the reference takes, whatever they are: which of them there are is checked."""
    return methods.get_indices(cast("Method", method), k, cast("Target | None", target), **options)


TARGETED_METHODS = {"dsdm": dsdm_select, "classifier": classifier_select, "dsir": dsir_select}
UNTARGETED_METHODS = {"random": random_select, "semdedup": semdedup_select}


def get_indices(
    method: str,
    selection_size: int,
    target_task: str | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
) -> list[int]:
    """Select rows by a method, as a list of Python ints in the reference's order.

    That order is best last for dsdm, best first for classifier, and as drawn for random and semdedup; dsir,
    for which the reference has no order, gives the best (score plus noise) first.
    :func:`dsdm.get_indices` says what the options mean, and gives an array, which costs far less.
    """
    rows_selected = _select(
        method,
        _size(selection_size),
        target_task,
        data_dir=data_dir,
        rows=rows,
        seed=seed,
        order="best_last" if method == "dsdm" else None,
    )
    return rows_selected.tolist()


def dataset_select(
    method: str,
    selection_size: int,
    target_task: str | None = None,
    *,
    data_dir: PathLike | None = None,
    rows: int | None = None,
    seed: int | None = None,
    path: PathLike | Sequence[PathLike] | None = None,
    data_files: str | list[str] | None = None,
    cache_dir: PathLike | None = None,
    num_proc: int | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> "Dataset":
    """Select rows of the candidate corpus by a method, as a ``datasets.Dataset``.

    The options are those of :func:`get_indices` and of :func:`get_candidate_dataset`; `io`, `schema` and `hive` are for
    the shards alone.
    """
    size = _size(selection_size)
    check_rows(rows)
    candidates = get_candidate_dataset(
        path=path,
        data_files=data_files,
        cache_dir=cache_dir,
        num_proc=num_proc,
        sort=sort,
        partial=partial,
        io=io,
        schema=schema,
        hive=hive,
    )
    if rows is not None and method != "random":
        refuse_later_shards("rows=", rows, [file["filename"] for file in candidates.cache_files])
    indices = _select(
        method,
        size,
        target_task,
        data_dir=data_dir,
        rows=rows,
        seed=seed,
        order="best_last" if method == "dsdm" else None,
    )
    provenance.check_method_rows(method, target_task, len(candidates), data_dir=data_dir, rows=rows)
    return candidates.select(indices=indices)


def get_candidate_dataset(
    *,
    path: PathLike | Sequence[PathLike] | None = None,
    data_files: str | list[str] | None = None,
    cache_dir: PathLike | None = None,
    num_proc: int | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> "Dataset":
    """Open the candidate corpus as a ``datasets.Dataset`` over its Parquet shards, without an Arrow copy.

    Its ``select`` is cheap, and ``save_to_disk``, ``to_parquet`` and ``flatten_indices`` of what it gives are
    done by :func:`dsdm.materialize`.

    Parameters
    ----------
    path
        A directory with the shards, a list of shards (or of directories and globs of them, in the order given), or the
        name of a data set on the hub; the reference's by default. The hub is not asked for a name that means a
        directory here which is not there: a path, a name in a directory that is here, and one that is like that of a
        directory here.
    data_files
        Which of the shards of a directory or of the hub, as names or globs relative to `path`, such as
        ``"data/train-00000-of-00891*"``; all by default. Of several globs, those that match nothing are skipped, as
        ``datasets`` does.
    cache_dir
        The hub's cache directory, where shards from the hub are looked for and kept; the usual one by default.
    num_proc
        How many shards are downloaded at once, of those that are not here.
    sort, partial, io, schema, hive
        The order of the shards, whether some may be missing, how they are read, whether they may lack columns, and
        whether the names of directories hold some; as in :func:`dsdm.open_shards`.

    Raises
    ------
    FileNotFoundError
        If a directory or glob has no shards, or the hub's are neither in the cache nor to be had.

    """
    from dsdm.dataset import open_dataset

    if num_proc is not None and whole("num_proc", num_proc) < 1:
        message = f"num_proc is {said(num_proc)}; at least 1 is needed"
        raise ValueError(message)
    globs = [data_files] if isinstance(data_files, str) else data_files
    shards = _candidates(path, globs, cache_dir, num_proc)
    return open_dataset(shards, sort=sort, partial=partial, io=io, schema=schema, hive=hive)


def _candidates(
    path: PathLike | Sequence[PathLike] | None,
    globs: list[str] | None,
    cache_dir: PathLike | None,
    num_proc: int | None,
) -> list[PathLike] | list[str] | str:
    """Find the shards, or get them from the hub."""
    if path is not None and not isinstance(path, str | bytes | os.PathLike):
        if not isinstance(path, Iterable) or isinstance(path, Mapping):
            message = (
                f"path is a {type(path).__name__}; a directory, a list of shards or the name of a data set is needed"
            )
            raise TypeError(message)
        if globs is not None:
            message = "data_files= are names within one directory, and path= is a list, which names the shards itself"
            raise ValueError(message)
        _refuse_cache(cache_dir, "the shards of the list are")
        return list(path)
    where = CANDIDATE_DATASET if path is None else local(path)
    if path is None or not Path(where).exists():
        from dsdm.reference.hub import refuse_local, snapshot

        if path is not None:
            refuse_local(where)
        where = snapshot(where, globs, cache_dir=cache_dir, num_proc=num_proc, is_default=path is None)
    else:
        _refuse_cache(cache_dir, f"{where} is")
    return _shards_of(where, globs)


def _refuse_cache(cache_dir: PathLike | None, here: str) -> None:
    if cache_dir is not None:
        message = (
            f"cache_dir={os.fspath(cache_dir)!r} is for shards of the hub, and {here} on this machine; leave it out"
        )
        raise ValueError(message)


def _shards_of(folder: str, globs: list[str] | None) -> list[str] | str:
    """The shards that names and globs ask for; globs that match nothing are left out, as ``datasets`` does."""
    if globs is None:
        return folder
    found = []
    if Path(folder).is_dir() and any("**" in name for name in globs):
        walk(folder, ROWS)  # says what is wrong with folders that globs leave out without a word
    for name in globs:
        pattern = os.path.join(glob.escape(folder), name)  # noqa: PTH118
        if not glob.has_magic(name):
            found.append(os.path.join(folder, name))  # noqa: PTH118
        elif matching(pattern, glob.escape(folder)):
            found.append(pattern)
    if not found:
        message = f"{os.path.join(folder, ', '.join(globs))}: no shard has such a name"  # noqa: PTH118
        raise FileNotFoundError(message)
    return found


def process_path(path: PathLike, *, data_dir: PathLike | None = None) -> Path:
    """Find a file or directory of the reference layout, such as ``"dsdm"`` or ``"sdd.pt"``."""
    return reference.find_file(os.fspath(path), data_dir)


__dir__ = public_names(globals())

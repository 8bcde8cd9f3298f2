"""Selected rows to a dataset folder."""

import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from dsdm.sizes import readable, to_bytes
from dsdm.sources import Source, check_range, open_source, refuse_name, row_numbers

if TYPE_CHECKING:
    import pyarrow as pa

_FORMATS = ("arrow",)
_ORDERS = ("given", "row", "shuffle")


@dataclass(frozen=True)
class Report:
    """What :func:`materialize` wrote."""

    path: str
    """The folder."""
    rows: int
    shards: int
    bytes: int
    """Of all shards."""
    seconds: float
    passes: int
    """How often the source was passed over: more than once where the rows are larger than the memory limit."""
    fingerprint: str
    """A digest of the bytes, which ``state.json`` has as the fingerprint."""
    seed: int | None
    """What ``order="shuffle"`` was seeded with."""

    def __str__(self) -> str:
        rate = readable(self.bytes / max(self.seconds, 1e-9))
        shards = "1 shard" if self.shards == 1 else f"{self.shards:,} shards"
        seed = "" if self.seed is None else f", shuffled with seed {self.seed}"
        return (
            f"{self.path}: {self.rows:,} rows in {shards}, {readable(self.bytes)}, "
            f"in {self.seconds:.2f} s ({rate}/s){seed}"
        )


def materialize(
    source: Any,
    indices: Any,
    out_dir: str | os.PathLike[str],
    *,
    format: str = "arrow",  # noqa: A002
    order: str = "given",
    seed: int | None = None,
    columns: Sequence[str] | None = None,
    row_ids: str | None = None,
    scores: Any = None,
    max_shard_size: int | str = "500MB",
    num_shards: int | None = None,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    resume: bool = True,  # noqa: ARG001
    overwrite: bool = False,
    progress: bool | None = None,
) -> Report:
    """Write rows as a dataset folder, which ``datasets.load_from_disk`` opens.

    The rows are read in the order in which they lie, on all threads, and written in the order wanted. The
    bytes written depend on the rows alone, and not on the threads or the memory. The folder appears whole or
    not at all: it is made beside its place, and removed if anything fails.

    Parameters
    ----------
    source
        As in :func:`open_shards`.
    indices
        Row numbers: a one-dimensional array, list or range of whole numbers; repeats are kept.
    out_dir
        The folder to make.
    format
        ``"arrow"``: the layout of ``save_to_disk``, which datasets 2.14 and later open.
    order
        ``"given"``, ``"row"`` (ascending) or ``"shuffle"``.
    seed
        For ``order="shuffle"``; fresh if not given, and named in the report.
    columns
        The columns to write, in this order; all if not given.
    row_ids
        The name of an int64 column to add, with the row numbers in the source.
    scores
        One score per row of the source, whose values at the indices are added as the column ``scores``; or a
        dict of several by their names.
    max_shard_size, num_shards
        How large shards may be, about; or how many there are.
    threads
        All that the process may run on, if not given.
    memory_limit
        Bytes to hold at most, or text such as ``"4GB"``; a quarter of what is free, if not given.
    resume
        Reserved: what an interrupted run left is removed and made again.
    overwrite
        Replace a dataset that is there.
    progress
        A bar; on a terminal only, if not given.

    Raises
    ------
    FileExistsError
        If there is something at ``out_dir``.
    IndexError
        For a row number out of range, with its position.
    ValueError
        For scores of another length than the source; an output that is the source or lies in it.

    """
    _one_of("format", format, _FORMATS)
    _one_of("order", order, _ORDERS)
    begun = time.perf_counter()
    shards = _count(num_shards)
    opened = open_source(source, columns, threads)
    wanted, seed = _in_order(row_numbers(indices), order, seed)
    check_range(wanted, len(opened))
    extras = _extras(opened, wanted, row_ids, scores)
    with _bar(len(wanted), shown=progress) as moved:
        rows, made, size, passes, fingerprint = opened.corpus.materialize(
            opened.rows(wanted),
            os.fspath(out_dir),
            sources=opened.files,
            extras=extras,
            max_shard_size=to_bytes(max_shard_size, "max_shard_size"),
            num_shards=shards,
            memory_limit=None if memory_limit is None else to_bytes(memory_limit, "memory_limit"),
            threads=threads,
            overwrite=overwrite,
            progress=moved,
        )
    seconds = time.perf_counter() - begun
    return Report(os.fspath(out_dir), rows, made, size, seconds, passes, fingerprint, seed)


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        message = f"{name}={value!r} is none of {', '.join(map(repr, accepted))}"
        raise ValueError(message)


def _count(num_shards: int | None) -> int | None:
    if num_shards is not None and (isinstance(num_shards, bool) or not isinstance(num_shards, int | np.integer)):
        message = f"num_shards must be a whole number and is {num_shards!r}"
        raise TypeError(message)
    if num_shards is not None and num_shards < 1:
        message = f"num_shards is {num_shards}; at least 1 is needed"
        raise ValueError(message)
    return None if num_shards is None else int(num_shards)


def _in_order(indices: NDArray[np.int64], order: str, seed: int | None) -> tuple[NDArray[np.int64], int | None]:
    if order != "shuffle":
        if seed is not None:
            message = f"seed={seed} belongs to order='shuffle', and the order is {order!r}"
            raise ValueError(message)
        return (np.sort(indices) if order == "row" else indices), None
    if seed is None:
        seed = secrets.randbits(63)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        message = f"seed must be a whole number and is {seed!r}"
        raise TypeError(message)
    if seed < 0:
        message = f"seed is {seed}; it cannot be negative"
        raise ValueError(message)
    return np.random.default_rng(int(seed)).permutation(indices), int(seed)


def _extras(source: Source, indices: NDArray[np.int64], row_ids: str | None, scores: Any) -> "pa.Table | None":
    """Give the columns to add to the rows, as long as the indices."""
    added: dict[str, NDArray[Any]] = {}
    if row_ids is not None:
        refuse_name(source, row_ids, "row_ids=")
        added[row_ids] = indices
    vectors = {} if scores is None else scores if isinstance(scores, Mapping) else {"scores": scores}
    for name, vector in vectors.items():
        refuse_name(source, name, "scores=")
        if name in added:
            message = f"row_ids= and scores= both add a column {name!r}; give them different names"
            raise ValueError(message)
        if len(vector) != len(source):
            message = (
                f"the scores {name!r} have {len(vector):,} values and the source has {len(source):,} rows; "
                "each row needs one score"
            )
            raise ValueError(message)
        added[name] = _values(vector, indices)
    if not added:
        return None
    import pyarrow as pa

    return pa.table({name: pa.array(np.ascontiguousarray(values)) for name, values in added.items()})


def _values(vector: Any, indices: NDArray[np.int64]) -> NDArray[Any]:
    """Give the scores of rows, in a type that Arrow has."""
    if not hasattr(vector, "__array__") and not hasattr(vector, "dtype"):
        vector = np.asarray(vector)
    values = np.asarray(vector[indices])
    if values.ndim != 1:
        message = f"scores must have one dimension and have the shape {values.shape}"
        raise ValueError(message)
    # bfloat16 is the one type of a score that Arrow does not have, and it has no swapped bytes.
    return values.astype(values.dtype.newbyteorder("=") if values.dtype.kind in "fiu" else np.float32, copy=False)


def _bar(rows: int, *, shown: bool | None) -> AbstractContextManager[Any]:
    """Give a context whose value is called with the progress, or nothing."""
    if not (sys.stderr.isatty() if shown is None else shown):
        return nullcontext()
    return _Bar(rows)


class _Bar:
    """A bar over rows, each of which counts once read and once written."""

    def __init__(self, rows: int) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=rows, unit=" rows", unit_scale=True)

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int) -> None:
        self._bar.update(done // 2 - self._bar.n)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._bar.update(self._bar.total - self._bar.n)
        self._bar.close()

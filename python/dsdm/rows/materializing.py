"""Selected rows to a dataset folder."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from dsdm._native import digest_of_rows, unfinished
from dsdm.paths import local, refuse_inputs, refuse_inside
from dsdm.rows.options import check_added, check_layout, check_run, in_order
from dsdm.rows.releases import installed
from dsdm.rows.sizes import readable
from dsdm.rows.sources import Source, check_range, open_source, refuse_name, row_numbers
from dsdm.selection.manifest_paths import from_output
from dsdm.selection.provenance import as_json, with_files
from dsdm.selection.repeat import score_files
from dsdm.selection.row_counts import named_vectors
from dsdm.shown import shown, telling

if TYPE_CHECKING:
    import pyarrow as pa


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
    kept: int = 0
    """The shards that an interrupted run had finished."""

    def __str__(self) -> str:
        rate = readable(self.bytes / max(self.seconds, 1e-9))
        shards = "1 shard" if self.shards == 1 else f"{self.shards:,} shards"
        shards += f" ({self.kept:,} of them kept from an interrupted run)" if self.kept else ""
        seed = "" if self.seed is None else f", shuffled with seed {self.seed}"
        return shown(
            f"{self.path}: {self.rows:,} rows in {shards}, {readable(self.bytes)}, "
            f"in {self.seconds:.2f} s ({rate}/s){seed}"
        )


@telling
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
    max_shard_size: int | str | None = None,
    num_shards: int | None = None,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    resume: bool = True,
    verify: bool = False,
    overwrite: bool = False,
    selection: Mapping[str, Any] | None = None,
    paths: str = "relative",
    progress: bool | None = None,
    sort: str | None = None,
    partial: bool = False,
    io: str = "mmap",
) -> Report:
    """Write rows as a dataset folder.

    The rows are read in the order in which they lie, on all threads, and written in the order wanted. The
    bytes written depend on the rows, the format and how they are cut into shards, and not on the threads or the
    memory. The folder appears whole or not at all: it is made beside its place, in ``.NAME.dsdm-unfinished``.

    A run that is interrupted, by Ctrl-C, a kill, a full disk or a power cut, leaves the shards there that it
    finished. The same call continues from there and gives the same bytes. What depends on nothing but the
    call may be another: ``threads``, ``memory_limit``, ``progress``. Rows of a table in memory are not
    continued, as nothing tells whether it is the same table.

    Files that columns of images, audio and the like name by their paths are read and taken in, as ``save_to_disk``
    takes them in; shards that hold such files are made anew by a run that continues. Types that the installed
    ``datasets`` has not come out as those it has: an extension type such as a UUID as what it stores.

    Parameters
    ----------
    source
        As in :func:`open_shards`.
    indices
        Row numbers: a one-dimensional array, list or range of whole numbers; repeats are kept.
    out_dir
        The folder to make.
    format
        ``"arrow"``: the layout of ``save_to_disk``, which datasets 2.14 and later open. ``"parquet"``:
        ``data/train-00000-of-00004.parquet`` and so on, which ``datasets.load_dataset`` and the hub open, compressed
        by zstd, with checksums of the pages. ``"tokens"``: the column of lists of whole numbers that ``columns``
        names, ``"input_ids"`` if it does not, as flat arrays for trainers that map them:
        ``tokens-00000-of-00004.npy`` of the shape (rows, length), or where rows differ in length (tokens,) and
        ``tokens-00000-of-00004.offsets.npy`` with the rows + 1 bounds of the rows; ``tokens.json`` tells which.
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
        How large shards may be, about (500 MB if neither is given); or how many there are.
    threads
        All that the process may run on, if not given.
    memory_limit
        Bytes to hold at most, or text such as ``"4GB"``; a quarter of what is free, if not given.
    resume
        Whether to continue what an interrupted run left; False removes it and starts over.
    verify
        Whether shards that are kept from an interrupted run are read again and compared with their checksums;
        one that differs is made again. Not with ``resume=False``, which leaves none.
    overwrite
        Replace a dataset that is there.
    selection
        How the rows were chosen, for ``dsdm.json``: a mapping by which :func:`dsdm.verify` chooses them again, such as
        ``{"by": "get_indices", "arguments": {"method": "dsdm", "k": 100, "target": "squad"}}`` or
        ``{"by": "top_k", "scores": ["scores.npy"], "arguments": {"k": 100}}``; or without ``"arguments"`` any other
        that JSON can hold. What can never be done again (a draw without its seed) is refused, and so is what
        :func:`dsdm.verify` would not read: numbers of more than 1,000 characters, lists that lie too deep, too much.
    paths
        How ``dsdm.json`` names the sources and the score files. ``"relative"``: by the way from the output, such as
        ``../corpus/a.parquet``, where both lie in one folder that is neither the root nor one in which the user's home
        lies, and the way does not name the user; else by the name of the file alone, without its place, so that
        nothing is told of the machine and its users. :func:`dsdm.verify` finds files that lie where they were from the
        output. ``"absolute"``: by absolute paths.
    progress
        A bar; on a terminal only, if not given.
    sort, partial, io
        The order of the source's files and whether some may be missing, for folders and globs, and how they are read;
        as in :func:`open_shards`.

    Raises
    ------
    FileExistsError
        If there is something at ``out_dir``.
    IndexError
        For a row number out of range, with its position.
    ValueError
        For scores of another length than the source; an output that is the source or lies in it.
    FileNotFoundError
        For an image or the like that is not where its path says, with the column and the row of the output.
    ResumeMismatchError
        If an interrupted run of another call left finished shards, with what differs.
    OSError
        If another process is writing the same output, with its number; if the disk is full or fails. What can be
        continued then is told by a note on the exception, as on a KeyboardInterrupt.

    """
    begun = time.perf_counter()
    columns, shards = check_layout(format, order, columns, num_shards)
    sizes = check_run(
        max_shard_size,
        shards,
        memory_limit,
        resume=resume,
        verify=verify,
        overwrite=overwrite,
        progress=progress,
        paths=paths,
    )
    check_added(row_ids, selection)
    absolute = paths == "absolute"
    target = local(out_dir, "out_dir")
    opened = open_source(source, columns, threads, sort=sort, partial=partial, io=io)
    refuse_inside(target, opened.places)
    refuse_inputs(target, files_read(indices, scores))
    given = row_numbers(indices)
    if order == "shuffle" and seed is None and resume:
        seed = _seed_of_unfinished(target, given)
    wanted, seed = in_order(given, order, seed)
    chosen = None if selection is None else with_files(selection, len(opened))
    if chosen is not None:
        refuse_inputs(target, [file["path"] for file in score_files(chosen, None)])
        chosen = from_output(chosen, target, absolute=absolute)
    check_range(wanted, len(opened))
    extras = _extras(wanted, row_ids, added_vectors(opened, row_ids, scores))
    told = {"rows": len(given), "given": digest_of_rows(given), "order": order, "seed": seed}
    with _bar(len(wanted), opened.corpus.nbytes / max(len(opened.corpus), 1), shown=progress) as moved:
        written = opened.corpus.materialize(
            opened.rows(wanted),
            target,
            format=format,
            sources=opened.files,
            extras=extras,
            max_shard_size=sizes[0],
            num_shards=shards,
            memory_limit=sizes[1],
            threads=threads,
            overwrite=overwrite,
            resume="same" if resume else "never",
            resumable=in_files(opened),
            verify=verify,
            absolute=absolute,
            selection=as_json(told if chosen is None else {**told, "chosen": chosen}),
            identity=as_json({**told, **identity_of(opened), **({} if selection is None else {"chosen": selection})}),
            datasets=installed(),
            embed=True,
            progress=moved,
        )
    seconds = time.perf_counter() - begun
    return Report(
        target,
        written.rows,
        written.shards,
        written.bytes,
        seconds,
        written.passes,
        written.fingerprint,
        seed,
        written.kept,
    )


def files_read(indices: Any, scores: Any) -> list[str]:
    """Give the files that indices and scores lie in: those of a :class:`dsdm.Scores`, or the one that numpy maps."""
    vectors = scores.values() if isinstance(scores, Mapping) else [scores]
    found = []
    for vector in (indices, *vectors):
        mapped = getattr(vector, "filename", None) if isinstance(vector, np.memmap) else None
        found += [str(path) for path in (getattr(vector, "paths", None) or ())] + ([str(mapped)] if mapped else [])
    return found


def in_files(source: Source) -> bool:
    """Tell whether all rows of a source lie in files, by which can be told whether they are the same."""
    if source.dataset is None:
        return bool(source.files)
    data = source.dataset.data
    blocks = [block for row in getattr(data, "blocks", [[data]]) for block in row]
    return all(hasattr(block, "path") or hasattr(block, "corpus") for block in blocks)


def identity_of(source: Source) -> dict[str, str]:
    """Give what must be the same in a run that continues another, beside the files: the rows of a dataset in them."""
    return {} if source.dataset is None else {"dataset": source.dataset._fingerprint}  # noqa: SLF001 - no public name


def how_unfinished_chose(target: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """Give what an interrupted run told of how its rows were chosen."""
    left = unfinished(target)
    chosen = None if left is None else left.get("chosen")
    return chosen if isinstance(chosen, Mapping) else None


def _seed_of_unfinished(target: str, indices: NDArray[np.int64]) -> int | None:
    """Give the seed of the shuffle that an interrupted run of these rows had."""
    plan = unfinished(target) or {}
    same = plan.get("order") == "shuffle" and plan.get("given") == digest_of_rows(indices)
    seed = plan.get("seed")
    # One that is no seed is damaged: the run draws its own then, and is told that the plan differs in it.
    return seed if same and type(seed) is int and seed >= 0 else None


def added_vectors(source: Source, row_ids: str | None, scores: Any) -> dict[str, Any]:
    """Give the vectors that are to be added as columns by their names, and refuse names that are there."""
    if row_ids is not None:
        refuse_name(source, row_ids, "row_ids=")
    vectors = named_vectors(scores, len(source))
    for name in vectors:
        refuse_name(source, name, "scores=")
        if name == row_ids:
            message = f"row_ids= and scores= both add a column {name!r}; give them different names"
            raise ValueError(message)
    return vectors


def _extras(indices: NDArray[np.int64], row_ids: str | None, vectors: dict[str, Any]) -> "pa.Table | None":
    """Give the columns to add to the rows, as long as the indices."""
    added: dict[str, NDArray[Any]] = {} if row_ids is None else {row_ids: indices}
    added |= {name: _values(vector, indices) for name, vector in vectors.items()}
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


def _bar(rows: int, row_bytes: float, *, shown: bool | None) -> AbstractContextManager[Any]:
    """Give a context whose value is called with the progress, or nothing."""
    if not _is_open(sys.stderr) or not (sys.stderr.isatty() if shown is None else shown):
        return nullcontext()
    return _Bar(rows, row_bytes)


def _is_open(stream: Any) -> bool:
    """Tell whether there is a stream to write to: a daemon closes it, and others put in its place what is none."""
    return stream is not None and not getattr(stream, "closed", False) and hasattr(stream, "isatty")


class _Bar:
    """A bar over rows, each of which counts once read and once written; with bytes a second and the time left."""

    def __init__(self, rows: int, row_bytes: float) -> None:
        from tqdm.auto import tqdm

        self._row_bytes = row_bytes
        self._begun: float | None = None
        self._bar = tqdm(total=rows, unit=" rows", unit_scale=True)

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int) -> None:
        if self._begun is None:
            # What an interrupted run had finished is counted at once, and says nothing of the speed.
            self._begun = time.perf_counter()
            self._bar.initial = self._bar.n = self._bar.last_print_n = done // 2
        rows = done // 2 - self._bar.initial
        rate = readable(rows * self._row_bytes / max(time.perf_counter() - self._begun, 1e-9))
        self._bar.set_postfix_str(f"{rate}/s", refresh=False)
        self._bar.update(done // 2 - self._bar.n)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._bar.update(self._bar.total - self._bar.n)
        self._bar.close()

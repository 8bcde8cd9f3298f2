"""Selected rows to a dataset directory."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm.checks import Format, Io, PathNames, RowOrder, Schema, Sort, TokenDtype
from dsdm.names import renamed
from dsdm.rows.options import Arguments
from dsdm.rows.output.described import output_of
from dsdm.rows.progress import bar
from dsdm.rows.request import Request, open_request, planned, seed_of_unfinished
from dsdm.rows.sizes import many, readable
from dsdm.rows.told.kept import saying_what_is_kept
from dsdm.shown import as_html, safe_messages, shown

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What :func:`materialize` wrote."""

    path: str
    """The directory."""
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
    """What ``row_order="shuffle"`` was seeded with."""
    kept: int = 0
    """The shards that an interrupted run had finished."""

    def _repr_html_(self) -> str:
        kept = [("kept", f"{self.kept:,} shards from an interrupted run")] if self.kept else []
        seed = [] if self.seed is None else [("seed", str(self.seed))]
        written = [("rows", f"{self.rows:,}"), ("shards", f"{self.shards:,}"), ("size", readable(self.bytes))]
        return as_html("Report", [("path", self.path), *written, ("time", f"{self.seconds:.2f} s"), *kept, *seed])

    def __str__(self) -> str:
        rate = readable(self.bytes / max(self.seconds, 1e-9))
        shards = "1 shard" if self.shards == 1 else f"{self.shards:,} shards"
        shards += f" ({self.kept:,} of them kept from an interrupted run)" if self.kept else ""
        seed = "" if self.seed is None else f", shuffled with seed {self.seed}"
        return shown(
            f"{self.path}: {self.rows:,} rows in {shards}, {readable(self.bytes)}, "
            f"in {self.seconds:.2f} s ({rate}/s){seed}"
        )


@renamed(order="row_order")
@safe_messages
def materialize(  # noqa: PLR0913 - what those who write ask for
    source: Any,
    indices: Any,
    out_dir: str | os.PathLike[str],
    *,
    format: Format = "arrow",  # noqa: A002
    token_dtype: TokenDtype | None = None,
    row_order: RowOrder = "given",
    seed: int | None = None,
    columns: Sequence[str] | None = None,
    row_ids: str | None = None,
    scores: Any = None,
    max_shard_size: int | str | None = None,
    num_shards: int | None = None,
    content_defined_chunking: bool = False,
    split: str | None = None,
    card: bool = False,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    resume: bool = True,
    verify: bool = False,
    overwrite: bool = False,
    selection: Mapping[str, Any] | None = None,
    paths: PathNames = "relative",
    progress: bool | None = None,
    sort: Sort | None = None,
    partial: bool = False,
    io: Io = "mmap",
    schema: Schema = "same",
    hive: bool = False,
) -> Report:
    """Write rows as a dataset directory.

    The rows are read in the order in which they lie, on all threads, and written in the order wanted. The
    bytes written depend on the rows, the format and how they are cut into shards, and not on the threads or the
    memory. The directory appears whole or not at all: it is made beside its place, in ``.NAME.dsdm-unfinished``.

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
        The directory to make.
    format
        ``"arrow"``: the layout of ``save_to_disk``, which datasets 2.14 and later open. ``"parquet"``:
        ``data/train-00000-of-00004.parquet`` and so on, which ``datasets.load_dataset`` and the hub open, compressed
        by zstd, with checksums of the pages. ``"jsonl"``: ``data/train-00000-of-00004.jsonl.zst``, an object of JSON on
        each line, compressed by zstd, which ``load_dataset`` opens too (with ``zstandard``). What JSON has no form for
        is an error, by its type before anything is written (bytes, durations, times of a day), else by its row (NaN,
        infinities, whole numbers from 2^63). ``"tokens"``: the column of lists of whole numbers that ``columns``
        names, ``"input_ids"`` if it does not, as flat arrays for trainers that map them:
        ``tokens-00000-of-00004.npy`` of the shape (rows, length), or where rows differ in length (tokens,) and
        ``tokens-00000-of-00004.offsets.npy`` with the rows + 1 bounds of the rows; ``tokens.json`` tells which. A
        trainer that maps a file from its first byte would read the header of such an array. The same column in the
        files of trainers: ``"bin"``, tokens and nothing else, for nanoGPT and OLMo; ``"modded-nanogpt"``, ``uint16``
        after its header; ``"megatron"``, the ``.bin`` and ``.idx`` of its ``IndexedDataset``; ``"litdata"``, chunks for
        its ``TokensLoader``. A token that their type has no number for is an error, and never another token.
    token_dtype
        The type in which the tokens of these formats are stored, such as ``"uint16"``: each is checked, and is the same
        number of this type, or an error. The files of ``"bin"`` do not tell it, and their readers expect ``uint16`` or
        ``uint32``: of a column of another type it must be given. Else it is that of the column; ``uint16`` for
        ``"modded-nanogpt"``, which has no other; for ``"megatron"`` and ``"litdata"``, which have no ``uint32`` and
        ``uint64``, ``int32`` and ``int64`` in their place.
    row_order
        The order in which rows are written: ``"given"``, ``"row"`` (ascending) or ``"shuffle"``.
    seed
        For ``row_order="shuffle"``; fresh if not given, and named in the report.
    columns
        The columns to write, in this order; all if not given.
    row_ids
        The name of an int64 column to add, with the row numbers in the source.
    scores
        One score per row of the source, whose values at the indices are added as the column ``scores``; or a
        dict of several by their names.
    max_shard_size, num_shards
        How large shards may be, about (500 MB if neither is given), by the bytes of the stored tokens, and of other
        rows by those in Arrow; or how many there are, each with a row at least.
    content_defined_chunking
        For ``format="parquet"``: whether pages end where the values say so, as in what ``datasets`` pushes to the hub.
        Of outputs that have most rows in common, storage by content then keeps most bytes once. The rows are the same.
    split
        The name of the split, such as ``"validation"``, as ``datasets`` takes names: words with points between.
        Files of Parquet and JSON lines are called by it, ``"train"`` if not given; ``state.json`` and
        ``dataset_info.json`` tell it where it is given. Tokens have none.
    card
        For Parquet and JSON lines: whether a ``README.md`` is written that the hub and ``load_dataset`` read, with the
        features, the split and the files, how the rows were chosen and from what, and how that is repeated. Of a
        :class:`dsdm.Selection` it has the report (:meth:`SelectionReport.to_markdown`): the histogram of the scores
        with the cut, quantiles, counts by file and by the groups of the rule. For this alone the rows are chosen
        again, and the scores passed over a few times more, as :func:`dsdm.report` does. It names files by their names
        alone, and shows no rows. It is listed in ``dsdm.json``: edit it after :func:`dsdm.verify`.
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
        ``../corpus/a.parquet``, where both lie in one directory that is neither the root nor one in which the user's
        home lies, and the way does not name the user; else by the name of the file alone, without its place, so that
        nothing is told of the machine and its users. :func:`dsdm.verify` finds files that lie where they were from the
        output. ``"absolute"``: by absolute paths.
    progress
        A bar; on a terminal and in a notebook, if not given. Elsewhere the log (``logging.INFO``) has a line every ten
        seconds.
    sort, partial, io, schema, hive
        The order of the source's files and whether some may be missing, for directories and globs, how they are read,
        whether they may lack columns, and whether directories hold columns by their names; as in :func:`open_shards`.

    Raises
    ------
    FileExistsError
        If there is something at ``out_dir``.
    IndexError
        For a row number out of range, with its position.
    SchemaError
        For a column that the format has not; for a token that its type has no number for, with its row and position.
    ValueError
        For scores of another length than the source; a column of tokens whose type ``format="bin"`` must be told
        (``token_dtype``); an output that is the source or lies in it; more shards than rows.
    FileNotFoundError
        For an image or the like that is not where its path says, with the column and the row of the output.
    ResumeMismatchError
        If an interrupted run of another call left finished shards, with what differs.
    OSError
        If another process is writing the same output, with its number; if the disk is full or fails. What can be
        continued then is told by a note on the exception, as on a KeyboardInterrupt, which also says if nothing can.

    """
    arguments = Arguments(**locals())
    with saying_what_is_kept(out_dir):
        return _write(arguments)


def _write(arguments: Arguments) -> Report:
    begun = time.perf_counter()
    request = open_request(arguments, writes=True)
    source, seed = request.source, arguments.seed
    if arguments.row_order == "shuffle" and seed is None and arguments.resume:
        seed = seed_of_unfinished(request.path, request.rows)
    output = output_of(request, seed)
    rows, extras = output.rows, output.extras()
    row_bytes = source.corpus.nbytes / max(len(source.corpus), 1)
    with bar(len(rows), row_bytes, shown=arguments.progress) as on_progress:
        written = source.corpus.materialize(
            source.rows(rows), output.options(), extras=extras, threads=arguments.threads, progress=on_progress
        )
    seconds = time.perf_counter() - begun
    _log(request, rows, extras, written.bytes, seconds)
    return Report(
        request.path,
        written.rows,
        written.shards,
        written.bytes,
        seconds,
        written.passes,
        written.fingerprint,
        output.seed,
        written.kept,
    )


def _log(request: Request, rows: NDArray[np.int64], extras: "pa.Table | None", written: int, seconds: float) -> None:
    """Tell a log how much was read and written."""
    if not logger.isEnabledFor(logging.INFO):
        return
    read = planned(request, rows, len(extras.columns) if extras is not None else 0)
    logger.info(
        "read about %s of %s in %s, wrote %s, in %.2f s on %s threads",
        readable(read.mapped_bytes + read.positional_bytes + read.decoded_bytes),
        many(len(request.source.files), "file"),
        many(read.reads, "read"),
        readable(written),
        seconds,
        request.arguments.threads or os.environ.get("DSDM_NUM_THREADS") or "all",
    )

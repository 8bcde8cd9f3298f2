"""What writing selected rows will take, found before anything is written."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsdm._native import PlanEstimate, check_target
from dsdm.checks import Format, Io, PathNames, RowOrder, Schema, Sort, TokenDtype
from dsdm.names import renamed
from dsdm.paths import local
from dsdm.rows.added_columns import added_vectors
from dsdm.rows.options import Arguments, check_shards, in_order
from dsdm.rows.releases import installed
from dsdm.rows.request import chosen_rows, open_request, planned
from dsdm.rows.row_numbers import check_range
from dsdm.rows.sizes import many, readable
from dsdm.rows.told.positions import check_positions
from dsdm.shown import as_html, safe_messages, shown


@dataclass(frozen=True)
class Plan:
    """What :func:`materialize` would do with the same arguments."""

    rows: int
    shards: int
    passes: int
    """How often the source is passed over."""
    read_bytes: int
    """Of the files, in all passes; 0 for a table in memory."""
    reads: int
    """Of a row where rows are read one by one, else of a batch or row group."""
    write_bytes: int
    """About, as Arrow."""
    memory_bytes: int
    """That are held at most, about."""
    strategy: str
    """How rows are read."""
    free_bytes: int | None
    """On the disk of the output directory, where one is named."""

    def _repr_html_(self) -> str:
        return as_html("Plan", self._pairs())

    def __str__(self) -> str:
        return "\n".join(shown(f"{name:<10} {text}") for name, text in self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        passes = many(self.passes, "pass", "es")
        lines = [
            ("rows", f"{self.rows:,} in {many(self.shards, 'shard')}"),
            ("read", f"{readable(self.read_bytes)} in {many(self.reads, 'read')} and {passes}"),
            ("how", self.strategy),
            ("write", f"{readable(self.write_bytes)} (about)"),
            ("memory", f"{readable(self.memory_bytes)} at most (about)"),
        ]
        if self.free_bytes is not None:
            short = "" if self.free_bytes > self.write_bytes else ", which is not enough"
            lines.append(("free disk", readable(self.free_bytes) + short))
        return lines


@renamed(order="row_order")
@safe_messages
def plan(  # noqa: PLR0913 - what those who write ask for
    source: Any,
    indices: Any,
    out_dir: str | os.PathLike[str] | None = None,
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
) -> Plan:
    """Return what :func:`materialize` would read, write and hold; nothing is written.

    Only what says where rows lie is read: the headers of Arrow files, the footers of Parquet files, and the sizes of
    some files that columns of images and the like name.

    Parameters
    ----------
    source, indices, out_dir
        As in :func:`materialize`; `out_dir` need not be given, and need not be free.
    format, token_dtype, row_order, seed, columns, row_ids, scores, max_shard_size, num_shards,
    content_defined_chunking, threads, memory_limit
        As there. Bytes are those of the rows in Arrow, which Parquet takes less than, and tokens of a narrower type.
    sort, partial, io, schema, hive
        As there.
    split, card, resume, verify, overwrite, paths, selection, progress
        Are looked at as there, and change nothing here. Scores of another number of rows are refused as there.

    Raises
    ------
    IndexError
        For a row number out of range, with its position.
    ValueError
        If there are other numbers of scores and of rows, with both; for a column of tokens whose type ``format="bin"``
        must be told (``token_dtype``).
    SchemaError
        For a column that the format has not, or that is there and is to be added.

    Examples
    --------
    >>> import dsdm, pyarrow as pa
    >>> planned = dsdm.plan(pa.table({"n": range(1000)}), [7, 1, 7])
    >>> planned.rows, planned.shards, planned.passes, planned.write_bytes
    (3, 1, 1, 24)

    """
    return _planned(Arguments(**locals()))


def _planned(arguments: Arguments) -> Plan:
    request = open_request(arguments, writes=False)
    source = request.source
    rows, _seed = in_order(request.rows, arguments.row_order, arguments.seed)
    chosen_rows(request)
    check_positions(request)
    check_range(rows, len(source), source.label if source.files else "")
    if len(rows):
        check_shards(request.layout.num_shards, len(rows), arguments.format)
    row_ids = arguments.row_ids
    added = [*([] if row_ids is None else [row_ids]), *added_vectors(source, row_ids, arguments.scores)]
    source.corpus.check_format(arguments.format, added, dtype=arguments.token_dtype, datasets=installed())
    stats = planned(request, rows, len(added))
    return Plan(
        rows=stats.rows,
        shards=stats.shards,
        passes=stats.passes,
        read_bytes=stats.mapped_bytes + stats.positional_bytes + stats.decoded_bytes + stats.converted_bytes,
        reads=stats.reads,
        write_bytes=stats.write_bytes,
        memory_bytes=stats.memory_bytes,
        strategy=_strategy(stats, in_memory=source.dataset is not None or not source.files),
        free_bytes=_free(Path(request.path)) if request.path else None,
    )


def check_before(
    source: Any, out_dir: str | os.PathLike[str], *, to_write: bool, overwrite: bool, **options: Any
) -> None:
    """Fail if :func:`materialize` would with these options, whatever the rows: before they are chosen."""
    plan(source, [], out_dir, overwrite=overwrite, **options)
    if to_write:
        check_target(local(out_dir, "out_dir"), overwrite)


def _strategy(stats: PlanEstimate, *, in_memory: bool) -> str:
    """Return in words how rows are read."""
    ways = []
    if stats.mapped_bytes:
        ways.append(f"copied from {readable(stats.mapped_bytes)} of mapped files")
    if stats.positional_rows:
        ways.append(f"{stats.positional_rows:,} rows read one by one, many at a time")
    if stats.decoded_bytes:
        ways.append(f"{readable(stats.decoded_bytes)} decoded in the order of the files")
    if stats.converted_bytes:
        ways.append(f"{readable(stats.converted_bytes)} converted to other types in the order of the files")
    if in_memory:
        ways.append("read from memory in the order of the rows" if stats.reads else "copied from memory")
    return "; ".join(ways) or "no file is read"


def _free(folder: Path) -> int:
    """Return the free bytes where a directory will be."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free

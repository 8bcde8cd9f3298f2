"""What writing selected rows will take, told before anything is written."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsdm._native import PlanEstimate, check_target
from dsdm.paths import local, refuse_inputs, refuse_inside
from dsdm.rows.materializing import added_vectors, files_read
from dsdm.rows.options import check_added, check_layout, check_run, in_order
from dsdm.rows.releases import installed
from dsdm.rows.sizes import readable
from dsdm.rows.sources import check_range, open_source, row_numbers
from dsdm.selection.provenance import with_files
from dsdm.shown import shown, telling

_EXTRA_BYTES = 8


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
    """On the disk of the output folder, where one is named."""

    def __str__(self) -> str:
        passes = _many(self.passes, "pass", "es")
        lines = [
            ("rows", f"{self.rows:,} in {_many(self.shards, 'shard')}"),
            ("read", f"{readable(self.read_bytes)} in {_many(self.reads, 'read')} and {passes}"),
            ("how", self.strategy),
            ("write", f"{readable(self.write_bytes)} (about)"),
            ("memory", f"{readable(self.memory_bytes)} at most (about)"),
        ]
        if self.free_bytes is not None:
            short = "" if self.free_bytes > self.write_bytes else ", which is not enough"
            lines.append(("free disk", readable(self.free_bytes) + short))
        return "\n".join(shown(f"{name:<10} {text}") for name, text in lines)


def _many(count: int, what: str, more: str = "s") -> str:
    return f"{count:,} {what}{'' if count == 1 else more}"


@telling
def plan(
    source: Any,
    indices: Any,
    out_dir: str | os.PathLike[str] | None = None,
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
) -> Plan:
    """Tell what :func:`materialize` would read, write and hold, and do nothing.

    Only what says where rows lie is read: the headers of Arrow files, the footers of Parquet files.

    Parameters
    ----------
    source, indices, out_dir
        As in :func:`materialize`; `out_dir` need not be given, and need not be free.
    format, order, seed, columns, row_ids, scores, max_shard_size, num_shards, threads, memory_limit
        As there. Bytes are those of the rows in Arrow, which Parquet and tokens take less than.
    sort, partial, io
        As there.
    resume, verify, overwrite, paths, selection, progress
        Are looked at as there, and change nothing here. Scores of another number of rows are refused as there.

    Raises
    ------
    IndexError
        For a row number out of range, with its position.
    ValueError
        If there are other numbers of scores and of rows, with both.
    SchemaError
        For a column that the format has not, or that is there and is to be added.

    Examples
    --------
    >>> import dsdm, pyarrow as pa
    >>> told = dsdm.plan(pa.table({"n": range(1000)}), [7, 1, 7])
    >>> told.rows, told.shards, told.passes, told.write_bytes
    (3, 1, 1, 24)

    """
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
    target = None if out_dir is None else local(out_dir, "out_dir")
    opened = open_source(source, columns, threads, sort=sort, partial=partial, io=io)
    if target is not None:
        refuse_inside(target, opened.places)
        refuse_inputs(target, files_read(indices, scores))
    wanted, _seed = in_order(row_numbers(indices), order, seed)
    if selection is not None:
        with_files(selection, len(opened))
    check_range(wanted, len(opened))
    added = [*([] if row_ids is None else [row_ids]), *added_vectors(opened, row_ids, scores)]
    opened.corpus.check_format(format, added, datasets=installed())
    found = opened.corpus.plan(
        opened.rows(wanted),
        extra_bytes=_EXTRA_BYTES * len(added),
        max_shard_size=sizes[0],
        num_shards=shards,
        memory_limit=sizes[1],
        threads=threads,
    )
    return Plan(
        rows=found.rows,
        shards=found.shards,
        passes=found.passes,
        read_bytes=found.mapped_bytes + found.positional_bytes + found.decoded_bytes,
        reads=found.reads,
        write_bytes=found.write_bytes,
        memory_bytes=found.memory_bytes,
        strategy=_strategy(found),
        free_bytes=None if target is None else _free(Path(target)),
    )


def check_before(
    source: Any, out_dir: str | os.PathLike[str], *, to_write: bool, overwrite: bool, **options: Any
) -> None:
    """Fail if :func:`materialize` would with these options, whatever the rows: before they are chosen."""
    plan(source, [], out_dir, overwrite=overwrite, **options)
    if to_write:
        check_target(local(out_dir, "out_dir"), overwrite)


def _strategy(found: PlanEstimate) -> str:
    """Put into words how rows are read."""
    ways = []
    if found.mapped_bytes:
        ways.append(f"copied from {readable(found.mapped_bytes)} of mapped files")
    if found.positional_rows:
        ways.append(f"{found.positional_rows:,} rows read one by one, many at a time")
    if found.decoded_bytes:
        ways.append(f"{readable(found.decoded_bytes)} decoded in the order of the files")
    return "; ".join(ways) or "copied from memory"


def _free(folder: Path) -> int:
    """Give the free bytes where a folder will be."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free

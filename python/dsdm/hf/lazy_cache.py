"""Where ``datasets`` keeps what it makes of shards that are read where they lie: in its cache, never beside them.

``datasets`` writes beside the first file of a dataset. In the directory of a corpus such files would be read as shards
of it, and the directory may belong to others, or be read-only.
"""

import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
from datasets.table import MemoryMappedTable, Table
from numpy.typing import NDArray

from dsdm._native import OutputOptions
from dsdm.hf.digests import digest_of
from dsdm.rows.sources import Source, blocks_of


def shards_of(table: Table) -> list[str]:
    """Return the shards that a table reads where they lie, each once; none for a table that is all of ``datasets``."""
    return list(dict.fromkeys(file for block in blocks_of(table) for file in getattr(block, "files", ())))


def cache_folder(shards: Sequence[str]) -> Path:
    """Return the directory for what is made of these shards, in whatever state they are: one can be cleaned up."""
    named = digest_of(*map(os.path.realpath, shards))
    return Path(datasets.config.HF_DATASETS_CACHE) / "dsdm" / f"shards-{named}"


def place_in_cache(shards: Sequence[str]) -> str:
    """Return a file in the directory for what is made of these shards, which lists them.

    ``datasets`` takes it for the file of a table, and its directory for the place of the cache.
    """
    place = cache_folder(shards) / "shards.txt"
    # A cache that cannot be written to is an error where something is written there.
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        # One that is there is left, and nothing is written where a link leads.
        with place.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.write("".join(f"{shard}\n" for shard in shards))
    return str(place)


def clean_up(folder: Path, kept: Sequence[str]) -> int:
    """Remove cached results but those that are in use; give their number."""
    in_use = {os.path.realpath(file) for file in kept}
    unused = [file for file in folder.glob("cache-*.arrow") if os.path.realpath(file) not in in_use]
    for file in unused:
        file.unlink()
    return len(unused)


def write_indices(rows: NDArray[np.int64], path: str) -> MemoryMappedTable:
    """Write an indices mapping as ``datasets`` does, and map it; the file appears whole or not at all."""
    table = pa.table({"indices": pa.array(rows.astype(np.uint64, copy=False))})
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Made with the permissions of any other file: those of a temporary one are for its owner alone.
    written = target.with_name(f".indices-{secrets.token_hex(8)}")
    try:
        with written.open("xb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)
    return MemoryMappedTable.from_file(str(target))


def write_rows(source: Source, path: str, threads: int | None) -> None:
    """Write all rows of a source into one Arrow file, which appears whole or not at all."""
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".rows-") as folder:
        rows = source.rows(np.arange(len(source)))
        source.corpus.materialize(rows, OutputOptions(Path(folder) / "rows", num_shards=1), threads=threads)
        (written,) = (Path(folder) / "rows").glob("data-*.arrow")
        written.replace(target)

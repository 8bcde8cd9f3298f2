"""A file that changed since it was opened is told to have changed, and never to be damaged."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

ROWS = 4000


def table():
    texts = [f"text {row % 97} {row}" for row in range(ROWS)]
    return pa.table({"id": range(ROWS), "text": texts, "score": np.arange(ROWS) / 7})


def parquet(codec):
    return lambda path: pq.write_table(table(), path, compression=codec, row_group_size=1000)


def arrow(codec, create):
    def write(path):
        with create(path, table().schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table(), max_chunksize=500)

    return write


FORMS = {
    **{f"parquet {codec}": parquet(codec) for codec in ("none", "snappy", "zstd", "gzip", "brotli", "lz4")},
    **{f"stream {codec}": arrow(codec, pa.ipc.new_stream) for codec in (None, "zstd", "lz4")},
    **{f"file {codec}": arrow(codec, pa.ipc.new_file) for codec in (None, "zstd", "lz4")},
}


def rewritten(path):
    """Overwrite what lies between the ends, in place, with bytes that no format has."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(64)
        file.write(np.random.default_rng(1).bytes(size - 200))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", ["take", "row", "slice", "materialize", "select"])
def test_rows_of_a_shard_that_was_rewritten(tmp_path, form, read, io):
    path = tmp_path / f"x.{form.split()[0].replace('stream', 'arrow').replace('file', 'arrow')}"
    FORMS[form](path)
    shards = dsdm.open_shards(path, io=io)
    rewritten(path)
    reads = {
        "take": lambda: shards.take([ROWS - 1, 5, 1700]),
        "row": lambda: shards[1700],
        "slice": lambda: shards[100:3000],
        "materialize": lambda: dsdm.materialize(shards, [5, 3, 3999], tmp_path / "out"),
        "select": lambda: shards.select([5, 3, 3999]),
    }
    with pytest.raises(errors.SourceChangedError, match=rf"{path.name}: .*modification time"):
        reads[read]()

"""Small corpora in every container, damage to them, and what must come of it."""

import struct
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable

import dsdm
from dsdm import open_shards

ROWS = 90


def table_of(rows=ROWS):
    ids = pa.array([[row, row + 1] for row in range(rows)], pa.list_(pa.int32()))
    return pa.table({"ids": ids, "text": [f"row {row:04}" for row in range(rows)]})


def stream_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=30)
    return sink.getvalue().to_pybytes()


def file_of(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=30)
    return sink.getvalue().to_pybytes()


def parquet_of(table, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def messages(stream):
    """Give where each message of a stream begins and where its body does, and then where the end mark is."""
    places, position = [], 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        body = position + 8 + struct.unpack_from("<i", stream, position + 4)[0]
        places.append((position, body))
        position = body + (message.body.size if message.body else 0)
    return [*places, (position, position + 8)]


def changed(stream, old, new):
    """Replace bytes that are there once."""
    assert stream.count(old) == 1
    assert len(old) == len(new)
    return stream.replace(old, new)


def put(path, content):
    path.write_bytes(content)
    return path


def refused(kind, source, *names):
    """Taking all rows and materializing them are both refused, and the output is left alone."""
    path = Path(source[0] if isinstance(source, list) else source)
    before = sorted(path.parent.iterdir())
    for use in (lambda shards: shards.take(range(len(shards))), materialized_beside(path)):
        with pytest.raises(kind) as caught:
            use(open_shards(source))
        assert type(caught.value) is kind
        for name in names:
            assert str(name) in str(caught.value), str(caught.value)
    assert sorted(path.parent.iterdir()) == before
    return caught.value


def materialized_beside(path):
    return lambda shards: dsdm.materialize(shards, range(len(shards)), path.parent / "out")


def saved(folder, rows=ROWS, shards=3):
    datasets.Dataset(InMemoryTable(table_of(rows))).save_to_disk(folder, num_shards=shards)
    return folder


def python(script, *arguments):
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=True
    )

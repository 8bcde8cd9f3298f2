"""Small files of large rows: they are counted as what they unpack to, and refused before they fill the memory."""

import numpy as np
import pyarrow as pa
import pytest

from dsdm import open_shards
from tests.corpora.damaged import changed, parquet_of, put, python

pytestmark = pytest.mark.disk

BOMB_ROWS, BOMB_TEXT = 4000, 200_000


def varint(number):
    """Give a number as Parquet's footer has it, in five bytes."""
    groups = [(2 * number >> shift) & 0x7F for shift in range(0, 35, 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def bomb(path):
    """Write a small file of rows that are large, and in the footer or the first batch that they are small."""
    keys = pa.array([path.suffix == ".parquet"] + [True] * (BOMB_ROWS - 1)).cast(pa.int32())
    table = pa.table({"text": pa.DictionaryArray.from_arrays(keys, pa.array(["", "x" * BOMB_TEXT]))})
    if path.suffix == ".parquet":
        whole = parquet_of(table, compression="zstd", store_schema=False)
        put(path, changed(whole, varint(BOMB_ROWS * BOMB_TEXT), varint(BOMB_ROWS)))
    else:
        with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table[:1])
            writer.write_table(table[1:])
    assert path.stat().st_size < 20_000
    return path


# What getrusage tells begins with what the parent had; this is of the process alone, in kB.
PEAK = """
import re, sys, dsdm

def peak():
    with open("/proc/self/status") as status:
        return int(re.search("VmHWM:(.*)kB", status.read())[1])

before = peak()
try:
    dsdm.materialize(sys.argv[1], range(int(sys.argv[2])), sys.argv[3], memory_limit="1MB")
except MemoryError as error:
    print(before, peak(), type(error).__name__, error)
"""


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_64_a_small_file_of_large_rows_is_refused_before_it_fills_the_memory(tmp_path, name):
    path = bomb(tmp_path / name)
    ran = python(PEAK, path, BOMB_ROWS, tmp_path / "out")
    before, after, kind, message = ran.stdout.split(maxsplit=3)
    assert kind == "MemoryError"
    assert "decoded rows take" in message
    assert "memory limit allows 268435456" in message
    assert "memory_limit=" in message
    assert (int(after) - int(before)) * 1024 < 0.7 * BOMB_ROWS * BOMB_TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert len(open_shards(path).take([3])["text"][0].as_py()) == BOMB_TEXT


FEW = """
import re, sys, dsdm

def peak():
    with open("/proc/self/status") as status:
        return int(re.search("VmHWM:(.*)kB", status.read())[1])

shards = dsdm.open_shards(sys.argv[1])
shards.take([0])
before = peak()
dsdm.materialize(shards, range(0, 800_000, 1000), sys.argv[2], memory_limit="1MB", threads=1)
print(peak() - before)
"""


def test_64_compressed_batches_are_not_all_kept_for_a_few_rows(tmp_path):
    """Eight batches of 20 MB each, of which 800 rows of 200 bytes are wanted."""
    ids = pa.ListArray.from_arrays(np.arange(0, 800_001 * 100, 100, dtype=np.int32), np.zeros(80_000_000, np.uint16))
    table = pa.table({"ids": ids})
    with pa.ipc.new_stream(
        tmp_path / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table, max_chunksize=100_000)
    kilobytes = int(python(FEW, tmp_path / "a.arrow", tmp_path / "out").stdout)
    assert kilobytes < 80_000
    assert open_shards(tmp_path / "a.arrow")._source.corpus.nbytes > 0.9 * table.nbytes


@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
@pytest.mark.parametrize("columns", [None, ["key"]])
def test_64_keys_count_as_what_they_stand_for(tmp_path, codec, columns):
    keys = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 5000, pa.int8()), ["a" * 1000, "b" * 3000])
    table = pa.table({"key": keys, "text": ["c" * 100] * 10_000})
    with pa.ipc.new_stream(
        tmp_path / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)
    ) as writer:
        writer.write_table(table, max_chunksize=1000)
    counted = open_shards(tmp_path / "a.arrow", columns=columns)._source.corpus.nbytes
    values = 20e6 if columns else 21e6
    assert values <= counted < 1.05 * values

"""What a call does where the system gives it few threads, or little memory for them."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

pytestmark = pytest.mark.disk

CHILD = """
import resource, sys
import numpy as np, pyarrow as pa, pyarrow.dataset
import dsdm
room, work = int(sys.argv[1]), sys.argv[2]
scores = np.arange(100_000, dtype=np.float32)
table = pa.table({"n": list(range(5000))})
shards = dsdm.open_shards(table)
if work == "top_k":
    dsdm.top_k(scores[:9], 3, threads=1)  # what it imports takes room too
if work == "write":
    import datasets  # as above: what was written is read with it
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + room * 2**20,) * 2)
if work == "top_k":
    print(dsdm.top_k(scores, 3, threads=1024).tolist())
elif work == "take":
    print(shards.take([4999, 7, 7], threads=1024)["n"].to_pylist())
else:
    dsdm.materialize(shards, [4999, 7, 7], sys.argv[3], threads=1024, progress=False)
    print(dsdm.open_shards(sys.argv[3])[:]["n"])
"""


def child(room, work, out):
    """Run something in a process that may have so many more MiB of memory."""
    command = [sys.executable, "-c", CHILD, str(room), work, str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("room", [60, 400])
@pytest.mark.parametrize(
    ("work", "found"), [("top_k", "[99999, 99998, 99997]"), ("take", "[4999, 7, 7]"), ("write", "[4999, 7, 7]")]
)
def test_where_threads_find_no_room_the_rest_do_their_work(tmp_path, room, work, found):
    """A thread takes 2 MB for its stack alone: of 1,024 most cannot be started (ulimit -v, as batch systems set it)."""
    run = child(room, work, tmp_path / "out")
    assert (run.returncode, run.stdout.strip()) == (0, found), run.stderr


def test_where_no_thread_can_be_started_that_is_said(tmp_path):
    run = child(1, "write", tmp_path / "out")
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("MemoryError: the system starts no thread"), run.stderr
    assert "ulimit -u" in last
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 8, 24])
@pytest.mark.parametrize("work", ["top_k", "take", "write"])
def test_where_there_is_less_than_a_call_needs_it_is_an_error(tmp_path, room, work):
    """A thread that has a stack and nothing else ends the process (`make memory` tries every call and amount)."""
    run = child(room, work, tmp_path / "out")
    # What the allocator kept may be enough.
    assert (run.returncode == 0 and room == 24) or run.returncode == 1, run.stderr
    last = (run.stderr.strip().splitlines() or [""])[-1]
    assert last.startswith("MemoryError") == bool(run.returncode), run.stderr


LONG = """
import resource, sys
import dsdm
shards = dsdm.open_shards(sys.argv[1])
shards.take([1])  # what it imports and starts takes room too
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]) * 2**20,) * 2)
print(*map(len, shards.take([0])["value"].to_pylist()))
"""


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize(("room", "fits"), [(300, False), (1500, True)])
def test_a_page_that_memory_has_no_room_for_is_said_to_be_one(tmp_path, dictionary, room, fits):
    """A value of 200 MB takes some kB in the file, and a library that finds no room for it ends the process."""
    path = tmp_path / "long.parquet"
    table = pa.table({"value": ["a" * (200 << 20), "b"]})
    pq.write_table(table, path, compression="zstd", use_dictionary=dictionary, row_group_size=1)
    command = [sys.executable, "-c", LONG, str(path), str(room)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if fits:
        assert (run.returncode, run.stdout.strip()) == (0, str(200 << 20)), run.stderr
        return
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode == 1
    assert last.startswith(f'MemoryError: {path}: the page of column "value" at byte '), run.stderr
    assert "bytes of memory, which are not there" in last


GATHER = """
import os, resource, sys
import pyarrow as pa, pyarrow.dataset
import dsdm
path, room, how, limit, out, io = sys.argv[1:]
shards = dsdm.open_shards(path, io=io)
shards.take([])  # what it imports and starts takes room too
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
if int(room):
    resource.setrlimit(resource.RLIMIT_AS, (used + int(room) * 2**20,) * 2)
try:
    if how == "take":
        print(shards.take([0] * 10, memory_limit=limit or None, threads=2).nbytes)
    else:
        dsdm.materialize(shards, [0] * 10, out, format=how, memory_limit=limit or None, threads=2, progress=False)
        print("written")
except Exception as error:
    print(type(error).__name__, error)
"""


def gathered(path, room, how, out, limit="", io="mmap"):
    """Take the first row ten times, in a process that may have so many more MiB of memory; give what it printed."""
    command = [sys.executable, "-c", GATHER, str(path), str(room), how, limit, str(out), io]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.fixture(scope="module")
def long_row(tmp_path_factory):
    """A row of 2^24 tokens, which take some hundred bytes in the file and 32 MB in memory."""
    path = tmp_path_factory.mktemp("long") / "row.parquet"
    offsets = pa.array([0, 1 << 24], pa.int32())
    row = pa.ListArray.from_arrays(offsets, pa.array(np.zeros(1 << 24, np.uint16)))
    pq.write_table(pa.table({"input_ids": row}), path, compression="zstd")
    return path


@pytest.mark.parametrize("room", [50, 150, 250, 400])
def test_rows_that_are_taken_again_and_again_end_as_an_error(tmp_path, long_row, room):
    """Each copy of a row is there at once in what take gives, whatever the row takes in the file."""
    said = gathered(long_row, room, "take", tmp_path / "out", "10MB")
    assert said.startswith("MemoryError") or said == str(10 * ((2 << 24) + 8)), said
    assert "bytes of memory" in said or room == 400


@pytest.mark.parametrize("room", [200, 300, 450])
def test_a_row_that_becomes_larger_while_parquet_is_written_ends_as_an_error(tmp_path, long_row, room):
    """Levels and places of its values take twelve times the bytes of tokens, and are grown by twofold."""
    said = gathered(long_row, room, "parquet", tmp_path / "out")
    assert said.startswith("MemoryError"), said
    assert "bytes of memory, which are not there" in said


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Two rows of 100 MB, which take some kB in the file: one batch."""
    path = tmp_path_factory.mktemp("packed") / "rows.arrow"
    table = pa.table({"a": ["x" * (100 << 20), "y" * (100 << 20)], "b": [1, 2]})
    with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as sink:
        sink.write_table(table)
    return path


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("room", [60, 150, 230, 300, 600])
def test_a_packed_batch_that_finds_no_room_is_not_called_damaged(tmp_path, packed, room, io):
    said = gathered(packed, room, "take", tmp_path / "out", io=io)
    assert said.startswith(f"MemoryError {packed}: ") or "gathering the output rows" in said, said
    assert "bytes of memory, which are not there" in said
    assert "damaged" not in said


def test_a_packed_batch_beyond_the_limit_that_was_told_is_refused_with_both(tmp_path, packed):
    """Of a packed batch, no row is had without all of them."""
    said = gathered(packed, 0, "arrow", tmp_path / "out", "100MB")
    need = (200 << 20) + 3 * 4 + 2 * 8
    assert said.startswith(f"MemoryError {packed}: the batch at byte "), said
    assert f" takes {need} bytes of memory at once, and the memory limit allows 100000000; " in said
    assert f"give memory_limit={need} or more" in said
    assert gathered(packed, 0, "arrow", tmp_path / "out", f"{need}") == "written"
    # Columns that are not wanted are not unpacked.
    chosen = dsdm.open_shards(packed, columns=["b"]).take([1, 0], memory_limit="64MB")
    assert chosen["b"].to_pylist() == [2, 1]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two rows of 100 MB, as they are: one batch, and two row groups."""
    folder = tmp_path_factory.mktemp("large")
    table = pa.table({"a": ["x" * (100 << 20), "y" * (100 << 20)]})
    with pa.ipc.new_stream(folder / "a.arrow", table.schema) as sink:
        sink.write_table(table)
    pq.write_table(table, folder / "a.parquet", compression="none", use_dictionary=False, row_group_size=1)
    return folder


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
@pytest.mark.parametrize("room", [20, 60, 150, 230])
def test_what_is_copied_and_finds_no_room_is_not_called_damaged(tmp_path, large, room, kind):
    path = large / f"a.{kind}"
    said = gathered(path, room, "take", tmp_path / "out", io="pread")
    assert said.startswith((f"MemoryError {path}: ", "MemoryError gathering the output rows")), said
    assert "of memory, which are not there" in said
    assert "damaged" not in said


def test_a_copied_batch_beyond_the_limit_that_was_told_is_refused_with_both(large):
    shards = dsdm.open_shards(large / "a.arrow", io="pread")
    with pytest.raises(
        MemoryError, match=r"the batch at byte \d+ takes \d+ bytes of memory at once, .* allows 100000000"
    ):
        shards.take([0], memory_limit="100MB")
    assert len(shards.take([0], memory_limit="220MB")["a"][0].as_py()) == 100 << 20


def test_a_page_beyond_the_limit_that_was_told_is_refused_with_both(tmp_path):
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"a": ["x" * (100 << 20)]}), path, compression="zstd", use_dictionary=False)
    said = gathered(path, 0, "arrow", tmp_path / "out", "70MB")
    assert said.startswith(f'MemoryError {path}: the page of column "a" at byte '), said
    assert "of memory at once, and the memory limit allows 70000000; give memory_limit=" in said
    assert gathered(path, 0, "arrow", tmp_path / "out", "110MB") == "written"

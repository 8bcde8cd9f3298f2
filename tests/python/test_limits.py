"""What a call does where the system gives it few threads, or little memory for them."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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


@pytest.mark.parametrize("room", [60, 200])
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

"""Faults while rows are written: interrupts, kills, no room, and sources that change. Nothing is left that loads."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset
from tests.corpora.damaged import changed, file_of, parquet_of, put, python, stream_of, table_of

pytestmark = pytest.mark.disk

SLOW_ROWS = 400_000


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Give a Parquet file of one row group, which is decoded anew for every thousand rows of a small memory."""
    path = tmp_path_factory.mktemp("slow") / "a.parquet"
    ids = np.random.default_rng(0).integers(0, 2**16, (SLOW_ROWS, 16), dtype=np.uint16)
    pq.write_table(pa.table({"ids": pa.FixedSizeListArray.from_arrays(ids.ravel(), 16)}), path)
    return path


# What is told is told to a bar; this one writes a line when the work has begun.
SLOW = """
import sys, dsdm, dsdm.rows.materializing
import numpy as np

class Told:
    def __enter__(self): return self
    def __exit__(self, *_): return None
    def __call__(self, done): done and print("begun", flush=True)

dsdm.rows.materializing.bar = lambda *_, **__: Told()
try:
    rows = np.random.default_rng(0).permutation(int(sys.argv[3]))
    dsdm.materialize(sys.argv[1], rows, sys.argv[2], memory_limit=1, threads=2, num_shards=4)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.fixture
def begun(slow, tmp_path):
    """Give a process that writes `out`, a little after it began to."""
    source = tmp_path / "a.parquet"
    source.hardlink_to(slow)
    command = [sys.executable, "-c", SLOW, str(source), str(tmp_path / "out"), str(SLOW_ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def not_loadable(folder):
    with pytest.raises(FileNotFoundError):
        datasets.load_from_disk(str(folder))


def test_an_interrupt_stops_within_a_second_and_leaves_nothing(begun, tmp_path):
    begun.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = begun.communicate(timeout=20)
    assert out.endswith("stopped\n")
    assert time.monotonic() - began < 5  # with room for a busy machine
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("later", [0, 0.2])
def test_a_kill_leaves_nothing_that_loads_and_the_next_run_cleans_up(begun, tmp_path, later):
    time.sleep(later)
    begun.kill()
    begun.wait()
    left = [entry for entry in tmp_path.iterdir() if entry.name != "a.parquet"]
    assert [entry.name.startswith(".out.dsdm-") for entry in left] == [True]
    not_loadable(tmp_path / "out")
    not_loadable(left[0])
    dsdm.materialize(tmp_path / "a.parquet", [3], tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.parquet", "out"]
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 1


@pytest.mark.parametrize("options", [{}, {"resume": False}, {"overwrite": True}])
def test_a_run_for_the_same_output_that_lives_is_left_alone(begun, tmp_path, options):
    with pytest.raises(OSError, match=rf"the process {begun.pid} is writing it now, in .*\.out\.dsdm-"):
        dsdm.materialize(tmp_path / "a.parquet", [3], tmp_path / "out", **options)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".out.dsdm-")] != []
    assert begun.poll() is None


def test_a_shard_damaged_late_in_the_corpus_leaves_nothing(tmp_path):
    (tmp_path / "corpus").mkdir()
    for index in range(9):
        put(tmp_path / "corpus" / f"{index}.arrow", stream_of(table_of(30)))
    offsets = (np.arange(31, dtype=np.int32) * 2).tobytes()
    bad = changed(stream_of(table_of(30)), offsets, offsets[::-1])
    path = put(tmp_path / "corpus" / "8.arrow", bad)
    for options in ({}, {"memory_limit": 1, "num_shards": 270}):
        with pytest.raises(errors.FormatError, match=rf'{path}.*column "ids"'):
            dsdm.materialize(tmp_path / "corpus", range(270), tmp_path / "out", **options)
        assert [entry.name for entry in tmp_path.iterdir()] == ["corpus"]
    dsdm.materialize(tmp_path / "corpus", range(240), tmp_path / "out")
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 240


def test_a_failed_overwrite_leaves_what_was_there(tmp_path):
    dsdm.materialize(table_of(), [1, 2], tmp_path / "out")
    offsets = (np.arange(31, dtype=np.int32) * 2).tobytes()
    path = put(tmp_path / "a.arrow", changed(stream_of(table_of(30)), offsets, offsets[::-1]))
    with pytest.raises(errors.FormatError):
        dsdm.materialize(path, range(30), tmp_path / "out", overwrite=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.arrow", "out"]
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 2


FULL = """
import resource, sys, dsdm
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    dsdm.materialize(sys.argv[1], range(5000), sys.argv[2], num_shards=int(sys.argv[4]))
except OSError as error:
    print(type(error).__name__, error.errno, error.filename, error)
"""


@pytest.mark.parametrize(("room", "shards"), [(100, 1), (4000, 1), (100_000, 1), (20_000, 5)])
def test_a_file_that_may_not_grow_further_leaves_nothing(slow, tmp_path, room, shards):
    ran = python(FULL, slow, tmp_path / "out", room, shards)
    kind, number, path, message = ran.stdout.split(maxsplit=3)
    assert (kind, int(number)) == ("OSError", errno.EFBIG)
    assert path.startswith(str(tmp_path / ".out.dsdm-"))
    assert "File too large" in message
    assert "writing" in message
    assert list(tmp_path.iterdir()) == []


def test_an_output_where_nothing_can_be_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="is no directory, and nothing can lie in it") as caught:
        dsdm.materialize(table_of(), [0], tmp_path / "file" / "out")
    assert caught.value.errno in {errno.ENOTDIR, errno.EEXIST}
    assert caught.value.filename == str(tmp_path / "file" / "out")


class Touches:
    """A bar that does something to a file once the work has begun."""

    def __init__(self, do):
        self.do, self.done = do, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __call__(self, _):
        if not self.done:
            self.done = True
            self.do()


def age(path):
    os.utime(path, (1, 1))


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize(
    ("change", "name"),
    [(grow, "bytes and has"), (age, "its modification time is another")],
)
def test_a_source_that_changes_while_rows_are_written(slow, tmp_path, monkeypatch, change, name):
    source = tmp_path / "a.parquet"
    shutil.copy(slow, source)
    rows = np.random.default_rng(0).integers(0, SLOW_ROWS, 30_000)
    bar = Touches(lambda: change(source))
    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: bar)
    with pytest.raises(errors.SourceChangedError, match=rf"{source}: the file changed .*{name}"):
        dsdm.materialize(source, rows, tmp_path / "out", memory_limit=1, threads=1)
    assert bar.done
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


def test_a_source_replaced_by_a_rename_is_read_as_it_was(tmp_path):
    path = put(tmp_path / "a.arrow", stream_of(table_of()))
    shards = open_shards(path)
    put(tmp_path / "b.arrow", stream_of(table_of().slice(5))).rename(path)
    assert shards.take([0]).to_pylist() == table_of().slice(0, 1).to_pylist()


@pytest.mark.parametrize("write", [stream_of, file_of, parquet_of])
def test_a_source_that_changed_since_it_was_opened(tmp_path, write):
    path = put(tmp_path / "a", write(table_of()))
    shards, lazy = open_shards(path), open_dataset(path)
    size = path.stat().st_size
    grow(path)
    for use in (
        lambda: shards.take([0]),
        lambda: shards[0],
        lambda: lazy[0],
        lambda: lazy.select([0]).save_to_disk(tmp_path / "out"),
        lambda: dsdm.materialize(shards, [0], tmp_path / "out"),
    ):
        with pytest.raises(errors.SourceChangedError, match=rf"it had {size} bytes and has {size + 4}"):
            use()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]

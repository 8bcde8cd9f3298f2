"""Files that change between two calls or during one: an error, and never the end of the process.

A map of a file that was cut ends the process where it is read behind the file's new end, so that each case is a
process of its own. `make truncations` counts how calls end, by map and by position, in many more of them.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.disk

ROOT = Path(__file__).parents[2]
ROWS = 40_000

# Files are copied before anything is imported: their times are then others than those of a change.
CHANGES_OF_A_FILE = """
import json, os, shutil, sys
template, io, change, *names = sys.argv[1:]

def copy(number):
    folder = os.path.join(os.path.dirname(template), f"{change}-{number}")
    os.mkdir(folder)
    return shutil.copy(template, folder)

def cut(path, size):
    os.truncate(path, size)

def rewrite(path, size):
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

def replace(path, size):
    with open(path, "rb") as file:
        data = file.read()
    with open(path + ".new", "wb") as file:
        file.write(data[: size // 2])
    os.replace(path + ".new", path)

size = os.path.getsize(template)
changes = {
    "nothing left": lambda path: cut(path, 0),
    "half": lambda path: cut(path, size // 2),
    "last page": lambda path: cut(path, max(size - 4096, 0)),
    "rewritten": lambda path: rewrite(path, size),
    "replaced": lambda path: replace(path, size),
}
paths = [copy(number) for number in range(len(names))]
import numpy as np, pyarrow as pa
import dsdm, dsdm.dataset

def how_it_ends(call, before, path):
    try:
        after = call()
    except dsdm.SourceChangedError as error:
        return f"SourceChangedError {path in str(error)}"
    return "the same" if after == before else f"other values: {before} {after}"
"""

BETWEEN = (
    CHANGES_OF_A_FILE
    + """
def calls_of(path):
    out = path + ".out"
    if path.endswith(".npy"):
        scores = dsdm.open_scores(path, io=io)
        return {
            "top_k": lambda: dsdm.top_k(scores, 3).tolist(),
            "gumbel_top_k": lambda: dsdm.gumbel_top_k(scores, 3, seed=1).tolist(),
            "numpy's noise": lambda: dsdm.gumbel_top_k(scores, 3, seed=1, noise="numpy").tolist(),
            "one row": lambda: scores[-1].tolist(),
            "rows": lambda: scores[np.array([1, 30_000])].tolist(),
            "a slice": lambda: scores[5:39_999:7].sum().tolist(),
            "all": lambda: np.array(scores).sum().tolist(),
            "zscore": lambda: dsdm.top_k(scores.zscore(), 3).tolist(),
            "sum": lambda: dsdm.top_k(scores + 2 * scores, 3).tolist(),
        }
    shards, lazy = dsdm.open_shards(path, io=io), dsdm.dataset.open_dataset(path, io=io)
    options = {"progress": False, "overwrite": True}
    return {
        "take": lambda: shards.take([39_999, 1]).to_pylist(),
        "single rows": lambda: [lazy[row]["n"] for row in (39_998, 3)],
        "iteration": lambda: list(lazy.select(range(39_990, 40_000))),
        "arrow": lambda: dsdm.materialize(shards, [3, 39_999], out, **options).rows,
        "parquet": lambda: dsdm.materialize(shards, range(0, 40_000, 9), out, format="parquet", **options).rows,
        "plan": lambda: dsdm.plan(shards, range(10)).rows,
    }

ended = {}
for name, path in zip(names, paths):
    call = calls_of(path)[name]
    before = call()
    changes[change](path)
    ended[name] = how_it_ends(call, before, path)
    print(name, ended[name], file=sys.stderr, flush=True)
print(json.dumps(ended))
"""
)

DURING = (
    CHANGES_OF_A_FILE
    + """
import threading, time
sys.setswitchinterval(1e-4)
rows = np.random.default_rng(1).permutation(40_000)

def call_of(path):
    if path.endswith(".npy"):
        scores = dsdm.open_scores(path, io=io)
        return lambda: dsdm.gumbel_top_k(scores, 1000, seed=1).tolist()
    shards = dsdm.open_shards(path, io=io)
    return lambda: shards.take(rows)

ended = {}
for name, path in zip(names, paths):
    call = call_of(path)
    call()
    begun = time.perf_counter()
    before = call()
    moment = (time.perf_counter() - begun) * float(name)

    def change_it():
        time.sleep(moment)
        changes[change](path)

    changing = threading.Thread(target=change_it)
    changing.start()
    ended[name] = how_it_ends(call, before, path)
    changing.join()
    print(name, ended[name], file=sys.stderr, flush=True)
print(json.dumps(ended))
"""
)


def ends(code, path, change, io, names):
    """Make calls in a process of their own, with a change of the file between or during them; give how each ended."""
    command = [sys.executable, "-c", code, str(path), io, change, *names]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, (run.returncode, run.stderr)
    found = json.loads(run.stdout.strip().splitlines()[-1])
    assert list(found) == names
    return found


SCORES = ["top_k", "gumbel_top_k", "numpy's noise", "one row", "rows", "a slice", "all", "zscore", "sum"]
SHARDS = ["take", "single rows", "iteration", "arrow", "parquet", "plan"]
CHANGES = ["nothing left", "half", "last page", "rewritten"]
MOMENTS = ["0.0", "0.3", "0.6", "0.9"]
KINDS = {
    "stream": (pa.ipc.new_stream, None),
    "packed stream": (pa.ipc.new_stream, "zstd"),
    "file": (pa.ipc.new_file, None),
    "packed file": (pa.ipc.new_file, "lz4"),
    "parquet": None,
}


def shard(folder, kind):
    table = pa.table({"n": range(ROWS), "text": [f"{n:08}" for n in range(ROWS)]})
    if KINDS[kind] is None:
        pq.write_table(table, folder / "rows.parquet", row_group_size=1000)
        return folder / "rows.parquet"
    new, codec = KINDS[kind]
    with new(folder / "rows.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table, max_chunksize=1000)
    return folder / "rows.arrow"


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("change", CHANGES)
def test_scores_that_changed_between_two_calls(tmp_path, change, io):
    path = tmp_path / "scores.npy"
    np.save(path, np.random.default_rng(1).standard_normal(ROWS).astype(np.float32))
    assert ends(BETWEEN, path, change, io, SCORES) == dict.fromkeys(SCORES, "SourceChangedError True")


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
def test_shards_that_changed_between_two_calls(tmp_path, change, kind, io):
    found = ends(BETWEEN, shard(tmp_path, kind), change, io, SHARDS)
    assert found == dict.fromkeys(SHARDS, "SourceChangedError True")


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_a_file_that_another_took_the_place_of_is_read_to_its_end(tmp_path, io):
    path = tmp_path / "scores.npy"
    np.save(path, np.arange(ROWS, dtype=np.float32))
    assert ends(BETWEEN, path, "replaced", io, SCORES) == dict.fromkeys(SCORES, "the same")


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("kind", ["stream", "parquet"])
def test_a_shard_that_another_took_the_place_of_is_read_to_its_end_and_never_named(tmp_path, kind, io):
    """What is written names its sources, and a run that goes on would read the other file."""
    found = ends(BETWEEN, shard(tmp_path, kind), "replaced", io, SHARDS)
    named = {name: found.pop(name) for name in ("arrow", "parquet")}
    assert found == dict.fromkeys(found, "the same")
    assert named == dict.fromkeys(named, "SourceChangedError True")


# A signal cannot be kept from a map that is cut in the moment in which it is read.
SURVIVED = [*(("pread", change) for change in [*CHANGES, "replaced"]), ("mmap", "rewritten"), ("mmap", "replaced")]


@pytest.mark.parametrize(("io", "change"), SURVIVED)
@pytest.mark.parametrize("kind", KINDS)
def test_shards_that_change_during_a_call_are_told_or_the_same(tmp_path, kind, change, io):
    found = ends(DURING, shard(tmp_path, kind), change, io, MOMENTS)
    assert set(found.values()) <= {"the same", "SourceChangedError True"}, found


@pytest.mark.parametrize(("io", "change"), SURVIVED)
def test_scores_that_change_during_a_call_are_told_or_the_same(tmp_path, change, io):
    path = tmp_path / "scores.npy"
    np.save(path, np.random.default_rng(1).standard_normal(50 * ROWS).astype(np.float32))
    found = ends(DURING, path, change, io, MOMENTS)
    assert set(found.values()) <= {"the same", "SourceChangedError True"}, found


def test_truncations_are_counted():
    command = [
        sys.executable,
        str(ROOT / "tests" / "crash" / "truncations.py"),
        "--times",
        "1",
        "--rows",
        "2000",
        "top",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    counts = [list(map(int, line[-8:])) for line in lines if line and line[0] in ("top_k", "gumbel_top_k")]
    assert len(counts) == 2 * 3 * 2
    for between, during in ((line[:4], line[4:]) for line in counts):
        assert between == [0, 1, 0, 0]
        assert sum(during) == 1
    assert lines[-1] == ["every", "call", "ended", "as", "it", "should"]

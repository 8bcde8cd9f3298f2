"""Files that change between two calls: an error of the next call, and never the end of the process.

A map of a file that was cut ends the process where it is read behind the file's new end, so that each case is a
process of its own.
"""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 40_000

CHILD = """
import os, sys
import numpy as np, pyarrow as pa
import dsdm, dsdm.selections
path, what, change, io = sys.argv[1:]

def cut(size):
    os.truncate(path, size)

def rewrite():
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

def replace():
    with open(path, "rb") as file:
        data = file.read()
    with open(path + ".new", "wb") as file:
        file.write(data[: len(data) // 2])
    os.replace(path + ".new", path)

size = os.path.getsize(path)
changes = {
    "nothing left": lambda: cut(0),
    "half": lambda: cut(size // 2),
    "last page": lambda: cut(max(size - 4096, 0)),
    "rewritten": rewrite,
    "replaced": replace,
}
out = path + ".out"
if path.endswith(".npy"):
    scores = dsdm.open_scores(path, io=io)
    calls = {
        "top_k": lambda: dsdm.top_k(scores, 3).tolist(),
        "gumbel_top_k": lambda: dsdm.gumbel_top_k(scores, 3, seed=1).tolist(),
        "numpy's noise": lambda: dsdm.gumbel_top_k(scores, 3, seed=1, rng="numpy").tolist(),
        "one row": lambda: scores[-1].tolist(),
        "rows": lambda: scores[np.array([1, 30_000])].tolist(),
        "a slice": lambda: scores[5:39_999:7].sum().tolist(),
        "all": lambda: np.array(scores).sum().tolist(),
        "zscore": lambda: dsdm.top_k(scores.zscore(), 3).tolist(),
        "sum": lambda: dsdm.top_k(scores + 2 * scores, 3).tolist(),
    }
else:
    shards = dsdm.open_shards(path)
    lazy = dsdm.selections.get_candidate_dataset(path=path)
    calls = {
        "take": lambda: shards.take([39_999, 1]).to_pylist(),
        "single rows": lambda: [lazy[row]["n"] for row in (39_998, 3)],
        "iteration": lambda: list(lazy.select(range(39_990, 40_000))),
        "arrow": lambda: dsdm.materialize(shards, [3, 39_999], out, progress=False, overwrite=os.path.exists(out)).rows,
        "parquet": lambda: dsdm.materialize(
            shards, range(0, 40_000, 9), out, format="parquet", progress=False, overwrite=os.path.exists(out)
        ).rows,
        "plan": lambda: dsdm.plan(shards, range(10)).rows,
    }
call = calls[what]
before = call()
changes[change]()
try:
    after = call()
except dsdm.SourceChangedError as error:
    print("SourceChangedError", path in str(error))
else:
    print("the same" if after == before else "other values", before, after)
"""


def second_call(path, what, change, io="mmap"):
    """Call twice, with a change of the file between, in a process of its own."""
    command = [sys.executable, "-c", CHILD, str(path), what, change, io]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, (run.returncode, run.stderr)
    return run.stdout.strip().splitlines()[-1]


SCORES = ["top_k", "gumbel_top_k", "numpy's noise", "one row", "rows", "a slice", "all", "zscore", "sum"]
SHARDS = ["take", "single rows", "iteration", "arrow", "parquet", "plan"]
CHANGES = ["nothing left", "half", "last page", "rewritten"]


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", SCORES)
def test_scores_that_changed_between_two_calls(tmp_path, what, change, io):
    path = tmp_path / "scores.npy"
    np.save(path, np.random.default_rng(1).standard_normal(ROWS).astype(np.float32))
    assert second_call(path, what, change, io) == "SourceChangedError True"


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", SHARDS)
def test_shards_that_changed_between_two_calls(tmp_path, what, change, kind):
    path = tmp_path / f"rows.{kind}"
    table = pa.table({"n": range(ROWS), "text": [f"{n:08}" for n in range(ROWS)]})
    if kind == "arrow":
        with pa.ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table, max_chunksize=1000)
    else:
        pq.write_table(table, path, row_group_size=1000)
    assert second_call(path, what, change) == "SourceChangedError True"


@pytest.mark.parametrize("what", ["top_k", "all"])
def test_a_file_that_another_took_the_place_of_is_read_to_its_end(tmp_path, what):
    path = tmp_path / "scores.npy"
    np.save(path, np.arange(ROWS, dtype=np.float32))
    assert second_call(path, what, "replaced").startswith("the same")

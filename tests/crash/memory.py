"""Give every public call a little more memory each time until it succeeds: below that it must end as a MemoryError.

Each try is a process of its own, whose address space (RLIMIT_AS) is limited to what it used before the call and some
MiB more. An abort, a hang, a panic or an InternalError is a fault. A table tells of each call the least MiB with which
it succeeds, and how it ended with less.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dsdm.checks import FORMATS

ROWS = 200_000
COARSE = 16
MOST = 1600
SECONDS = 120

# What a call imports and starts is no part of it: it is made once on little before.
CHILD = """
import os, resource, shutil, sys, traceback
from pathlib import Path
import numpy as np, pyarrow as pa, pyarrow.dataset, pyarrow.parquet
import datasets
import dsdm
from dsdm.checks import FORMATS, TOKEN_FORMATS
folder, name, room = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
out = folder / "out" / str(os.getpid())
scores, some = folder / "scores", folder / "little"
rows = np.random.default_rng(0).permutation(200_000)[:20_000]

def opened(path):
    vector = dsdm.open_scores(path)
    vector[:9], vector[5]
    return vector

def write(form, source, chosen, to):
    columns = ["input_ids"] if form in TOKEN_FORMATS else None
    dsdm.materialize(source, chosen, to, format=form, columns=columns, progress=False, threads=2)

kind, _, what = name.partition(" ")
if kind == "open_scores":
    work = lambda: dsdm.top_k(opened(scores / what), 9)
    first = lambda: dsdm.top_k(opened(some / "scores" / what), 3)
elif kind == "select":
    vector, short = np.load(scores / "s.npy"), np.arange(99, dtype=np.float32)
    calls = {
        "top_k": lambda v, k: dsdm.top_k(v, k),
        "top_k_row": lambda v, k: dsdm.top_k(v, k, order="row"),
        "gumbel_top_k": lambda v, k: dsdm.gumbel_top_k(v, k, temperature=1.0, seed=1),
        "sample": lambda v, k: dsdm.sample(len(v), k, seed=1),
        "exclude": lambda v, k: dsdm.sample(len(v), k, seed=1, exclude=np.arange(len(v) // 4)),
        "expression": lambda v, k: dsdm.top_k(
            dsdm.open_scores((scores if len(v) > 99 else some / "scores") / "s.npy") * 2 + 1, k
        ),
    }
    work, first = (lambda: calls[what](vector, len(vector) // 2)), (lambda: calls[what](short, 9))
else:
    source = folder / ("d.arrow" if kind == "verify" else what)
    little = some / source.name
    calls = {
        "open_shards": lambda s, r: dsdm.open_shards(s),
        "take": lambda s, r: dsdm.open_shards(s).take(r, threads=2),
        "run": lambda s, r: dsdm.open_shards(s)[:len(r)],
        "plan": lambda s, r: dsdm.plan(s, r),
        **{form: lambda s, r, form=form: write(form, s, r, out) for form in FORMATS},
        "verify": lambda s, r: dsdm.verify((folder if len(r) > 9 else some) / what),
    }
    work, first = (lambda: calls[kind](source, rows)), (lambda: calls[kind](little, rows[:9] % 9))
first()
shutil.rmtree(out, ignore_errors=True)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
limit = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + room * 2**20, limit[1]))
ended, said = "ok", ""
try:
    work()
except BaseException as error:
    ended, said = type(error).__name__, str(error)[:300]
resource.setrlimit(resource.RLIMIT_AS, limit)
shutil.rmtree(out, ignore_errors=True)
print("ended", ended, said)
"""

SCORES = ("s.npy", "s.pt", "s.parquet", "s.arrow", "packed.arrow", "s.jsonl.gz", "s.jsonl.zst")
LINES = ("d.jsonl.gz", "d.jsonl.zst")
CORPORA = ("d.arrow", "packed.arrow", "d.parquet")
SELECTIONS = ("top_k", "top_k_row", "gumbel_top_k", "sample", "exclude", "expression")


def calls() -> list[str]:
    """Name every call that is tried."""
    scores = [f"open_scores {name}" for name in SCORES]
    rows = [f"{call} {name}" for call in ("open_shards", "take", "run", "plan") for name in (*CORPORA, *LINES)]
    written = [f"{form} {name}" for form in FORMATS for name in CORPORA]
    written += [f"{form} {name}" for form in ("arrow", "jsonl") for name in LINES]
    return [*scores, *(f"select {call}" for call in SELECTIONS), *rows, *written, "verify written", "verify lines"]


def make(folder: Path, rows: int) -> None:
    """Write scores and corpora of so many rows, in each format."""
    from dsdm.demo.torch_file import write_tensor

    rng = np.random.default_rng(1)
    (folder / "scores").mkdir(parents=True)
    values = rng.random(rows * 10 if rows > 9 else rows, dtype=np.float32)
    np.save(folder / "scores" / "s.npy", values)
    write_tensor(folder / "scores" / "s.pt", values)
    table = pa.table({"score": values})
    pq.write_table(table, folder / "scores" / "s.parquet")
    offsets = np.arange(rows + 1, dtype=np.int32) * 16
    tokens = pa.array(rng.integers(0, 2**16, rows * 16, dtype=np.uint16))
    texts = pa.array([f"row {row} " * 3 for row in range(rows)])
    corpus = pa.table({"input_ids": pa.ListArray.from_arrays(offsets, tokens), "text": texts})
    pq.write_table(corpus, folder / "d.parquet", row_group_size=50_000)
    for where, of in ((folder / "scores" / "s", table.slice(0, rows)), (folder / "d", corpus)):
        lines = "".join(json.dumps(row) + "\n" for row in of.to_pylist()).encode()
        for ending, packing in (("gz", "gzip"), ("zst", "zstd")):
            with pa.output_stream(f"{where}.jsonl.{ending}", compression=packing) as sink:
                sink.write(lines)
    for where, of in ((folder / "scores" / "s.arrow", table), (folder / "d.arrow", corpus)):
        for path, packing in ((where, None), (where.with_name("packed.arrow"), "zstd")):
            options = pa.ipc.IpcWriteOptions(compression=packing)
            with pa.ipc.new_stream(path, of.schema, options=options) as sink:
                sink.write_table(of, max_chunksize=50_000)


def tried(folder: Path, call: str, room: int) -> tuple[str, str]:
    """Make a call in a process that may have so many more MiB, and give how it ended and what was said."""
    command = [sys.executable, "-c", CHILD, str(folder), call, str(room)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return "hang", ""
    last = run.stdout.strip().splitlines()[-1:] or [""]
    if run.returncode == 0 and last[0].startswith("ended "):
        _, ended, *said = last[0].split(maxsplit=2)
        return ended, " ".join(said)
    return f"exit {run.returncode}", run.stderr.strip()[-300:]


def sweep(folder: Path, call: str, step: int) -> tuple[int | None, Counter[str], list[str]]:
    """Raise the room until a call succeeds: by great steps first, then by small ones within the last of them."""
    ended: Counter[str] = Counter()
    faults = []

    def attempt(room: int) -> bool:
        how, said = tried(folder, call, room)
        ended[how] += how != "ok"
        if how not in {"ok", "MemoryError"}:
            faults.append(f"{call} with {room} MiB: {how} {said}")
        return how == "ok"

    top = next((room for room in range(0, MOST, COARSE) if attempt(room)), None)
    if top is None:
        return None, +ended, faults
    least = next((room for room in range(max(top - COARSE, 0) + 1, top, step) if attempt(room)), top)
    return least, +ended, faults


def main() -> int:
    """Sweep all calls, or those whose names hold a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="names of calls, or parts of them")
    parser.add_argument("--step", type=int, default=1, help="MiB of the small steps")
    options = parser.parse_args()
    import dsdm

    faults = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, ROWS)
        make(folder / "little", 9)
        for where, rows in ((folder, 20_000), (folder / "little", 9)):
            dsdm.materialize(where / "d.arrow", range(rows), where / "written", progress=False)
            dsdm.materialize(where / "d.arrow", range(rows), where / "lines", format="jsonl", progress=False)
        print(f"{'call':<28} {'MiB':>5}  below")
        for call in calls():
            if options.words and not any(word in call for word in options.words):
                continue
            least, ended, new = sweep(folder, call, options.step)
            faults += new
            below = ", ".join(f"{how} {count}" for how, count in sorted(ended.items()))
            print(f"{call:<28} {'none' if least is None else least:>5}  {below}", flush=True)
            for fault in new:
                print(f"  {fault}", flush=True)
    print("every call ended as it should" if not faults else f"{len(faults)} tries ended otherwise")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

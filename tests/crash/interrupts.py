"""Interrupt every long call at ten moments, and measure how long it takes to end.

Each call runs in a process of its own, once to its end and then ten times until SIGINT, sent at moments that are spread
over the time that it took. It must then raise KeyboardInterrupt and nothing else, and leave nothing behind but what
goes on with the run. Data of some gigabytes are made for it and removed.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dsdm.checks import TOKEN_FORMATS
from dsdm.demo.torch_file import write_tensor
from dsdm_bench.harness.console import say

MOMENTS = 10
LIMIT = 1.0  # seconds from the signal to the end

CALLS = {
    "top_k": "dsdm.top_k(scores, 20_000_000)",
    "gumbel_top_k": "dsdm.gumbel_top_k(scores, 20_000_000, seed=1)",
    "gumbel_top_k numpy": 'dsdm.gumbel_top_k(scores, 20_000_000, seed=1, noise="numpy")',
    "sample": "dsdm.sample(1_500_000_000, 20_000_000, seed=1)",
    "expression": "dsdm.top_k(scores.zscore() + scores * 2 - scores / 3, 1000)",
    "exclude rows": "dsdm.top_k(scores, 10, exclude=ids)",
    "exclude mask": "dsdm.top_k(scores, 10, exclude=mask)",
    "asarray": "numpy.array(scores)",
    "open parquet": 'dsdm.open_scores(folder + "/column.parquet", column="score")',
    "open verify": 'dsdm.open_scores(folder + "/scores.pt", verify=True)',
    "check": 'dsdm.open_scores(folder + "/scores.npy", verify=True).check()',
    "take": "dsdm.open_shards(rows).take(chosen)",
    "materialize arrow": "dsdm.materialize(rows, chosen, out, progress=False)",
    "materialize parquet": 'dsdm.materialize(rows, chosen, out, format="parquet", progress=False)',
    "materialize jsonl": 'dsdm.materialize(rows, chosen, out, format="jsonl", progress=False)',
    **{
        f"materialize {form}": f'dsdm.materialize(rows, chosen, out, format="{form}", token_dtype="uint16")'
        for form in TOKEN_FORMATS
    },
    "verify": "dsdm.verify(written)",
    "report": "dsdm.choose(scores, k=5_000_000).report()",
    "verify jsonl": "dsdm.verify(lines)",
    "open lines": "dsdm.open_shards(lines)",
}

CHILD = """
import signal, sys, numpy, dsdm
# A shell has what it starts in the background ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
import pyarrow.dataset
folder, call = sys.argv[1:]
scores = dsdm.open_scores(folder + "/scores.npy")
rows, out, written, lines = (f"{folder}/{name}" for name in ("rows", "out", "written", "lines"))
generator = numpy.random.default_rng(1)
ids = generator.permutation(60_000_000) if "ids" in call else None
mask = generator.integers(0, 2, len(scores)).astype(bool) if "mask" in call else None
chosen = generator.integers(0, len(dsdm.open_shards(rows)), 1_500_000) if "chosen" in call else None
print("ready", flush=True)
eval(call)
print("done", flush=True)
"""


def make(folder: Path) -> None:
    """Lay out scores and shards, large enough for each call to take a second or more."""
    generator = np.random.default_rng(1)
    scores = generator.standard_normal(200_000_000, np.float32)
    np.save(folder / "scores.npy", scores)
    column = pa.table({"score": scores[:60_000_000].astype(np.float64)})
    pq.write_table(column, folder / "column.parquet", compression="zstd", row_group_size=1 << 20)
    write_tensor(folder / "scores.pt", scores)
    (folder / "rows").mkdir()
    tokens = pa.array(generator.integers(0, 50_000, 1 << 25, np.int32))
    lists = pa.FixedSizeListArray.from_arrays(tokens, 256).cast(pa.list_(pa.int32()))
    table = pa.table({"input_ids": lists, "text": [f"row {row} " * 20 for row in range(len(lists))]})
    for shard in range(4):
        with pa.ipc.new_stream(folder / "rows" / f"{shard}.arrow", table.schema) as stream:
            stream.write_table(table, max_chunksize=1000)
    run(folder, "dsdm.materialize(rows, chosen, written, progress=False)")
    run(folder, 'dsdm.materialize(rows, chosen, lines, format="jsonl", progress=False)')


def run(folder: Path, call: str, moment: float | None = None) -> tuple[float, str]:
    """Run a call to its end, or interrupt it: give the seconds that it took (from the signal on), and how it ended."""
    for left in ("out", ".out.dsdm-unfinished"):
        shutil.rmtree(folder / left, ignore_errors=True)
    command = [sys.executable, "-c", CHILD, str(folder), call]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    begun = time.monotonic()
    if moment is not None:
        time.sleep(moment)
        child.send_signal(signal.SIGINT)
        begun = time.monotonic()
    said, error = child.communicate()
    took = time.monotonic() - begun
    if "done" in said:
        return took, "done"
    return took, raised(error) or f"exit {child.returncode}"


def raised(traceback: str) -> str:
    """The exception's line at the end of a traceback: behind it are its notes, such as which shards are kept."""
    lines = traceback.splitlines()
    stack = [number for number, line in enumerate(lines) if line.startswith("  ")]
    return next(iter(lines[stack[-1] + 1 :] if stack else lines), "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="*", help="names of calls; all, if there are none")
    chosen = parser.parse_args().calls or CALLS
    bad = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder)
        say(f"{'call':22} {'whole':>7} {'interrupted, longest':>21}  ended by")
        for name in chosen:
            whole, how = run(folder, CALLS[name])
            assert how == "done", (name, how)
            ends = [run(folder, CALLS[name], whole * (moment + 0.5) / MOMENTS) for moment in range(MOMENTS)]
            longest = max((took for took, how in ends if how != "done"), default=0.0)
            words = sorted({how for _, how in ends})
            wrong = longest > LIMIT or any(not how.startswith(("done", "KeyboardInterrupt")) for how in words)
            # Of ten moments, some lie well before the end.
            wrong = wrong or words == ["done"]
            bad += wrong
            say(f"{name:22} {whole:6.2f}s {longest:20.2f}s  {', '.join(words)}{'   <-' if wrong else ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

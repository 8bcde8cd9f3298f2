"""Kill runs at random moments, and go on: what is left loads nowhere, nothing beside is touched, bytes are the same.

Each run is a fork of this process, so that it begins at once, and is killed after a time that is drawn. Then the same
call goes on; it is killed again up to twice, before it may end. What is written, from what, and how, is drawn too:
Arrow, Parquet and token folders, from shards of Arrow, Parquet and JSON lines, in each order, in one to nine
shards, beside nothing or in place of a dataset that is there.
"""

import argparse
import gzip
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.checks import FORMATS

ROWS = 20_000
TOKENS = 256
SOURCES = ("parquet", "arrow", "lines")
OPTIONS = {
    "row_order": ("given", "row", "shuffle"),
    "num_shards": (1, 2, 5, 9),
    "threads": (1, 2),
    "memory_limit": (None, "4MB"),
    "overwrite": (False, True),
}

Contents = dict[str, bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)  # noqa: T201
    rng = np.random.default_rng(given.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_corpus(folder)
        while counts["killed"] < given.kills:
            case(folder, rng, counts)
    print(", ".join(f"{what} {count}" for what, count in sorted(counts.items())))  # noqa: T201


def make_corpus(folder: Path) -> None:
    """Write token rows of uneven lengths as Parquet and Arrow shards, and a bystander beside the outputs."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(TOKENS // 2, TOKENS + 1, ROWS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    tokens = pa.array(rng.integers(0, 2**16, offsets[-1], dtype=np.uint16))
    table = pa.table({"input_ids": pa.ListArray.from_arrays(offsets, tokens)})
    for form in SOURCES:
        (folder / form).mkdir()
    for number, start in enumerate(range(0, ROWS, ROWS // 4)):
        shard = table.slice(start, ROWS // 4)
        pq.write_table(shard, folder / "parquet" / f"{number}.parquet", row_group_size=700)
        with pa.ipc.new_stream(folder / "arrow" / f"{number}.arrow", shard.schema) as stream:
            stream.write_table(shard, max_chunksize=500)
        lines = "".join(json.dumps(row) + "\n" for row in shard.to_pylist()).encode()
        (folder / "lines" / f"{number}.jsonl.gz").write_bytes(gzip.compress(lines))
    (folder / "out.json").write_text("beside")


def case(folder: Path, rng: np.random.Generator, counts: Counter[str]) -> None:
    """Draw what to write, write it undisturbed, and then by a run that is killed and goes on."""
    source = folder / str(rng.choice(SOURCES))
    options = {name: choices[rng.integers(len(choices))] for name, choices in OPTIONS.items()}
    options |= {"format": str(rng.choice(FORMATS)), "seed": 7 if options["row_order"] == "shuffle" else None}
    rows = rng.permutation(ROWS)[: rng.integers(1, ROWS)]
    what = f"{len(rows)} rows of {source.name}, {options}"

    def write(out: Path, chosen: np.ndarray = rows) -> None:
        dsdm.materialize(source, chosen, out, progress=False, **options)

    out, old = folder / "out", None
    if options["overwrite"]:
        alone(lambda: write(out, rows[:9]))
        old = contents(out)
    start = time.perf_counter()
    alone(lambda: write(folder / "whole"))
    seconds = time.perf_counter() - start
    expected = contents(folder / "whole")
    beside = apart_from(folder, out)
    for _ in range(rng.integers(1, 4)):
        if not killed(lambda: write(out), rng.uniform(0, seconds * 1.1)):
            counts["ended before"] += 1
            break
        counts["killed"] += 1
        counts[f"killed, {options['format']}"] += 1
        look(folder, out, (old, expected), what)
        assert apart_from(folder, out) == beside, f"{what}: something beside the output was touched"
        if contents(out) == expected and not options["overwrite"]:
            break  # it was killed once all was done: the same call finds the dataset in its way
    if contents(out) != expected:
        alone(lambda: write(out))
    assert contents(out) == expected, what
    alone(lambda: dsdm.verify(out))
    assert apart_from(folder, out) == beside, what
    for path in (out, folder / "whole", *folder.glob(".out*")):
        shutil.rmtree(path, ignore_errors=True)


def look(folder: Path, out: Path, whole: tuple[Contents | None, Contents], what: str) -> None:
    """See that the output is there whole or not at all, and that nothing that is left loads as a dataset."""
    if out.exists():
        assert contents(out) in whole, f"{what}: {out} is neither the old dataset nor the new one"
    else:
        replaced = folder / ".out.dsdm-unfinished" / "replaced"
        assert whole[0] is None or contents(replaced) == whole[0], f"{what}: the old dataset is lost"
    for left in folder.glob(".out*"):
        for place in [left, *(path for path in left.rglob("*") if path.is_dir())]:
            # A complete one may be loaded, as the next thing that happens to it is its name, or that it goes.
            if contents(place) not in whole:
                alone(lambda place=place: refuses_to_load(place))


def refuses_to_load(folder: Path) -> None:
    try:
        datasets.load_from_disk(str(folder))
    except (OSError, ValueError):
        return
    message = f"{folder} loads"
    raise AssertionError(message)


def contents(folder: Path) -> Contents:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def apart_from(folder: Path, out: Path) -> dict[str, tuple[int, int, int]]:
    """Give size, time and mode of all that is neither the output nor what it is made in."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_mode)
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != out.name and not path.relative_to(folder).parts[0].startswith(".out")
    }


def killed(work: Callable[[], None], seconds: float) -> bool:
    """Run in a fork that is killed after so long, and tell whether it was: it may end before."""
    child = forked(work)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def alone(work: Callable[[], None]) -> None:
    """Run in a fork: this process must have no threads, or the next fork has none of them and waits for them."""
    status = os.waitpid(forked(work), 0)[1]
    assert status == 0, status


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

"""Cut files that are read, between two calls and during one, by map and by position, and count how the calls end.

Each try is a fork of this process with a copy of the file. Between: a call, the cut, the same call. During: the file
is cut by another thread, at moments that are spread over the time that the call took before. A call ends with the right
answer (it had looked at the file for the last time), with a documented error, with SIGBUS, or otherwise, which is a
fault. So is SIGBUS between calls, and in any moment by position: it is left to maps that are cut while they are read.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
import dsdm.dataset
from dsdm import errors

TIMES = 20
ROWS = 100_000
SCORES = 10  # for each row of a shard
PAGE = 4096
SECONDS = 120
CUTS = {"nothing": lambda _: 0, "half": lambda size: size // 2, "last page": lambda size: size - PAGE}
IOS = ("mmap", "pread")
ENDS = ("right", "error", "SIGBUS", "other")
DOCUMENTED = (errors.SourceChangedError, errors.FormatError)

Call = Callable[[], np.ndarray]


def values_of(rows: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(rows * SCORES, dtype=np.float32)


def table_of(rows: int) -> pa.Table:
    tokens = pa.array(np.random.default_rng(2).integers(0, 2**16, rows * 16, dtype=np.uint16))
    return pa.table(
        {"n": np.arange(rows), "ids": pa.FixedSizeListArray.from_arrays(tokens, 16).cast(pa.list_(pa.uint16()))}
    )


def wanted(rows: int) -> np.ndarray:
    return np.random.default_rng(3).permutation(rows)


def few(rows: int) -> list[int]:
    return wanted(rows)[:200].tolist()


def flat(table: pa.Table) -> np.ndarray:
    """Give all numbers of a table one after the other."""
    tokens = table["ids"].combine_chunks().flatten()
    return np.concatenate([table["n"].to_numpy(), tokens.to_numpy().astype(np.int64)])


def listed(rows: list[dict]) -> np.ndarray:
    return np.concatenate([np.array([row["n"], *row["ids"]], np.int64) for row in rows])


def opened(name: str, path: Path, io: str, rows: int) -> Call:
    """Open a file, and give the call that is made."""
    if name.endswith("top_k"):
        scores = dsdm.open_scores(path, io=io)
        if name == "top_k":
            return lambda: dsdm.top_k(scores, 1000)
        return lambda: dsdm.gumbel_top_k(scores, 1000, seed=1)
    if name == "lazy rows":
        lazy, some = dsdm.dataset.open_dataset(path, io=io), few(rows)
        return lambda: listed([lazy[row] for row in some])
    shards, chosen = dsdm.open_shards(path, io=io), wanted(rows)
    return lambda: flat(shards.take(chosen))


def answers(rows: int) -> dict[str, np.ndarray]:
    """What is right, of what is in memory."""
    values, table = values_of(rows), table_of(rows)
    taken = flat(table.take(wanted(rows)))
    return {
        "top_k": np.argsort(-values, kind="stable")[:1000],
        "gumbel_top_k": dsdm.gumbel_top_k(values, 1000, seed=1),
        "Arrow take": taken,
        "Parquet take": taken,
        "JSON lines take": taken,
        "lazy rows": listed([table.slice(row, 1).to_pylist()[0] for row in few(rows)]),
    }


def make(folder: Path, rows: int) -> dict[str, Path]:
    """Write the files; give the one of each call."""
    np.save(folder / "scores.npy", values_of(rows))
    table = table_of(rows)
    with pa.ipc.new_stream(folder / "rows.arrow", table.schema) as stream:
        stream.write_table(table, max_chunksize=1000)
    pq.write_table(table, folder / "rows.parquet", row_group_size=max(rows // 20, 1))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    scores, arrow, parquet, lines = (folder / f for f in ("scores.npy", "rows.arrow", "rows.parquet", "rows.jsonl"))
    taken = {"Arrow take": arrow, "Parquet take": parquet, "JSON lines take": lines}
    return {"top_k": scores, "gumbel_top_k": scores, **taken, "lazy rows": arrow}


def how_it_ends(call: Call, right: np.ndarray) -> tuple[str, str]:
    """Make a call; give how it ended, and what was said."""
    try:
        answer = call()
    except DOCUMENTED as error:
        return "error", str(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is counted
        return "other", f"{type(error).__name__}: {error}"
    return ("right", "") if np.array_equal(answer, right) else ("other", "another answer")


def cut_between(call: Call, path: Path, size: int, right: np.ndarray) -> tuple[str, str]:
    assert np.array_equal(call(), right), "before the cut"
    os.truncate(path, size)
    return how_it_ends(call, right)


def cut_during(call: Call, path: Path, size: int, right: np.ndarray, part: float) -> tuple[str, str]:
    """Cut a file after a part of the time that the call takes, which is measured once what it needs is there."""
    call()
    begun = time.perf_counter()
    assert np.array_equal(call(), right), "before the cut"
    moment = (time.perf_counter() - begun) * part

    def cut() -> None:
        time.sleep(moment)
        os.truncate(path, size)

    sys.setswitchinterval(1e-4)
    cutting = threading.Thread(target=cut)
    cutting.start()
    ended = how_it_ends(call, right)
    cutting.join()
    return ended


def tried(work: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """Do a try in a process of its own; give how it ended, and what was said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(SECONDS)
        try:
            ended, said = work()
        except BaseException as error:  # noqa: BLE001 - a fault of the try itself
            ended, said = "other", f"{type(error).__name__}: {error}"
        os.write(writing, f"{ended}\n{said}"[:PAGE].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        ended, _, said = pipe.read().partition("\n")
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return ended, said
    killed = signal.Signals(os.WTERMSIG(status)).name
    return ("SIGBUS", "") if killed == "SIGBUS" else ("other", killed)


def count(name: str, file: Path, right: np.ndarray, how: tuple[str, str], rows: int, times: int) -> dict[str, Counter]:
    """Make all tries of a call by one way to read, with one cut."""
    cut, io = how
    size = CUTS[cut](file.stat().st_size)
    counts = {"between": Counter(), "during": Counter()}
    for when, ended in counts.items():
        for number in range(times):
            path = file.with_name(f"cut-{file.name}")
            shutil.copyfile(file, path)

            def work(path=path, when=when, number=number) -> tuple[str, str]:
                call = opened(name, path, io, rows)
                if when == "between":
                    return cut_between(call, path, size, right)
                return cut_during(call, path, size, right, (number + 0.5) / times)

            end, said = tried(work)
            ended[end] += 1
            if end == "other":
                print(f"  {name}, {cut}, {io}, {when}: {said}", flush=True)
            path.unlink()
    return counts


def is_bad(io: str, counts: dict[str, Counter]) -> bool:
    """Whether a call ended as none must."""
    signals = counts["between"]["SIGBUS"] + (counts["during"]["SIGBUS"] if io == "pread" else 0)
    return bool(signals or counts["between"]["other"] or counts["during"]["other"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="names of calls, or parts of them; all, if there are none")
    parser.add_argument("--times", type=int, default=TIMES, help="tries of each kind")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the shards")
    given = parser.parse_args()
    datasets.disable_progress_bars()
    bad = 0
    with tempfile.TemporaryDirectory() as place:
        files, right = make(Path(place), given.rows), answers(given.rows)
        columns = "".join(f"{end:>8}" for end in ENDS)
        print(f"{'':33} {'between calls':>32} {'during a call':>34}")
        print(f"{'call':16}{'cut to':11}{'io':6} {columns}  {columns}")
        for name, file in files.items():
            if given.words and not any(word in name for word in given.words):
                continue
            for cut in CUTS:
                for io in IOS:
                    counts = count(name, file, right[name], (cut, io), given.rows, given.times)
                    bad += is_bad(io, counts)
                    told = ["".join(f"{counts[when][end]:8}" for end in ENDS) for when in counts]
                    print(
                        f"{name:16}{cut:11}{io:6} {told[0]}  {told[1]}{'   <-' if is_bad(io, counts) else ''}",
                        flush=True,
                    )
    print("every call ended as it should" if not bad else f"{bad} rows hold ends that must not be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

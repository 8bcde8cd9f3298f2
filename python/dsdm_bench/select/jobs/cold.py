"""A file that is not in the page cache, against reading it as fast as the disk can."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm_bench.harness import page_cache
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, fastest, measured
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.results import JobResult, Measured, Unit
from dsdm_bench.select.answers import Promise, check
from dsdm_bench.select.measure import SelectBench
from dsdm_bench.select.oracle import Expected, expected
from dsdm_bench.select.settings import SEED
from dsdm_bench.select.tasks import Operation, Task

_READERS = (1, 2, 4, 8, 16)  # threads
_READ = 8 << 20  # bytes at a time
_COLD_SHARE = 0.9  # of the file must come from the disk


def cold(bench: SelectBench) -> Iterator[JobResult]:
    """Measure `top_k` and big positional reads in turns; the file is dropped from the page cache before each run."""
    settings = bench.settings
    k, path = settings.small, bench.vectors.path("a")
    title = f"top_k of a file that is on the disk alone, k = {k:,}"
    say(title)
    systems: list[Measured] = []
    unit = None
    if not hasattr(os, "posix_fadvise"):
        say("  this system has no call that drops a file from its cache")
    else:
        task = Task(Operation.top_k, (path,), settings.rows, k, SEED, settings.threads)
        unit, systems = _measure(task, path, settings.repeats, settings.budget)
    yield JobResult("cold", title, settings.rows, k, unit, "", systems)


def _measure(task: Task, path: Path, repeats: int, budget: float) -> tuple[Unit | None, list[Measured]]:
    right = _expected(task)
    drop = partial(page_cache.drop, path)
    reading = [Contestant(f"preads at once: {n}", partial(_read, path, n), _is_all(path), drop) for n in _READERS]
    ours = Contestant("dsdm, opening the file", partial(_top_k, task), _cold_answer(task, right), drop)
    alternate([*reading, ours], repeats, budget)
    if any(one.problem for one in reading):
        return None, [measured(one, None) for one in (*reading, ours)]
    best = fastest(reading)
    unit = Unit(best.name, best.median or 0.0, path.stat().st_size)
    systems = [measured(one, unit) for one in (*reading, ours)]
    systems[-1].library, systems[-1].version = "dsdm", dsdm.__version__
    return unit, systems


def _expected(task: Task) -> Expected:
    """Return the right rows without their keys, which are a map that would keep the file in the page cache."""
    right = expected(task)
    return Expected(right.rows, right.rows)


def _top_k(task: Task) -> tuple[NDArray[np.int64], int | None]:
    """Return the rows, and how many bytes came from the disk meanwhile."""
    before = page_cache.bytes_from_disk()
    rows = dsdm.top_k(dsdm.open_scores(task.paths[0]), task.k, threads=task.threads)
    after = page_cache.bytes_from_disk()
    return rows, None if before is None or after is None else after - before


def _cold_answer(task: Task, right: Expected) -> Callable[[Any], str]:
    def check_cold(found: tuple[NDArray[np.int64], int | None]) -> str:
        rows, read = found
        answer = check(Promise.order, task, right, rows)
        if read is None or read >= _COLD_SHARE * task.paths[0].stat().st_size:
            return answer
        return f"{answer}; NOT COLD: {read:,} bytes came from the disk; name a folder that is on one by --dir"

    return check_cold


def _read(path: Path, threads: int) -> int:
    """Read a file by several threads, each into one buffer, and return the bytes that were read."""
    size = path.stat().st_size
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with ThreadPoolExecutor(threads) as pool:
            shares = [range(first * _READ, size, threads * _READ) for first in range(threads)]
            return sum(pool.map(partial(_read_share, descriptor), shares))
    finally:
        os.close(descriptor)


def _read_share(descriptor: int, offsets: range) -> int:
    buffer = bytearray(_READ)
    return sum(os.preadv(descriptor, [buffer], offset) for offset in offsets)


def _is_all(path: Path) -> Callable[[Any], str]:
    size = path.stat().st_size

    def check_size(found: int) -> str:
        if found != size:
            message = f"{found:,} bytes were read of {size:,}"
            raise WrongAnswerError(message)
        return "all bytes"

    return check_size

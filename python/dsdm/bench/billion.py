"""A vector of a billion rows against one of the usual size: the time per row is to be the same."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dsdm
from dsdm.bench.answers import Promise, check
from dsdm.bench.contest import Bench, with_unit
from dsdm.bench.data import mapped
from dsdm.bench.oracle import expected
from dsdm.bench.report import say
from dsdm.bench.results import JobResult, Measured
from dsdm.bench.settings import SEED
from dsdm.bench.tasks import Operation, Task
from dsdm.bench.timing import Contestant

ROWS = 1_000_000_000


def billion(bench: Bench) -> Iterator[JobResult]:
    """Measure both in turns; needs 4 GB of disk, and memory for the page cache to hold them."""
    settings = bench.settings
    k = settings.small
    title = f"top_k of {ROWS:,} rows, k = {k:,}"
    say(title)
    sizes = {settings.rows: bench.vectors.path("a"), ROWS: bench.vectors.long(ROWS)}
    contestants = [_contestant(rows, path, k, settings.threads) for rows, path in sizes.items()]
    unit = with_unit([mapped(bench.vectors.long(ROWS))], contestants, settings)
    systems = [_per_row(one, rows) for one, rows in zip(contestants, sizes, strict=True)]
    result = JobResult("billion", title, ROWS, k, unit, systems[0].system, systems)
    if systems[0].seconds and systems[1].seconds:
        systems[0].ratio = 1.0
        systems[1].ratio = systems[1].seconds / systems[0].seconds * settings.rows / ROWS
        systems[1].passes = systems[1].seconds / unit.seconds
    yield result


def _contestant(rows: int, path: Path, k: int, threads: int | None) -> Contestant:
    task = Task(Operation.top_k, (path,), rows, k, SEED, threads)
    scores = dsdm.open_scores(path)
    return Contestant(
        f"{rows:,} rows",
        lambda: dsdm.top_k(scores, k, threads=threads),
        partial(check, Promise.order, task, expected(task)),
    )


def _per_row(contestant: Contestant, rows: int) -> Measured:
    one = Measured.of(contestant, None)
    one.library, one.version = "dsdm", dsdm.__version__
    if one.seconds:
        one.note = f"{one.seconds / rows * 1e9:.3f} ns per row"
    return one

"""A vector of a billion rows against one of the usual size: the time per row should be the same."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dsdm
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, measured
from dsdm_bench.harness.results import JobResult, Measured
from dsdm_bench.select.answers import Promise, check
from dsdm_bench.select.measure import SelectBench, with_unit
from dsdm_bench.select.oracle import expected
from dsdm_bench.select.score_files import mapped
from dsdm_bench.select.settings import SEED
from dsdm_bench.select.tasks import Operation, Task

ROWS = 1_000_000_000


def billion(bench: SelectBench) -> Iterator[JobResult]:
    """Measure both in turns; this needs 4 GB of disk, and memory for the page cache to hold them."""
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
    one = measured(contestant, None)
    one.library, one.version = "dsdm", dsdm.__version__
    if one.seconds:
        one.note = f"{one.seconds / rows * 1e9:.3f} ns per row"
    return one

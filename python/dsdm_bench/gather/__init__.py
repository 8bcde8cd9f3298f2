"""``dsdm bench gather``: materialization on this machine, against every peer that is installed.

Rows are taken out of a corpus of the reference's shape and written as a dataset. What each system wrote is compared
row by row with what was asked for before its time is shown. Each run is a process of its own; times are medians of
runs in turns, and memory is watched in the first run, which does not count.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import dsdm
from dsdm_bench.gather import measure, places
from dsdm_bench.gather.corpus import files as corpus
from dsdm_bench.gather.report import table
from dsdm_bench.gather.results import CaseResult
from dsdm_bench.gather.settings import ORDERS, OUTPUTS, ROW_TOKENS, SHARDS, SOURCES, USUAL, Case, GatherSettings
from dsdm_bench.gather.systems import LIBRARIES
from dsdm_bench.harness import machine
from dsdm_bench.harness.console import readable, say
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.report import Report

__all__ = [
    "LIBRARIES",
    "ORDERS",
    "OUTPUTS",
    "SOURCES",
    "USUAL",
    "Case",
    "GatherSettings",
    "WrongAnswerError",
    "run",
]


def run(settings: GatherSettings, *, json: Path | None = None, chart: Path | None = None) -> list[CaseResult]:
    """Run cases, print a table for each as it ends, and return what was measured.

    Parameters
    ----------
    settings
        What to measure.
    json
        A file to write the report to, renewed after each case.
    chart
        A .png or .svg file to draw the times into.

    Raises
    ------
    OSError
        If there is no room for what is to be written, before anything is made.
    WrongAnswerError
        At the end, naming each system whose answer was wrong.

    """
    report: Report[CaseResult] = Report(json, chart)
    with _sigterm_cleans_up(), corpus.prepared(settings) as made, places.made(settings, made.folder.parent) as where:
        say(f"{made.folder.parent}: {readable(places.check_disk(settings, made))} more are needed at most")
        outputs = {case.output: machine.file_system(where.output(case.output).parent) for case in settings.cases}
        profile = dsdm.diagnose(made.folder.parent).profile
        described = {**machine.describe(settings.thread_count, made.folder.parent, profile), "outputs": outputs}
        report.begin(
            dsdm.__version__,
            LIBRARIES,
            described,
            _how(settings, outputs),
            rows=settings.rows,
            shards=SHARDS,
            row_tokens=ROW_TOKENS,
            dtype="uint16",
            repeats=settings.repeats,
            budget=settings.budget,
        )
        for case in settings.cases:
            result = measure.measure(measure.GatherBench(settings, made, where), case)
            report.add(result, table(result))
    rows = f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16"
    return report.end(f"{rows}, {described['threads']} threads, {described['processor']}")


def _how(settings: GatherSettings, outputs: Mapping[str, str]) -> str:
    where = ", ".join(f"{name} is {kind}" for name, kind in outputs.items())
    lines = [
        f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16 in {SHARDS} shards; output in {where}",
        f"medians of {settings.repeats} runs in turns, each a fresh process; memory is that beyond the imports",
        "output on disk is synced within the time",
    ]
    if any(case.cold for case in settings.cases):
        lines.append("cold: the files of the corpus are dropped from the page cache by posix_fadvise before each run")
    return "\n".join(lines)


@contextmanager
def _sigterm_cleans_up() -> Iterator[None]:
    """Make SIGTERM end the run as Ctrl-C does: what was made is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""``dsdm bench gather``: materialization on this machine, against every peer that is installed.

Rows are taken out of a corpus of the reference's shape and written as a dataset. What each system wrote is compared
row by row with what was asked for before its time is shown. Each run is a process of its own; times are medians of
runs in turns, and memory is watched in the first run, which does not count.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import dsdm
from dsdm_bench.gather import measure, places
from dsdm_bench.gather.corpus import files as corpus
from dsdm_bench.gather.report import table
from dsdm_bench.gather.results import CaseResult
from dsdm_bench.gather.settings import ORDERS, OUTPUTS, ROW_TOKENS, SHARDS, SOURCES, USUAL, Case, GatherSettings
from dsdm_bench.gather.systems import LIBRARIES
from dsdm_bench.harness import machine, plot
from dsdm_bench.harness.console import readable, say
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.report import heading, publish
from dsdm_bench.harness.results import refuse_wrong

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

_SCALE = "times what the machine does at best (warm: a copy of the rows; cold: a read of them)"


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
    if chart is not None:
        plot.check_path(chart)
    results: list[CaseResult] = []
    with _sigterm_cleans_up(), corpus.prepared(settings) as made, places.made(settings, made.folder.parent) as where:
        say(f"{made.folder.parent}: {readable(places.check_disk(settings, made))} more are needed at most")
        report = _report(settings, made, where)
        print(heading(report["machine"], report["versions"], _how(settings, report["machine"])), end="\n\n")
        for case in settings.cases:
            result = measure.measure(measure.GatherBench(settings, made, where), case)
            results.append(result)
            publish(result, table(result), report, json)
    if chart is not None:
        plot.plot(chart, results, _title(settings, report["machine"]), _SCALE)
    refuse_wrong(results)
    return results


def _report(settings: GatherSettings, made: corpus.Corpus, where: places.Places) -> dict[str, Any]:
    """Return the report without jobs; times are in seconds, memory in bytes."""
    versions = {"dsdm": dsdm.__version__, **{name: machine.version_of(name) for name in LIBRARIES}}
    outputs = {case.output: machine.file_system(where.output(case.output).parent) for case in settings.cases}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {**machine.describe(settings.thread_count, made.folder.parent), "outputs": outputs},
        "versions": versions,
        "missing": [name for name, version in versions.items() if version is None],
        "rows": settings.rows,
        "shards": SHARDS,
        "row_tokens": ROW_TOKENS,
        "dtype": "uint16",
        "repeats": settings.repeats,
        "budget": settings.budget,
        "jobs": [],
    }


def _how(settings: GatherSettings, described: dict[str, Any]) -> str:
    outputs = ", ".join(f"{name} is {kind}" for name, kind in described["outputs"].items())
    lines = [
        f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16 in {SHARDS} shards; output in {outputs}",
        f"medians of {settings.repeats} runs in turns, each a fresh process; memory is that beyond the imports",
        "output on disk is synced within the time",
    ]
    if any(case.cold for case in settings.cases):
        lines.append("cold: the files of the corpus are dropped from the page cache by posix_fadvise before each run")
    return "\n".join(lines)


def _title(settings: GatherSettings, described: dict[str, Any]) -> str:
    rows = f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16"
    return f"{rows}, {described['threads']} threads, {described['processor']}"


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

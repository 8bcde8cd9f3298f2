"""``dsdm bench gather``: materialization on this machine, against every peer that is installed.

Rows are taken out of a corpus of the reference's shape and written as a dataset. What each system wrote is compared
row by row with what was asked for before its time is shown. Each run is a process of its own; times are medians of
runs in turns, and memory is watched in the first, which does not count.
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
from dsdm.bench import machine, plot
from dsdm.bench.answers import WrongAnswerError
from dsdm.bench.gather import contest, corpus, places
from dsdm.bench.gather.report import table
from dsdm.bench.gather.results import CaseResult
from dsdm.bench.gather.settings import ORDERS, OUTPUTS, ROW_TOKENS, SHARDS, SOURCES, USUAL, Case, Settings
from dsdm.bench.gather.systems import LIBRARIES, version_of
from dsdm.bench.report import heading, say, write_json
from dsdm.bench.results import refuse_wrong
from dsdm.sizes import readable

__all__ = [
    "LIBRARIES",
    "ORDERS",
    "OUTPUTS",
    "SOURCES",
    "USUAL",
    "Case",
    "Settings",
    "WrongAnswerError",
    "run",
]

_SCALE = "times what the machine does at best (warm: a copy of the rows; cold: a read of them)"


def run(settings: Settings, *, json: Path | None = None, chart: Path | None = None) -> list[CaseResult]:
    """Run cases, print a table for each as it ends, and give what was measured.

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
        If what is to be written does not fit, before anything is made.
    WrongAnswerError
        At the end, naming each system whose answer was wrong.

    """
    if chart is not None:
        plot.check_path(chart)
    results: list[CaseResult] = []
    with _ended_in_order(), corpus.prepared(settings) as made, places.made(settings, made.folder.parent) as where:
        say(f"{made.folder.parent}: {readable(places.check_disk(settings, made))} more are needed at most")
        report = _report(settings, made, where)
        print(heading(report["machine"], report["versions"], _how(settings, report["machine"])), end="\n\n")
        for case in settings.cases:
            result = contest.measure(contest.Bench(settings, made, where), case)
            results.append(result)
            report["jobs"].append(result.to_dict())
            print(table(result))
            sys.stdout.flush()
            if json is not None:
                write_json(json, report)
    if chart is not None:
        plot.plot(chart, results, _title(settings, report["machine"]), _SCALE)
    refuse_wrong(results)
    return results


def _report(settings: Settings, made: corpus.Corpus, where: places.Places) -> dict[str, Any]:
    """The report without jobs; times are in seconds, memory in bytes."""
    versions = {"dsdm": dsdm.__version__, **{name: version_of(name) for name in LIBRARIES}}
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


def _how(settings: Settings, described: dict[str, Any]) -> str:
    outputs = ", ".join(f"{name} is {kind}" for name, kind in described["outputs"].items())
    lines = [
        f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16 in {SHARDS} shards; output in {outputs}",
        f"medians of {settings.repeats} runs in turns, each a fresh process; memory is that beyond the imports",
        "output on disk is synced within the time",
    ]
    if any(case.cold for case in settings.cases):
        lines.append("cold: the files of the corpus are dropped from the page cache by posix_fadvise before each run")
    return "\n".join(lines)


def _title(settings: Settings, described: dict[str, Any]) -> str:
    rows = f"{settings.rows:,} rows of {ROW_TOKENS:,} uint16"
    return f"{rows}, {described['threads']} threads, {described['processor']}"


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have SIGTERM remove what was made, as Ctrl-C does."""
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

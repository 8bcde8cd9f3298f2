"""``dsdm bench``: selection on this machine, against every peer that is installed.

Every system's answer is compared with a plain numpy computation before its time is shown. Times are medians of
runs in turns; memory is measured in separate processes, so that it does not disturb them.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dsdm.bench import machine, plot
from dsdm.bench.answers import WrongAnswerError
from dsdm.bench.contest import Bench
from dsdm.bench.data import vectors
from dsdm.bench.jobs import JOBS, ON_DEMAND
from dsdm.bench.peers import LIBRARIES
from dsdm.bench.report import heading, table, write_json
from dsdm.bench.results import JobResult, refuse_wrong
from dsdm.bench.settings import Settings

__all__ = ["JOBS", "LIBRARIES", "ON_DEMAND", "Settings", "WrongAnswerError", "run"]

_SCALE = "time in passes over the bytes (one pass: a parallel max by the fastest reader)"


def run(settings: Settings, *, json: Path | None = None, chart: Path | None = None) -> list[JobResult]:
    """Run jobs, print a table for each as it ends, and give what was measured.

    Parameters
    ----------
    settings
        What to measure.
    json
        A file to write the report to, renewed after each job.
    chart
        A .png or .svg file to draw the times into.

    Raises
    ------
    WrongAnswerError
        At the end, naming each system whose answer was wrong.

    """
    if chart is not None:
        plot.check_path(chart)
    results: list[JobResult] = []
    with vectors(settings) as files:
        report = _report(settings, files.folder)
        print(heading(report["machine"], report["versions"], _how(settings)), end="\n\n")
        bench = Bench(settings, files)
        for name in settings.jobs:
            for result in JOBS[name](bench):
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


def _report(settings: Settings, folder: Path) -> dict[str, Any]:
    """The report without jobs; times are in seconds, memory in bytes."""
    versions = machine.versions()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(settings.thread_count, folder),
        "versions": versions,
        "missing": [name for name, version in versions.items() if version is None],
        "rows": settings.rows,
        "dtype": "float32",
        "repeats": settings.repeats,
        "budget": settings.budget,
        "jobs": [],
    }


def _how(settings: Settings) -> str:
    return (
        f"{settings.rows:,} float32, in the page cache; medians of runs in {settings.repeats} turns; "
        "memory is that beyond the map"
    )


def _title(settings: Settings, described: dict[str, Any]) -> str:
    return f"{settings.rows:,} float32 scores, {described['threads']} threads, {described['processor']}"

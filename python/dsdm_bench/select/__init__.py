"""``dsdm bench select``: selection on this machine, against every peer that is installed.

Every system's answer is compared with a plain numpy computation before its time is shown. Times are medians of runs
in turns; memory is measured in separate processes, so that it does not disturb them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dsdm
from dsdm_bench.harness import machine, plot
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.report import heading, publish
from dsdm_bench.harness.results import JobResult, refuse_wrong
from dsdm_bench.harness.table import table
from dsdm_bench.select.jobs import JOBS, ON_DEMAND
from dsdm_bench.select.measure import SelectBench
from dsdm_bench.select.peers import LIBRARIES
from dsdm_bench.select.settings import SelectSettings
from dsdm_bench.select.vectors import vectors

__all__ = ["JOBS", "LIBRARIES", "ON_DEMAND", "SelectSettings", "WrongAnswerError", "run"]

_SCALE = "time in passes over the bytes (one pass: a parallel max by the fastest reader)"


def run(settings: SelectSettings, *, json: Path | None = None, chart: Path | None = None) -> list[JobResult]:
    """Run jobs, print a table for each as it ends, and return what was measured.

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
        bench = SelectBench(settings, files)
        for name in settings.jobs:
            for result in JOBS[name](bench):
                results.append(result)
                publish(result, table(result), report, json)
    if chart is not None:
        plot.plot(chart, results, _title(settings, report["machine"]), _SCALE)
    refuse_wrong(results)
    return results


def _report(settings: SelectSettings, folder: Path) -> dict[str, Any]:
    """Return the report without jobs; times are in seconds, memory in bytes."""
    names = (name for name in LIBRARIES if name != "reference")
    versions = {"dsdm": dsdm.__version__, **{name: machine.version_of(name) for name in names}}
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


def _how(settings: SelectSettings) -> str:
    return (
        f"{settings.rows:,} float32, in the page cache; medians of runs in {settings.repeats} turns; "
        "memory is that beyond the map"
    )


def _title(settings: SelectSettings, described: dict[str, Any]) -> str:
    return f"{settings.rows:,} float32 scores, {described['threads']} threads, {described['processor']}"

"""``dsdm bench select``: selection on this machine, against every peer that is installed.

Every system's answer is compared with a plain numpy computation before its time is shown. Times are medians of runs
in turns; memory is measured in separate processes, so that it does not disturb them.
"""

from pathlib import Path

import dsdm
from dsdm_bench.harness import machine
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.report import Report
from dsdm_bench.harness.results import JobResult
from dsdm_bench.harness.table import table
from dsdm_bench.select.jobs import JOBS, ON_DEMAND
from dsdm_bench.select.measure import SelectBench
from dsdm_bench.select.peers import LIBRARIES
from dsdm_bench.select.settings import SelectSettings
from dsdm_bench.select.vectors import vectors

__all__ = ["JOBS", "LIBRARIES", "ON_DEMAND", "SelectSettings", "WrongAnswerError", "run"]


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
    report: Report[JobResult] = Report(json, chart)
    with vectors(settings) as files:
        described = machine.describe(settings.thread_count, files.folder, dsdm.diagnose(files.folder).profile)
        report.begin(
            dsdm.__version__,
            (name for name in LIBRARIES if name != "reference"),
            described,
            _how(settings),
            rows=settings.rows,
            dtype="float32",
            repeats=settings.repeats,
            budget=settings.budget,
        )
        bench = SelectBench(settings, files)
        for name in settings.jobs:
            for result in JOBS[name](bench):
                report.add(result, table(result))
    title = f"{settings.rows:,} float32 scores, {described['threads']} threads, {described['processor']}"
    return report.end(title)


def _how(settings: SelectSettings) -> str:
    return (
        f"{settings.rows:,} float32, in the page cache; medians of runs in {settings.repeats} turns; "
        "memory is that beyond the map"
    )

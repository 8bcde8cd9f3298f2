"""``dsdm bench rules``: the rules of ``dsdm.choose`` on this machine, against every peer that is installed.

Every system's answer is compared with a plain numpy computation before its time is shown. Times are medians of runs in
turns; memory is measured in separate processes, so that it does not disturb them.
"""

from dataclasses import asdict, replace
from functools import partial
from json import dumps as to_json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm_bench.harness import machine
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, fastest, measured
from dsdm_bench.harness.errors import ChildError, WrongAnswerError
from dsdm_bench.harness.passes import readers
from dsdm_bench.harness.processes.memory import peak
from dsdm_bench.harness.processes.process import is_measurable
from dsdm_bench.harness.report import Report
from dsdm_bench.harness.results import JobResult, Measured, Unit, compare
from dsdm_bench.harness.table import table
from dsdm_bench.rules.inputs import Inputs, make
from dsdm_bench.rules.oracle import RIGHT, check
from dsdm_bench.rules.peers import SYSTEMS
from dsdm_bench.rules.settings import JOBS, LIBRARIES, RuleSettings

__all__ = ["JOBS", "LIBRARIES", "RuleSettings", "WrongAnswerError", "run"]


def run(settings: RuleSettings, *, json: Path | None = None, chart: Path | None = None) -> list[JobResult]:
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
    described = machine.describe(settings.thread_count, Path.cwd(), dsdm.diagnose().profile)
    report.begin(
        dsdm.__version__,
        LIBRARIES,
        described,
        f"{settings.rows:,} rows in memory; medians of runs in {settings.repeats} turns; "
        "memory is that beyond the rows that are given",
        rows=settings.rows,
        groups=settings.groups,
        repeats=settings.repeats,
        budget=settings.budget,
    )
    say(f"making {settings.rows:,} rows")
    inputs = make(settings)
    libraries = [name for name in ("dsdm", *LIBRARIES) if name == "dsdm" or _takes_part(name, settings)]
    calls = {name: SYSTEMS[name](inputs, settings.thread_count) for name in libraries}
    for job in settings.jobs:
        result = _measure(job, inputs, {name: calls[name][job] for name in libraries}, settings)
        report.add(result, table(result))
    return report.end(f"{settings.rows:,} rows, {described['threads']} threads, {described['processor']}")


def _takes_part(name: str, settings: RuleSettings) -> bool:
    return machine.is_installed(name) and (settings.peers is None or name in settings.peers)


def _read_by(job: str, inputs: Inputs) -> list[NDArray[Any]]:
    """Return what a rule reads of every row."""
    match job:
        case "ties":
            return [inputs.labels]
        case "budget":
            return [inputs.scores, inputs.lengths]
        case "lengths":
            return [inputs.scores, inputs.text_lengths]
        case "quotas" | "like":
            return [inputs.scores, inputs.groups]
    return [inputs.scores]


def _measure(job: str, inputs: Inputs, calls: dict[str, Any], settings: RuleSettings) -> JobResult:
    """Measure all systems on one rule, in turns with the readers of the bytes that it reads."""
    right = RIGHT[job](inputs)
    title = f"{job}: {len(right):,} of {inputs.rows:,} rows"
    say(title)
    arrays = [array.view(np.float32) for array in _read_by(job, inputs)]
    reading = readers(arrays, settings.thread_count)
    contestants = [Contestant(name, call, partial(check, job, inputs, right)) for name, call in calls.items()]
    alternate([*reading, *contestants], settings.repeats, settings.budget)
    best = fastest(reading)
    unit = Unit(best.name, best.median or 0.0, sum(array.nbytes for array in arrays))
    systems = [measured(one, unit) for one in contestants]
    for one in systems:
        one.library, one.version = one.system, machine.version_of(one.system)
        if settings.memory and is_measurable() and not one.problem:
            _measure_memory(job, settings, one)
    compare(systems, "dsdm")
    return JobResult(job, title, inputs.rows, len(right), unit, "dsdm", systems)


def _measure_memory(job: str, settings: RuleSettings, one: Measured) -> None:
    asked = to_json(asdict(replace(settings, jobs=(job,))))
    try:
        one.memory = peak("dsdm_bench.rules.child", one.system, asked)
    except ChildError as error:
        one.note = f"memory: {error}"

"""``dsdm bench whole``: whole jobs, from a saved corpus to a saved subset, as those who select run them.

The peers are QuRating's script and data-juicer's selector, as they are. Each run is a process of its own, whose time
counts from its start. What each wrote is compared with a plain numpy computation before its time is shown.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsdm
from dsdm_bench.harness import machine, page_cache
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, measured
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.processes.process import is_measurable
from dsdm_bench.harness.processes.runs import ProcessRun, work
from dsdm_bench.harness.report import Report
from dsdm_bench.harness.results import JobResult, Measured, compare
from dsdm_bench.harness.table import table
from dsdm_bench.whole.corpus import Rows, make
from dsdm_bench.whole.outputs import check, right
from dsdm_bench.whole.settings import JOBS, SHARE, WholeSettings
from dsdm_bench.whole.systems import LIBRARIES, RECIPES, System, left_out, systems_for

__all__ = ["JOBS", "WholeSettings", "WrongAnswerError", "run"]


@dataclass
class _Entry:
    """One system in one job; every run is a fresh process that writes to an empty directory."""

    system: System
    task: dict[str, Any]
    expected: NDArray[np.int64]
    runs: list[ProcessRun] = field(default_factory=list)

    def run(self) -> ProcessRun:
        watched = not self.runs and is_measurable()
        done = work(self.system.recipe, self.system.imports, self.task, recipes=RECIPES, watched=watched)
        self.runs.append(done)
        return done

    def setup(self) -> None:
        """Empty the directories, and have the corpus in the page cache."""
        for name in ("out", "scratch"):
            shutil.rmtree(self.task[name], ignore_errors=True)
            Path(self.task[name]).mkdir()
        page_cache.warm([path for path in Path(self.task["corpus"]).rglob("*") if path.is_file()])

    def check(self, _: ProcessRun) -> str:
        return check(Path(self.task["out"]), self.expected)


def run(settings: WholeSettings, *, json: Path | None = None, chart: Path | None = None) -> list[JobResult]:
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
    with tempfile.TemporaryDirectory(prefix="dsdm-bench-whole-", dir=settings.folder or Path.cwd()) as name:
        folder = Path(name)
        described = machine.describe(settings.thread_count, folder, dsdm.diagnose(folder).profile)
        report.begin(dsdm.__version__, LIBRARIES, described, _how(settings), rows=settings.rows, share=SHARE)
        say(f"making {settings.rows:,} rows")
        rows = make(settings.rows, folder / "corpus")
        for job in settings.jobs:
            result = _measure(job, rows, folder, settings)
            report.add(result, table(result))
    return report.end(f"{settings.rows:,} texts, {described['threads']} threads, {described['processor']}")


def _how(settings: WholeSettings) -> str:
    lines = [
        f"{settings.rows:,} texts with a length and a score, saved by datasets; outputs beside them",
        f"medians of {settings.repeats} runs in turns, each a fresh process from its start; memory beyond the imports",
        *(f"does not take part: {line}" for line in left_out(settings)),
    ]
    return "\n".join(lines)


def _measure(job: str, rows: Rows, folder: Path, settings: WholeSettings) -> JobResult:
    """Measure all systems on one job, in turns."""
    expected = right(job, rows)
    what = "the best rows that reach a budget of tokens" if job == "budget" else "a share of the rows, best first"
    title = f"{what}: {len(expected):,} of {settings.rows:,}"
    say(title)
    task = {
        **{name: str(folder / name) for name in ("corpus", "out", "scratch")},
        "tokens": rows.tokens,
        "k": rows.k,
        "share": SHARE,
        "threads": settings.thread_count,
        "script": str(settings.script.resolve()) if settings.script else "",
    }
    entries = [_Entry(system, task, expected) for system in systems_for(job, settings)]
    contestants = [
        Contestant(one.system.name, one.run, one.check, one.setup, lambda done: done.started + done.worked)
        for one in entries
    ]
    alternate(contestants, settings.repeats, settings.budget)
    systems = [_told(entry, contestant) for entry, contestant in zip(entries, contestants, strict=True)]
    compare(systems, "dsdm")
    return JobResult(job, title, settings.rows, len(expected), None, "dsdm", systems)


def _told(entry: _Entry, contestant: Contestant) -> Measured:
    one = measured(contestant, None)
    one.library = entry.system.library
    one.version = None if entry.system.by_script else machine.version_of(one.library)
    if entry.runs and not one.problem:
        one.memory = entry.runs[0].memory
    return one

"""The report: a heading, a table for each job, JSON and a chart."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from dsdm_bench.harness import machine, plot
from dsdm_bench.harness.console import readable, say
from dsdm_bench.harness.results import JobResult, refuse_wrong

Result = TypeVar("Result", bound=JobResult)


class Report(Generic[Result]):
    """What a run measures: printed and written as it grows, and drawn at its end.

    Parameters
    ----------
    path
        A file to write it to as JSON, renewed after each job, or None.
    chart
        A .png or .svg file, or None: the times of each job are drawn into files whose names begin with its name.
        Refused here, before anything is measured, if there can be none.

    """

    def __init__(self, path: Path | None, chart: Path | None) -> None:
        if chart is not None:
            plot.check_path(chart)
        self.results: list[Result] = []
        self._path, self._chart = path, chart
        self._told: dict[str, Any] = {}

    def begin(
        self, version: str, libraries: Iterable[str], described: dict[str, Any], how: str, **settings: object
    ) -> None:
        """Print what is measured on, with which versions, and how; `settings` go into the JSON as they are."""
        versions = {"dsdm": version, **{name: machine.version_of(name) for name in libraries}}
        self._told = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": described,
            "versions": versions,
            "missing": [name for name, version in versions.items() if version is None],
            **settings,
            "jobs": [],
        }
        if slower := not_released(described):
            say(f"WARNING: {slower}; for times that count, build a release: maturin develop --release")
        print(heading(described, versions, how), end="\n\n")

    def add(self, result: Result, table: str) -> None:
        """Print the table of a job and add the job, which is written if there is a file for it."""
        self.results.append(result)
        self._told["jobs"].append(result.to_dict())
        print(table)
        sys.stdout.flush()
        if self._path is not None:
            _write_json(self._path, self._told)

    def end(self, measured: str) -> list[Result]:
        """Draw the charts, if there are to be any, and return all results. `measured` says with what, and on what.

        Raises
        ------
        WrongAnswerError
            Naming each system whose answer was wrong.

        """
        if self._chart is not None:
            slower = not_released(self._told["machine"])
            plot.plot(self._chart, self.results, f"{measured}; {slower}" if slower else measured)
        refuse_wrong(self.results)
        return self.results


def heading(machine: dict[str, Any], versions: dict[str, str | None], how: str) -> str:
    """Return lines that say what was measured on, with which versions, and how."""
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    lines = [
        f"{machine['processor']}, {machine['threads']} of {machine['processors']} threads"
        + (f", {readable(machine['memory'])}" if machine["memory"] else "")
        + (f", {machine['disk']}" if machine["disk"] else ""),
        f"{machine['system']}, Python {machine['python']}, load {machine['load']}",
        known,
    ]
    if slower := not_released(machine):
        lines.append(f"WARNING: {slower}")
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        lines.append(f"not installed, so not compared with: {', '.join(missing)}")
    return "\n".join([*lines, how])


def not_released(machine: dict[str, Any]) -> str:
    """Return what to say of a dsdm that was compiled otherwise than users have it; empty if it was not."""
    profile = machine["profile"]
    return "" if profile == "release" else f"dsdm was compiled by the profile {profile}, which is slower than release"


def aligned(lines: list[list[str]]) -> Iterator[str]:
    """Yield lines of columns of equal width: the first and the last aligned left, the numbers between right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        yield f"  {line[0]:<{widths[0]}}  {'  '.join(cells[1:-1])}  {line[-1]}".rstrip()


def _write_json(path: Path, report: dict[str, Any]) -> None:
    """Write a report to a sibling of `path` and rename it, so that `path` is never half a file."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

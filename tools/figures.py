"""Write a table of measurements, and its chart, into the pages that show them: `make figures` for all of them.

    dsdm bench select --json select.json && python tools/figures.py select select.json

A table stands between ``<!-- table: select -->`` and ``<!-- end of table -->``, and nothing in it is written by hand. A
report that lacks a job which a page shows is refused, so that no page has figures of several machines.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dsdm_bench.harness import plot
from dsdm_bench.harness.console import readable, seconds
from dsdm_bench.harness.results import JobResult, Measured, Unit

ROOT = Path(__file__).resolve().parent.parent
PAGE, README, CHARTS = ROOT / "docs" / "performance.md", ROOT / "README.md", ROOT / "docs" / "figures"
_MANY = 10


@dataclass(frozen=True)
class Table:
    """What is shown of a report of `dsdm bench`: its jobs, and the one that is drawn."""

    name: str
    shown: Callable[[dict[str, Any]], bool]
    label: Callable[[dict[str, Any]], str]
    """What the first column says of a job."""
    drawn: Callable[[dict[str, Any]], bool] | None
    """Tells the job of the chart; None has no chart, and no best other either: these are times of dsdm alone."""


def _title(job: dict[str, Any]) -> str:
    return str(job["title"]).replace(": ", ", ")


def _case(job: dict[str, Any]) -> str:
    told = [f"{job['percent']:g} %", job["order"], *(["to disk"] if job["output"] == "disk" else [])]
    return ", ".join([*told, *(["cold"] if job["cold"] else [])])


def _is(job: str, k: int | None = None) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told["job"] == job and k in (None, told["k"])


_ALONE = {"adverse", "startup", "cold", "billion"}
TABLES = {
    "select": Table("select", lambda job: job["job"] not in _ALONE, _title, _is("top-k", 6_350_000)),
    "alone": Table("select", lambda job: job["job"] in _ALONE, _title, None),
    "rules": Table("rules", lambda _: True, _title, _is("budget")),
    "arrow": Table("gather", lambda job: job["source"] == "arrow", _case, _is("arrow-10-random-memory-warm")),
    "parquet": Table("gather", lambda job: job["source"] == "parquet", _case, _is("parquet-10-random-memory-warm")),
    "whole": Table("whole", lambda _: True, _title, _is("budget")),
}
"""By the name that marks a table in the page; several may come of one report."""

HEADLINES = {
    "select": ("top-k", 6_350_000, "the best {k:,} of {rows:,} scores"),
    "arrow": ("arrow-10-random-memory-warm", None, "{k:,} of {rows:,} rows of 1,024 tokens, Arrow to Arrow"),
    "parquet": ("parquet-10-random-memory-warm", None, "the same from Parquet"),
}
"""The jobs of the README's three ratios, each marked as ``<!-- ratio: select -->`` at the end of its line."""
IN_WORDS = {"numpy filter": "numpy, by a bound from a sample"}
"""What the README says of a system whose name tells too little there; the page explains it."""


def main() -> None:
    """Write the tables of one report, or say what it lacks."""
    if len(sys.argv) != 3 or sys.argv[1] not in {table.name for table in TABLES.values()}:  # noqa: PLR2004
        sys.exit(f"usage: figures.py {'|'.join(sorted({table.name for table in TABLES.values()}))} REPORT.json")
    report = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    if report["machine"]["profile"] != "release":
        sys.exit(f"{sys.argv[2]}: dsdm was compiled by the profile {report['machine']['profile']}; measure a release")
    for name, table in TABLES.items():
        if table.name == sys.argv[1]:
            write(name, table, report)


def write(name: str, table: Table, report: dict[str, Any]) -> None:
    """Put a table into the page, draw its chart, and bring its ratio in the README up to date."""
    jobs = [job for job in report["jobs"] if table.shown(job)]
    lines = _alone(jobs) if table.drawn is None else _compared(jobs, table)
    parts = ["\n".join(lines), measured_on(report)]
    if table.drawn is not None:
        drawn = next((job for job in jobs if table.drawn(job)), None)
        if drawn is None:
            sys.exit(f"the report has no job for the chart of the table {name!r}; measure all of them")
        CHARTS.mkdir(exist_ok=True)
        plot.draw(CHARTS / f"{name}.svg", of_json(drawn), f"{_processors(report)}, {report['date'][:10]}")
        parts.append(_picture(name, f"Seconds of each system: {table.label(drawn)}"))
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), name, "\n\n".join(parts)), "utf-8")
    if name in HEADLINES:
        README.write_text(with_ratio(README.read_text("utf-8"), name, jobs), "utf-8")
    print(f"{name}: {len(jobs)} jobs in {PAGE.relative_to(ROOT)}")


def with_table(page: str, name: str, table: str) -> str:
    """Return a page with another table between the marks of one."""
    start, end = f"<!-- table: {name} -->", "<!-- end of table -->"
    found = re.search(f"{re.escape(start)}\n.*?{re.escape(end)}", page, re.DOTALL)
    if found is None:
        sys.exit(f"{PAGE.relative_to(ROOT)} has no place for a table: {start} and {end}")
    return f"{page[: found.start()]}{start}\n\n{table}\n\n{end}{page[found.end() :]}"


def with_ratio(readme: str, marked: str, jobs: list[dict[str, Any]]) -> str:
    """Return the README with another ratio in the line that has the mark."""
    job_name, k, said = HEADLINES[marked]
    job = next((job for job in jobs if _is(job_name, k)(job)), None)
    mark = f"<!-- ratio: {marked} -->"
    lines = readme.split("\n")
    places = [number for number, line in enumerate(lines) if line.endswith(f"{mark} |")]
    if job is None or len(places) != 1:
        found = "no such job" if job is None else "one"
        sys.exit(
            f"the README has {len(places)} lines that end with {mark}, of which one is needed, and the report {found}"
        )
    ours, others = _split(job)
    told, best = said.format(k=job["k"], rows=job["rows"]), others[0]
    name = IN_WORDS.get(best.system, best.system)
    lines[places[0]] = f"| {told} | {_time(ours[0])} | {name}: {_time(best)}, {_times(best, ours[0])} {mark} |"
    return "\n".join(lines)


def _compared(jobs: Iterable[dict[str, Any]], table: Table) -> Iterator[str]:
    yield "| job | dsdm | memory | the best other | the rest |"
    yield "|---|---|---|---|---|"
    for job in jobs:
        ours, others = _split(job)
        told = [f"{one.system} {_time(one)}, {_times(one, ours[0])}" for one in others]
        memory = "" if ours[0].memory is None else readable(ours[0].memory)
        cells = (table.label(job), _ours(job, ours), memory, told[0], "; ".join(told[1:]))
        yield f"| {' | '.join(cells)} |"


def _alone(jobs: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "| job | times |"
    yield "|---|---|"
    for job in jobs:
        systems = of_json(job).systems
        ratios = ["" if one.ratio is None else f" ({one.ratio:.2f} x)" for one in systems]
        told = [f"{one.system} {_time(one)}{ratio}" for one, ratio in zip(systems, ratios, strict=True)]
        yield f"| {_title(job)} | {'; '.join(told)} |"


def _ours(job: dict[str, Any], ours: list[Measured]) -> str:
    """Say how long dsdm took, how often what the machine does at best goes into that, and its other ways."""
    unit = " times the machine's best" if "source" in job else " passes"
    passes = "" if ours[0].passes is None else f", {ours[0].passes:.3g}{unit}"
    return "; ".join([f"{_time(ours[0])}{passes}", *(f"{one.system[6:]} {_time(one)}" for one in ours[1:])])


def _split(job: dict[str, Any]) -> tuple[list[Measured], list[Measured]]:
    """Return dsdm in each of its ways, and the others that were measured, the fastest first."""
    systems = [one for one in of_json(job).systems if one.seconds]
    ours = [one for one in systems if one.library == "dsdm"]
    others = sorted((one for one in systems if one.library != "dsdm"), key=lambda one: one.seconds or 0.0)
    if not ours or not others:
        sys.exit(f"{job['title']}: {'dsdm' if not ours else 'no other'} was measured")
    return ours, others


def of_json(job: dict[str, Any]) -> JobResult:
    """Return a job as `dsdm bench` wrote it."""
    known = [one.name for one in fields(Measured)]
    systems = [Measured(**{name: one[name] for name in known}) for one in job["systems"]]
    unit = None if job["unit"] is None else Unit(**job["unit"])
    return JobResult(job["job"], job["title"], job["rows"], job["k"], unit, job["against"], systems)


def measured_on(report: dict[str, Any]) -> str:
    """Say with what, on what and when a report was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if version)
    return f"Measured on {report['date'][:10]} on {_processors(report)}, with {versions}."


def _picture(name: str, told: str) -> str:
    """Return a chart for light pages and dark ones, as GitHub takes it; docs/site/stage.py knows these lines."""
    light, dark = (f"{CHARTS.name}/{name}{end}.svg" for end in ("", "-dark"))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{told}"></picture>'
    )


def _processors(report: dict[str, Any]) -> str:
    machine = report["machine"]
    return f"{machine['threads']} threads of an {machine['processor']}"


def _time(one: Measured) -> str:
    return seconds(one.seconds or 0.0)


def _times(one: Measured, ours: Measured) -> str:
    ratio = (one.seconds or 0.0) / (ours.seconds or 1.0)
    return f"{ratio:.0f} x" if ratio >= _MANY else f"{ratio:.2g} x"


if __name__ == "__main__":
    main()

"""The report: lines on the terminal while it runs, a table for each job, and JSON."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsdm.sizes import readable

if TYPE_CHECKING:
    from dsdm.bench.results import JobResult, Measured

_HEADINGS = ("system", "time", "passes", "ratio", "runs", "memory", "answer")


def say(text: str) -> None:
    """Tell on stderr what is being done."""
    print(text, file=sys.stderr, flush=True)


def seconds(value: float) -> str:
    """A time as text.

    >>> seconds(48.42), seconds(0.9999), seconds(0.05217), seconds(0.000123)
    ('48.4 s', '1 s', '52.2 ms', '0.123 ms')
    """
    if value >= 0.9995:  # noqa: PLR2004 - what three digits of milliseconds cannot show
        return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"  # noqa: PLR2004 - three digits
    return f"{value * 1000:.3g} ms"


def heading(machine: dict[str, Any], versions: dict[str, str | None], how: str) -> str:
    """What was measured on, and how."""
    known = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    lines = [
        f"{machine['processor']}, {machine['threads']} of {machine['processors']} threads"
        + (f", {readable(machine['memory'])}" if machine["memory"] else "")
        + (f", {machine['disk']}" if machine["disk"] else ""),
        f"{machine['system']}, Python {machine['python']}, load {machine['load']}",
        known,
        *missing(versions),
        how,
    ]
    return "\n".join(lines)


def missing(versions: dict[str, str | None]) -> list[str]:
    """A line that names what is not installed, if anything is not."""
    names = [name for name, version in versions.items() if version is None]
    return [f"not installed, so not compared with: {', '.join(names)}"] if names else []


def table(result: "JobResult") -> str:
    """A job as text."""
    lines = [result.title]
    if result.unit is not None:
        unit = result.unit
        speed = f"{readable(unit.speed)}/s"
        lines.append(f"one pass over {readable(unit.bytes)}: {seconds(unit.seconds)}, {speed}, by {unit.name}")
    against = f"x {result.against}" if result.against else ""
    headings = [against if name == "ratio" else name for name in _HEADINGS]
    return "\n".join([*lines, *aligned([headings, *(_cells(one) for one in result.systems)]), ""])


def _cells(one: "Measured") -> list[str]:
    said = "; ".join(filter(None, (one.problem, one.answer, *limits(one), one.note)))
    return [
        one.system,
        "" if one.seconds is None else seconds(one.seconds),
        "" if one.passes is None else f"{one.passes:.2f}",
        "" if one.ratio is None else f"{one.ratio:.2f}",
        str(len(one.times)) if one.times else "",
        "" if one.memory is None else readable(one.memory),
        said,
    ]


def limits(one: "Measured") -> list[str]:
    """Whether the limits of a system are kept, as text."""
    said = []
    if one.limit is not None and one.seconds is not None:
        said.append(_kept(one.seconds < one.limit, seconds(one.limit)))
    if one.memory_limit is not None and one.memory is not None:
        said.append(_kept(one.memory <= one.memory_limit, readable(one.memory_limit)))
    return said


def _kept(kept: bool, limit: str) -> str:  # noqa: FBT001 - it is the value shown
    return f"limit {limit} kept" if kept else f"LIMIT {limit} PASSED"


def aligned(lines: list[list[str]]) -> Iterable[str]:
    """Columns of equal width; the first and the last to the left, numbers to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        yield f"  {line[0]:<{widths[0]}}  {'  '.join(cells[1:-1])}  {line[-1]}".rstrip()


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Write a report to a sibling of `path` and rename it, so that `path` is never half a file."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

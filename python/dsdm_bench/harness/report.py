"""The report: a heading, a table for each job, and JSON."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsdm_bench.harness.console import readable
from dsdm_bench.harness.results import JobResult


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
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        lines.append(f"not installed, so not compared with: {', '.join(missing)}")
    return "\n".join([*lines, how])


def aligned(lines: list[list[str]]) -> Iterator[str]:
    """Yield lines of columns of equal width: the first and the last aligned left, the numbers between right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        yield f"  {line[0]:<{widths[0]}}  {'  '.join(cells[1:-1])}  {line[-1]}".rstrip()


def publish(result: JobResult, table: str, report: dict[str, Any], path: Path | None) -> None:
    """Print the table of a job and add the job to the report, which is written to `path` if there is one."""
    report["jobs"].append(result.to_dict())
    print(table)
    sys.stdout.flush()
    if path is not None:
        _write_json(path, report)


def _write_json(path: Path, report: dict[str, Any]) -> None:
    """Write a report to a sibling of `path` and rename it, so that `path` is never half a file."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

"""The table of a case."""

from dsdm_bench.gather.results import CaseResult
from dsdm_bench.harness.console import readable, seconds
from dsdm_bench.harness.report import aligned
from dsdm_bench.harness.results import Measured

_HEADINGS = ["system", "time", "x dsdm", "x best", "runs", "speed", "memory", "answer"]


def table(result: CaseResult) -> str:
    """Return a case as text."""
    counted = (
        "fresh processes from their start" if result.source == "parquet" else "fresh processes after their imports"
    )
    lines = [f"{result.title}: {result.k:,} rows of {result.rows:,}; {counted}"]
    if result.unit is not None:
        speed = f"{readable(result.unit.speed)}/s"
        what = "reading" if result.cold else "copying"
        size, took = readable(result.unit.bytes), seconds(result.unit.seconds)
        lines.append(f"{what} {size} of rows at best: {took}, {speed}, by {result.unit.name}")
    return "\n".join([*lines, *aligned([_HEADINGS, *(_cells(one) for one in result.systems)]), ""])


def _cells(one: Measured) -> list[str]:
    speed = getattr(one, "speed", None)
    return [
        one.system,
        "" if one.seconds is None else seconds(one.seconds),
        "" if one.ratio is None else f"{one.ratio:.2f}",
        "" if one.passes is None else f"{one.passes:.2f}",
        str(len(one.times)) if one.times else "",
        "" if speed is None else f"{readable(speed)}/s",
        "" if one.memory is None else readable(one.memory),
        "; ".join(filter(None, (one.problem, one.answer, one.note))),
    ]

"""The table of a job."""

from dsdm_bench.harness.console import readable, seconds
from dsdm_bench.harness.report import aligned
from dsdm_bench.harness.results import JobResult, Measured

_HEADINGS = ("system", "time", "passes", "ratio", "runs", "memory", "answer")


def table(result: JobResult) -> str:
    """Return a job as text."""
    lines = [result.title]
    if result.unit is not None:
        unit = result.unit
        speed = f"{readable(unit.speed)}/s"
        lines.append(f"one pass over {readable(unit.bytes)}: {seconds(unit.seconds)}, {speed}, by {unit.name}")
    against = f"x {result.against}" if result.against else ""
    headings = [against if name == "ratio" else name for name in _HEADINGS]
    return "\n".join([*lines, *aligned([headings, *(_cells(one) for one in result.systems)]), ""])


def _cells(one: Measured) -> list[str]:
    remarks = "; ".join(filter(None, (one.problem, one.answer, *_limits(one), one.note)))
    return [
        one.system,
        "" if one.seconds is None else seconds(one.seconds),
        "" if one.passes is None else f"{one.passes:.2f}",
        "" if one.ratio is None else f"{one.ratio:.2f}",
        str(len(one.times)) if one.times else "",
        "" if one.memory is None else readable(one.memory),
        remarks,
    ]


def _limits(one: Measured) -> list[str]:
    """Return, for each limit of a system, whether it is kept."""
    remarks = []
    if one.limit is not None and one.seconds is not None:
        remarks.append(_kept(one.seconds < one.limit, seconds(one.limit)))
    if one.memory_limit is not None and one.memory is not None:
        remarks.append(_kept(one.memory <= one.memory_limit, readable(one.memory_limit)))
    return remarks


def _kept(kept: bool, limit: str) -> str:  # noqa: FBT001 - it is the value shown
    return f"limit {limit} kept" if kept else f"LIMIT {limit} PASSED"

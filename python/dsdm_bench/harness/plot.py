"""The charts: one for each job, with a bar of seconds for each system, the fastest on top; for light pages and dark."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsdm_bench.harness.console import seconds
from dsdm_bench.harness.results import JobResult, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _OTHERS = "#d1495b", "#8b95a5"
_INKS = {"": "#24292f", "-dark": "#e6edf3"}
"""The colour of text by what the name of a chart ends with. What is behind it is the page's."""
_PIXELS = (830, 300)
_DOTS = 96
"""Pixels of an inch, as browsers have it."""
_ROOM = 1.22
"""How far the scale reaches beyond the longest bar, for its label."""
_MANY = 10
FORMATS = (".png", ".svg")


def check_path(path: Path) -> None:
    """Refuse another kind of file, and any chart without matplotlib, before anything is measured."""
    if path.suffix.lower() not in FORMATS:
        message = f"{path}: a chart is a .png or .svg file"
        raise ValueError(message)
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = "a chart needs matplotlib; install it by: pip install matplotlib"
        raise ImportError(message) from error
    del mpl


def plot(path: Path, results: Sequence[JobResult], measured: str) -> list[Path]:
    """Draw every job that dsdm did, and return the files: `path` with the name of the job, light and dark.

    `measured` says on what machine, and with what.
    """
    jobs = [job for job in results if _shown(job)]
    if not jobs:
        message = f"{path}: no job that was run has times to draw"
        raise ValueError(message)
    made = []
    for job in jobs:
        made += draw(path.with_name(f"{path.stem}-{_name(job)}{path.suffix}"), job, measured)
    return made


def draw(path: Path, job: JobResult, measured: str) -> list[Path]:
    """Draw one job, and return the files: `path` for light pages, and beside it the one for dark pages."""
    made = []
    for end, ink in _INKS.items():
        made.append(path.with_name(f"{path.stem}{end}{path.suffix}"))
        _draw(made[-1], job, measured, ink)
    return made


def _name(job: JobResult) -> str:
    """Return the title of a job as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", job.title.lower().replace(",000", "k").replace("k = ", "")).strip("-")


def _shown(job: JobResult) -> list[Measured]:
    """Return the systems that were measured, the fastest first; of several ways of dsdm, the first."""
    ours = [one for one in job.systems if one.library == "dsdm" and one.seconds][:1]
    others = [one for one in job.systems if one.library != "dsdm" and one.seconds]
    return sorted([*ours, *others] if ours else [], key=lambda one: one.seconds or 0.0)


def _draw(path: Path, job: JobResult, measured: str, ink: str) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "svg.hashsalt": "dsdm",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
    }
    style |= dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), ink)
    with rc_context(style):
        figure = Figure(figsize=(_PIXELS[0] / _DOTS, _PIXELS[1] / _DOTS), layout="constrained")
        _bars(figure.subplots(), job, measured)
        # Without a date, the same times are the same file.
        figure.savefig(path, dpi=_DOTS, transparent=True, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bars(axis: "Axes", job: JobResult, measured: str) -> None:
    systems = _shown(job)
    colours = [_OURS if one.library == "dsdm" else _OTHERS for one in systems]
    times = [one.seconds or 0.0 for one in systems]
    bars = axis.barh([_label(one) for one in systems], times, color=colours, height=0.7)
    base = next(one.seconds for one in systems if one.library == "dsdm") or 1.0
    axis.bar_label(bars, [_told(one, base) for one in systems], padding=4)
    axis.set_ylim(len(systems) - 0.4, -0.6)  # the fastest on top
    axis.set_xlim(0, max(times) * _ROOM)
    axis.set_title(job.title, loc="left", fontweight="bold")
    axis.set_xlabel(f"seconds; {measured}")
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _label(one: Measured) -> str:
    """Return the name of a system in two words."""
    return " ".join(one.system.replace(",", " ").split()[:2])


def _told(one: Measured, base: float) -> str:
    """Return a time, and how many times that of dsdm it is."""
    took = one.seconds or 0.0
    if one.library == "dsdm":
        return seconds(took)
    ratio = took / base
    return f"{seconds(took)}, {ratio:,.0f} x" if ratio >= _MANY else f"{seconds(took)}, {ratio:.1f} x"

"""The chart: for each job, one bar per system, in units of the job, on a logarithmic scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsdm_bench.harness.console import seconds
from dsdm_bench.harness.results import JobResult, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _OTHERS, _PASS = "#d1495b", "#7d8597", "#333333"
_WIDTH, _BAR, _FRAME = 9.0, 0.26, 0.75  # inches
_MANY = 100
_LABEL_ROOM = 12  # how far the scale reaches beyond the longest bar, as a factor, for its label
FORMATS = (".png", ".svg")


def check_path(path: Path) -> None:
    """Refuse another kind of file, and any chart without matplotlib, before anything is measured."""
    if path.suffix.lower() not in FORMATS:
        message = f"{path}: a chart is a .png or .svg file"
        raise ValueError(message)
    try:
        import matplotlib as mpl
    except ImportError as error:
        message = "a chart needs matplotlib; install it by: pip install 'dsdm[bench]'"
        raise ImportError(message) from error
    del mpl


def plot(path: Path, results: Sequence[JobResult], title: str, scale: str) -> None:
    """Draw every job that has a unit into a .png or .svg file, with a title and the meaning of the scale."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    jobs = [job for job in results if job.unit is not None and _shown(job)]
    if not jobs:
        message = f"{path}: no job that was run has times to draw"
        raise ValueError(message)
    heights = [len(_shown(job)) * _BAR + _FRAME for job in jobs]
    with rc_context({"svg.hashsalt": "dsdm", "font.size": 9}):
        figure = Figure(figsize=(_WIDTH, sum(heights) + _FRAME), layout="constrained")
        axes = list(figure.subplots(len(jobs), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
        for axis, job in zip(axes, jobs, strict=True):
            _draw(axis, job)
        _scale(axes, jobs, scale)
        figure.suptitle(title)
        figure.savefig(path, dpi=150)


def _shown(job: JobResult) -> list[Measured]:
    return [one for one in job.systems if one.passes]


def _draw(axis: "Axes", job: JobResult) -> None:
    systems = _shown(job)
    colours = [_OURS if one.library == "dsdm" else _OTHERS for one in systems]
    bars = axis.barh([one.system for one in systems], [one.passes or 0.0 for one in systems], color=colours)
    axis.bar_label(bars, [_label(one) for one in systems], padding=4)
    axis.set_ylim(len(systems) - 0.4, -0.6)  # the first system on top, all bars of one height
    axis.set_title(job.title, loc="left", fontweight="bold")
    axis.axvline(1, color=_PASS, linewidth=0.8, linestyle=":")
    axis.spines[["top", "right"]].set_visible(False)


def _label(one: Measured) -> str:
    passes = one.passes or 0.0
    digits = f"{passes:,.0f}" if passes >= _MANY else f"{passes:.3g}"
    return f"{digits}   {seconds(one.seconds or 0.0)}"


def _scale(axes: Sequence["Axes"], jobs: Sequence[JobResult], scale: str) -> None:
    """Scale all axes the same: from below one unit to beyond the longest bar and its label."""
    passes = [one.passes or 1.0 for job in jobs for one in _shown(job)]
    axes[-1].set_xscale("log")
    axes[-1].set_xlim(min(0.5, *passes) / 1.5, max(2.0, *passes) * _LABEL_ROOM)
    axes[-1].set_xlabel(scale)

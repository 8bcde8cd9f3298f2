"""The options that all subjects have, and what is made of those given."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.options.numbers import whole_between

MEASURED = "What is measured"
RESULT = "What becomes of it"

# More than any machine holds, and more than anyone waits for.
MOST_ROWS = 10**12
MOST_REPEATS = 10_000


def _number(seconds: float) -> float:
    if math.isnan(seconds):
        message = f"--budget is {seconds}; a number of seconds is needed"
        raise typer.BadParameter(message)
    return seconds


Budget = Annotated[
    float,
    typer.Option(
        "--budget",
        min=0,
        callback=_number,
        help="Seconds: whose first run takes longer is not repeated.",
        rich_help_panel=MEASURED,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", parser=opt.local_path, help="Write all of it here.", rich_help_panel=RESULT),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        parser=opt.local_path,
        help="Draw a chart of each job, for light pages and dark ones: .png or .svg, whose name theirs begin with.",
        rich_help_panel=RESULT,
    ),
]


Runs = Annotated[
    int,
    typer.Option(
        "--runs",
        "--repeats",
        parser=whole_between(1, MOST_REPEATS),
        metavar="N",
        help="Runs of each, in turns.",
        rich_help_panel=MEASURED,
    ),
]


def libraries(names: str | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the libraries that ``--peers`` names; None for all."""
    if names is None:
        return None
    named = tuple(name.strip() for name in names.split(",") if name.strip() not in ("", "none"))
    unknown = [name for name in named if name not in known]
    if unknown:
        message = f"--peers names {', '.join(unknown)}; they are {', '.join(known)}, or none"
        raise typer.BadParameter(message)
    return named


def present(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given; the others keep the defaults of the benchmark."""
    return {name: value for name, value in options.items() if value is not None}

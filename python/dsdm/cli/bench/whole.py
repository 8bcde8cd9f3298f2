"""``dsdm bench whole``: how long whole jobs take, beside the scripts that others run."""

from pathlib import Path
from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.bench import options as bench_options
from dsdm.cli.bench.options import MEASURED, MOST_ROWS, RESULT
from dsdm.cli.options.numbers import whole_between

_Jobs = Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="budget or share; by default both.")]
_Rows = Annotated[
    int,
    typer.Option(
        "--rows",
        parser=whole_between(10, MOST_ROWS),
        metavar="N",
        help="Texts of the corpus.",
        rich_help_panel=MEASURED,
    ),
]
_Script = Annotated[
    Path | None,
    typer.Option(
        "--qurating",
        metavar="FILE",
        parser=opt.local_path,
        help="data_tools/select_subset.py of a clone of QuRating; it needs torch.",
        rich_help_panel=MEASURED,
    ),
]
_Folder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "--dir",
        metavar="DIR",
        parser=opt.local_path,
        help="Where a temporary directory is made for the corpus and outputs; by default the working directory.",
        rich_help_panel=RESULT,
    ),
]


def whole(
    jobs: _Jobs = None,
    rows: _Rows = 200_000,
    runs: bench_options.Runs = 3,
    script: _Script = None,
    budget: bench_options.Budget = 120.0,
    *,
    json: bench_options.Json = None,
    plot: bench_options.Plot = None,
    folder: _Folder = None,
) -> None:
    """Measure whole jobs, from a saved corpus to a saved subset, against QuRating's script and data-juicer's selector.

    "budget" is the best rows that reach a budget of tokens, "share" a share of the rows, best first. A peer takes
    part where it is at hand: data-juicer if it is installed, QuRating's script if --qurating names it and torch is
    installed. What was written is checked before a time is shown. A time is the median of runs in turns, each in a
    fresh process and from its start.

    \b
    Examples:
      dsdm bench whole --rows 20_000
      dsdm bench whole budget --qurating QuRating/data_tools/select_subset.py --json whole.json --plot whole.svg
    """
    from dsdm_bench.whole import JOBS, WholeSettings, run

    unknown = sorted(set(jobs or ()) - set(JOBS))
    if unknown:
        message = f"{', '.join(unknown)}: no such job; they are {' and '.join(JOBS)}"
        raise typer.BadParameter(message)
    if script is not None and not script.is_file():
        message = f"--qurating is {script}, which is no file; it is select_subset.py of a clone of QuRating"
        raise typer.BadParameter(message)
    settings = WholeSettings(
        jobs=tuple(name for name in JOBS if not jobs or name in jobs),
        rows=rows,
        repeats=runs,
        script=script,
        folder=folder,
        budget=budget,
    )
    run(settings, json=json, chart=plot)

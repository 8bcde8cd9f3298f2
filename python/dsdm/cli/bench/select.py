"""``dsdm bench select``: how long selections take."""

from pathlib import Path
from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.bench import options as bench_options
from dsdm.cli.bench.options import MEASURED, MOST_REPEATS, MOST_ROWS, RESULT
from dsdm.cli.options.numbers import whole_between

_Jobs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB]...",
        help="top-k, mean, gumbel, gumbel-numpy, sample, adverse, startup, cold or billion; "
        "by default all but the last two.",
    ),
]
_Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        parser=whole_between(20, MOST_ROWS),
        metavar="N",
        help="Scores in a vector.",
        show_default="216948746",
        rich_help_panel=MEASURED,
    ),
]
_K = Annotated[
    list[int] | None,
    typer.Option(
        "-k",
        "--k",
        parser=whole_between(1, MOST_ROWS),
        metavar="K",
        help="Rows to select (give it again for more); by default 100000, 6350000 and a quarter, or as large "
        "a share of fewer rows.",
        rich_help_panel=MEASURED,
    ),
]
_Peers = Annotated[
    str | None,
    typer.Option(
        "--peers",
        metavar="NAMES",
        help="Only these of numpy, torch, polars, pyarrow, duckdb and reference, with commas between; or none.",
        rich_help_panel=MEASURED,
    ),
]
_Repeats = Annotated[
    int,
    typer.Option(
        "--repeats",
        parser=whole_between(1, MOST_REPEATS),
        metavar="N",
        help="Turns; brief ones run more than once in each.",
        rich_help_panel=MEASURED,
    ),
]
_Memory = Annotated[
    bool,
    typer.Option("--memory/--no-memory", help="Measure memory, by one more run of each.", rich_help_panel=MEASURED),
]
_Cold = Annotated[
    bool, typer.Option("--cold", help="Also a file that is not in the page cache.", rich_help_panel=MEASURED)
]
_Billion = Annotated[
    bool, typer.Option("--billion", help="Also a billion rows: 4 GB of disk.", rich_help_panel=MEASURED)
]
_Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        parser=opt.local_path,
        help="Where vectors are made, 4 bytes a row and up to three of them; a temporary directory by default.",
        rich_help_panel=RESULT,
    ),
]
_Keep = Annotated[bool, typer.Option("--keep", help="Leave the vectors for another run.", rich_help_panel=RESULT)]


def select(
    jobs: _Jobs = None,
    rows: _Rows = None,
    k: _K = None,
    peers: _Peers = None,
    repeats: _Repeats = 5,
    budget: bench_options.Budget = 10.0,
    threads: opt.Threads = None,
    *,
    memory: _Memory = True,
    cold: _Cold = False,
    billion: _Billion = False,
    json: bench_options.Json = None,
    plot: bench_options.Plot = None,
    folder: _Folder = None,
    keep: _Keep = False,
) -> None:
    """Measure selections against numpy, torch, polars, pyarrow, duckdb and the reference's own recipe.

    Each answer is checked before its time is shown. A time is the median of runs in turns, in seconds and in
    passes: what a parallel max over the same bytes takes at its best. At the default size it takes about an hour,
    3 GB of disk and up to 16 GB of memory, nearly all of it for the peers.

    \b
    Examples:
      dsdm bench select --rows 20_000_000
      dsdm bench select top-k --peers numpy,duckdb --plot bench.svg
      dsdm bench select --dir /data/scratch --keep --cold --billion --json bench.json
    """
    from dsdm.checks import check_threads
    from dsdm_bench.select import LIBRARIES, SelectSettings, run

    check_threads(threads)
    named = {"rows": rows, "k": tuple(k or ()) or None, "peers": bench_options.libraries(peers, LIBRARIES)}
    settings = SelectSettings(
        jobs=_jobs(jobs, cold=cold, billion=billion),
        repeats=repeats,
        folder=folder,
        keep=keep,
        threads=threads,
        budget=budget,
        memory=memory,
        **bench_options.present(named),
    )
    _check_sizes(settings.k, settings.rows)
    run(settings, json=json, chart=plot)


def _jobs(named: list[str] | None, *, cold: bool, billion: bool) -> tuple[str, ...]:
    """Return the jobs to run, in the order in which they are run."""
    from dsdm_bench.select import JOBS, ON_DEMAND

    unknown = sorted(set(named or ()) - set(JOBS))
    if unknown:
        message = f"{', '.join(unknown)}: no such job; they are {', '.join(JOBS)}"
        raise typer.BadParameter(message)
    chosen = set(named or (name for name in JOBS if name not in ON_DEMAND))
    chosen |= {name for name, also in (("cold", cold), ("billion", billion)) if also}
    return tuple(name for name in JOBS if name in chosen)


def _check_sizes(k: tuple[int, ...], rows: int) -> None:
    if any(size > rows for size in k):
        message = f"-k is {max(k):,}, and there are {rows:,} rows"
        raise typer.BadParameter(message)

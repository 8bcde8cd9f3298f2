"""``dsdm bench SUBJECT``: measuring on the user's own machine. The subject is select where none is named."""

import math
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dsdm.cli import options as opt

if TYPE_CHECKING:
    from dsdm.bench.gather import Case

_DEFAULT = "select"
_WHAT = "What is measured"
_OUTPUT = "What becomes of it"

# More than any machine holds, and more than anyone waits for.
_MOST_ROWS = 10**12
_MOST_REPEATS = 10_000


class _WithDefault(TyperGroup):
    """A group of commands, of which one is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


def _number(seconds: float) -> float:
    if math.isnan(seconds):
        message = f"--budget is {seconds}; a number of seconds is needed"
        raise typer.BadParameter(message)
    return seconds


app = typer.Typer(cls=_WithDefault, no_args_is_help=False, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Measure dsdm on this machine, against every peer that is installed.

    What is measured is "select" where nothing is named: dsdm bench is dsdm bench select, with all its options.
    dsdm bench select --help lists them, and dsdm bench gather --help those of materialization.

    \b
    Examples:
      dsdm bench
      dsdm bench --rows 20_000_000 --plot bench.svg
      dsdm bench gather --rows 200_000
      dsdm bench select top-k sample --peers numpy --json bench.json
    """


@app.command()
def select(
    jobs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[JOB]...",
            help="top-k, mean, gumbel, gumbel-numpy, sample, adverse, startup, cold or billion; "
            "by default all but the last two.",
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows",
            min=20,
            max=_MOST_ROWS,
            help="Scores in a vector.",
            show_default="216948746",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            "--k",
            min=1,
            help="Rows to select (give it again for more); by default 100000, 6350000 and a quarter, or as large "
            "a share of fewer rows.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(
            "--peers",
            metavar="NAMES",
            help="Only these of numpy, torch, polars, pyarrow, duckdb and reference, with commas between; or none.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            min=1,
            max=_MOST_REPEATS,
            help="Turns; brief ones run more than once in each.",
            rich_help_panel=_WHAT,
        ),
    ] = 5,
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            min=0,
            callback=_number,
            help="Seconds: whose first run takes longer is not repeated.",
            rich_help_panel=_WHAT,
        ),
    ] = 10.0,
    threads: opt.Threads = None,
    *,
    memory: Annotated[
        bool,
        typer.Option("--memory/--no-memory", help="Measure memory, by one more run of each.", rich_help_panel=_WHAT),
    ] = True,
    cold: Annotated[
        bool,
        typer.Option("--cold", help="Also a file that is not in the page cache.", rich_help_panel=_WHAT),
    ] = False,
    billion: Annotated[
        bool,
        typer.Option("--billion", help="Also a billion rows: 4 GB of disk.", rich_help_panel=_WHAT),
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", parser=opt.local_path, help="Write all of it here.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", parser=opt.local_path, help="Draw a chart: .png or .svg.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            metavar="DIR",
            parser=opt.local_path,
            help="Where vectors are made, 4 bytes a row and up to three of them; a temporary folder by default.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the vectors for another run.", rich_help_panel=_OUTPUT)
    ] = False,
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
    from dsdm.bench import LIBRARIES, Settings, run
    from dsdm.checks import check_threads

    check_threads(threads)
    given = {"rows": rows, "k": tuple(k or ()) or None, "peers": _names(peers, LIBRARIES)}
    settings = Settings(
        jobs=_jobs(jobs, cold=cold, billion=billion),
        repeats=repeats,
        folder=folder,
        keep=keep,
        threads=threads,
        budget=budget,
        memory=memory,
        **_present(given),
    )
    _check_sizes(settings.k, settings.rows)
    run(settings, json=json, chart=plot)


@app.command()
def gather(
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="arrow|parquet", help="What rows are read from.", rich_help_panel=_WHAT),
    ] = None,
    density: Annotated[
        list[float] | None,
        typer.Option("--density", metavar="PERCENT", help="How many of the rows are wanted.", rich_help_panel=_WHAT),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option("--order", metavar="random|sorted", help="The order asked for.", rich_help_panel=_WHAT),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="memory|disk", help="Where it is written.", rich_help_panel=_WHAT),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(
            "--peers",
            metavar="NAMES",
            help="Only these of datasets, pyarrow, polars, duckdb and lance, with commas between; or none.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows",
            min=20,
            max=_MOST_ROWS,
            help="Rows of all shards.",
            show_default="1947912",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    runs: Annotated[
        int,
        typer.Option(
            "--runs", "--repeats", min=1, max=_MOST_REPEATS, help="Runs of each, in turns.", rich_help_panel=_WHAT
        ),
    ] = 3,
    budget: Annotated[
        float,
        typer.Option(
            "--budget", min=0, help="Seconds: whose first run takes longer is not repeated.", rich_help_panel=_WHAT
        ),
    ] = 30.0,
    *,
    cold: Annotated[
        bool,
        typer.Option("--cold", help="With a corpus that is not in the page cache.", rich_help_panel=_WHAT),
    ] = False,
    warm: Annotated[
        bool, typer.Option("--warm", help="With a corpus that is in the page cache.", rich_help_panel=_WHAT)
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", parser=opt.local_path, help="Write all of it here.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", parser=opt.local_path, help="Draw a chart: .png or .svg.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--dir",
            metavar="DIR",
            parser=opt.local_path,
            help="Where the corpus is made and outputs on disk are written; by default a temporary folder in the "
            "working directory.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the corpus for another run.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Measure materialization against datasets, pyarrow, polars, duckdb and lance.

    Rows of a corpus, made on the spot in the shape of the reference's, are written as a dataset: from Parquet shards
    or from the Arrow cache that datasets makes of them. What was written is checked before its time is shown. A time
    is the median of runs in turns, each in a fresh process; from Parquet it counts from the start of the process.

    The options that choose what is measured may be given again for more; every combination is measured. Where none
    is given, it is what the README shows, which takes about half an hour, 20 GB of disk and up to 16 GB of memory,
    nearly all of it for the peers.

    \b
    Examples:
      dsdm bench gather --rows 200_000
      dsdm bench gather --source arrow --density 1 --density 10 --cold --peers datasets
      dsdm bench gather --data /data/scratch --keep --json gather.json --plot gather.svg
    """
    from dsdm.bench import gather as bench

    chosen = {"source": source, "percent": density, "order": order, "output": output, "cold": _caches(cold, warm)}
    given = {"rows": rows, "cases": _cases(chosen), "peers": _names(peers, bench.LIBRARIES)}
    settings = bench.Settings(repeats=runs, folder=folder, keep=keep, budget=budget, **_present(given))
    bench.run(settings, json=json, chart=plot)


def _caches(cold: bool, warm: bool) -> list[bool]:  # noqa: FBT001 - two flags are what it is about
    return [value for value, wanted in ((False, warm), (True, cold)) if wanted]


def _cases(chosen: dict[str, Any]) -> "tuple[Case, ...] | None":
    """Every combination of what was chosen, with the usual for what was not; None where nothing was."""
    from dsdm.bench.gather import ORDERS, OUTPUTS, SOURCES, Case

    for name, accepted in (("source", SOURCES), ("order", ORDERS), ("output", OUTPUTS)):
        unknown = sorted(set(chosen[name] or ()) - set(accepted))
        if unknown:
            message = f"--{name} is {', '.join(unknown)}; it is {' or '.join(accepted)}"
            raise typer.BadParameter(message)
    wrong = [percent for percent in chosen["percent"] or () if not 0 < percent <= 100]  # noqa: PLR2004 - per cent
    if wrong:
        message = f"--density is {wrong[0]:g} %; it is above 0 and at most 100"
        raise typer.BadParameter(message)
    if not any(chosen.values()):
        return None
    chosen = {**chosen, "source": chosen["source"] or SOURCES}
    names, values = zip(*((name, value) for name, value in chosen.items() if value), strict=True)
    return tuple(Case(**dict(zip(names, one, strict=True))) for one in dict.fromkeys(product(*values)))


def _jobs(asked: list[str] | None, *, cold: bool, billion: bool) -> tuple[str, ...]:
    """The jobs to run, in the order in which they are run."""
    from dsdm.bench import JOBS, ON_DEMAND

    unknown = sorted(set(asked or ()) - set(JOBS))
    if unknown:
        message = f"{', '.join(unknown)}: no such job; they are {', '.join(JOBS)}"
        raise typer.BadParameter(message)
    wanted = set(asked or (name for name in JOBS if name not in ON_DEMAND))
    wanted |= {name for name, also in (("cold", cold), ("billion", billion)) if also}
    return tuple(name for name in JOBS if name in wanted)


def _names(names: str | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    """The libraries to compare with; None for all."""
    if names is None:
        return None
    asked = tuple(name.strip() for name in names.split(",") if name.strip() not in ("", "none"))
    unknown = [name for name in asked if name not in known]
    if unknown:
        message = f"--peers names {', '.join(unknown)}; they are {', '.join(known)}, or none"
        raise typer.BadParameter(message)
    return asked


def _check_sizes(k: tuple[int, ...], rows: int) -> None:
    if any(size > rows for size in k):
        message = f"-k is {max(k):,}, and there are {rows:,} rows"
        raise typer.BadParameter(message)


def _present(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}

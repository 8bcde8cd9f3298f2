"""``dsdm job``: an output planned once, made in units by many processes, and put together."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.job.output import Output
from dsdm.cli.job.submit import submit
from dsdm.cli.notes import noted
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.groups import expanded
from dsdm.cli.options.help import Grouped
from dsdm.cli.options.joining import Joining
from dsdm.cli.options.numbers import whole_number
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.ruling import Ruling
from dsdm.cli.options.writing import RowOrder, Writing
from dsdm.cli.saying import say, say_if_none, say_json
from dsdm.cli.usage import as_usage
from dsdm.cli.written import asked_rows

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_OF_ONE_PROCESS = ("row_order", "resume", "verify")
"""Arguments of dsdm.materialize that say nothing of a job."""


@app.callback()
def job() -> None:
    """Make an output in units, by many processes on many machines.

    plan chooses the rows once and cuts them into units, each of which is one shard. run makes units: all, or the part
    of one of many processes. finalize puts them together. The output is what dsdm materialize writes.

    \b
    Examples:
      dsdm job plan demo/corpus best --by demo/data/dsdm/squad.pt -k 100 --num-shards 4
      dsdm job run best --rank 0 --world 2
      dsdm job run best --rank 1 --world 2
      dsdm job status best
      dsdm job finalize best
    """


@app.command(cls=Grouped)
@expanded
def plan(
    source: Annotated[
        list[str],
        typer.Argument(metavar="SHARDS...", help="A directory, a glob, or Parquet, Arrow or JSON lines, in order."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", parser=opt.local_path, help="The dataset directory to make.")],
    indices_file: Annotated[
        Path | None,
        typer.Option(
            "--indices",
            "-i",
            parser=opt.local_path,
            help="What `dsdm indices` wrote, whose rows are written in ascending order, or as --row-order says.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="A method, or a score file; given again, these are one vector, one after the other."),
    ] = None,
    *,
    choosing: Choosing,
    ruling: Ruling,
    reading: Reading,
    joining: Joining,
    writing: Writing,
    as_json: opt.AsJson = False,
) -> None:
    """Plan an output: choose rows, and cut them into units.

    Every machine must find the output's place and the sources by the same paths. Rows are written in ascending order,
    in which a unit reads few files, unless --row-order is shuffle.

    \b
    Examples:
      dsdm job plan demo/corpus best --by demo/data/dsdm/squad.pt -k 100 --num-shards 4
    """
    import dsdm

    if writing.dry_run or not writing.resume or writing.verify:
        message = "--dry-run, --no-resume and --verify are for dsdm materialize; leave them out: made units stay"
        raise typer.BadParameter(message)
    options = (choosing, ruling, reading, joining, writing)
    asked = asked_rows((source, out, indices_file, by), options, lambda: None)
    say_if_none(asked.rows)
    order: Any = "shuffle" if writing.row_order is RowOrder.shuffle else "row"
    arguments = {name: value for name, value in asked.arguments.items() if name not in _OF_ONE_PROCESS}
    shuffle = {"shuffle_seed": arguments.pop("seed", None), "added_scores": arguments.pop("scores", None)}
    with noted(), asked.telling():
        where = source[0] if len(source) == 1 else source
        planned = dsdm.plan_job(where, asked.rows, out=out, order=order, **shuffle, **arguments)
    _say(planned, as_json=as_json)


@app.command(cls=Grouped)
def run(
    out: Output,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", parser=whole_number, metavar="R", help="Make the units R, R + W, R + 2 W and so on, from 0 on."
        ),
    ] = None,
    world: Annotated[
        int | None, typer.Option("--world", parser=whole_number, metavar="W", help="How many such processes there are.")
    ] = None,
    units: Annotated[
        list[int] | None,
        typer.Option("--unit", parser=whole_number, metavar="N", help="Make this unit alone (give it again for more)."),
    ] = None,
    threads: opt.Threads = None,
    memory_limit: Annotated[
        str | None,
        typer.Option("--memory-limit", metavar="SIZE", help="Memory to hold, about; else a quarter of what is free."),
    ] = None,
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Make units of a job that are not made yet: all, or those of one of many processes.

    Rank and world are what the environment tells where they are not given: a Slurm array, srun, mpirun, torchrun and
    the like. A unit that another process makes at the same time does no harm.

    \b
    Examples:
      dsdm job run best
      dsdm job run best --rank 0 --world 2
    """
    import dsdm
    from dsdm.checks import check_threads, count_of
    from dsdm.jobs.ranks import rank_and_world
    from dsdm.rows.sizes import to_bytes

    with as_usage():
        check_threads(threads)
        if units is None:
            rank_and_world(rank, world)
        for unit in units or ():
            count_of(unit, "unit")
        if memory_limit is not None:
            to_bytes(memory_limit, "memory_limit")
    with noted():
        opened = dsdm.open_job(out)
        made = opened.run(units or None, rank=rank, world=world, threads=threads, memory_limit=memory_limit)
    if as_json:
        say_json({"made": made, **asdict(opened.status())})
        return
    say(f"{len(made):,} units made: {', '.join(map(str, made))}" if made else "no unit was left to make")
    say(opened.status())


@app.command(cls=Grouped)
def status(out: Output, *, as_json: opt.AsJson = False) -> None:
    """Say how far a job is: which units are made, and which are missing.

    \b
    Examples:
      dsdm job status best
    """
    import dsdm

    _say(dsdm.open_job(out), as_json=as_json)


@app.command(cls=Grouped)
def finalize(out: Output, *, as_json: opt.AsJson = False) -> None:
    """Put all units of a job together, and give the output its name.

    \b
    Examples:
      dsdm job finalize best
    """
    import dsdm

    with noted():
        written = dsdm.open_job(out).finalize()
    say_json(asdict(written)) if as_json else say(written)


def _say(planned: Any, *, as_json: bool) -> None:
    found = planned.status()
    say_json(asdict(found)) if as_json else say(found)


app.command(cls=Grouped)(submit)

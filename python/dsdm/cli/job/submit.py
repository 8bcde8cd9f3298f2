"""``dsdm job submit``: a job handed to Slurm."""

from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.job.output import Output
from dsdm.cli.options.numbers import whole_number
from dsdm.cli.saying import say, say_json
from dsdm.cli.usage import as_usage


def submit(
    out: Output,
    tasks: Annotated[
        int | None,
        typer.Option(
            "--tasks", parser=whole_number, metavar="N", help="Tasks of the array; one for each unit, up to 1,000."
        ),
    ] = None,
    partition: Annotated[str | None, typer.Option("--partition", help="As for sbatch.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="As for sbatch.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="As for sbatch, for each task.")] = None,
    memory: Annotated[str | None, typer.Option("--mem", help="As for sbatch, for each task.")] = None,
    cpus: Annotated[
        int, typer.Option("--cpus-per-task", parser=whole_number, metavar="N", help="Processors of a task.")
    ] = 1,
    more: Annotated[
        list[str] | None,
        typer.Option("--sbatch", metavar="OPTION", help="Another option of sbatch, such as --sbatch=--qos=low."),
    ] = None,
    *,
    slurm: Annotated[bool, typer.Option("--slurm", help="To Slurm, by sbatch.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Print the scripts, and submit nothing.")] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Hand a job to Slurm: an array of tasks that make its units, and one behind it that puts them together.

    Tasks that are killed, or whose node is lost, are started again by Slurm, and go on with the units that are missing.

    \b
    Examples:
      dsdm job submit best --slurm --partition cpu --time 1:00:00 --mem 8G
      dsdm job submit best --slurm --print
    """
    import dsdm
    from dsdm.checks import count_of
    from dsdm.jobs import slurm as on_slurm

    if not slurm:
        message = "say to what the job is handed: --slurm"
        raise typer.BadParameter(message)
    with as_usage():
        for name, count in (("tasks", tasks), ("cpus", cpus)):
            if count is not None and count_of(count, name) < 1:
                message = f"{name} is {count}; at least 1 is needed"
                raise ValueError(message)
    opened = dsdm.open_job(out)
    resources = on_slurm.Resources(partition, account, time, memory, cpus, more or [])
    found = on_slurm.scripts(opened, resources, tasks=tasks)
    if only_print:
        say_json({"units": found.units, "finalize": found.finalize}) if as_json else say(*str(found).split("\n"))
        return
    units, finalize = on_slurm.submit(found, opened)
    if as_json:
        say_json({"units": units, "finalize": finalize})
    else:
        say(f"array {units} makes the units, and {finalize} puts them together once it is done: dsdm job status {out}")

"""``dsdm bench rules``: how long the rules of choose take."""

from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.bench import options as bench_options
from dsdm.cli.bench.options import MEASURED, MOST_REPEATS, MOST_ROWS
from dsdm.cli.options.numbers import whole_between

_Jobs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB]...",
        help="Of threshold, budget, quotas, near, near-fraction, quantile, like, ties and lengths; by default all.",
    ),
]
_Rows = Annotated[
    int,
    typer.Option(
        "--rows",
        parser=whole_between(2_000, MOST_ROWS),
        metavar="N",
        help="Rows that are scored.",
        rich_help_panel=MEASURED,
    ),
]
_Groups = Annotated[
    int,
    typer.Option(
        "--groups",
        parser=whole_between(1, 1_000_000),
        metavar="N",
        help="Groups of the quotas.",
        rich_help_panel=MEASURED,
    ),
]
_Peers = Annotated[
    str | None,
    typer.Option(
        "--peers",
        metavar="NAMES",
        help="Only these of numpy, polars and duckdb, with commas between; or none.",
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


def rules(
    jobs: _Jobs = None,
    rows: _Rows = 20_000_000,
    groups: _Groups = 1_000,
    peers: _Peers = None,
    repeats: _Repeats = 5,
    budget: bench_options.Budget = 10.0,
    threads: opt.Threads = None,
    *,
    memory: _Memory = True,
    json: bench_options.Json = None,
    plot: bench_options.Plot = None,
) -> None:
    """Measure the rules of a selection against numpy, polars and duckdb.

    There are thresholds, budgets of tokens and quotas by group; near and near-fraction choose the rows nearest to a
    value, quantile those between two, like those of a reference distribution over groups; ties draws among equal
    scores, and lengths is a budget by the lengths of texts.

    Each answer is checked before its time is shown. A time is the median of runs in turns, in seconds and in
    passes: what a parallel max over the bytes that the rule reads takes at its best.

    \b
    Examples:
      dsdm bench rules
      dsdm bench rules quotas --rows 2_000_000 --peers polars --json rules.json
    """
    from dsdm.checks import check_threads
    from dsdm_bench.rules import JOBS, LIBRARIES, RuleSettings, run

    check_threads(threads)
    unknown = sorted(set(jobs or ()) - set(JOBS))
    if unknown:
        message = f"{', '.join(unknown)}: no such job; they are {', '.join(JOBS)}"
        raise typer.BadParameter(message)
    if rows < 2 * groups:
        message = f"--rows is {rows:,}, and {groups:,} --groups need twice as many"
        raise typer.BadParameter(message)
    settings = RuleSettings(
        jobs=tuple(name for name in JOBS if not jobs or name in jobs),
        rows=rows,
        groups=groups,
        repeats=repeats,
        peers=bench_options.libraries(peers, LIBRARIES),
        threads=threads,
        budget=budget,
        memory=memory,
    )
    run(settings, json=json, chart=plot)

"""``dsdm bench gather``: how long materialization takes."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.bench import options as bench_options
from dsdm.cli.bench.options import MEASURED, MOST_ROWS, RESULT
from dsdm.cli.options.numbers import whole_between

if TYPE_CHECKING:
    from dsdm_bench.gather import Case

_Source = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="arrow|parquet", help="What rows are read from.", rich_help_panel=MEASURED),
]
_Density = Annotated[
    list[float] | None,
    typer.Option("--density", metavar="PERCENT", help="How many of the rows are wanted.", rich_help_panel=MEASURED),
]
_Order = Annotated[
    list[str] | None,
    typer.Option("--order", metavar="random|sorted", help="The order asked for.", rich_help_panel=MEASURED),
]
_Output = Annotated[
    list[str] | None,
    typer.Option("--output", metavar="memory|disk", help="Where it is written.", rich_help_panel=MEASURED),
]
_Peers = Annotated[
    str | None,
    typer.Option(
        "--peers",
        metavar="NAMES",
        help="Only these of datasets, pyarrow, polars, duckdb and lance, with commas between; or none.",
        rich_help_panel=MEASURED,
    ),
]
_Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        parser=whole_between(20, MOST_ROWS),
        metavar="N",
        help="Rows of all shards.",
        show_default="1947912",
        rich_help_panel=MEASURED,
    ),
]
_Cold = Annotated[
    bool, typer.Option("--cold", help="With a corpus that is not in the page cache.", rich_help_panel=MEASURED)
]
_Warm = Annotated[
    bool, typer.Option("--warm", help="With a corpus that is in the page cache.", rich_help_panel=MEASURED)
]
_Folder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "--dir",
        metavar="DIR",
        parser=opt.local_path,
        help="Where the corpus is made and outputs on disk are written; by default a temporary directory in the "
        "working directory.",
        rich_help_panel=RESULT,
    ),
]
_Keep = Annotated[bool, typer.Option("--keep", help="Leave the corpus for another run.", rich_help_panel=RESULT)]


def gather(
    source: _Source = None,
    density: _Density = None,
    order: _Order = None,
    output: _Output = None,
    peers: _Peers = None,
    rows: _Rows = None,
    runs: bench_options.Runs = 3,
    budget: bench_options.Budget = 30.0,
    *,
    cold: _Cold = False,
    warm: _Warm = False,
    json: bench_options.Json = None,
    plot: bench_options.Plot = None,
    folder: _Folder = None,
    keep: _Keep = False,
) -> None:
    """Measure materialization against datasets, pyarrow, polars, duckdb and lance.

    Rows of a corpus, made on the spot in the shape of the reference's, are written as a dataset: from Parquet shards
    or from the Arrow cache that datasets makes of them. What was written is checked before its time is shown. A time
    is the median of runs in turns, each in a fresh process; from Parquet it counts from the start of the process.

    The options that choose what is measured may be given again for more; every combination is measured. Where none
    is given, it is what docs/performance.md shows, which takes about half an hour, 20 GB of disk and up to 16 GB of
    memory, nearly all of it for the peers.

    \b
    Examples:
      dsdm bench gather --rows 200_000
      dsdm bench gather --source arrow --density 1 --density 10 --cold --peers datasets
      dsdm bench gather --data /data/scratch --keep --json gather.json --plot gather.svg
    """
    from dsdm_bench.gather import LIBRARIES, GatherSettings, run

    chosen = {"source": source, "percent": density, "order": order, "output": output, "cold": _caches(cold, warm)}
    named = {"rows": rows, "cases": _cases(chosen), "peers": bench_options.libraries(peers, LIBRARIES)}
    settings = GatherSettings(repeats=runs, folder=folder, keep=keep, budget=budget, **bench_options.present(named))
    run(settings, json=json, chart=plot)


def _caches(cold: bool, warm: bool) -> list[bool]:  # noqa: FBT001 - two flags are what it is about
    return [value for value, named in ((False, warm), (True, cold)) if named]


def _cases(chosen: dict[str, Any]) -> "tuple[Case, ...] | None":
    """Return every combination of what was chosen, with the usual for what was not; None where nothing was."""
    from dsdm_bench.gather import ORDERS, OUTPUTS, SOURCES, Case

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

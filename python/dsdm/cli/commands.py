"""The commands: parse, call, say what was done."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import bench, job
from dsdm.cli import options as opt
from dsdm.cli.choice import Choice
from dsdm.cli.facts.machine import doctor
from dsdm.cli.facts.verifying import verify
from dsdm.cli.files import check_place, write_untold
from dsdm.cli.joined import opened_shards
from dsdm.cli.notes import noted, say_joined
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.groups import expanded
from dsdm.cli.options.help import Grouped
from dsdm.cli.options.joining import IdsOf, Joining
from dsdm.cli.options.numbers import whole_number
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.ruling import Ruling
from dsdm.cli.options.writing import Writing
from dsdm.cli.report import report
from dsdm.cli.saying import say, say_if_none, say_json
from dsdm.cli.usage import as_usage
from dsdm.cli.written import asked_rows
from dsdm.paths import SCORES, refuse_inputs, refuse_inside

# Rows of a demonstration, of which each method takes a tenth.
_LEAST_DEMO = 200


def register(app: typer.Typer) -> None:
    """Add the commands in the order in which the help lists them."""
    for command in (demo, fetch, scores, indices, materialize, report, verify, doctor):
        app.command(cls=Grouped)(command)
    app.add_typer(job.app, name="job")
    app.add_typer(bench.app, name="bench")


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", parser=opt.local_path, help="Where to put it.")] = Path(
        "demo"
    ),
    rows: Annotated[
        int,
        typer.Option("--rows", parser=whole_number, metavar="N", help="At most this many rows of text; 200 or more."),
    ] = 2000,
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Make a small corpus with scores, and run every method on every target.

    Needs no network. Everything that is made stays in DIR, to be looked at and played with.
    """
    from dsdm.demo import run

    if rows < _LEAST_DEMO:
        message = f"--rows is {rows}; at least {_LEAST_DEMO} are needed"
        raise typer.BadParameter(message)
    if not as_json:
        with noted():
            run(folder, rows)
        return
    # What is printed on the way is no JSON.
    with redirect_stdout(sys.stderr), noted():
        run(folder, rows)
    names = ("corpus", "data", "subsets")
    say_json({"directory": folder, **{name: sorted(map(str, (folder / name).iterdir())) for name in names}})


def fetch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Such as dsdm/squad.pt; all 17 by default."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", parser=opt.local_path, help="The directory to fill; the user's cache by default."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", envvar="DSDM_DATA_URL", help="The directory to download from.", show_default=False),
    ] = None,
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Download the published score files (14 GB), checked by their sha256.

    A download that was cut off is continued; a file that is there already is only checked.

    \b
    Examples:
      dsdm fetch dsdm/squad.pt
      dsdm fetch --data-dir /data/dsdm
    """
    from dsdm.reference.fetch import check_names
    from dsdm.reference.fetch import fetch as download

    with as_usage():
        check_names(files or ())
    paths = download(files or None, data_dir=data_dir, url=url)
    if as_json:
        say_json({"files": list(map(str, paths))})
        return
    for path in paths:
        say(path)


@expanded
def scores(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help=f"Score files, several of which are one vector: {SCORES.suffixes}."),
    ],
    reading: Reading,
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Show what score files hold: type, rows, range, quantiles, NaN.

    Formats are told by what files hold. A .pt file is never unpickled; raw binary needs --dtype, --key names one of
    several vectors, and --column a column. Quantiles are scores that are there, and not between two of them.

    \b
    Examples:
      dsdm scores demo/data/dsdm/squad.pt
      dsdm scores demo/data/dsdm/lambada.pt --json
    """
    from dsdm.cli.facts.scores import facts, summarize

    reading.check_found(files)
    vector = reading.open(files)
    say_joined(vector, files)
    reading.check_used([vector])
    found = facts(vector)
    if as_json:
        say_json(found)
        return
    lines = list(summarize(found))
    width = max(len(name) for name, _ in lines)
    say(*(f"{name:<{width}}  {value}" for name, value in lines))


@expanded
def indices(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="dsdm, classifier, dsir, random or semdedup; or score files, which "
            "are one vector, one after the other, with a score for each row. random draws from the reference's "
            "216,948,746 rows, or as many as --rows says.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", parser=opt.local_path, help="The .npy file to write: int64 row numbers.")
    ],
    choosing: Choosing,
    ruling: Ruling,
    reading: Reading,
    joining: Joining,
    ids_of: IdsOf,
    *,
    overwrite: opt.Overwrite = False,
    as_json: opt.AsJson = False,
) -> None:
    """Select rows by a method or by score files, and write their numbers.

    Beside the .npy file, which numpy opens, a JSON file with its name tells what they are: `dsdm materialize --indices`
    reads both.

    \b
    Examples:
      dsdm indices dsdm --target squad -k 100 --data-dir demo/data -o best.npy
      dsdm indices random --rows 2000 --tokens 1e6 --row-tokens 1024 --seed 7 -o random.npy
      dsdm indices demo/data/dsdm/squad.pt --fraction 0.2 --gumbel --temperature 0.5 -o mates.npy
      dsdm indices classifier --target squad --min-score -2.5 --data-dir demo/data -o good.npy
    """
    corpus = ids_of.corpus or []
    choice = Choice(what, choosing, ruling, reading.about(what) if corpus else reading, joining)
    ids_of.check(joining)
    if choice.method is not None and (reading.sort is not None or reading.partial):
        message = f"--sort and --partial are for directories and globs of score files, and {choice.method} is a method"
        raise typer.BadParameter(message)
    reading.check_found([*choice.sources, *corpus])
    check_place(out, overwrite=overwrite)
    refuse_inputs(out, [*choice.named, *corpus])
    refuse_inside(str(out), [*choice.sources, *corpus])
    choice.open(opened_shards(corpus, **reading.about(corpus).files, **ids_of.opening) if corpus else None)
    if joining.on is None:
        reading.check_used(choice.opened)
    refuse_inputs(out, choice.read)
    found = choice.select(lambda: _row_tokens_given(choosing.row_tokens))
    if choice.knows_rows:
        found.save(out, overwrite=overwrite)
    else:
        write_untold(out, found.indices)
    choice.report(found)
    say_if_none(found)
    if as_json:
        cut = None if found.cut is None else {**found.cut.told(), "score": found.cut.score}
        told: dict[str, Any] = {"path": out, "rows": len(found), "of": found.n, "rule": found.what, "cut": cut}
        told |= {"seed": found.seed, "tokens": found.tokens, "bounds": found.bounds}
        say_json({**told, "per_group": found.per_group, "short": found.short, **choice.more(found)})


@expanded
def materialize(
    source: Annotated[
        list[str],
        typer.Argument(metavar="SHARDS...", help="A directory, a glob, or Parquet, Arrow or JSON lines, in order."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", parser=opt.local_path, help="The dataset directory to write.")],
    indices_file: Annotated[
        Path | None,
        typer.Option(
            "--indices",
            "-i",
            parser=opt.local_path,
            help="What `dsdm indices` wrote; or a .npy or .txt file of row numbers, in the order wanted.",
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
    """Write chosen rows of a corpus as a dataset directory.

    The rows are those of an --indices file, or are selected on the spot --by a method or score files. The
    directory opens with datasets.load_from_disk; it appears whole or not at all. After an interruption, the same
    command continues.

    \b
    Examples:
      dsdm materialize demo/corpus best-rows --indices best.npy
      dsdm materialize demo/corpus best-100 --by dsdm --target squad -k 100 --data-dir demo/data
      dsdm materialize demo/corpus best-10k --by demo/data/dsdm/squad.pt --tokens 1e4 --lengths input_ids
      dsdm materialize 'demo/corpus/data/*.parquet' tried --by random --tokens 1e5 --dry-run
    """
    from dsdm.rows.request import how_unfinished_chose

    asked = asked_rows(
        (source, out, indices_file, by),
        (choosing, ruling, reading, joining, writing),
        lambda: how_unfinished_chose(out) if writing.resume else None,
    )
    with asked.telling():
        _write(source, asked.rows, out, asked.arguments, dry_run=writing.dry_run, as_json=as_json, more=asked.more)


def _write(
    source: list[str],
    rows: Any,
    out: Path,
    arguments: dict[str, Any],
    *,
    dry_run: bool,
    as_json: bool,
    more: dict[str, Any],
) -> None:
    """Write rows and say what was written, or what would be."""
    import dsdm

    where = source[0] if len(source) == 1 else source
    say_if_none(rows)
    if dry_run:
        planned = dsdm.plan(where, rows, out, **arguments)
        say_json(asdict(planned) | more) if as_json else say(*str(planned).split("\n"))
        return
    with noted():
        written = dsdm.materialize(where, rows, out, **arguments)
    say_json(asdict(written) | more) if as_json else say(written)


def _row_tokens_given(row_tokens: int | None) -> int:
    if row_tokens is None:
        message = (
            "--tokens needs --lengths here, the file that tells how many tokens a row has, or --row-tokens where all "
            "have the same number: there are no shards that tell it"
        )
        raise typer.BadParameter(message)
    return row_tokens

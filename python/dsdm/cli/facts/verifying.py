"""``dsdm verify``: whether a directory is still what was written."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.saying import say, say_json
from dsdm.cli.usage import as_usage, damaged
from dsdm.cli.words import as_options


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", parser=opt.local_path, help="A directory that dsdm materialize wrote.")
    ],
    data_dir: opt.DataDir = None,
    threads: opt.Threads = None,
    trust_path: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust-path", parser=opt.local_path, help="Open what dsdm.json names below this as well; can be repeated."
        ),
    ] = None,
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Check that a directory is still what was written.

    Reads all of it and compares sizes, checksums and rows with its dsdm.json. Where that tells how the rows were
    chosen and the score files are at hand, the rows are chosen again and compared. Paths that were relative are
    looked for from where the command runs: from another directory less is compared, which is said and is no error.
    Files that dsdm.json names are opened below DIR, the data directory, the directory in which the command runs, and
    --trust-path; of others it is said that they were not looked at.
    A file in DIR that is none of it, and that readers would take for rows, is an error. Damage ends with exit code 3.

    \b
    Examples:
      dsdm verify best-rows
    """
    import dsdm
    from dsdm.checks import check_threads
    from dsdm.errors import FormatError

    with as_usage():
        check_threads(threads)
    with damaged(folder):
        try:
            found = dsdm.verify(folder, data_dir=data_dir, threads=threads, trust_paths=trust_path or ())
        except FormatError as error:
            if as_json:
                say_json({"path": folder, "damage": str(error)})
            raise
    say_json(asdict(found)) if as_json else say(as_options(str(found)))

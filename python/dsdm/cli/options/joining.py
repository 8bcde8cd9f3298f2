"""How scores are joined to the rows: by position, or by a column of ids."""

from dataclasses import dataclass
from typing import Annotated

import typer

from dsdm.cli.options.reading import Reading


@dataclass(frozen=True, kw_only=True)
class Joining:
    """The options of joining scores to rows."""

    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="COLUMN",
            help="Join scores to the rows by this column of ids, which both have; ROWS=SCORES where each calls it "
            "otherwise. Scores are files of JSON lines, Parquet or Arrow, a directory or a glob of them, in any order; "
            "a row without a score has NaN (--nan).",
            rich_help_panel="How files are read",
        ),
    ] = None

    by_position: Annotated[
        bool,
        typer.Option(
            "--by-position",
            help="Take scores in the order of the rows, though a column of ids that both have says otherwise.",
            rich_help_panel="How files are read",
        ),
    ] = False

    def check(self, reading: Reading, what: str | None, files: list[str] | None, rows: int | None = None) -> None:
        """End with a usage error where scores of an option are joined and something else does not go with it."""
        if self.on is not None and self.by_position:
            message = "--on joins scores by their ids, and --by-position does not; leave one of them out"
            raise typer.BadParameter(message)
        if self.on is None:
            return
        if what is None or files is None:
            message = "--on goes with score files, and none were given; leave it out"
            raise typer.BadParameter(message)
        unlike = {name: value for name, value in reading.of_values.items() if name != "column" and value}
        given = [f"--{name}" for name in unlike] + (["--rows"] if rows is not None else [])
        given += ["--sort"] if reading.sort else []
        if given:
            message = f"--on and {' and '.join(given)} do not go together; leave one of them out"
            raise typer.BadParameter(message)

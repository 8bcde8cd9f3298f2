"""How scores are joined to the rows: by position, or by a column of ids; and the shards that have these ids."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dsdm.cli.options.reading import Reading
from dsdm.cli.options.writing import Schema


@dataclass(frozen=True, kw_only=True)
class Joining:
    """The options of joining scores to rows."""

    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="COLUMN",
            help="Join scores to the rows by this column of ids, which both have; ROWS=SCORES where each calls it "
            "otherwise (meta.id=id: a field of structs in the rows). Scores are files of JSON lines, Parquet or Arrow, "
            "a directory or a glob of them, in any order; a row without a score has NaN (--nan).",
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


@dataclass(frozen=True, kw_only=True)
class IdsOf:
    """The options of the shards that have the ids, where no rows are written."""

    corpus: Annotated[
        list[str] | None,
        typer.Option("--corpus", help="For --on: the shards that have the ids; given again, these are one corpus."),
    ] = None
    schema: Annotated[
        Schema | None,
        typer.Option(
            "--schema",
            help="Shards of --corpus have the same columns, or those of all (union).",
            rich_help_panel="How files are read",
        ),
    ] = None
    hive: Annotated[
        bool,
        typer.Option(
            "--hive",
            help="Directories of --corpus that are named KEY=VALUE hold columns: take them as such.",
            rich_help_panel="How files are read",
        ),
    ] = False

    def check(self, joining: Joining) -> None:
        """End with a usage error where scores are joined to no rows, or nothing is joined to the rows."""
        given = [f"--schema {self.schema.value}"] if self.schema is not None else []
        given += ["--hive"] if self.hive else []
        if self.corpus is None and given:
            message = f"{' and '.join(given)} goes with --corpus, and none is given; leave it out"
            raise typer.BadParameter(message)
        if (joining.on is None) != (self.corpus is None):
            message = "--on joins scores to the rows of --corpus by their ids; give both, or neither"
            raise typer.BadParameter(message)

    @property
    def opening(self) -> dict[str, Any]:
        """The keyword arguments that say what columns the shards have."""
        return {"schema": "same" if self.schema is None else self.schema.value, "hive": self.hive}

"""The options of a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.options.numbers import whole_number

_MORE = "What is looked at beside the scores"
_SHOWN = "What is shown"


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """The options of a report."""

    corpus: Annotated[
        list[str] | None,
        typer.Option(
            "--corpus",
            help="The shards that the rows are of, which a directory names itself; given again, these are one corpus.",
            rich_help_panel=_MORE,
        ),
    ] = None
    scores: Annotated[
        list[str] | None,
        typer.Option(
            "--scores",
            help="The scores by which rows were chosen, where their record names none, as for --groups; given again, "
            "these are one vector.",
            rich_help_panel=_MORE,
        ),
    ] = None
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            help="Count rows by a column of the corpus or of another file (meta.parquet:domain), or by a .npy or .txt "
            "file with the group of each row; by the groups of the rule, if it has some that lie in files.",
            rich_help_panel=_MORE,
        ),
    ] = None
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths",
            help="Measure rows by a column of the corpus, such as input_ids, or of another file (meta.parquet:count), "
            "or by a file of whole numbers: lists by their items, texts by their bytes in UTF-8, numbers as "
            "they are; by the lengths of the rule, if it has some that lie in files.",
            rich_help_panel=_MORE,
        ),
    ] = None
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            help="The column that rows are shown by; the column text, or else all, if not given.",
            rich_help_panel=_SHOWN,
        ),
    ] = None
    examples: Annotated[
        int,
        typer.Option(
            "--examples",
            parser=whole_number,
            metavar="N",
            help="So many of the best rows, of the worst chosen ones, and of the best not chosen ones.",
            rich_help_panel=_SHOWN,
        ),
    ] = 3
    characters: Annotated[
        int,
        typer.Option(
            "--characters",
            parser=whole_number,
            metavar="N",
            help="So many characters of each of these rows.",
            rich_help_panel=_SHOWN,
        ),
    ] = 400
    bins: Annotated[
        int,
        typer.Option(
            "--bins", parser=whole_number, metavar="N", help="So many bins of a histogram.", rich_help_panel=_SHOWN
        ),
    ] = 40
    hive: Annotated[
        bool,
        typer.Option(
            "--hive", help="Directories of --corpus that are named KEY=VALUE hold columns: take them as such."
        ),
    ] = False
    data_dir: opt.DataDir = None
    trust_path: Annotated[
        list[Path] | None,
        typer.Option(
            "--trust-path",
            parser=opt.local_path,
            help="Open what a dsdm.json names below this as well; can be repeated.",
        ),
    ] = None
    threads: opt.Threads = None

    @property
    def numbers(self) -> dict[str, Any]:
        """The keyword arguments of a report that are taken as they are."""
        names = ("text", "examples", "characters", "bins", "data_dir", "threads")
        return {**{name: getattr(self, name) for name in names}, "trust_paths": self.trust_path or ()}

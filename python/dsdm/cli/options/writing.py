"""How a dataset directory is written: its options."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.options.numbers import whole_number
from dsdm.cli.saying import say
from dsdm.cli.usage import as_usage

_COLUMN = "input_ids"


class RowOrder(StrEnum):
    """In which order rows are written."""

    given = "given"
    row = "row"
    shuffle = "shuffle"


class PathNames(StrEnum):
    """How files outside of the output are named in dsdm.json."""

    relative = "relative"
    absolute = "absolute"


class Schema(StrEnum):
    """Whether shards must have the same columns."""

    same = "same"
    union = "union"


class OutputFormat(StrEnum):
    """What shards are."""

    arrow = "arrow"
    parquet = "parquet"
    jsonl = "jsonl"
    tokens = "tokens"
    bin = "bin"
    modded_nanogpt = "modded-nanogpt"
    megatron = "megatron"
    litdata = "litdata"


class TokenDtype(StrEnum):
    """The type in which a token is stored."""

    uint16 = "uint16"
    uint32 = "uint32"
    int32 = "int32"
    int64 = "int64"
    uint8 = "uint8"
    int8 = "int8"
    int16 = "int16"
    uint64 = "uint64"


@dataclass(frozen=True, kw_only=True)
class Writing:
    """The options of writing rows."""

    row_order: Annotated[
        RowOrder, typer.Option("--row-order", help="Write rows as selected, as they lie, or shuffled.")
    ] = RowOrder.given
    shuffle_seed: Annotated[
        int | None,
        typer.Option(
            "--shuffle-seed", parser=whole_number, metavar="N", help="Repeat the shuffle that printed this seed."
        ),
    ] = None
    columns: Annotated[
        list[str] | None, typer.Option("--columns", metavar="NAME", help="Only this column (give it again for more).")
    ] = None
    keep: Annotated[list[str] | None, typer.Option("--keep", hidden=True)] = None
    row_ids: Annotated[
        str | None, typer.Option("--row-ids", metavar="NAME", help="Add the row numbers as a column.")
    ] = None
    scores_from: Annotated[
        list[str] | None,
        typer.Option("--scores", metavar="FILE", help="Add the rows' scores from this file as a column."),
    ] = None
    max_shard_size: Annotated[
        str | None, typer.Option("--max-shard-size", metavar="SIZE", help="Such as 500MB, the default.")
    ] = None
    num_shards: Annotated[
        int | None, typer.Option("--num-shards", parser=whole_number, metavar="N", help="So many files instead.")
    ] = None
    content_defined_chunking: Annotated[
        bool,
        typer.Option(
            "--content-defined-chunking",
            help="Cut pages of Parquet by their values, so that the hub keeps common ones once.",
        ),
    ] = False
    split: Annotated[
        str | None, typer.Option("--split", metavar="NAME", help="The name of the split, by which files are called.")
    ] = None
    card: Annotated[bool, typer.Option("--card", help="Write a README.md that the hub and load_dataset read.")] = False
    memory_limit: Annotated[
        str | None,
        typer.Option("--memory-limit", metavar="SIZE", help="Memory to hold, about; else a quarter of what is free."),
    ] = None
    format: Annotated[
        OutputFormat,
        typer.Option("--format", help="For load_from_disk, for the hub, JSON lines, or tokens for a trainer."),
    ] = OutputFormat.arrow
    token_dtype: Annotated[
        TokenDtype | None,
        typer.Option("--token-dtype", help="The type in which tokens are stored; each is checked, and none changed."),
    ] = None
    tokens_column: Annotated[
        str | None,
        typer.Option(
            "--tokens-column",
            metavar="NAME",
            help="For --tokens: the column whose lists are counted; that of --format tokens, or input_ids.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Continue what an interrupted run left, or start over.")
    ] = True
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the shards that an interrupted run finished by their checksums.")
    ] = False
    overwrite: opt.Overwrite = False
    paths: Annotated[
        PathNames, typer.Option("--paths", help="How dsdm.json names sources: from the output, or by absolute paths.")
    ] = PathNames.relative
    schema: Annotated[
        Schema,
        typer.Option("--schema", help="Shards have the same columns, or those of all: null where one is missing."),
    ] = Schema.same
    hive: Annotated[
        bool,
        typer.Option("--hive", help="Directories named KEY=VALUE hold columns: add them behind those of the files."),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read and written, and write nothing.")
    ] = False

    def __post_init__(self) -> None:
        """Accept ``--keep``, the old name of ``--columns``."""
        if self.keep is None:
            return
        if self.columns is not None:
            message = "--keep is the old name of --columns, and both are given; say --columns alone"
            raise typer.BadParameter(message)
        written = " ".join(f"--columns {name}" for name in self.keep)
        say(f"dsdm: --keep is now --columns; write {written}", err=True)
        object.__setattr__(self, "columns", self.keep)
        object.__setattr__(self, "keep", None)

    def check_all(self, threads: int | None) -> None:
        """End with a usage error for values that are wrong in themselves, or do not go together."""
        self.check_used()
        self.check_values(threads)

    def check_values(self, threads: int | None) -> None:
        """End with a usage error for values that are wrong in themselves, or do not go together."""
        from dsdm.rows.options import Arguments, check_seed_of_order, checked

        named = {field.name: getattr(self, field.name) for field in fields(self)}
        given: dict[str, Any] = {field.name: named.get(field.name) for field in fields(Arguments)} | {
            "threads": threads
        }
        with as_usage():
            checked(Arguments(**{**given, "threads": threads}))
            check_seed_of_order(self.shuffle_seed, self.row_order.value, "--shuffle-seed")

    def check_used(self) -> None:
        """End with a usage error where nothing is written, and an option says how."""
        given = {
            "--no-resume": not self.resume,
            "--verify": self.verify,
            "--overwrite": self.overwrite,
            f"--paths {self.paths.value}": self.paths is not PathNames.relative,
        }
        named = [name for name, is_given in given.items() if is_given]
        if self.dry_run and named:
            message = f"--dry-run writes nothing, and has no use for {' and '.join(named)}; leave it out"
            raise typer.BadParameter(message)

    def column_of_tokens(self, tokens: str | None, row_tokens: int | None, lengths: str | None) -> str | None:
        """Return the column whose lists are counted for --tokens, or end with a usage error where it has no use."""
        if tokens is None or row_tokens is not None or lengths is not None:
            if self.tokens_column is not None:
                message = (
                    "--tokens-column goes with --tokens, and without --row-tokens and --lengths, which say what it "
                    "would count"
                )
                raise typer.BadParameter(message)
            return None
        of_tokens = self.format not in {OutputFormat.arrow, OutputFormat.parquet, OutputFormat.jsonl}
        written = self.columns if of_tokens else None
        return self.tokens_column or (written[0] if written else _COLUMN)

    def arguments(self, scores: Any) -> dict[str, Any]:
        """Return the keyword arguments of :func:`dsdm.materialize`, with the scores as they were opened."""
        asked = {
            "seed": self.shuffle_seed,
            "columns": self.columns,
            "row_ids": self.row_ids,
            "scores": scores,
            "max_shard_size": self.max_shard_size,
            "num_shards": self.num_shards,
            "token_dtype": None if self.token_dtype is None else self.token_dtype.value,
            "split": self.split,
            "memory_limit": self.memory_limit,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return {
            "format": self.format.value,
            "content_defined_chunking": self.content_defined_chunking,
            "card": self.card,
            "row_order": self.row_order.value,
            "resume": self.resume,
            "verify": self.verify,
            "overwrite": self.overwrite,
            "paths": self.paths.value,
            **given,
        }

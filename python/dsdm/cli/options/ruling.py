"""By what rule rows are chosen: the options beyond a number of the best."""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.options.numbers import real_number, whole_number

_PANEL = "By what rule"
_WHOLE = re.compile(r"[+-]?[0-9][0-9_,]*")
_SHARES = re.compile(r"([^:]+):([^:]+)")
NULL = "null"
"""The group of the rows that have none."""
_PARTS = ("equal", "proportional")


class Ties(StrEnum):
    """Which of the rows that tie at the cut are chosen."""

    row = "row"
    random = "random"


class Short(StrEnum):
    """What to do where a group has fewer rows than are asked of it."""

    error = "error"
    keep = "keep"
    fill = "fill"


class NullGroups(StrEnum):
    """What rows are whose group is null."""

    error = "error"
    group = "group"
    drop = "drop"


def score(text: str | float) -> int | float:
    """Return a score: a whole number as it is, since floats have not all of them."""
    if isinstance(text, str) and _WHOLE.fullmatch(text.strip()):
        return whole_number(text)
    return real_number(text)


def shares(text: str | tuple[float, float]) -> tuple[float, float]:
    """Return the two shares of ``0.25:0.75``, or end with a usage error."""
    if not isinstance(text, str):
        return text
    found = _SHARES.fullmatch(text.strip())
    if found is None:
        message = f"{text!r} is no pair of shares; write it as 0.25:0.75"
        raise typer.BadParameter(message)
    return real_number(found[1]), real_number(found[2])


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """The options of rules."""

    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            parser=score,
            metavar="X",
            help="Only rows with at least this score; alone, all of them.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_score: Annotated[
        float | None,
        typer.Option(
            "--max-score",
            parser=score,
            metavar="X",
            help="Only rows with at most this score; alone, all of them.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    quantile: Annotated[
        Any,
        typer.Option(
            "--quantile",
            parser=shares,
            metavar="LOW:HIGH",
            help="Only rows whose scores lie between these quantiles, such as 0.25:0.75; alone, all of them.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    near: Annotated[
        float | None,
        typer.Option(
            "--near",
            parser=score,
            metavar="X",
            help="The scores nearest to this one, such as a median.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths",
            metavar="FILE|COLUMN",
            help="For --tokens: the length of each row, in a score file of whole numbers, a column of the shards or of "
            "another file (meta.parquet:count), where lists and texts (in bytes) have their own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    at_least: Annotated[
        bool,
        typer.Option(
            "--at-least",
            help="For --tokens by --lengths: the row that reaches the number is taken too.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="FILE|COLUMN",
            help="The group of each row: a .npy file of whole numbers or texts, a text file with a line for each row, "
            "or a column of the shards or of another file (meta.parquet:domain).",
            rich_help_panel=_PANEL,
        ),
    ] = None
    per_group: Annotated[
        list[str] | None,
        typer.Option(
            "--per-group",
            metavar="[GROUP=]N",
            help="So many of each group, or with a point a share of it, such as 0.1; GROUP=N again for each its own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like",
            metavar="GROUP=SHARE",
            help="How the size is divided among the groups: GROUP=SHARE for each, or equal, or proportional.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    short: Annotated[
        Short,
        typer.Option(
            "--short",
            help="Where a group has too few rows: an error, keep what it has, or fill up from the others.",
            rich_help_panel=_PANEL,
        ),
    ] = Short.error
    null_groups: Annotated[
        NullGroups,
        typer.Option(
            "--null-groups",
            help="Where the group of a row is null: an error, a group of its own, which is named null, or none of it.",
            rich_help_panel=_PANEL,
        ),
    ] = NullGroups.error
    repeat: Annotated[
        list[str] | None,
        typer.Option(
            "--repeat",
            metavar="[GROUP=]N",
            help="So many copies of each chosen row, one copy of all after the other; GROUP=N again for each its own.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Draw with replacement by --seed: scores are weights of at least 0.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    ties: Annotated[
        Ties,
        typer.Option(
            "--ties", help="Of rows that tie at the cut, the lowest, or random ones by --seed.", rich_help_panel=_PANEL
        ),
    ] = Ties.row
    only: Annotated[
        Path | None,
        typer.Option(
            "--only",
            parser=opt.local_path,
            help="A .npy file of the rows that may be chosen, or of one boolean per row; or a directory that dsdm "
            "materialize wrote of this corpus.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    @property
    def given(self) -> list[str]:
        """The options that were given, as they are written."""
        named = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        return [f"--{name.replace('_', '-')}" for name in named]

    @property
    def draws(self) -> bool:
        """Whether one of them has a seed decide which rows are chosen."""
        return self.replace or self.ties is Ties.random

    @property
    def says_how_many(self) -> bool:
        """Whether one of them says how many rows, beside which no size is needed."""
        bounds = (self.min_score, self.max_score, self.quantile, self.per_group)
        return any(bound is not None for bound in bounds)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`dsdm.choose` that lie in no file."""
        given = {name: getattr(self, name) for name in ("min_score", "max_score", "quantile", "near")}
        given |= {"replace": self.replace}
        return {**given, "at_least": self.at_least, "short": self.short.value, "ties": self.ties.value} | {
            "null_groups": self.null_groups.value
        }


def by_group(option: str, given: list[str] | None, *, whole_names: bool, null: bool = False) -> Any:
    """Return what is said of groups: one value for all, or a mapping by their names; of `null` that of no group.

    Raises
    ------
    typer.BadParameter
        For a text that is neither, and a group that is named twice.

    """
    if not given:
        return None
    if given[1:] == [] and (given[0] in _PARTS or "=" not in given[0]):
        if option == "--like" and given[0] not in _PARTS:
            message = f"--like is {given[0]!r}; GROUP=SHARE for each group, equal or proportional is needed"
            raise typer.BadParameter(message)
        return given[0] if given[0] in _PARTS else _size(option, given[0])
    found: dict[Any, int | float] = {}
    for text in given:
        name, equals, value = text.rpartition("=")
        if not equals:
            message = f"{option} has {text!r}; where it is given more than once, GROUP=NUMBER is needed"
            raise typer.BadParameter(message)
        group = None if null and name == NULL else _whole_name(option, name) if whole_names else name
        if group in found:
            message = f"{option} names the group {name!r} twice; give it once"
            raise typer.BadParameter(message)
        found[group] = _size(option, value)
    return found


def _whole_name(option: str, name: str) -> int:
    try:
        return whole_number(name)
    except typer.BadParameter:
        message = f"{option} names the group {name!r}, and the groups are whole numbers; write it as {option} 5=NUMBER"
        raise typer.BadParameter(message) from None


def _size(option: str, text: str) -> int | float:
    """Return a number of rows, or a share where it is written with a point."""
    try:
        return real_number(text) if "." in text or "-" in text.strip()[1:] else whole_number(text)
    except typer.BadParameter as error:
        message = f"{option}: {error.message}"
        raise typer.BadParameter(message) from None

"""How files are read: the options of it, and the vector that they open."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from dsdm.cli import options as opt

if TYPE_CHECKING:
    from dsdm.scores import Scores


_SHAPE = re.compile(r"(-1|[0-9]{1,18})(?:,([0-9]{1,18}))?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The options of reading score files."""

    key: opt.Key = None
    column: opt.Column = None
    reduce: opt.ReduceOption = None
    transpose: opt.Transpose = False
    booleans: opt.Booleans = False
    shape: opt.Shape = None
    dtype: opt.DType = None
    sort: opt.SortOption = None
    partial: opt.Partial = False

    @property
    def files(self) -> dict[str, Any]:
        """The keyword arguments that say which files a directory or glob means."""
        return {"sort": opt.value_of(self.sort), "partial": self.partial}

    @property
    def of_values(self) -> dict[str, Any]:
        """The keyword arguments that say what of the files is read."""
        return {
            "key": self.key,
            "column": self.column,
            "reduce": opt.value_of(self.reduce),
            "transpose": self.transpose,
            "booleans": self.booleans,
            "shape": None if self.shape is None else _sizes(self.shape),
            "dtype": self.dtype,
        }

    def about(self, paths: list[str]) -> "Reading":
        """Leave out how files are found, where none of these paths is a directory or a glob."""
        from dsdm.paths import is_searched

        return self if any(map(is_searched, paths)) else replace(self, sort=None, partial=False)

    def open(self, files: list[str], shards: Sequence[str] = ()) -> "Scores":
        """Open files as one vector: files that are found and have the names of the shards are parts of it."""
        from dsdm.paths import SCORES, find
        from dsdm.paths.parts.own_vectors import same_names
        from dsdm.scores import open_leniently

        what: str | list[str] = files[0] if len(files) == 1 else files
        how = self.files
        found = find(what, SCORES, **how).files if shards else []
        if len(found) > 1 and same_names(found, shards):
            what, how = found, {}
        try:
            return open_leniently(what, **self.of_values, **how)
        except (TypeError, ValueError) as error:
            # Of a type that no scores have, whatever the files hold.
            if not any(text in str(error) for text in ("; scores are one of", ", which is no type")):
                raise
            raise typer.BadParameter(str(error)) from error

    def check_found(self, paths: list[str]) -> None:
        """End with a usage error where an option says how files are found, and none of the paths is searched."""
        given = [name for name, value in (("--sort", self.sort), ("--partial", self.partial)) if value]
        if given and self.about(paths) is not self:
            message = (
                f"{' and '.join(given)} goes with directories and globs, and {', '.join(paths)} is none; leave it out"
            )
            raise typer.BadParameter(message)

    def check_used(self, opened: "list[Scores]") -> None:
        """End with a usage error where an option says how to read what none of the files is."""
        if self.key is not None and all(scores.key is None for scores in opened):
            message = (
                f"--key is {self.key!r}, and no .pt, .safetensors or .npz file that holds several vectors was given"
            )
            raise typer.BadParameter(message)
        if self.column is not None and all(scores.column is None for scores in opened):
            message = f"--column is {self.column!r}, and no Arrow or Parquet scores, JSON lines or matrix were given"
            raise typer.BadParameter(message)
        if self.reduce is not None and all(scores.reduce is None for scores in opened):
            message = f"--reduce is {self.reduce.value}, and no scores with several values in each row were given"
            raise typer.BadParameter(message)
        if self.transpose and not any(scores.transposed for scores in opened):
            message = "--transpose is given, and no scores that are a matrix were"
            raise typer.BadParameter(message)
        if self.booleans and not any(scores.booleans for scores in opened):
            message = "--booleans is given, and no scores that are booleans were"
            raise typer.BadParameter(message)
        if self.shape is not None and not opened:
            message = f"--shape is {self.shape}, and no score files were given"
            raise typer.BadParameter(message)
        if self.dtype is not None and not opened:
            message = f"--dtype is {self.dtype!r}, and no score files were given"
            raise typer.BadParameter(message)


def _sizes(shape: str) -> list[int]:
    """Return the numbers of a shape, or end with a usage error."""
    found = _SHAPE.fullmatch(shape)
    if found is None:
        message = f"--shape is {shape!r}; N or N,M is needed, as -1,16 for all rows of 16 values"
        raise typer.BadParameter(message)
    return [int(size) for size in found.groups() if size is not None]

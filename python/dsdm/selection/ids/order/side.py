"""What is held against each other where values are taken by position: the files in which they lie, and the rows."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, fields_named
from dsdm.errors import FormatError, SchemaError
from dsdm.selection.ids.named import BOTH
from dsdm.selection.ids.order.keys import Way

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)


class OtherOrderError(ValueError):
    """Scores by position are beside ids of other rows, or perhaps are: a join by ids may be meant."""

    def __init__(self, message: str, on: "str | tuple[str, str] | None" = None) -> None:
        """Keep the columns by which a join may be: one name, or that of the rows and that of the scores."""
        super().__init__(message)
        self.on = on


@dataclass(frozen=True)
class Rows:
    """The rows that scores are held against."""

    count: int
    schema: "pa.Schema | None"
    """All columns that they have; None where some of them cannot be opened, so that it is not known which there are."""
    column: Callable[[str], "tuple[Corpus, NDArray[np.int64] | None] | None"]
    """Gives a column by its name, with the row of the files that each row is; None where there is none."""


@dataclass(frozen=True)
class Beside:
    """Files with a score, a group or a length in each row, and perhaps with columns that name these rows."""

    files: tuple[str, ...]
    of_values: frozenset[str] = frozenset()
    """The columns in which the values themselves lie, which are not compared."""
    what: str = "scores"
    """What the values are: scores, groups or lengths."""
    start: int = 0
    """The row of the files that is the first of the rows."""
    of_rows: str = ""
    """The argument that has rows which were chosen by them: exclude or only; empty where they choose themselves."""

    def told(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        told = {"files": list(self.files), "columns": sorted(self.of_values), "what": self.what}
        more = {"start": self.start, "of_rows": self.of_rows}
        return {**told, **{name: value for name, value in more.items() if value}}


class Side:
    """The files of scores, opened whole where all of their columns can be."""

    def __init__(self, beside: Beside, threads: int | None) -> None:
        self.files, self._of_values, self._threads = list(beside.files), beside.of_values, threads
        self.what, self.start, self.of_rows = beside.what, beside.start, beside.of_rows
        self.whole: Corpus | None = None
        try:
            self.whole = Corpus.open(self.files, threads=threads, schema="union")
        except (FormatError, SchemaError) as error:
            logger.info("%s: its columns are opened one by one, as one of them cannot be: %s", self.files[0], error)

    def column(self, name: str) -> Corpus | None:
        """Return a column; None where there is none."""
        if self.whole is not None:
            return self.whole.select([name]) if name in self.whole.schema.names else None
        return column_alone(self.files, name, self._threads, schema="union")

    def are_values(self, corpus: Corpus, way: Way) -> bool:
        """Return whether a column has the scores themselves, or is within what has them."""
        own = [tuple(found) for name in self._of_values for _, found in fields_named(corpus.schema, name)]
        return any(way[: len(one)] == one[: len(way)] for one in own)


def column_alone(
    files: Sequence[str], name: str, threads: int | None, schema: str, constants: Any = None
) -> Corpus | None:
    """Open one column of files, of which others may be such as cannot be opened; None where there is none.

    Raises
    ------
    SchemaError, FormatError
        For a column that cannot be opened.

    """
    try:
        return Corpus.open(files, columns=[name], threads=threads, schema=schema, constants=constants)
    except (FormatError, SchemaError):
        raise
    except ValueError:  # there is no such column
        return None


def how(names: "str | tuple[str, str] | list[tuple[str, str]] | None", side: Side) -> str:
    """Say what to do, by the column of ids or those of both sides, or several such; by None, that this is not known."""
    what, listed = side.what, names if isinstance(names, list) else [names]
    calls = [f"dsdm.align(scores, corpus, on={_as_argument(name)})" for name in listed if name is not None]
    by = f"by {' or by '.join(calls)}" if calls else f"by the columns that are; {BOTH}"
    if side.of_rows:
        # Those who give a selection need not have its scores at hand.
        join = f" with scores joined {by}" if what == "scores" else ""
        return (
            f"the rows of {side.of_rows}= were chosen by them: choose these again{join}, or where they lie as the rows "
            "do, give their numbers alone: selection.indices"
        )
    if what == "scores":
        return f"join them {by}, or where they lie as the rows do, give numpy.asarray(scores)"
    # Of a column, what is read of it tells of no files.
    return (
        f"write {what} in the order of the rows, or where they lie as the rows do, give dsdm.open_shards(file).column"
        "(name)"
    )


def _as_argument(name: str | tuple[str, str]) -> str:
    return repr(name if isinstance(name, str) or name[0] != name[1] else name[0])

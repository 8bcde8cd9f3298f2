"""Scores that are joined to the rows of shards by a column of ids, or taken by position."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsdm.cli.notes import say_joined, say_order
from dsdm.cli.options.joining import Joining
from dsdm.cli.options.reading import Reading
from dsdm.cli.saying import say

if TYPE_CHECKING:
    from dsdm import Aligned
    from dsdm.dataset import Shards
    from dsdm.scores import Scores


def join(files: list[str], on: str, reading: Reading, shards: "Shards", threads: int | None) -> "Aligned":
    """Return the scores of files in the order of the rows.

    `on` is the column of ids, or ``ROWS=SCORES`` with its name in each; one of the rows that is called so goes before.
    """
    import dsdm

    rows, equals, scores = on.partition("=")
    names = (rows, scores) if equals and on not in shards.column_names else on
    partial = reading.partial
    return dsdm.align(files, shards, on=names, column=reading.column, threads=threads, partial=partial)


def refuse_missing(files: list[str], on: str, found: "Aligned") -> None:
    """Fail where a row has no score.

    Raises
    ------
    ValueError
        With how many these are.

    """
    if found.missing:
        message = (
            f"{', '.join(files)}: {found.missing:,} of {len(found):,} rows have no score by --on {on}, which is NaN; "
            "--nan omit leaves them out"
        )
        raise ValueError(message)


@contextmanager
def telling_of_both(by: list[str], scores: list[str], reading: Reading, joining: Joining) -> Iterator[None]:
    """Have an error of a join say how it is done where --on, which is for --by and --scores alike, cannot do it."""
    from dsdm.selection.ids.order.side import OtherOrderError
    from dsdm.selection.ids.score_file import NoIdsError, may_have_ids

    try:
        yield
    except (OtherOrderError, NoIdsError) as error:
        without = [file for file in (*by, *scores) if Path(file).is_file() and not may_have_ids(Path(file))]
        if not (by and scores and without):
            raise
        named = _named(joining.on) if joining.on is not None else getattr(error, "on", None)
        calls = [_opening(files, without, named, reading.column) for files in (by, scores)]
        steps = [_options(files, without, named, reading.column) for files in (by, scores)]
        message = (
            f"{error}; --on joins the files of --by and of --scores alike, and {without[0]} has no ids: choose the "
            f"rows first, by `dsdm indices {steps[0]}{_corpus(steps[0])} -o rows.npy` with the options that choose "
            f"them, and write them by `dsdm materialize SHARDS OUT --indices rows.npy --scores {steps[1]}`; or for "
            f"both, write in Python dsdm.materialize(corpus, dsdm.choose({calls[0]}, k=k), 'out', scores={calls[1]})"
        )
        raise ValueError(message) from error


def _named(on: str) -> str | tuple[str, str]:
    rows, equals, scores = on.partition("=")
    return (rows, scores) if equals else on


def _opening(files: list[str], without: list[str], on: str | tuple[str, str] | None, column: str | None) -> str:
    """Return the call that opens scores, or joins those that have ids."""
    what = repr(files[0] if len(files) == 1 else files)
    if files[0] in without:
        return f"dsdm.open_scores({what})"
    by = "" if on in (None, "id") else f", on={on!r}"
    return f"dsdm.align({what}, corpus{by}{'' if column is None else f', column={column!r}'})"


def _options(files: list[str], without: list[str], on: str | tuple[str, str] | None, column: str | None) -> str:
    """Return the options that do the same."""
    named = " ".join(map(shlex.quote, files))
    if files[0] in without:
        return named
    by = "id" if on is None else on if isinstance(on, str) else "=".join(on)
    return f"{named} --on {shlex.quote(by)}{'' if column is None else f' --column {shlex.quote(column)}'}"


def _corpus(options: str) -> str:
    return " --corpus SHARDS" if " --on " in options else ""


def opened_shards(source: list[str], **found: Any) -> "Shards":
    """Open the shards that were named, as one corpus; of a file that is twice among them, or out of order, say so."""
    import dsdm

    say_order("shards", source)
    shards = dsdm.open_shards(source[0] if len(source) == 1 else source, **found)
    # By the names that links have as well.
    named: dict[str, list[str]] = {}
    for file in shards.files:
        named.setdefault(os.path.realpath(file), []).append(file)
    twice = [files for files in named.values() if files[1:]]
    if twice:
        first, *others = twice[0]
        also = next((f" (also as {file})" for file in others if file != first), "")
        more = f", as are {len(twice) - 1:,} more files more than once" if twice[1:] else ""
        say(
            f"dsdm: {first}: it is {len(twice[0]):,} times among the shards{also}{more}, and so are its rows; name "
            "each once (--repeat takes chosen rows more than once)",
            err=True,
        )
    return shards


def scores_to_add(
    files: list[str],
    opened: "list[Scores]",
    reading: Reading,
    joining: Joining,
    shards: "Shards",
    threads: int | None,
) -> Any:
    """Open the scores that are written as a column, in the order of the rows; None where there are none.

    With those that were opened before, they must be what the options of reading are about.
    """
    if joining.on is not None:
        if not files:
            return None
        joining.check(reading.about(files), "--scores", files)
        return join(files, joining.on, reading, shards, threads)
    say_order("score files", files)
    found = reading.about(files).open(files, shards.files) if files else None
    if found is not None:
        say_joined(found, files)
    reading.check_used(opened if found is None else [*opened, found])
    if found is None or not joining.by_position:
        return found
    import numpy as np

    # What is in no file has no ids to be compared.
    return np.asarray(found)

"""Scores that are joined to the rows of shards by a column of ids, or taken by position."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
def telling_of_both(by: list[str], scores: list[str]) -> Iterator[None]:
    """Have an error of a join say how it is done where --on, which is for --by and --scores alike, cannot do it."""
    from dsdm.selection.ids.score_file import may_have_ids

    try:
        yield
    except ValueError as error:
        text = str(error)
        without = [file for file in (*by, *scores) if Path(file).is_file() and not may_have_ids(Path(file))]
        is_of_join = "join them by dsdm.align(" in text or "Arrow file is needed" in text
        if type(error) is not ValueError or not (by and scores and without and is_of_join):
            raise
        first = f"dsdm.open_scores({by[0]!r})" if by[0] in without else f"dsdm.align({by[0]!r}, corpus)"
        added = f"dsdm.open_scores({scores[0]!r})" if scores[0] in without else f"dsdm.align({scores[0]!r}, corpus)"
        message = (
            f"{text}; --on joins the files of --by and of --scores alike, and {without[0]} has no ids: for both, write "
            f"in Python dsdm.materialize(corpus, dsdm.choose({first}, k=k), 'out', scores={added})"
        )
        raise ValueError(message) from error


def opened_shards(source: list[str], **found: Any) -> "Shards":
    """Open the shards that were named, as one corpus; of a file that is among them twice, say so."""
    import dsdm

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
    found = reading.about(files).open(files) if files else None
    reading.check_used(opened if found is None else [*opened, found])
    if found is None or not joining.by_position:
        return found
    import numpy as np

    # What is in no file has no ids to be compared.
    return np.asarray(found)

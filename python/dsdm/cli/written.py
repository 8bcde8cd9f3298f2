"""What the commands that write rows are asked for: rows of a corpus, chosen or named, and how they are written."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from dsdm.cli.choice import Choice
from dsdm.cli.files import rows_of
from dsdm.cli.joined import opened_shards, scores_to_add, telling_of_both
from dsdm.cli.notes import noted
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.joining import Joining
from dsdm.cli.options.reading import Reading
from dsdm.cli.options.ruling import Ruling
from dsdm.cli.options.writing import Writing
from dsdm.cli.tokens import Lengths
from dsdm.paths import refuse_inputs


@dataclass(frozen=True)
class Asked:
    """Rows that are to be written."""

    rows: Any
    """A selection, or row numbers."""
    arguments: dict[str, Any]
    """Those of :func:`dsdm.materialize`, beside the source, the rows and the output."""
    more: dict[str, Any]
    """What is printed of the choice beside it."""
    telling: Callable[[], AbstractContextManager[None]]
    """Within it, errors of scores that are joined say how the command does that."""


def asked_rows(
    named: tuple[list[str], Path, Path | None, list[str] | None],
    options: tuple[Choosing, Ruling, Reading, Joining, Writing],
    left: Callable[[], Mapping[str, Any] | None],
) -> Asked:
    """Choose the rows of a corpus, once all that can be wrong with what was asked for was looked at.

    `named` are the shards, the output, the file of row numbers and what is chosen by; `left` returns how an interrupted
    run of the same output chose.
    """
    from dsdm.rows.planning import check_before
    from dsdm.rows.told.kept import saying_what_is_kept

    source, out, indices_file, by = named
    choosing, ruling, reading, joining, writing = options
    choice = _choice(indices_file, by, options)
    column = writing.column_of_tokens(choosing.tokens, choosing.row_tokens, ruling.lengths)
    scores_from = writing.scores_from or []
    if choice is None or not choice.sources:
        joining.check(reading.about(scores_from), "--scores", writing.scores_from)
    reading.check_found([*source, *(() if choice is None else choice.sources), *scores_from])
    found = {**reading.about(source).files, "schema": writing.schema.value, "hive": writing.hive}
    refuse_inputs(out, [str(indices_file)] if choice is None else choice.named)
    shards = opened_shards(source, **found)
    lengths = None if column is None else Lengths(shards, column)
    telling = partial(telling_of_both, [] if choice is None else choice.sources, scores_from, reading, joining)
    with telling():
        if choice is not None:
            choice.open(shards, left())
            refuse_inputs(out, choice.read)
        before, threads = [] if choice is None else choice.opened, choosing.threads
        arguments = writing.arguments(scores_to_add(scores_from, before, reading, joining, shards, threads))
        check_before(shards, out, to_write=not writing.dry_run, threads=threads, **arguments)
        if choice is not None:
            with noted(), saying_what_is_kept(out, "rows were being chosen, and nothing is kept"):
                rows: Any = choice.select_and_report(lambda: choosing.row_tokens or 1, lengths)
        else:
            rows = rows_of(Path(str(indices_file)), len(shards), source, by_position=joining.by_position)
    more = {} if choice is None else choice.more(rows)
    return Asked(rows, {**arguments, **found, "threads": threads}, more, telling)


def _choice(
    indices_file: Path | None, by: list[str] | None, options: tuple[Choosing, Ruling, Reading, Joining, Writing]
) -> Choice | None:
    """Return what is chosen by, or nothing where rows are named; end with a usage error for both and for neither."""
    choosing, ruling, reading, joining, writing = options
    if (indices_file is None) == (not by):
        message = "give either --indices FILE or --by METHOD (or score files)"
        raise typer.BadParameter(message)
    if indices_file is not None:
        choosing.refuse_all(ruling.given)
    writing.check_all(choosing.threads)
    return None if indices_file is not None else Choice(by or [], choosing, ruling, reading.about(by or []), joining)

"""Scores that are taken by position, held against the ids that they and the rows have."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus
from dsdm.errors import FormatError
from dsdm.rows.request import Request
from dsdm.rows.sources import Source, open_source
from dsdm.rows.told.once import compared, known_as, was_compared
from dsdm.selection.ids.order.side import Beside, Rows, column_alone
from dsdm.selection.ids.placed import beside_of, placed_of, placed_scores
from dsdm.selection.ids.position import refuse_other_order
from dsdm.selection.ids.slices import refuse_later_shards_of
from dsdm.selection.record.provenance import files_of_scores
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.told import BY_POSITION, KNOWN, ON


def check_positions(request: Request) -> None:
    """Fail where scores, or those by which the rows were chosen, are beside ids of other rows than at their positions.

    Raises
    ------
    ValueError
        With the column, the first row where ids differ, and both ids.

    """
    if isinstance(request.arguments.indices, Selection):
        refuse_later_shards_of(request.arguments.indices, request.source.files)
    check_placed(request.source, request.arguments.source, _by_position(request), request.arguments.threads)


def check_selection_order(source: Source, given: Any, indices: Any, threads: int | None = None) -> None:
    """Fail where what a :class:`Selection` was chosen by, by position, is beside ids of other rows of a source."""
    if isinstance(indices, Selection):
        refuse_later_shards_of(indices, source.files)
        check_placed(source, given, indices.by_position(), threads)


def check_placed(source: Source, given: Any, besides: Iterable[Beside], threads: int | None) -> None:
    """Compare the columns beside values of rows with those of the rows: of each list of files once."""
    found: dict[tuple[tuple[str, ...], int], Beside] = {}
    for beside in besides:
        place = beside.files, beside.start
        first = found.get(place, beside)
        found[place] = replace(first, of_values=first.of_values | beside.of_values)
    own = tuple(map(os.path.realpath, source.files)) if _is_as_in_files(source) else ()
    rows: Rows | None = None
    for (files, start), beside in found.items():
        # What lies in the files of the rows themselves lies as they do.
        if tuple(map(os.path.realpath, files)) == own and start == 0:
            continue
        known = known_as("by position", files, start, beside.of_values)
        of_corpus = known_as("keys", files) if start == 0 else None
        if was_compared(source, known) or was_compared(source, of_corpus):
            continue
        rows = rows or _rows(source, given, threads)
        # Of a file that is not there nothing is compared, which is said.
        with contextlib.suppress(FileNotFoundError):
            refuse_other_order(beside, rows, threads)
            compared(source, known)


def _is_as_in_files(source: Source) -> bool:
    """Return whether the rows are those of files, in their order."""
    return bool(source.files) and source.dataset is None and source.mapping is None


def _rows(source: Source, given: Any, threads: int | None) -> Rows:
    """Return the rows with all of their columns, also with those of files and tables that were not opened."""
    source = source if source.all_columns else _with_all_columns(source, given, threads)
    corpus, missing, constants = source.corpus, source.corpus.missing, source.corpus.constants
    whole: Corpus | None = corpus
    if not source.all_columns and _may_be_opened(source):
        try:
            whole = Corpus.open(source.files, threads=threads, schema=missing, constants=constants)
        except FormatError:  # one of the others cannot be opened
            whole = None

    def column(name: str) -> tuple[Corpus, NDArray[np.int64] | None] | None:
        there = corpus if name in corpus.schema.names else whole
        if there is not None:
            return (there.select([name]), source.mapping) if name in there.schema.names else None
        found = column_alone(source.files, name, threads, missing, constants)
        return None if found is None else (found, source.mapping)

    return Rows(len(source), None if whole is None else whole.schema, column)


def _may_be_opened(source: Source) -> bool:
    return bool(source.files) and source.dataset is None


def _with_all_columns(source: Source, given: Any, threads: int | None) -> Source:
    """Return the rows of what was given, of which some columns were opened, with all: of what is not read by that."""
    is_named = isinstance(given, str | bytes | os.PathLike | list | tuple)
    if is_named or hasattr(given, "read_next_batch"):
        return source
    # Columns that cannot be opened are compared with nothing, as none of the files has their names.
    with contextlib.suppress(ValueError, TypeError):
        return open_source(given, None, threads)
    return source


def _by_position(request: Request) -> Iterator[Beside]:
    """Yield what is taken by position: what chose the rows, as it is told, and scores of files."""
    arguments = request.arguments
    told = arguments.selection
    if told is not None:
        if told.get("by") in KNOWN[1:] and told.get(ON) is None and not told.get(BY_POSITION):
            with contextlib.suppress(FileNotFoundError):
                yield beside_of(files_of_scores(told, None), (told.get("reading") or {}).get("column"))
        yield from placed_of(
            {name: value for name, value in told.items() if name != "score_files"}, len(request.source)
        )
    if isinstance(arguments.indices, Selection) and not (told or {}).get(BY_POSITION):
        yield from arguments.indices.by_position()
    given = arguments.scores
    for scores in given.values() if isinstance(given, Mapping) else [given]:
        yield from placed_scores(scores)

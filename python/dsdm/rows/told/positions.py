"""Scores that are taken by position, held against the ids that they and the rows have."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, Scores
from dsdm.rows.request import Request, told_selection
from dsdm.selection.ids.position import refuse_other_order
from dsdm.selection.record.provenance import files_of_scores
from dsdm.selection.told import BY_POSITION, KNOWN, ON


def check_positions(request: Request) -> None:
    """Fail where scores, or those by which the rows were chosen, are beside ids of other rows than at their positions.

    Raises
    ------
    ValueError
        With the column, the first row where ids differ, and both ids.

    """
    source, threads = request.source, request.arguments.threads

    def column(name: str) -> tuple[Corpus, NDArray[np.int64] | None] | None:
        found = source.corpus.select([name]) if name in source.corpus.schema.names else None
        # Of files, the columns that are not written can be read all the same.
        if found is None and request.layout.columns is not None and source.files and source.dataset is None:
            try:
                found = Corpus.open(
                    source.files,
                    columns=[name],
                    threads=threads,
                    schema=source.corpus.missing,
                    constants=source.corpus.constants,
                )
            except ValueError:  # these files were opened: they have no such column, or of no one type
                return None
        return None if found is None else (found, source.mapping)

    for scores in _by_position(request):
        refuse_other_order(scores, len(source), column, threads)


def _by_position(request: Request) -> Iterator[Any]:
    """Yield what is taken by position: what chose the rows, as it is told, and scores of files."""
    told = told_selection(request.arguments)
    if told is not None and told.get("by") in KNOWN[1:] and told.get(ON) is None and not told.get(BY_POSITION):
        # Of a file that is not there nothing is compared, which is said.
        with contextlib.suppress(FileNotFoundError):
            yield {**told, "scores": files_of_scores(told, None)}
    given = request.arguments.scores
    yield from (one for one in (given.values() if isinstance(given, Mapping) else [given]) if isinstance(one, Scores))

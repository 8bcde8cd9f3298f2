"""What :func:`dsdm.materialize` and :func:`dsdm.plan` do first: the arguments are checked and the corpus is opened."""

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import PlanEstimate, Scores, digest_of_rows, unfinished
from dsdm.paths import local, refuse_inputs, refuse_inside
from dsdm.rows.options import Arguments, Layout, checked
from dsdm.rows.releases import installed
from dsdm.rows.sources import Source, hinting, open_source
from dsdm.rows.told.corpora import refuse_other_corpora, refuse_other_scores, rows_taken
from dsdm.selection.manifest_paths import from_output
from dsdm.selection.record.provenance import as_json, check_count, with_files
from dsdm.selection.record.repeat import input_files, score_files
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.origin import corpora_told, identities_of
from dsdm.selection.told import BY_POSITION, files_of_inputs, tells_of_files

# A number of a row, or a score.
_EXTRA_BYTES = 8


@dataclass(frozen=True)
class Request:
    """What is to be written: rows of a source, laid out."""

    arguments: Arguments
    layout: Layout
    path: str
    """The output; empty where none was named."""
    source: Source
    rows: NDArray[np.int64]
    """In the order in which they were given."""


def open_request(arguments: Arguments, *, writes: bool) -> Request:
    """Check the arguments and open the corpus. An output that would replace an input is refused.

    Raises
    ------
    ValueError, TypeError
        For arguments that cannot be, for an output that is the source or lies in it, and where no output is named and
        one is to be written.

    """
    layout = checked(arguments)
    path = local(arguments.out_dir, "out_dir") if writes or arguments.out_dir is not None else ""
    if writes:
        _check_place(path)
    with hinting(_about_columns(arguments)):
        source = open_source(
            arguments.source,
            layout.columns,
            arguments.threads,
            sort=arguments.sort,
            partial=arguments.partial,
            io=arguments.io,
            schema=arguments.schema,
            hive=arguments.hive,
            progress=arguments.progress,
        )
    if arguments.out_dir is not None:
        _refuse_source(path, source.files)
        refuse_inside(path, source.places)
        refuse_inputs(path, _files_read(arguments.indices, arguments.scores))
    rows = rows_taken(source, arguments.indices, len(source), arguments.threads)
    refuse_other_scores(source, arguments.scores, arguments.threads)
    return Request(arguments, layout, path, source, rows)


def _about_columns(arguments: Arguments) -> Callable[[str], str]:
    """Return what says what to do where there is no column of a name."""

    def hint(name: str) -> str:
        if arguments.columns is None:
            return f"; {arguments.format!r} writes tokens, of {name!r} where columns= does not name their column"
        return "; columns= takes each name by itself" if "," in name else ""

    return hint


def told_selection(arguments: Arguments) -> Mapping[str, Any] | None:
    """Return what is told of how the rows were chosen: by the caller, else by the rows where they are a selection."""
    if arguments.selection is None and isinstance(arguments.indices, Selection):
        return arguments.indices.record()
    return arguments.selection


def chosen_rows(request: Request) -> dict[str, Any] | None:
    """Return how the rows were chosen, as ``dsdm.json`` has it.

    Raises
    ------
    ValueError
        For what can never be done again, or chooses other rows than are written.

    """
    selection = told_selection(request.arguments)
    if selection is None:
        return None
    sources = _sources(request.source) if files_of_inputs(selection) else []
    chosen = with_files(selection, len(request.source), sources)
    check_count(selection, len(request.rows))
    if tells_of_files(selection) and selection.get(BY_POSITION) is not True:
        # Of those that are the rows' own, no files are told any more.
        told = {name: chosen[name] for name in files_of_inputs(chosen)}
        refuse_other_corpora(corpora_told(told), request.source, request.arguments.threads)
    if request.path:
        read = [*(file["path"] for file in score_files(chosen, None)), *(file.path for file in input_files(chosen))]
        refuse_inputs(request.path, read)
        chosen = from_output(chosen, request.path, absolute=request.arguments.paths == "absolute")
    as_json(chosen)
    return chosen


def _sources(source: Source) -> list[dict[str, Any]]:
    """Return what the files of rows are known by, if they are the rows as they lie in the files."""
    return [] if source.dataset is not None or source.mapping is not None else identities_of(source.corpus)


def planned(request: Request, rows: NDArray[np.int64], added: int) -> PlanEstimate:
    """Return what writing these rows with so many added columns reads, writes and holds."""
    return request.source.corpus.plan(
        request.source.rows(rows),
        format=request.arguments.format,
        dtype=request.arguments.token_dtype,
        extra_bytes=_EXTRA_BYTES * added,
        max_shard_size=request.layout.shard_bytes,
        num_shards=request.layout.num_shards,
        memory_limit=request.layout.memory_limit,
        threads=request.arguments.threads,
        datasets=installed(),
        embed=True,
    )


def _check_place(path: str) -> None:
    """Fail for an output without a name, and for one below what is no directory."""
    if not path:
        message = "out_dir is empty; name the directory to write"
        raise ValueError(message)
    above = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - not resolved
    while not os.path.lexists(above):
        above = os.path.dirname(above)  # noqa: PTH120
    if not os.path.isdir(above):  # noqa: PTH112
        message = f"{above} is no directory, and nothing can lie in it; choose another place"
        raise NotADirectoryError(errno.ENOTDIR, message, path)


def _refuse_source(path: str, files: Iterable[str]) -> None:
    """Fail for an output that is a file which rows are read from: nobody should be told to remove that."""
    if not os.path.isfile(path):  # noqa: PTH113
        return
    for file in files:
        if os.path.exists(file) and os.path.samefile(path, file):  # noqa: PTH110, PTH121
            message = f"{path}: this is the source {file}, and not replaced; name another output"
            raise ValueError(message)


def _files_read(indices: Any, scores: Any) -> list[str]:
    """Return the files that indices and scores lie in: those of a :class:`dsdm.Scores`, or what numpy maps."""
    vectors = scores.values() if isinstance(scores, Mapping) else [scores]
    files = []
    for vector in (indices, *vectors):
        mapped = getattr(vector, "filename", None) if isinstance(vector, np.memmap) else None
        files += [str(path) for path in (getattr(vector, "paths", None) or ())] + ([str(mapped)] if mapped else [])
        if isinstance(vector, Scores):
            files += [str(path) for path in vector.mapped_by_numpy()]
    return files


def how_unfinished_chose(target: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """Return what an interrupted run told of how its rows were chosen."""
    left = unfinished(target)
    chosen = None if left is None else left.get("chosen")
    return chosen if isinstance(chosen, Mapping) else None


def seed_of_unfinished(target: str, requested: NDArray[np.int64]) -> int | None:
    """Return the seed of the shuffle that an interrupted run of these rows had."""
    plan = unfinished(target) or {}
    same = plan.get("order") == "shuffle" and plan.get("given") == digest_of_rows(requested)
    seed = plan.get("seed")
    # One that is no seed is damaged: the run draws its own then, and is told that the plan differs in it.
    return seed if same and type(seed) is int and seed >= 0 else None

"""What :func:`dsdm.materialize` and :func:`dsdm.plan` do first: the arguments are checked and the corpus is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.paths import local, refuse_inputs, refuse_inside
from dsdm.rows.options import Arguments, Layout, checked
from dsdm.rows.row_numbers import row_numbers
from dsdm.rows.sources import Source, open_source


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
    source = open_source(
        arguments.source,
        layout.columns,
        arguments.threads,
        sort=arguments.sort,
        partial=arguments.partial,
        io=arguments.io,
    )
    if arguments.out_dir is not None:
        refuse_inside(path, source.places)
        refuse_inputs(path, _files_read(arguments.indices, arguments.scores))
    return Request(arguments, layout, path, source, row_numbers(arguments.indices))


def _files_read(indices: Any, scores: Any) -> list[str]:
    """Return the files that indices and scores lie in: those of a :class:`dsdm.Scores`, or the one that numpy maps."""
    vectors = scores.values() if isinstance(scores, Mapping) else [scores]
    files = []
    for vector in (indices, *vectors):
        mapped = getattr(vector, "filename", None) if isinstance(vector, np.memmap) else None
        files += [str(path) for path in (getattr(vector, "paths", None) or ())] + ([str(mapped)] if mapped else [])
    return files

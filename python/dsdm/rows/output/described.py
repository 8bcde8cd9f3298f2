"""What an output is: rows in the order in which they are written, and all that is told of them.

:func:`dsdm.materialize` writes it in one process, and a job of many units writes the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import OutputOptions, digest_of_rows
from dsdm.rows.added_columns import added_table, added_vectors, told_of
from dsdm.rows.options import check_shards, in_order
from dsdm.rows.releases import installed
from dsdm.rows.request import Request, chosen_rows, told_selection
from dsdm.rows.row_numbers import check_range
from dsdm.rows.sources import Source, identity_of, in_files, is_as_in_files, opened_as
from dsdm.rows.told.description import describe
from dsdm.rows.told.positions import check_positions
from dsdm.selection.record.check import as_recorded
from dsdm.selection.record.provenance import as_json

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Output:
    """What is to be written of a request."""

    request: Request
    rows: NDArray[np.int64]
    """In the order in which they are written."""
    seed: int | None
    """What they were shuffled with."""
    vectors: Mapping[str, Any]
    """The scores that are added, by the names of their columns."""
    told: Mapping[str, Any]
    """The arguments of :class:`dsdm._native.OutputOptions` that tell of the rows; each a text, a flag or a pair."""

    def extras(self) -> "pa.Table | None":
        """Return the columns that are added to the rows."""
        return added_table(self.rows, self.request.arguments.row_ids, dict(self.vectors))

    def options(self) -> OutputOptions:
        """Return how the engine is to write them."""
        return options_of(self.request, self.told)


def output_of(request: Request, seed: int | None) -> Output:
    """Bring the rows of a request into the order in which they are written, and tell what there is to tell of them.

    Raises
    ------
    ValueError, IndexError
        For rows that the source has not, or whose scores lie at other positions; for more shards than rows.

    """
    arguments, source, requested = request.arguments, request.source, request.rows
    rows, seed = in_order(requested, arguments.row_order, seed)
    chosen = chosen_rows(request)
    check_positions(request)
    check_range(rows, len(source), source.label if source.files else "")
    check_shards(request.layout.num_shards, len(rows), arguments.format)
    vectors = added_vectors(source, arguments.row_ids, arguments.scores)
    added = told_of(vectors, request.path, arguments.paths)
    record = {"rows": len(requested), "given": digest_of_rows(requested), "order": arguments.row_order, "seed": seed}
    told = told_selection(arguments)
    as_asked = {} if told is None else {"chosen": as_recorded(told)}
    # What is told of the columns is their types, which none of their values change.
    described = describe(request, rows, added_table(rows[:0], arguments.row_ids, vectors), record, chosen)
    of_rows = {
        "split": described.split,
        "card": described.card,
        "selection": as_json(_as_told(record | added, source, chosen, arguments.row_ids)),
        "identity": as_json({**record, **identity_of(source), **as_asked}),
        "state": as_json(described.state),
        "info": as_json(described.info),
    }
    return Output(request, rows, seed, vectors, of_rows)


def options_of(request: Request, told: Mapping[str, Any]) -> OutputOptions:
    """Return how the engine is to write what is told of so."""
    arguments, layout = request.arguments, request.layout
    return OutputOptions(
        request.path,
        format=arguments.format,
        dtype=arguments.token_dtype,
        sources=request.source.files,
        max_shard_size=layout.shard_bytes,
        num_shards=layout.num_shards,
        by_content=arguments.content_defined_chunking,
        memory_limit=layout.memory_limit,
        overwrite=arguments.overwrite,
        resume="same" if arguments.resume else "never",
        resumable=in_files(request.source),
        verify=arguments.verify,
        absolute=arguments.paths == "absolute",
        datasets=installed(),
        embed=True,
        **told,
    )


def _as_told(
    record: dict[str, Any], source: Source, chosen: dict[str, Any] | None, row_ids: str | None
) -> dict[str, Any]:
    """Return what ``dsdm.json`` tells of the rows.

    Which rows of its files a dataset has is not told, but where they are not all, each once, and so not numbered alike.
    """
    mapped: dict[str, Any] = {} if is_as_in_files(source) else {"mapped": True}
    mapped |= {} if row_ids is None else {"row_ids": row_ids}
    return {**record, **mapped, **opened_as(source.corpus), **({} if chosen is None else {"chosen": chosen})}

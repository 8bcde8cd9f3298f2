"""What is told of an output to those who open it: the split, and the card."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm.rows.options import DEFAULT_SPLIT
from dsdm.rows.releases import installed
from dsdm.rows.request import Request, planned
from dsdm.rows.told.card import card_of
from dsdm.selection.rules.chosen import Selection

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Description:
    """What goes into files beside the shards, and into their names."""

    split: str
    card: tuple[str, str] | None = None
    state: dict[str, Any] = field(default_factory=dict)
    """For ``state.json``."""
    info: dict[str, Any] = field(default_factory=dict)
    """For ``dataset_info.json``."""


def describe(
    request: Request,
    rows: NDArray[np.int64],
    extras: "pa.Table | None",
    record: Mapping[str, Any],
    chosen: Mapping[str, Any] | None,
) -> Description:
    """Return what is told of rows that are to be written: nothing more than their split where nothing was asked for."""
    arguments = request.arguments
    split = DEFAULT_SPLIT if arguments.split is None else arguments.split
    if not arguments.card and (arguments.split is None or arguments.format != "arrow"):
        return Description(split)
    memory_bytes = planned(request, rows, len(extras.columns) if extras is not None else 0).write_bytes
    if arguments.format == "arrow":
        told = {"name": split, "num_bytes": memory_bytes, "num_examples": len(rows), "dataset_name": None}
        return Description(split, None, {"_split": split}, {"splits": {split: told}})
    schema = request.source.corpus.written_schema(arguments.format, extras, datasets=installed())
    card = card_of(
        PurePath(request.path).name,
        schema,
        split=split,
        rows=len(rows),
        memory_bytes=memory_bytes,
        sources=request.source.files,
        record=record,
        chosen=chosen,
        report=_report_of(request),
    )
    return Description(split, card)


def _report_of(request: Request) -> str | None:
    """Return the report of the rows as Markdown, if they are a selection, which knows its scores."""
    selection, arguments = request.arguments.indices, request.arguments
    if not isinstance(selection, Selection) or arguments.selection is not None:
        return None
    # What reports a selection stands on this module, which does not import it: it is asked of the package.
    package: Any = sys.modules[__name__.partition(".")[0]]
    found = package.report(selection, corpus=request.source, examples=0, threads=arguments.threads)
    text: str = found.to_markdown()
    return text

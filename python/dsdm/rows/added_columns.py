"""The columns that are added to rows: their numbers, and their scores."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Scores, located
from dsdm.errors import SchemaError
from dsdm.rows.row_numbers import interruptibly
from dsdm.rows.sources import Source
from dsdm.selection.record.row_counts import named_vectors
from dsdm.selection.rules.origin import identities_of

if TYPE_CHECKING:
    import pyarrow as pa


def added_vectors(source: Source, row_ids: str | None, scores: Any) -> dict[str, Any]:
    """Return the vectors that are to be added as columns by their names, and refuse names that are there."""
    if row_ids is not None:
        _refuse_name(source, row_ids, "row_ids=")
    vectors = named_vectors(scores, len(source))
    for name in vectors:
        _refuse_name(source, name, "scores=")
        if name == row_ids:
            message = f"row_ids= and scores= both add a column {name!r}; give them different names"
            raise ValueError(message)
    return vectors


def added_table(indices: NDArray[np.int64], row_ids: str | None, vectors: dict[str, Any]) -> "pa.Table | None":
    """Return the columns to add to the rows, as long as the indices."""
    added: dict[str, NDArray[Any]] = {} if row_ids is None else {row_ids: indices}
    added |= {name: _values(vector, indices) for name, vector in vectors.items()}
    if not added:
        return None
    import pyarrow as pa

    return pa.table({name: pa.array(np.ascontiguousarray(values)) for name, values in added.items()})


def _values(vector: Any, indices: NDArray[np.int64]) -> NDArray[Any]:
    """Return the scores of rows, in a type that Arrow has."""
    # Those of files look for Ctrl-C themselves.
    many = len(indices) if isinstance(vector, np.ndarray) else 0
    values = np.asarray(interruptibly(lambda: vector[indices], many))
    if values.ndim != 1:
        message = f"scores must have one dimension and have the shape {values.shape}"
        raise ValueError(message)
    # bfloat16 is the one type of a score that Arrow does not have, and it has no swapped bytes.
    return values.astype(values.dtype.newbyteorder("=") if values.dtype.kind in "fiu" else np.float32, copy=False)


def _refuse_name(source: Source, name: str, purpose: str) -> None:
    """Fail if a column to be added has the name of one that is there."""
    have = source.corpus.schema.names
    if name in have:
        message = f"{purpose} adds a column {name!r}, and there is one: the columns are {have}"
        raise SchemaError(message)


def told_of(vectors: dict[str, Any], target: str, paths: str) -> dict[str, Any]:
    """Return what ``dsdm.json`` tells of the scores that are added: their columns, and the files in which they lie.

    Of scores in memory, and of those that were computed, the name alone is told.
    """
    absolute = paths == "absolute"
    told = [{"name": name, **_origin(vector, target, absolute=absolute)} for name, vector in vectors.items()]
    return {"scores": told} if told else {}


def _origin(vector: Any, target: str, *, absolute: bool) -> dict[str, Any]:
    opened = vector.opened_as() if isinstance(vector, Scores) else None
    if opened is None:
        return {}
    _, reading, first = opened
    files = identities_of(vector)
    if not all(map(_is_text, (file["path"] for file in files))):
        return {}  # JSON has no way to write such a name.
    told: dict[str, Any] = {"files": [{**file, "path": str(located(file["path"], target, absolute))} for file in files]}
    told |= {"reading": dict(reading)} if reading else {}
    return told if first is None else {**told, "rows": first}


def _is_text(path: str) -> bool:
    """Return whether a path is UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Vectors in memory beside a :class:`dsdm.Scores`, in arithmetic and comparisons: what the extension asks for."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dsdm import arrays
from dsdm.selection.inputs import HeldScores, engine_array

Held: TypeAlias = tuple[Any, str, str | None]
"""Bytes as an Arrow array, the name of their type, and the file that numpy maps them from."""


def held(given: Any) -> Held | None:
    """Return what holds scores in memory as the extension reads it, where it lies; None for what holds none.

    Raises
    ------
    TypeError, ValueError
        As :func:`dsdm.arrays.numbers`, and for another shape than that of one score for each row.

    """
    if isinstance(given, HeldScores):
        given = given.scores
    # A selection holds row numbers, which are no scores.
    if hasattr(given, "is_of") or not arrays.is_vector(given):
        return None
    values, name = engine_array("operand", arrays.numbers("operand", given))
    return _as_arrow(values), name, _file_of(given)


def unpickled(values: npt.NDArray[Any], name: str) -> Held:
    """Return values that came out of a pickle, which may lie anywhere."""
    if not (values.flags.c_contiguous and values.flags.aligned):
        values = values.copy()
    return _as_arrow(values.view(np.uint8)), name, None


def _as_arrow(values: npt.NDArray[np.uint8]) -> Any:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.uint8(), len(values), [None, pa.py_buffer(values)])


def _file_of(given: Any) -> str | None:
    """Return the file that numpy maps an array from, also where it is a part of one."""
    while isinstance(given, np.ndarray):
        if isinstance(given, np.memmap) and given.filename is not None:
            return str(given.filename)
        given = given.base
    return None

"""Vectors in memory beside a :class:`dsdm.Scores`, in arithmetic and comparisons: what the extension asks for."""

from numbers import Number
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dsdm import arrays
from dsdm.checks import said
from dsdm.selection.inputs import HeldScores, engine_array

_BEYOND = 2**100
"""Greater than every integer of 64 bits."""

Held: TypeAlias = tuple[Any, str, str | None]
"""Bytes as an Arrow array, the name of their type, and the file that numpy maps them from."""


def held(given: Any) -> Held | None:
    """Return what holds scores in memory as the extension reads it, where it lies; None for what holds none.

    Raises
    ------
    TypeError, ValueError
        As :func:`dsdm.arrays.numbers`, for a boolean, and for another shape than that of one score for each row.

    """
    if isinstance(given, bool | np.bool_):
        message = f"scores are computed with {given}, and booleans are no scores; give {int(given)}"
        raise TypeError(message)
    if isinstance(given, HeldScores):
        given = given.scores
    # A selection holds row numbers, which are no scores.
    if hasattr(given, "is_of") or not arrays.is_vector(given):
        return None
    values, name = engine_array("operand", arrays.numbers("operand", given))
    return _as_arrow(values), name, _file_of(given)


def threshold(own: "np.dtype[Any]", given: Any) -> tuple[bool, int | float] | None:
    """Return a number that scores of a type are compared with, and whether as whole numbers; None for what is none.

    It is what numpy 2 makes of it beside an array of the type: numbers of Python are rounded to that of floats, and
    those of numpy have a type of their own.

    Raises
    ------
    TypeError
        For booleans, and for numbers of other libraries and types.
    ValueError
        For a whole number that float64 cannot hold, beside floats.

    """
    if isinstance(given, bool | np.bool_):
        message = f"scores are compared with {given}, and booleans are no scores; give {int(given)}"
        raise TypeError(message)
    if isinstance(given, int | np.integer) and own.kind in "iu":
        return True, max(-_BEYOND, min(int(given), _BEYOND))
    if isinstance(given, np.integer):
        return False, float(given.astype(np.result_type(own, given.dtype)))
    if isinstance(given, np.floating) and given.dtype.itemsize <= 8:  # noqa: PLR2004 - bytes
        return False, float(given)
    if isinstance(given, np.generic) and given.dtype.name == "bfloat16":
        return False, float(given)
    if isinstance(given, int | float) and not isinstance(given, np.generic):
        return False, _rounded(own if own.kind == "f" else np.dtype(np.float64), given)
    if isinstance(given, Number):
        message = f"scores are compared with a {type(given).__name__}; give a float or an int"
        raise TypeError(message)
    return None


def _rounded(dtype: "np.dtype[Any]", number: float) -> float:
    """Return a number as a type has it: beyond all of them, it is infinite."""
    try:
        with np.errstate(over="ignore"):
            return float(np.asarray(number, dtype))
    except OverflowError as error:
        message = f"{said(number)} is beyond a float64, in which it is compared with floats"
        raise ValueError(message) from error


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

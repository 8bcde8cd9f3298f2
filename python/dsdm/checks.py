"""Options, looked at by every function that takes them: also where what was asked for does not use them."""

import math
import operator
import sys
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

ORDERS = ("best_first", "best_last", "row")
NANS = ("raise", "omit", "largest", "smallest")

_MOST_THREADS = 1024


def one_of(name: str, value: object, accepted: tuple[str, ...]) -> None:
    """Refuse a value that is none of those accepted."""
    if not isinstance(value, str) or value not in accepted:
        shown = f'"{value}"' if isinstance(value, str) else repr(value)
        message = f"{name} is {shown}; it is one of " + ", ".join(f'"{choice}"' for choice in accepted)
        raise ValueError(message) if isinstance(value, str) else TypeError(message)


def check_threads(threads: object) -> None:
    """Refuse a number of threads that cannot be."""
    if threads is None:
        return
    count = whole("threads", threads)
    if not 1 <= count <= _MOST_THREADS:
        message = f"threads is {count}; a number from 1 to {_MOST_THREADS} is needed"
        raise ValueError(message)


def check_flag(name: str, value: object) -> bool:
    """Give True or False, and refuse what would only count as one of them."""
    if not isinstance(value, bool | np.bool_):
        message = f"{name} is {value!r}; True or False is needed"
        raise TypeError(message)
    return bool(value)


def check_temperature(temperature: object) -> float:
    """Give a finite number above 0, and refuse anything else."""
    if isinstance(temperature, bool | np.bool_) or not isinstance(temperature, Real | np.number):
        message = f"temperature is {temperature!r}; a number is needed"
        raise TypeError(message)
    try:
        value = float(temperature)
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and value > 0):
        message = f"temperature is {value}; a finite number above 0 is needed"
        raise ValueError(message)
    return value


def check_seed(seed: object) -> None:
    """Refuse a seed that no draw takes."""
    if seed is not None and whole("seed", seed) < 0:
        message = f"seed is {seed}; it cannot be negative"
        raise ValueError(message)


def check_rows(rows: object) -> None:
    """Refuse a number of rows that there cannot be."""
    if rows is not None and not 0 <= whole("rows", rows) < 2**63:
        message = f"rows is {rows}; a number of rows is at least 0 and below 2^63"
        raise ValueError(message)


def whole(name: str, value: Any) -> int:
    """Give a whole number, and refuse anything else."""
    if isinstance(value, bool | np.bool_):
        message = f"{name} is {value!r}; a whole number is needed"
        raise TypeError(message)
    try:
        return operator.index(value)
    except TypeError as error:
        message = f"{name} is {value!r}; a whole number is needed"
        raise TypeError(message) from error


def count_of(k: object) -> int:
    """Give the number of rows that are asked for."""
    count = whole("k", k)
    if not 0 <= count < 2**63:
        message = f"k is {count}; it must be at least 0 and at most the number of rows"
        raise ValueError(message)
    return count


def excluded_rows(exclude: npt.ArrayLike | None) -> "npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None":
    """Give the rows that must not be chosen: row numbers, or one boolean for each row."""
    if exclude is None:
        return None
    rows = plain_array("exclude", exclude)
    if rows.ndim != 1:
        message = f"exclude has shape {rows.shape}; row numbers or one boolean per row are needed"
        raise ValueError(message)
    if rows.dtype == np.bool_:
        return np.ascontiguousarray(rows)
    if rows.dtype.kind == "O" and all(isinstance(row, int) and not isinstance(row, bool) for row in rows):
        beyond = next((position for position, row in enumerate(rows) if not -(2**63) <= row < 2**63), None)
        if beyond is not None:
            raise IndexError(_no_row("exclude", beyond, rows[beyond]))
    if rows.size and rows.dtype.kind not in "iu":
        message = f"exclude holds {rows.dtype}; row numbers are integers, and a mask is boolean"
        raise TypeError(message)
    if rows.dtype == np.uint64 and rows.size and rows.max() >= 2**63:
        beyond = int((rows >= 2**63).argmax())
        raise IndexError(_no_row("exclude", beyond, rows[beyond]))
    return np.ascontiguousarray(rows, dtype=np.int64)


def row_ids(ids: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    """Give ids of rows as int64, without a copy where they are, and refuse what no row has for its number.

    Raises
    ------
    TypeError
        For anything but whole numbers.
    ValueError
        For another shape than (n,) or (n, 1), and for a number that is negative or 2^63 or more.

    """
    if ids.dtype.kind not in "iu":
        message = f"{what} holds {ids.dtype}; row ids are integers"
        raise TypeError(message)
    if ids.ndim == 2 and ids.shape[1] == 1:  # noqa: PLR2004 - one column
        ids = ids[:, 0]
    if ids.ndim != 1:
        message = f"{what} has shape {ids.shape}; one row id after the other is needed: (n,) or (n, 1)"
        raise ValueError(message)
    if ids.size and (ids.min() < 0 or ids.max() >= 2**63):
        beyond = int(((ids < 0) | (ids >= 2**63)).argmax())
        raise ValueError(_no_row(what, beyond, ids[beyond]))
    return ids.astype(np.int64, copy=False)


def plain_array(what: str, values: object) -> npt.NDArray[Any]:
    """Give values as numpy has them, and refuse what says of some of them that they are none.

    Raises
    ------
    TypeError
        For a masked array, and for an Arrow array with nulls.

    """
    refuse_masked(what, values)
    return np.asarray(values)


def refuse_masked(what: str, values: object) -> None:
    """Refuse an array with a mask or with nulls, which would not be looked at: masked rows would be chosen."""
    masks = sys.modules.get("numpy.ma")  # it is imported, for 20 ms, by whoever makes a masked array
    if masks and isinstance(values, masks.MaskedArray):
        message = f"{what} is a masked array, whose mask is not looked at; give {what}.filled(…) or {what}.compressed()"
        raise TypeError(message)
    if masks and isinstance(values, list | tuple) and any(value is masks.masked for value in values):
        message = f"{what} is a list with a masked value; leave it out, or give a value for it"
        raise TypeError(message)
    nulls = getattr(values, "null_count", 0)
    if isinstance(nulls, int) and nulls:
        message = f"{what} has {nulls:,} nulls, which are no values; give {what}.drop_null() or {what}.fill_null(…)"
        raise TypeError(message)


def _no_row(what: str, position: int, row: object) -> str:
    return f"{what}[{position}] is {row}, which is no row number; these are at least 0 and below 2^63"

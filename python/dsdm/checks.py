"""Options, looked at by every function that takes them: also where what was asked for does not use them."""

import math
import operator
import sys
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt

Order: TypeAlias = Literal["best_first", "best_last", "row"]
"""The order of selected rows."""
Nan: TypeAlias = Literal["raise", "omit", "largest", "smallest"]
"""What to do with a score that is NaN."""
Noise: TypeAlias = Literal["philox", "numpy"]
"""Where the noise of a draw comes from."""
RowOrder: TypeAlias = Literal["given", "row", "shuffle"]
"""The order in which rows are written."""
Format: TypeAlias = Literal["arrow", "parquet", "jsonl", "tokens", "bin", "modded-nanogpt", "megatron", "litdata"]
"""What is written."""
TokenDtype: TypeAlias = Literal["uint16", "uint32", "int32", "int64", "uint8", "int8", "int16", "uint64"]
"""The type in which a token is stored."""
PathNames: TypeAlias = Literal["relative", "absolute"]
"""How ``dsdm.json`` names files outside of the output."""
Io: TypeAlias = Literal["mmap", "pread"]
"""How files are read."""
Schema: TypeAlias = Literal["same", "union"]
"""Whether files of one corpus must have the same columns."""
Sort: TypeAlias = Literal["name", "natural"]
"""The order of numbered files."""

ORDERS: tuple[str, ...] = get_args(Order)
NANS: tuple[str, ...] = get_args(Nan)
NOISES: tuple[str, ...] = get_args(Noise)
ROW_ORDERS: tuple[str, ...] = get_args(RowOrder)
FORMATS: tuple[str, ...] = get_args(Format)
TOKEN_FORMATS: tuple[str, ...] = ("tokens", "bin", "modded-nanogpt", "megatron", "litdata")
"""Those that hold the tokens of one column."""
TOKEN_DTYPES: tuple[str, ...] = get_args(TokenDtype)
_IOS: tuple[str, ...] = get_args(Io)
_PATH_NAMES: tuple[str, ...] = get_args(PathNames)
_SCHEMAS: tuple[str, ...] = get_args(Schema)

_Scalar = TypeVar("_Scalar", bound=np.generic)

_MOST_THREADS = 1024
# More of them tell a reader nothing, and Python writes no more than some thousand.
_DIGITS = 100
_SEED_DIGITS = 1_000


def one_of(name: str, value: object, accepted: tuple[str, ...]) -> None:
    """Refuse a value that is none of those accepted."""
    if not isinstance(value, str) or value not in accepted:
        shown = f'"{value}"' if isinstance(value, str) else repr(value)
        message = f"{name} is {shown}; it is one of " + ", ".join(f'"{choice}"' for choice in accepted)
        raise ValueError(message) if isinstance(value, str) else TypeError(message)


def check_io(io: object) -> None:
    """Refuse a way to read files that there is not."""
    one_of("io", io, _IOS)


def check_schema(schema: object) -> None:
    """Refuse a way to take columns that there is not."""
    one_of("schema", schema, _SCHEMAS)


def check_path_names(paths: object) -> None:
    """Refuse a way to name files that there is not."""
    one_of("paths", paths, _PATH_NAMES)


def check_threads(threads: object) -> None:
    """Refuse a number of threads that cannot be."""
    if threads is None:
        return
    count = whole("threads", threads)
    if not 1 <= count <= _MOST_THREADS:
        message = f"threads is {said(count)}; a number from 1 to {_MOST_THREADS} is needed"
        raise ValueError(message)


def check_flag(name: str, value: object) -> bool:
    """Return True or False, and refuse what would only count as one of them."""
    if not isinstance(value, bool | np.bool_):
        message = f"{name} is {value!r}; True or False is needed"
        raise TypeError(message)
    return bool(value)


def check_temperature(temperature: object) -> float:
    """Return a finite number above 0, and refuse anything else."""
    if isinstance(temperature, bool | np.bool_) or not isinstance(temperature, Real | np.number):
        message = f"temperature is {temperature!r}; a number is needed"
        raise TypeError(message)
    try:
        value = float(temperature)
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and value > 0):
        message = f"temperature is {said(temperature)}; a finite number above 0 is needed, within float64"
        raise ValueError(message)
    return value


def check_seed(seed: object, name: str = "seed") -> None:
    """Refuse a seed that no draw takes."""
    if seed is None:
        return
    number = whole(name, seed)
    if number < 0:
        message = f"{name} is {said(number)}; it cannot be negative"
        raise ValueError(message)
    if number >= 10**_SEED_DIGITS:
        message = f"{name} is {said(number)}; what tells of a draw has room for {_SEED_DIGITS:,} of them"
        raise ValueError(message)


def check_rows(rows: object) -> None:
    """Refuse a number of rows that there cannot be."""
    if rows is not None and not 0 <= whole("rows", rows) < 2**63:
        message = f"rows is {said(rows)}; a number of rows is at least 0 and below 2^63"
        raise ValueError(message)


def whole(name: str, value: Any) -> int:
    """Return a whole number, and refuse anything else."""
    if isinstance(value, bool | np.bool_):
        message = f"{name} is {value!r}; a whole number is needed"
        raise TypeError(message)
    try:
        return operator.index(value)
    except TypeError as error:
        message = f"{name} is {value!r}; a whole number is needed"
        raise TypeError(message) from error


def said(number: object) -> str:
    """Return a number as a message has it: of very many digits, how many there are.

    >>> said(-(2**64)), said(10**5000)
    ('-18446744073709551616', 'a number of 5001 digits')
    """
    if not isinstance(number, Integral) or abs(int(number)) < 10**_DIGITS:
        return str(number)
    digits = math.floor(math.log10(abs(int(number))))
    while abs(int(number)) >= 10**digits:
        digits += 1
    return f"a {'negative ' if number < 0 else ''}number of {digits} digits"


def count_of(k: object, name: str = "k") -> int:
    """Return the number of rows that are asked for."""
    count = whole(name, k)
    if not 0 <= count < 2**63:
        most = "at most the number of rows" if name == "k" else "below 2^63"
        message = f"{name} is {said(count)}; it must be at least 0 and {most}"
        raise ValueError(message)
    return count


def excluded_rows(
    exclude: npt.ArrayLike | None, name: str = "exclude"
) -> "npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None":
    """Return the rows that must not be chosen, or by another name may be: row numbers, or one boolean for each row."""
    if exclude is None:
        return None
    check_no_flags(name, exclude)
    rows = plain_array(name, list(exclude) if isinstance(exclude, AbstractSet) else exclude)
    if rows.ndim != 1:
        message = f"{name} has shape {rows.shape}; row numbers or one boolean per row are needed"
        raise ValueError(message)
    if rows.dtype == np.bool_:
        refuse_labels(name, exclude)
        return aligned(rows, np.bool_)
    beyond = first_beyond(rows)
    if beyond is not None:
        raise IndexError(_no_row(name, *beyond))
    if rows.size and rows.dtype.kind not in "iu":
        message = f"{name} holds {rows.dtype}; row numbers are integers, and a mask is boolean"
        raise TypeError(message)
    check_no_mask(name, rows)
    return aligned(rows, np.int64)


def aligned(array: npt.NDArray[Any], dtype: type[_Scalar]) -> npt.NDArray[_Scalar]:
    """Return an array of a type whose values lie one after the other, each where the processor reads it.

    A field of packed records lies anywhere, which ``numpy.ascontiguousarray`` leaves as it is.
    """
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def first_beyond(rows: npt.NDArray[Any]) -> tuple[int, str] | None:
    """Return the position of the first whole number that int64 has no room for, and the number; else None."""
    if rows.dtype.kind == "O":
        if not all(isinstance(row, Integral) and not isinstance(row, bool) for row in rows):
            return None  # which is an error of its own
        beyond = (position for position, row in enumerate(rows) if not -(2**63) <= int(row) < 2**63)
        position = next(beyond, None)
    elif rows.dtype == np.uint64 and rows.size and int(rows.max()) >= 2**63:
        position = int((rows >= 2**63).argmax())
    else:
        return None
    return None if position is None else (position, said(rows[position]))


def row_ids(ids: npt.NDArray[Any], what: str) -> npt.NDArray[np.int64]:
    """Return ids of rows as int64, without a copy where they are, and refuse what no row has for its number.

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
    """Return values as numpy has them, and refuse what says of some of them that they are none.

    Raises
    ------
    TypeError
        For a masked array, and for an Arrow array with nulls.

    """
    refuse_masked(what, values)
    return np.asarray(values)


def check_no_mask(what: str, rows: npt.NDArray[Any]) -> None:
    """Refuse bytes that are all 0 or 1: they are a mask, or the numbers of two rows, again and again.

    Raises
    ------
    ValueError
        Saying how to give the one and the other.

    """
    if rows.dtype.kind in "iu" and rows.dtype.itemsize == 1 and rows.size > 2 and 0 <= rows.min() <= rows.max() <= 1:  # noqa: PLR2004
        message = (
            f"{what} holds {rows.size:,} values of {rows.dtype}, all 0 or 1: a mask, or the numbers of two rows; for a "
            f"mask give {what}.astype(bool), or numpy.flatnonzero({what}), which are its row numbers; for row numbers "
            f"{what}.astype('int64')"
        )
        raise ValueError(message)


def check_no_flags(what: str, values: object) -> None:
    """Refuse a list of numbers with True or False among them, which would count as the rows 1 and 0.

    Raises
    ------
    TypeError
        With the position of the first one.

    """
    if not isinstance(values, list | tuple) or all(isinstance(value, bool | np.bool_) for value in values):
        return
    flag = next((position for position, value in enumerate(values) if isinstance(value, bool | np.bool_)), None)
    if flag is not None:
        message = f"{what}[{flag}] is {values[flag]}, among numbers; row numbers are integers, and a mask is boolean"
        raise TypeError(message)


def refuse_labels(what: str, values: Any) -> None:
    """Refuse a Series of pandas whose labels are not the positions of its values: either may be the numbers of rows.

    Raises
    ------
    ValueError
        Saying how to give the one and the other.

    """
    index = getattr(values, "index", None)
    if index is None or callable(index) or not hasattr(values, "iloc"):
        return
    labels = np.asarray(index)
    if index.nlevels == 1 and labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels))):
        return
    at = next((at for at, label in enumerate(index) if not (isinstance(label, Integral) and label == at)), 0)
    message = (
        f"{what} is a Series whose labels are not 0, 1, 2 and so on: that at position {at} is {index[at]!r:.100}; give "
        f"{what}.to_numpy() if values lie in the order of the rows, or {what}.sort_index().to_numpy() if each label is "
        "the number of its row and there is one for every row"
    )
    raise ValueError(message)


def refuse_masked(what: str, values: object) -> None:
    """Refuse an array with a mask or with nulls, which would not be looked at: masked rows would be chosen."""
    masks = sys.modules.get("numpy.ma")  # it is imported, for 20 ms, by whoever makes a masked array
    if masks and isinstance(values, masks.MaskedArray):
        message = f"{what} is a masked array, whose mask is not looked at; {_how_unmasked(what)}"
        raise TypeError(message)
    if masks and isinstance(values, list | tuple) and any(value is masks.masked for value in values):
        message = f"{what} is a list with a masked value; leave it out, or give a value for it"
        raise TypeError(message)
    nulls = getattr(values, "null_count", 0)
    nulls = nulls() if callable(nulls) else nulls  # a method of polars
    if isinstance(nulls, int) and nulls:
        raise TypeError(_nulls(what, nulls, "drop_null", "fill_null"))
    if not isinstance(getattr(values, "dtype", np.dtype("f8")), np.dtype) and hasattr(values, "isna"):
        # Of pandas, with a mask of its own: numpy would have NaN for what is missing, and round the other numbers.
        missing = int(np.count_nonzero(values.isna()))
        if missing:
            raise TypeError(_nulls(what, missing, "dropna", "fillna"))


def _nulls(what: str, count: int, drop: str, fill: str) -> str:
    """Say what to give in place of values with nulls: without some, scores would be those of other rows."""
    filled = f"{what}.{fill}(…)"
    how = f"{what}.{drop}() or {filled}" if what in ("indices", "exclude", "only") else filled
    return f"{what} has {count:,} nulls, which are no values; give {how}"


def _how_unmasked(what: str) -> str:
    """Say what to give in place of a masked array: scores without some would be those of other rows."""
    if what == "scores":
        return (
            "give scores.data with exclude=numpy.flatnonzero(numpy.ma.getmaskarray(scores)), by which masked rows are "
            "not chosen; or of floats scores.filled(numpy.nan), which has NaN for them"
        )
    if what.startswith("scores="):
        return "give scores.filled(…), with a value for those that are masked"
    return f"give {what}.compressed(), which leaves out what is masked, or {what}.filled(…)"


def _no_row(what: str, position: int, row: object) -> str:
    return f"{what}[{position}] is {row}, which is no row number; these are at least 0 and below 2^63"

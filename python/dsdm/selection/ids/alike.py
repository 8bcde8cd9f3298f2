"""Whether two columns of keys have the same values: in a type that holds those of both exactly."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS = 76
"""Of the widest decimals."""
_BLOCK = 1 << 16
"""Rows whose keys are compared at once."""


def plain(kind: "pa.DataType") -> "pa.DataType":
    """Return the type of the values that a dictionary, runs or an extension hold; texts and bytes in the widest."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return pa.large_binary()
    return kind


def common(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType | None":
    """Return the type in which values of two types are compared; None where they can never be equal, or not surely."""
    import pyarrow as pa

    one, other = plain(one), plain(other)
    if one == other or pa.types.is_null(one):
        return other
    if pa.types.is_null(other):
        return one
    return _of_numbers(one, other) or _of_times(one, other)


def _of_numbers(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType | None":
    import pyarrow as pa

    is_whole = [pa.types.is_integer(kind) for kind in (one, other)]
    if all(is_whole):
        # Of numbers below 0 and numbers of 2^63 and more, decimals have room for all.
        return pa.decimal128(20) if pa.uint64() in (one, other) else pa.int64()
    if all(whole or pa.types.is_floating(kind) for whole, kind in zip(is_whole, (one, other), strict=True)):
        return pa.float64()
    if all(whole or pa.types.is_decimal(kind) for whole, kind in zip(is_whole, (one, other), strict=True)):
        return _decimal(one, other)
    return None


def _of_times(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType | None":
    import pyarrow as pa

    def are(check: Callable[["pa.DataType"], bool]) -> bool:
        return check(one) and check(other)

    if are(pa.types.is_timestamp) and (one.tz is None) == (other.tz is None):
        return pa.timestamp(_finer(one.unit, other.unit), None if one.tz is None else "UTC")
    if are(pa.types.is_duration):
        return pa.duration(_finer(one.unit, other.unit))
    if are(pa.types.is_time):
        return pa.time64("ns")
    return pa.date64() if are(pa.types.is_date) else None


def _decimal(one: "pa.DataType", other: "pa.DataType") -> "pa.DataType | None":
    """Return the decimals that have room for those of two types, one of which may be whole numbers."""
    import pyarrow as pa

    shapes = [(kind.precision, kind.scale) if pa.types.is_decimal(kind) else (20, 0) for kind in (one, other)]
    scale = max(0, *(scale for _, scale in shapes))
    digits = max(precision - own for precision, own in shapes) + scale
    return pa.decimal256(digits, scale) if digits <= _DIGITS else None


def _finer(one: str, other: str) -> str:
    units = ("s", "ms", "us", "ns")
    return units[max(units.index(one), units.index(other))]


def as_plain(values: "pa.Array | pa.ChunkedArray", kind: "pa.DataType") -> "pa.Array | None":
    """Return values in a type of :func:`common`; None where it has no room for one of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    while True:
        if isinstance(values, pa.ExtensionArray):
            values = values.storage
        elif isinstance(values, pa.DictionaryArray):
            # Arrow takes no items of views.
            dictionary = values.dictionary.cast(plain(values.dictionary.type))
            values = pa.DictionaryArray.from_arrays(values.indices, dictionary).dictionary_decode()
        elif isinstance(values, pa.RunEndEncodedArray):
            values = pc.run_end_decode(values)
        else:
            break
    with contextlib.suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return values if values.type == kind else values.cast(kind)
    return None


def first_other(values: "pa.Array", others: "pa.Array") -> int | None:
    """Return the first place where values differ; None where none do. A null equals a null alone, a NaN a NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.equals(others):
        return None
    same = pc.or_(_filled(pc.equal(values, others)), pc.and_(values.is_null(), others.is_null()))
    if pa.types.is_floating(values.type):
        same = pc.or_(same, pc.and_(_filled(pc.is_nan(values)), _filled(pc.is_nan(others))))
    at = int(pc.index(same, False).as_py())
    return None if at < 0 else at


def _filled(found: Any) -> Any:
    """Return booleans, false where they are null."""
    import pyarrow.compute as pc

    return pc.fill_null(found, False)  # noqa: FBT003 - as Arrow has it


def blocks(rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield all rows, block by block."""
    for start in range(0, rows, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, rows), dtype=np.int64)


def shown_key(value: Any) -> str:
    """Return a key as a message has it: a decimal as the whole number that it is."""
    found = value.as_py()
    return str(found) if found is None or not isinstance(found, str) else f"{found!r:.100}"

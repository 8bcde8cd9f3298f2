"""The group of each row as Arrow has it: whole numbers or texts, of whatever holds them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dsdm import _native, arrays, checks
from dsdm.selection.rules.origin import values_of

if TYPE_CHECKING:
    import pyarrow as pa

_NULLS = "null_groups='group' for a group of those that have none, null_groups='drop' to choose none of them"


def group_values(given: Any, n: int, *, nulls: bool = False) -> "pa.Array":
    """Return one whole number or text for each of `n` rows; with `nulls`, also null where a row has none.

    Raises
    ------
    TypeError
        If they are neither whole numbers nor texts, or some of them are the one and some the other.
    ValueError
        If there are more or fewer of them, or one is missing.

    """
    import pyarrow as pa

    groups = values_of(given)
    if isinstance(groups, str | bytes | Mapping):
        how = (
            f": of a column of a corpus, dsdm.open_shards(corpus).groups({groups!r:.100})"
            if isinstance(groups, str)
            else ""
        )
        message = f"groups are a {type(groups).__name__}; an array or a list with the group of each row is needed{how}"
        raise TypeError(message)
    _refuse_masked(groups, nulls=nulls)
    # Copied: what happens to the files afterwards changes none of them.
    groups = groups.__array__(copy=True) if isinstance(groups, _native.Scores) else groups
    checks.refuse_labels("groups", groups)
    if not isinstance(groups, pa.Array) and arrays.is_tensor(groups):
        groups = arrays.vector("groups", groups)
    shape = getattr(groups, "shape", ())
    if len(shape) > 1:
        message = f"groups have shape {shape}; one group per row is needed: (n,)"
        raise ValueError(message)
    if isinstance(groups, np.ndarray) and not groups.dtype.isnative:
        groups = groups.astype(groups.dtype.newbyteorder("="))
    values = groups if isinstance(groups, pa.Array | pa.ChunkedArray) else as_arrow("groups", groups)
    values = decoded(values)
    kind = values.type
    if pa.types.is_null(kind) and (nulls or len(values) == 0):
        values, kind = values.cast(pa.int64()), pa.int64()
    if values.null_count and not nulls and not pa.types.is_null(kind):
        at = values.is_null().to_numpy(zero_copy_only=False).argmax()
        message = (
            f"groups[{at}] is null, as {values.null_count:,} of {len(values):,} are; give every row one, or {_NULLS}"
        )
        raise ValueError(message)
    if not any(check(kind) for check in (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)):
        message = f"groups are {kind}; whole numbers or texts are needed"
        raise TypeError(message)
    if len(values) != n:
        message = f"{len(values):,} groups, {n:,} scores: each row needs one of both"
        raise ValueError(message)
    return values


def _refuse_masked(groups: Any, *, nulls: bool) -> None:
    """Refuse what says of some groups that they are none: nulls only where they are not asked for."""
    if nulls and not isinstance(groups, np.ndarray | list | tuple):
        return
    try:
        checks.refuse_masked("groups", groups)
    except TypeError as error:
        more = "" if isinstance(groups, np.ndarray | list | tuple) else f", or {_NULLS}"
        first = _first_null(groups)
        where = "" if first is None else f"; the first of them is that of row {first:,}"
        message = f"{error}{more}{where}"
        raise TypeError(message) from None


def _first_null(groups: Any) -> int | None:
    """Return the row of the first null of a column of Arrow, polars or pandas."""
    look = getattr(groups, "is_null", None) or getattr(groups, "isna", None)
    missing = np.flatnonzero(np.asarray(look())) if callable(look) else np.empty(0, np.int64)
    return int(missing[0]) if len(missing) else None


def decoded(values: "pa.Array | pa.ChunkedArray") -> "pa.Array":
    """Return values as one array, without a dictionary, and texts that are views as those that are none."""
    import pyarrow as pa

    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(values, pa.DictionaryArray):
        # Arrow takes no items of views.
        values = pa.DictionaryArray.from_arrays(values.indices, decoded(values.dictionary)).dictionary_decode()
    return values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values


def as_arrow(what: str, given: Any) -> "pa.Array":
    """Return values of Python or numpy as Arrow has them.

    Raises
    ------
    TypeError
        For values of several types, with the first that is of another than those before it.

    """
    import pyarrow as pa

    try:
        return pa.array(given)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        listed = list(given) if hasattr(given, "__iter__") else []
        first = next((value for value in listed if value is not None), None)
        kind = str if isinstance(first, str) else int | np.integer
        other = next((at for at, value in enumerate(listed) if value is not None and not isinstance(value, kind)), None)
        if other is None and listed and not isinstance(first, str):
            return _of_64_bits(what, listed, error)
        if other is None:
            message = f"{what} are a {type(given).__name__} that holds no whole numbers of 64 bits or texts ({error})"
        else:
            message = (
                f"{what}[{other}] is {listed[other]!r:.100}, and others are such as {first!r:.100}; whole numbers or "
                "texts are needed, all of one type: give each as str(value)"
            )
        raise TypeError(message) from None


def _of_64_bits(what: str, listed: list[Any], error: Exception) -> "pa.Array":
    """Return whole numbers of which int64 has no room for some."""
    import pyarrow as pa

    try:
        return pa.array(listed, pa.uint64())
    except (pa.ArrowInvalid, OverflowError, TypeError):
        message = f"{what} are whole numbers for which 64 bits have no room, or that are of both signs ({error})"
        raise TypeError(message) from None

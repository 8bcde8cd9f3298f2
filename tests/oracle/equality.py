"""Compare columns value by value and bit by bit, whatever they are encoded as.

-0.0 is not 0.0 here, and a NaN is the same NaN. Written without the kernels that would compare for us: they take
-0.0 for 0.0 and NaN for unequal, and some have no answer for nested types.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds


def difference(ours, theirs, place="row"):
    """Say where two arrays differ, and with which values; None if they do not."""
    ours, theirs = _plain(ours), _plain(theirs)
    if len(ours) != len(theirs):
        return f"{place}: {len(ours)} values, and {len(theirs)} expected"
    missing, expected = _nulls(ours), _nulls(theirs)
    if (missing != expected).any():
        return _at(place, int((missing != expected).argmax()), ours, theirs)
    if expected.any():
        ours, theirs = ours.filter(pa.array(~missing)), theirs.filter(pa.array(~missing))
    if len(ours) == 0:
        return _difference_of_types(ours, theirs, place)
    if _is_list(theirs.type):
        return _difference_of_lists(ours, theirs, place)
    if kinds.is_struct(theirs.type):
        return _difference_of_structs(ours, theirs, place)
    return _difference_of_values(ours, theirs, place)


def table_difference(ours, theirs):
    """Say where two tables differ, whose columns are compared in their order."""
    if ours.schema.names != theirs.schema.names:
        return f"the columns are {ours.schema.names}, and {theirs.schema.names} expected"
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, and {len(theirs)} expected"
    for index, name in enumerate(theirs.schema.names):
        found = difference(_joined(ours.column(index)), _joined(theirs.column(index)), f"column {name!r}, row")
        if found:
            return found
    return None


def bits(array):
    """Give numpy values as unsigned integers, so that what is compared is every bit."""
    array = np.ascontiguousarray(array)
    return array.view(f"u{array.dtype.itemsize}").astype(f"=u{array.dtype.itemsize}")


def _joined(column):
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _plain(array):
    """Give an array without an encoding: no dictionary, no runs, no extension type, and large binary for texts."""
    array = _joined(array)
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(array.storage)
    if kinds.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if kinds.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(array))
    if kinds.is_string_view(kind):
        return array.cast(pa.large_string()).cast(pa.large_binary())
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_binary(kind) or kinds.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if kinds.is_fixed_size_binary(kind):
        return array.cast(pa.binary()).cast(pa.large_binary())
    if kinds.is_decimal32(kind) or kinds.is_decimal64(kind):
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    return array


def _nulls(array):
    if kinds.is_union(array.type):
        return np.zeros(len(array), dtype=bool)
    return np.asarray(array.is_null())


def _is_list(kind):
    return any(
        test(kind)
        for test in (
            kinds.is_list,
            kinds.is_large_list,
            kinds.is_list_view,
            kinds.is_large_list_view,
            kinds.is_fixed_size_list,
            kinds.is_map,
        )
    )


def _difference_of_types(ours, theirs, place):
    same = (_is_list(ours.type) and _is_list(theirs.type)) or ours.type.id == theirs.type.id
    return None if same else f"{place}: the type {ours.type}, and {theirs.type} expected"


def _difference_of_lists(ours, theirs, place):
    if not _is_list(ours.type):
        return f"{place}: the type {ours.type}, and {theirs.type} expected"
    lengths, expected = _lengths(ours), _lengths(theirs)
    if (lengths != expected).any():
        return _at(place, int((lengths != expected).argmax()), ours, theirs)
    return difference(_items(ours), _items(theirs), f"{place}, item")


def _lengths(lists):
    if kinds.is_fixed_size_list(lists.type):
        return np.full(len(lists), lists.type.list_size)
    if kinds.is_map(lists.type):
        return np.diff(np.asarray(lists.offsets))
    return np.asarray(pc.list_value_length(lists)).astype(np.int64)


def _items(lists):
    if not kinds.is_map(lists.type):
        return lists.flatten()
    start, end = lists.offsets[0].as_py(), lists.offsets[-1].as_py()
    entries = [lists.keys.slice(start, end - start), lists.items.slice(start, end - start)]
    return pa.StructArray.from_arrays(entries, ["key", "value"])


def _difference_of_structs(ours, theirs, place):
    if not kinds.is_struct(ours.type):
        return f"{place}: the type {ours.type}, and {theirs.type} expected"
    names = [field.name for field in theirs.type]
    if [field.name for field in ours.type] != names:
        return f"{place}: the type {ours.type}, and {theirs.type} expected"
    pairs = zip(names, ours.flatten(), theirs.flatten(), strict=True)
    differences = (difference(mine, other, f"{place}, field {name!r}") for name, mine, other in pairs)
    return next(filter(None, differences), None)


def _difference_of_values(ours, theirs, place):
    if ours.type != theirs.type:
        return f"{place}: the type {ours.type}, and {theirs.type} expected"
    if kinds.is_null(theirs.type):
        return None
    if kinds.is_boolean(theirs.type):
        unequal = np.asarray(ours) != np.asarray(theirs)
    elif kinds.is_large_binary(theirs.type) or kinds.is_union(theirs.type):
        if ours.equals(theirs):
            return None
        unequal = np.array([a.as_py() != b.as_py() for a, b in zip(ours, theirs, strict=True)])
    else:
        unequal = (_bytes(ours) != _bytes(theirs)).any(axis=1)
    return _at(place, int(unequal.argmax()), ours, theirs) if unequal.any() else None


def _bytes(array):
    """Give the bytes of values of one width, a row for each."""
    width = array.type.bit_width // 8
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    return raw[array.offset * width : (array.offset + len(array)) * width].reshape(len(array), width)


def _at(place, index, ours, theirs):
    return f"{place} {index}: {_shown(ours[index])}, and {_shown(theirs[index])} expected"


def _shown(scalar):
    try:
        text = repr(scalar.as_py())
    except (ValueError, OverflowError, TypeError):
        text = str(scalar)
    return text if len(text) <= 60 else f"{text[:57]}..."

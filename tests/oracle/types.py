"""The type that a column comes out with, by what dsdm documents, for each type that pyarrow reads."""

import pyarrow as pa
import pyarrow.types as kinds


def documented(kind):  # noqa: C901 - a type is a case
    """Give the type in which rows of a type come out: values, strings, lists for maps, and items that may be null."""
    if isinstance(kind, pa.BaseExtensionType):
        return documented(kind.storage_type)
    if kinds.is_dictionary(kind):
        return documented(kind.value_type)
    if kinds.is_string_view(kind):
        return pa.string()
    if kinds.is_binary_view(kind) or kind == pa.binary(0):
        return pa.binary()
    if kinds.is_decimal32(kind) or kinds.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    if kinds.is_list(kind) or kinds.is_list_view(kind):
        return pa.list_(documented(kind.value_type))
    if kinds.is_map(kind):
        return pa.list_(pa.struct({"key": documented(kind.key_type), "value": documented(kind.item_type)}))
    if kinds.is_large_list(kind) or kinds.is_large_list_view(kind):
        return pa.large_list(documented(kind.value_type))
    if kinds.is_fixed_size_list(kind):
        return pa.list_(documented(kind.value_type), kind.list_size)
    if kinds.is_struct(kind):
        return pa.struct([pa.field(field.name, documented(field.type)) for field in kind])
    return kind


def alike(found, wanted):
    """Tell whether two types are the same but for the names of list items and whether values may be null."""
    found = found.storage_type if isinstance(found, pa.BaseExtensionType) else found
    wanted = wanted.storage_type if isinstance(wanted, pa.BaseExtensionType) else wanted
    if found.id != wanted.id or found.num_fields != wanted.num_fields:
        return False
    if not found.num_fields:
        return found == wanted
    if kinds.is_struct(found) and [field.name for field in found] != [field.name for field in wanted]:
        return False
    if kinds.is_fixed_size_list(found) and found.list_size != wanted.list_size:
        return False
    return all(alike(found.field(i).type, wanted.field(i).type) for i in range(found.num_fields))


def is_score(kind):
    """Tell whether a column of this type is read as scores: numbers, or lists of one number."""
    if kinds.is_list(kind) or kinds.is_large_list(kind) or (kinds.is_fixed_size_list(kind) and kind.list_size != 1):
        return kinds.is_floating(kind.value_type)
    if kinds.is_fixed_size_list(kind):
        kind = kind.value_type
    return kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)

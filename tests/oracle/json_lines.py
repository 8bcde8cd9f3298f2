"""What JSON lines hold, by the ``json`` of Python, line by line; and the types that follow."""

import gzip
import json
import zlib
from pathlib import Path

import pyarrow as pa

from tests.oracle.readers import RefusedError


class NoTableError(Exception):
    """These lines are no table."""


def read(files):
    """Give the schema and the rows of files, whose bytes are given, as one table.

    Raises
    ------
    NoTableError
        For what is no table.

    """
    rows = [row for data in files for row in lines(data)]
    if not rows:
        raise NoTableError
    kind = type_of(rows)
    return pa.schema(list(kind)), [fill(row, kind) for row in rows]


def read_file(path):
    """Give a file, compressed or not, as a table.

    Raises
    ------
    RefusedError
        For what is no table.

    """
    data = Path(path).read_bytes()
    try:
        schema, rows = read([_unpacked(data)])
        return pa.Table.from_pylist(rows, schema=schema)
    except (NoTableError, ValueError, OSError, EOFError, zlib.error, OverflowError, RecursionError) as error:
        raise RefusedError(repr(error)) from error


def _unpacked(data):
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        with pa.CompressedInputStream(pa.py_buffer(data), "zstd") as stream:
            return stream.read()
    return data


def lines(data):
    """Give the objects of a file."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")  # a UnicodeDecodeError is a ValueError
    found = []
    for line in text.split("\n"):
        if line.strip(" \t\r"):
            row = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
            if not isinstance(row, dict):
                raise NoTableError
            row_has_no_surrogates(row)
            found.append(row)
    return found


def row_has_no_surrogates(row):
    """Fail for texts that are no Unicode."""
    json.dumps(row, ensure_ascii=False).encode("utf-8")


def _once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise NoTableError
    return dict(pairs)


def _no_constant(name):
    raise NoTableError(name)


def type_of(values):
    """Give the Arrow type of all values of a column, of which None is of any."""
    values = [value for value in values if value is not None]
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1:
        raise NoTableError
    if not kinds:
        return pa.null()
    kind = kinds.pop()
    if kind == "number":
        return _number(values)
    if kind == "list":
        return pa.list_(pa.field("item", type_of([item for value in values for item in value])))
    if kind == "object":
        names = dict.fromkeys(name for value in values for name in value)
        return pa.struct([pa.field(name, type_of([value.get(name) for value in values])) for name in names])
    return {"text": pa.string(), "bool": pa.bool_()}[kind]


def _kind(value):
    kinds = {bool: "bool", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return kinds[type(value)]


def _number(values):
    whole = [value for value in values if isinstance(value, int)]
    if any(not -(2**63) <= value < 2**64 for value in whole):
        raise NoTableError
    if len(whole) < len(values):
        if any(abs(value) > 2**53 for value in whole) or any(
            value in {float("inf"), float("-inf")} for value in values
        ):
            raise NoTableError
        return pa.float64()
    if max(whole) < 2**63:
        return pa.int64()
    if min(whole) < 0:
        raise NoTableError
    return pa.uint64()


def fill(value, kind):
    """Give a value with the fields that its type has."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: fill(value.get(field.name), field.type) for field in kind}
    if pa.types.is_list(kind):
        return [fill(item, kind.value_type) for item in value]
    return float(value) if pa.types.is_floating(kind) else value

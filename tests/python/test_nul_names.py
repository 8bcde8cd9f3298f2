"""Arrow's C interface ends a text at a NUL: what would be cut there is refused by name."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

NAME = "a\0x"


def within(kind):
    return {
        "struct": pa.struct({NAME: pa.int64()}),
        "list": pa.list_(pa.field(NAME, pa.int64())),
        "list of structs": pa.list_(pa.struct({"b": pa.struct({NAME: pa.int64()})})),
        "fixed": pa.list_(pa.field(NAME, pa.int64()), 2),
        "large": pa.large_list(pa.struct({NAME: pa.int64()})),
        "map": pa.map_(pa.string(), pa.struct({NAME: pa.int64()})),
        "dictionary": pa.dictionary(pa.int32(), pa.struct({NAME: pa.int64()})),
        "zone": pa.timestamp("s", "UTC\0x"),
        "zone within": pa.list_(pa.timestamp("s", "UTC\0x")),
    }[kind]


def tables(table):
    yield table
    yield table.to_reader()
    yield from table.to_batches()


def test_the_name_of_a_column(tmp_path):
    table = pa.table({"b": [1], NAME: [2]})
    for source in tables(table):
        with pytest.raises(errors.SchemaError, match=r"column 'a\\x00x': the name 'a\\x00x' has a NUL in it"):
            dsdm.open_shards(source)
    with pytest.raises(errors.SchemaError, match="has a NUL in it"):
        dsdm.materialize(table, [0], tmp_path / "out")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.arrow", "a.parquet"):
        with pytest.raises(errors.FormatError, match="has a NUL in it"):
            dsdm.open_shards(tmp_path / name)


@pytest.mark.parametrize(
    "kind",
    ["struct", "list", "list of structs", "fixed", "large", "map", "dictionary", "zone", "zone within"],
)
def test_names_within_a_column(kind):
    table = pa.schema([("b", pa.int8()), ("c", within(kind))]).empty_table()
    for source in tables(table):
        with pytest.raises(errors.SchemaError, match=r"column 'c'.*has a NUL in it"):
            dsdm.open_shards(source)


def test_metadata_is_not_cut():
    table = pa.table({"a": [1]}).replace_schema_metadata({"k\0x": "v\0y"})
    assert dsdm.open_shards(table).schema.metadata == {b"k\0x": b"v\0y"}


def test_the_name_of_a_column_that_is_added(tmp_path):
    with pytest.raises(ValueError, match=r"row_ids='a\\x00b'.*NUL"):
        dsdm.materialize(pa.table({"a": [1]}), [0], tmp_path / "out", row_ids="a\0b")
    with pytest.raises(ValueError, match=r"scores= has 'a\\x00b'.*NUL"):
        dsdm.materialize(pa.table({"a": [1]}), [0], tmp_path / "out", scores={"a\0b": np.zeros(1)})

"""Maps have no type in datasets: they come out as lists of key and value, from every format, however they are read."""

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

pytestmark = pytest.mark.disk

ROWS = 700
SOME = [699, 0, 4, 4, 350]


def entry(row):
    return None if row % 7 == 0 else [(f"k{n}", None if n == 2 else row * n) for n in range(row % 5)]


def as_list(value):
    return None if value is None else [{"key": key, "value": item} for key, item in value]


def maps():
    """Give maps of each kind, and the lists that are expected."""
    plain = [entry(row) for row in range(ROWS)]
    kind = pa.map_(pa.string(), pa.int64())
    other = pa.map_(pa.field("some_key", pa.string(), nullable=False), pa.field("some_value", pa.int64()))
    outer = [None if row % 11 == 0 else [(row, plain[row]), (row + 1, [])] for row in range(ROWS)]
    nested = [as_list(value) for value in outer]
    for value in nested:
        for item in value or []:
            item["value"] = as_list(item["value"])
    columns = {
        "plain": (pa.array(plain, kind), [as_list(value) for value in plain]),
        "other": (pa.array(plain, other), [as_list(value) for value in plain]),
        "nested": (pa.array(outer, pa.map_(pa.int32(), kind)), nested),
        "list": (
            pa.array([[value, None] for value in plain], pa.list_(kind)),
            [[as_list(value), None] for value in plain],
        ),
        "group": (
            pa.array([{"a": value, "b": row} for row, value in enumerate(plain)], pa.struct({"a": kind, "b": "int32"})),
            [{"a": as_list(value), "b": row} for row, value in enumerate(plain)],
        ),
    }
    table = pa.table({name: column for name, (column, _) in columns.items()} | {"id": range(ROWS)})
    return table, {name: values for name, (_, values) in columns.items()}


def write(folder, form, table):
    if form == "table":
        return table
    path = folder / f"maps.{'parquet' if form == 'parquet' else 'arrow'}"
    if form == "parquet":
        pq.write_table(table, path, row_group_size=300)
        return path
    with (pa.ipc.new_stream if form == "stream" else pa.ipc.new_file)(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return path


@pytest.mark.parametrize("form", ["stream", "file", "parquet", "table"])
def test_maps_are_lists_of_key_and_value(tmp_path, form):
    table, expected = maps()
    path = write(tmp_path, form, pa.concat_tables([table.slice(0, 301), table.slice(301)]))
    for wanted in (range(ROWS), SOME, [3]):
        found = dsdm.open_shards(path).take(wanted)
        for name, values in expected.items():
            assert found[name].to_pylist() == [values[row] for row in wanted], name
    for name, values in expected.items():
        assert dsdm.open_shards(path, columns=[name]).take(SOME)[name].to_pylist() == [values[row] for row in SOME]
    kind = dsdm.open_shards(path).take([0]).schema.field("plain").type
    assert kind == pa.list_(pa.struct({"key": pa.string(), "value": pa.int64()}))


@pytest.mark.parametrize("form", ["stream", "parquet"])
@pytest.mark.parametrize("output", ["arrow", "parquet"])
def test_subsets_with_maps_are_written_and_opened_by_datasets(tmp_path, form, output):
    table, expected = maps()
    shards = dsdm.open_shards(write(tmp_path, form, table))
    scores = np.random.default_rng(1).random(ROWS)
    selection = dsdm.top_k(scores, 40)
    dsdm.materialize(shards, selection, tmp_path / "out", format=output)
    if output == "arrow":
        found = datasets.load_from_disk(tmp_path / "out")
    else:
        found = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    found = found.with_format("arrow")[:]
    for name, values in expected.items():
        assert found[name].to_pylist() == [values[row] for row in found["id"].to_pylist()], name
    assert sorted(found["id"].to_pylist()) == sorted(np.argsort(scores)[-40:].tolist())


def test_a_text_in_a_map_that_is_none_is_refused_by_its_row(tmp_path):
    table = pa.table({"m": pa.array([[(f"key {row}", row)] for row in range(50)], pa.map_(pa.string(), pa.int64()))})
    path = tmp_path / "maps.parquet"
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    path.write_bytes(path.read_bytes().replace(b"key 31", b"key \xff1"))
    shards = dsdm.open_shards(path)
    with pytest.raises(dsdm.FormatError, match=r'"m", row 31.*not UTF-8'):
        shards.take([30, 31])
    assert shards.take([30, 32])["m"].to_pylist() == [[{"key": f"key {row}", "value": row}] for row in (30, 32)]

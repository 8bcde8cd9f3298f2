"""Parquet pages that do not hold what they say, and numbers that their type cannot have: refused, and never made up."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

FIXTURES = Path(__file__).parent.parent / "fixtures" / "parquet"
DAMAGED = {
    "level_above": "definition level",
    "levels_end": "fewer definition levels",
    "nested_levels": "goes on with a list that has no items|levels",
    "list_levels": "goes on with a list that has no items",
    "lists": "goes on with a list that has no items|levels",
    "prefix": "values that cannot be",
    "keys_end": "holds other than the",
    "steps_end": "holds other than the",
    "size": "its header says 29",
    "size_v2": "unpacks to|its header says",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_page_is_refused(name):
    """Each is a file of which pyarrow reads nothing either, or what nobody wrote."""
    path = FIXTURES / f"damaged_{name}.parquet"
    shards = dsdm.open_shards(path)
    with pytest.raises(errors.FormatError, match=DAMAGED[name]):
        shards.take(range(len(shards)))


@pytest.mark.parametrize("wanted", [[3], [19], [2, 3, 4]])
def test_lists_behind_damaged_levels_are_not_guessed(wanted):
    with pytest.raises(errors.FormatError, match=r"tok\.list\.element"):
        dsdm.open_shards(FIXTURES / "damaged_list_levels.parquet", columns=["tok"]).take(wanted)


def small(tmp_path, kind, value, change, *, nested=False, **options):
    """Write numbers of few bits, of which one is changed in its 32 bits to one that the type cannot have."""
    rows = 500
    numbers = np.arange(rows) % 7
    numbers[313] = value
    column = pa.array(numbers, kind)
    if nested:
        column = pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), column)
    path = tmp_path / "small.parquet"
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False} | options
    pq.write_table(pa.table({"x": column, "id": np.arange(rows)}), path, **options)
    content = path.read_bytes()
    old, new = (int(number).to_bytes(4, "little", signed=True) for number in (value, change))
    assert content.index(old) < 3000
    path.write_bytes(content.replace(old, new, 1))
    return path


SMALL = [(pa.int8(), 100, 356), (pa.int16(), 30001, 95537), (pa.uint8(), 200, -56), (pa.uint16(), 60001, 125537)]


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize(("kind", "value", "change"), SMALL, ids=str)
def test_a_number_that_its_type_cannot_have_is_refused_by_its_row(tmp_path, kind, value, change, dictionary):
    path = small(tmp_path, kind, value, change, use_dictionary=["x"] if dictionary else False)
    shards = dsdm.open_shards(path)
    for wanted in ([313], range(500), [312, 313]):
        with pytest.raises(errors.FormatError, match=rf'"x", row 313.*the number {change} is stored'):
            shards.take(wanted)
    others = [row for row in range(500) if row != 313]
    table = shards.take(others)
    assert table.schema.field("x").type == kind
    assert table["x"].to_pylist() == [row % 7 for row in others]
    assert shards.take([1, 499, 2])["x"].to_pylist() == [1, 2, 2]
    assert dsdm.open_shards(path, columns=["id"]).take([313])["id"].to_pylist() == [313]


@pytest.mark.parametrize(("kind", "value", "change"), SMALL, ids=str)
def test_such_a_number_in_a_list_is_refused_too(tmp_path, kind, value, change):
    path = small(tmp_path, kind, value, change, nested=True)
    shards = dsdm.open_shards(path)
    with pytest.raises(errors.FormatError, match=rf'"x", row 313.*the number {change} is stored'):
        shards.take([5, 313])
    assert shards.take([5, 312, 314])["x"].to_pylist() == [[5], [4], [6]]


@pytest.mark.parametrize(("kind", "value", "change"), SMALL, ids=str)
def test_scores_are_not_cut(tmp_path, kind, value, change):
    path = small(tmp_path, kind, value, change)
    with pytest.raises(errors.FormatError, match=r'column "x".*holds numbers outside of U?INT_'):
        dsdm.open_scores(path, column="x")


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", None])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
def test_sound_pages_of_all_layouts_are_read(tmp_path, encoding, version, codec):
    rng = np.random.default_rng(3)
    rows = 3000
    nulls = rng.random(rows) < 0.2
    flags = pa.array(rng.random(rows) < 0.5, mask=nulls)
    table = pa.table(
        {name: pa.array(rng.integers(-120, 120, rows).astype(name), mask=nulls) for name in ("int8", "int16", "int32")}
        | {"uint8": rng.integers(0, 256, rows).astype("uint8"), "uint16": rng.integers(0, 65536, rows).astype("uint16")}
        | {"int64": rng.integers(-(2**63), 2**63 - 1, rows)}
    )
    encodings = dict.fromkeys(table.schema.names, encoding) if encoding else None
    lists = pa.array([None if n % 9 == 0 else [None, [], [n, None]][: n % 4] for n in range(rows)])
    texts = pa.array([f"text {n:05}" * (n % 3) for n in range(rows)], mask=nulls)
    table = table.append_column("flag", flags).append_column("lists", lists).append_column("text", texts)
    if encodings:
        texts = {"DELTA_BINARY_PACKED": "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT": "DELTA_LENGTH_BYTE_ARRAY"}
        encodings |= {"text": texts.get(encoding, "PLAIN")}
    path = tmp_path / "sound.parquet"
    pages = {"data_page_version": version, "data_page_size": 700, "row_group_size": 1100}
    pq.write_table(table, path, compression=codec, use_dictionary=encoding is None, column_encoding=encodings, **pages)
    shards = dsdm.open_shards(path)
    assert shards.take(range(rows)).to_pydict() == table.to_pydict()
    some = rng.integers(0, rows, 20)
    assert shards.take(some).to_pydict() == table.take(some).to_pydict()
    assert np.asarray(dsdm.open_scores(path, column="int64")).tolist() == table["int64"].to_pylist()

"""Parquet files as writers other than today's left them: what is read is what pyarrow reads, or is refused by name."""

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

at = dt.datetime.fromisoformat
FIXTURES = Path(__file__).parent.parent / "fixtures" / "parquet"
CODECS = ["snappy", "gzip", "brotli", "zstd", "lz4"]


def rows(path, wanted, **options):
    return dsdm.open_shards(path, **options).take(wanted).to_pydict()


# ------------------------------------------------------------------------------- pages that hide their compression


def by_old_parquet_cpp(path):
    """Make a file what parquet-cpp wrote before Arrow 3.0: data pages of version 2 say that they are not compressed."""
    content = path.read_bytes()
    number = rb"\x15[\x80-\xff]*[\x00-\x7f]"
    # Type 3, two sizes, and the header of the page: six numbers and the flag.
    header = re.compile(rb"(\x15\x06" + number * 2 + rb"\x5c" + number * 6 + rb")([\x11\x12])", re.DOTALL)
    packed = sum(found[2] == b"\x11" for found in header.finditer(content))
    content, pages = header.subn(lambda found: found[1] + b"\x12", content)
    content, creators = re.subn(
        rb"parquet-cpp-arrow version \d+\.\d+\.\d+", rb"parquet-cpp version 1.5.1-SNAPSH", content
    )
    assert creators == 1
    path.write_bytes(content)
    return packed, pages


def mixed_table():
    """Values that every codec makes smaller, dictionary keys included: where it does not, pages are not compressed."""
    numbers = np.arange(8000) * 37 % 101
    lists = pa.ListArray.from_arrays(np.arange(0, 8001, 2, dtype=np.int32), pa.array(numbers.astype(np.int32)))
    numbers = numbers[:4000]
    return pa.table(
        {
            "score": numbers / 4,
            "id": numbers,
            "maybe": pa.array(numbers / 8, mask=numbers % 3 == 0),
            "tokens": lists,
            "texts": [[f"text {number}", None] if number % 5 else None for number in numbers],
        }
    )


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("codec", CODECS)
def test_pages_of_old_parquet_cpp_are_unpacked(tmp_path, codec, dictionary):
    table, path = mixed_table(), tmp_path / "old.parquet"
    pq.write_table(
        table, path, compression=codec, use_dictionary=dictionary, data_page_version="2.0", row_group_size=2000,
        data_page_size=8000,
    )  # fmt: skip
    assert len(pq.read_metadata(path).created_by) == len("parquet-cpp version 1.5.1-SNAPSH")
    packed, pages = by_old_parquet_cpp(path)
    assert packed == pages >= 2 * table.num_columns
    assert pq.read_table(path).equals(table)
    for wanted in (range(4000), [3999, 0, 2499, 2500], [17]):
        assert rows(path, list(wanted)) == table.take(list(wanted)).to_pydict()
    for column in ("score", "id"):
        assert np.array_equal(dsdm.open_scores(path, column=column)[:], table[column].to_numpy())
        assert np.array_equal(dsdm.open_scores(path, column=column, io="pread")[:], table[column].to_numpy())


def test_pages_of_others_that_say_so_are_not_compressed(tmp_path):
    """The flag is believed of every other writer: here the pages are as it says."""
    table, path = pa.table({"score": np.arange(1000.0)}), tmp_path / "plain.parquet"
    pq.write_table(table, path, compression="none", use_dictionary=False, data_page_version="2.0")
    assert by_old_parquet_cpp(path) == (0, 1)
    assert rows(path, [999, 1]) == {"score": [999.0, 1.0]}
    assert np.array_equal(dsdm.open_scores(path)[:], np.arange(1000.0))


# -------------------------------------------------------------------------------------- groups without any fields


@pytest.mark.parametrize("columns", [None, ["a"], ["b"], ["score"], ["a", "b"], ["b", "a"], ["score", "b", "a"]])
def test_columns_are_found_behind_a_group_without_fields(columns):
    path = FIXTURES / "empty_group.parquet"
    expected = pq.read_table(path, columns=columns).take([2, 0, 1]).to_pydict()
    names = columns or ["a", "b", "score"]
    assert rows(path, [2, 0, 1], columns=columns) == {name: expected[name] for name in names}


@pytest.mark.parametrize("column", ["a", "b", "score"])
def test_scores_are_found_behind_a_group_without_fields(column):
    path = FIXTURES / "empty_group.parquet"
    assert dsdm.open_scores(path, column=column)[:].tolist() == pq.read_table(path)[column].to_pylist()


# ----------------------------------------------------------------------------------------- row groups without rows

EMPTY = {
    "flag": pa.bool_(),
    "number": pa.int64(),
    "small": pa.uint8(),
    "text": pa.string(),
    "ids": pa.list_(pa.int32()),
    "group": pa.struct([("a", pa.float32()), ("b", pa.string())]),
    "time": pa.timestamp("us"),
    "price": pa.decimal128(9, 2),
    "fixed": pa.binary(4),
}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1, 1, 2)])
def test_row_groups_without_rows_are_nothing(tmp_path, dictionary, places, version):
    schema, path = pa.schema(list(EMPTY.items())), tmp_path / "x.parquet"
    row = {
        "flag": True, "number": 2**60, "small": 255, "text": "a", "ids": [1, 2], "group": {"a": 1.5, "b": "c"},
        "time": at("2024-01-02"), "price": Decimal("1.25"), "fixed": b"abcd",
    }  # fmt: skip
    tables = [pa.Table.from_pylist([row | {"number": number}], schema) for number in range(2)]
    with pq.ParquetWriter(path, schema, use_dictionary=dictionary, data_page_version=version) as writer:
        for place in range(3):
            for _ in range(places.count(place)):
                writer.write_table(schema.empty_table())
            if place < 2:
                writer.write_table(tables[place])
    expected = pa.concat_tables(tables).take([1, 0])
    found = dsdm.open_shards(path).take([1, 0])
    for name in schema.names:
        assert found[name].to_pylist() == expected[name].to_pylist()
        assert dsdm.open_shards(path, columns=[name]).take([1]).to_pydict() == expected.select([name])[:1].to_pydict()
    assert dsdm.open_scores(path, column="number")[:].tolist() == [0, 1]


@pytest.mark.parametrize("dictionary", [False, True])
def test_shards_without_rows_are_nothing(tmp_path, dictionary):
    """The whole of a file without rows may be such a row group, as pandas writes an empty frame."""
    table = pa.table({"text": ["a", "b"], "ok": [True, False], "score": [0.5, 1.5]})
    for number, part in enumerate([table, table[:0], table[1:]]):
        pq.write_table(part, tmp_path / f"{number}.parquet", use_dictionary=dictionary)
    assert rows(tmp_path, [2, 0]) == {"text": ["b", "a"], "ok": [False, True], "score": [1.5, 0.5]}
    files = sorted(tmp_path.glob("*.parquet"))
    assert dsdm.open_scores(files, column="score")[:].tolist() == [0.5, 1.5, 1.5]


# -------------------------------------------------------------------------------------------------- times of INT96

TIMES = [
    at("2020-01-01T01:02:03.456789"),
    None,
    at("9999-12-31"),
    at("0001-01-01"),
    at("1969-12-31T23:59:59.999999"),
    at("2262-04-11T23:47:16"),
    at("1677-09-21T00:12:44"),
    at("2262-04-11T23:47:17"),
    at("1677-09-21T00:12:43"),
]
WITHIN = [0, 1, 4, 5, 6]


def int96_file(path, **options):
    times = pa.array(TIMES, pa.timestamp("us"))
    group = pa.struct([("t", times.type), ("s", pa.string())])
    table = pa.table({
        "time": times,
        "list": pa.array([[time] for time in TIMES], pa.list_(pa.timestamp("us"))),
        "group": pa.array([{"t": time, "s": "x"} for time in TIMES], group),
        "row": range(len(TIMES)),
    })  # fmt: skip
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, **options)
    return table


def test_times_of_int96_are_those_of_pyarrow(tmp_path):
    path = tmp_path / "x.parquet"
    int96_file(path, store_schema=False)
    expected = pq.read_table(path)
    assert expected["time"].type == pa.timestamp("ns")
    found = dsdm.open_shards(path).take(WITHIN)
    for name in ("time", "row"):
        assert (
            found[name].combine_chunks().cast(expected[name].type).equals(expected[name].take(WITHIN).combine_chunks())
        )
    for name in ("list", "group"):
        assert found[name].to_pylist() == expected[name].take(WITHIN).to_pylist()


@pytest.mark.parametrize("row", sorted(set(range(len(TIMES))) - set(WITHIN)))
@pytest.mark.parametrize("column", ["time", "list", "group"])
def test_a_time_that_nanoseconds_cannot_hold_is_named(tmp_path, row, column):
    path = tmp_path / "x.parquet"
    int96_file(path, store_schema=False, row_group_size=4)
    with pytest.raises(errors.FormatError, match=rf'column "{column}", row {row}: the INT96 time .* timestamp\[ns\]'):
        rows(path, [0, row], columns=[column, "row"])
    assert rows(path, [0, row], columns=["row"]) == {"row": [0, row]}


def test_times_of_int96_that_were_microseconds_are_so_again(tmp_path):
    table = int96_file(tmp_path / "x.parquet")
    found = dsdm.open_shards(tmp_path / "x.parquet").take(range(len(TIMES)))
    assert found["time"].type == pa.timestamp("us")
    assert found.to_pylist() == table.to_pylist()


# --------------------------------------------------------------------------------------------- texts that are none

BYTES = [b"a", "ü".encode(), b"\xff\xfe", None, b"ok", b"caf\xe9", b"", b"z"]
BROKEN = [2, 5]


def unchecked_texts(*, large):
    offsets, texts = (pa.large_binary(), pa.large_string()) if large else (pa.binary(), pa.string())
    return pa.Array.from_buffers(texts, len(BYTES), pa.array(BYTES, offsets).buffers())


def broken_table(*, large):
    texts = unchecked_texts(large=large)
    offsets = pa.array(range(len(BYTES) + 1), pa.int32())
    return pa.table({
        "text": texts,
        "list": pa.ListArray.from_arrays(offsets, texts),
        "group": pa.StructArray.from_arrays([texts, pa.array(range(len(BYTES)))], ["t", "n"]),
        "row": range(len(BYTES)),
    })  # fmt: skip


def readable(name, row):
    text = None if BYTES[row] is None else BYTES[row].decode()
    return {"text": text, "list": [text], "group": {"t": text, "n": row}}[name]


WRITTEN = [
    {},
    {"use_dictionary": False},
    {"use_dictionary": False, "data_page_version": "2.0"},
    {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    {"use_dictionary": False, "column_encoding": {"text": "DELTA_LENGTH_BYTE_ARRAY"}},
    {"store_schema": False},
    {"row_group_size": 3},
]


@pytest.mark.parametrize("options", WRITTEN)
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", ["text", "list", "group"])
def test_only_the_row_whose_text_is_none_is_refused(tmp_path, options, large, name):
    path = tmp_path / "x.parquet"
    if name != "text":
        options = {key: value for key, value in options.items() if key != "column_encoding"}
    pq.write_table(broken_table(large=large).select([name, "row"]), path, **options)
    whole = [row for row in range(len(BYTES)) if row not in BROKEN]
    assert rows(path, whole) == {name: [readable(name, row) for row in whole], "row": whole}
    assert rows(path, whole[::-1] + whole) == {
        name: [readable(name, row) for row in whole[::-1] + whole],
        "row": whole[::-1] + whole,
    }
    for row in BROKEN:
        with pytest.raises(errors.FormatError, match=rf'column "{name}", row {row}: the text .* is not UTF-8'):
            rows(path, [0, row])
    assert dsdm.open_scores(path, column="row")[:].tolist() == list(range(len(BYTES)))


def test_texts_of_a_dictionary_are_refused_by_row_too(tmp_path):
    path = tmp_path / "x.parquet"
    keys = pa.array([0, 1, 2, None, 3, 0], pa.int32())
    content = pa.array([text for text in BYTES if text is not None], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(content), content.buffers())
    table = pa.table({"text": pa.DictionaryArray.from_arrays(keys, texts), "row": range(6)})
    pq.write_table(table, path)
    assert rows(path, [0, 1, 3, 4, 5]) == {"text": ["a", "ü", None, "ok", "a"], "row": [0, 1, 3, 4, 5]}
    with pytest.raises(errors.FormatError, match='column "text", row 2: the text of 2 bytes is not UTF-8'):
        rows(path, [2])


@pytest.mark.parametrize("whole", [True, False])
def test_json_is_looked_at_as_other_texts_are(tmp_path, whole):
    """The crate that decodes does not look at the bytes of JSON."""
    path = tmp_path / "x.parquet"
    content = [b'{"a": 1}', b"null" if whole else b"\xff"]
    texts = pa.Array.from_buffers(pa.string(), 2, pa.array(content, pa.binary()).buffers())
    pq.write_table(
        pa.table({"json": pa.ExtensionArray.from_storage(pa.json_(), texts), "row": [0, 1]}), path, store_schema=False
    )
    assert "JSON" in str(pq.read_metadata(path).schema.column(0))
    assert rows(path, [0]) == {"json": ['{"a": 1}'], "row": [0]}
    if whole:
        assert rows(path, [1]) == {"json": ["null"], "row": [1]}
        return
    with pytest.raises(errors.FormatError, match='column "json", row 1: the text of 1 bytes is not UTF-8'):
        rows(path, [1])


def test_few_rows_of_many_are_read_around_the_broken_one(tmp_path):
    """Rows that are skipped are not looked at, and those of later batches come after those of the first."""
    content = [f"row {row}".encode() for row in range(20_000)]
    content[9000] = b"\xc3"
    texts = pa.Array.from_buffers(pa.string(), 20_000, pa.array(content, pa.binary()).buffers())
    pq.write_table(pa.table({"text": texts}), tmp_path / "x.parquet", use_dictionary=False)
    for wanted in ([1, 8999, 9001, 19_999], [row for row in range(20_000) if row != 9000]):
        assert rows(tmp_path / "x.parquet", wanted) == {"text": [f"row {row}" for row in wanted]}
    with pytest.raises(errors.FormatError, match=r'row 9000: the text of 1 bytes is not UTF-8: b"\\xc3"'):
        rows(tmp_path / "x.parquet", range(20_000))

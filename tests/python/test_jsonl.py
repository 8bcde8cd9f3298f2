"""JSON lines against the rows, by readers of JSON, and what they refuse."""

import datetime as dt
import decimal
import json
import re
import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from tests.formats.docs import page

UTC = dt.UTC
LIST, PAIR = pa.list_(pa.int32()), pa.list_(pa.int32(), 2)
STRUCT = pa.struct([("a", pa.int8()), ("b", pa.null())])
NOON = dt.datetime(2020, 1, 1, 0, 0, 0, 500_000)  # noqa: DTZ001 - without a zone
HOUR = dt.timezone(dt.timedelta(hours=1))
# The rows of the table of types: a type, a value, and the text of the example.
TYPES = {
    "`null`": [(pa.null(), None)],
    "`bool`": [(pa.bool_(), True)],
    "`int8` to `int64`": [(pa.int64(), -(2**63)), (pa.int8(), -128), (pa.int16(), 5), (pa.int32(), -1)],
    "`uint8` to `uint64`": [(pa.uint64(), 2**63 - 1), (pa.uint8(), 255), (pa.uint16(), 5), (pa.uint32(), 2**32 - 1)],
    "`float16`": [(pa.float16(), np.float16(0.1))],
    "`float32`": [(pa.float32(), np.float32(0.1))],
    "`float64`": [(pa.float64(), 0.1)],
    "`string`, `large_string`": [(pa.string(), "é\n"), (pa.large_string(), "é\n")],
    "`decimal128`, `decimal256`": [
        (pa.decimal128(9, 2), decimal.Decimal("-0.50")),
        (pa.decimal256(60, 2), decimal.Decimal("-0.50")),
    ],
    "`timestamp`": [(pa.timestamp("ms"), NOON), (pa.timestamp("us"), NOON), (pa.timestamp("ns"), NOON)],
    "`timestamp` with a zone": [
        (pa.timestamp("us", "Europe/Berlin"), dt.datetime(2020, 1, 1, tzinfo=HOUR)),
        (pa.timestamp("s", "UTC"), dt.datetime(2020, 1, 1, tzinfo=HOUR)),
    ],
    "`date32`, `date64`": [(pa.date32(), dt.date(2020, 1, 1)), (pa.date64(), dt.date(2020, 1, 1))],
    "`list`, `large_list`, `fixed_size_list`": [
        (LIST, [1, None]),
        (pa.large_list(pa.int32()), [1, None]),
        (PAIR, [1, None]),
    ],
    "`struct`": [(STRUCT, {"a": 1, "b": None})],
    "`dictionary`": [(pa.dictionary(pa.int32(), pa.string()), "a")],
    "extension types": [(pa.json_(pa.string()), "{}")],
}
UNTOLD_BY_PYARROW = {pa.float16(), PAIR, pa.large_list(pa.int32()), pa.date32(), pa.date64()}
"""Types that `explicit_schema` of pyarrow.json does not take; those of days it makes of what it reads otherwise."""


def write(table, out, rows=None, **options):
    rows = range(len(table)) if rows is None else rows
    return dsdm.materialize(table, rows, out, **{"format": "jsonl", "num_shards": 1, "progress": False, **options})


def shards(out):
    return sorted((out / "data").iterdir())


def text_of(path):
    with pa.input_stream(str(path), compression="zstd") as stream:
        return stream.read().decode()


def lines(out):
    return [line for path in shards(out) for line in text_of(path).split("\n")[:-1]]


def documented(header):
    """Give the rows of the table of the page that begins with a column of this name."""
    part = page("jsonl.md").split(f"| {header} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()[2:]]


def loaded(out, tmp_path, **options):
    cache = tmp_path / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    return datasets.load_dataset(str(out), cache_dir=str(cache), split="train", **options)


def test_the_table_of_types_is_what_is_written_and_read_back(tmp_path):
    told = documented("Arrow type")
    assert [row[0] for row in told] == list(TYPES)
    for name, _, example, untold in told:
        for number, (kind, value) in enumerate(TYPES[name]):
            out = tmp_path / "out"
            if isinstance(kind, pa.BaseExtensionType):
                column = pa.ExtensionArray.from_storage(kind, pa.array([value], kind.storage_type))
            else:
                column = pa.array([value], kind)
            write(pa.table({"x": column}), out)
            (line,) = lines(out)
            assert line.startswith('{"x":')
            if number == 0 or name[1] not in "iu":
                assert line == f'{{"x":{example.strip("`")}}}', name
            with pa.input_stream(str(shards(out)[0]), compression="zstd") as stream:
                found = pj.read_json(stream)
            if number == 0:
                assert str(found.schema.field("x").type) == untold.strip("`"), name
            check_told(kind, column, out, tmp_path)
            shutil.rmtree(out)


def check_told(kind, column, out, tmp_path):
    """Readers that are told the type give back the value."""
    if isinstance(kind, pa.BaseExtensionType):
        kind, column = kind.storage_type, column.storage
    if pa.types.is_dictionary(kind):
        kind, column = kind.value_type, column.dictionary_decode()
    if kind == pa.date64():
        kind, column = pa.date32(), column.cast(pa.date32())
    features = datasets.Features.from_arrow_schema(pa.schema([("x", kind)]))
    again = loaded(out, tmp_path, features=features)
    assert again.data["x"].combine_chunks().cast(kind).equals(column), kind
    if kind not in UNTOLD_BY_PYARROW:
        schema = pj.ParseOptions(explicit_schema=pa.schema([("x", kind)]))
        with pa.input_stream(str(shards(out)[0]), compression="zstd") as stream:
            assert pj.read_json(stream, parse_options=schema)["x"].combine_chunks().equals(column), kind


REFUSED = {
    "`binary`, `large_binary`, `fixed_size_binary`, images and audio": [
        pa.binary(),
        pa.large_binary(),
        pa.binary(3),
        datasets.Image().pa_type,
    ],
    "`time32`, `time64`": [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")],
    "`duration`": [pa.duration("s"), pa.duration("ns")],
    "decimals of a negative scale": [pa.decimal128(5, -2), pa.decimal256(5, -2)],
    "structs without fields": [pa.struct([])],
}


def test_types_without_a_form_are_refused_before_anything_is_written(tmp_path):
    assert [row[0] for row in documented("Type")] == list(REFUSED)
    for kinds in REFUSED.values():
        for kind in kinds:
            for nested in (kind, pa.list_(kind), pa.struct([("a", pa.int8()), ("b", kind)])):
                table = pa.table({"n": range(3), "x": pa.nulls(3, nested)})
                for call in (lambda table=table: write(table, tmp_path / "out"), lambda table=table: plan(table)):
                    with pytest.raises(errors.SchemaError, match=r'column "x".*leave it out with columns='):
                        call()
                write(table, tmp_path / "out", columns=["n"], overwrite=True)
                shutil.rmtree(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def plan(table):
    return dsdm.plan(table, range(len(table)), format="jsonl")


NAN, BIG = float("nan"), 2**63
LOST = [
    ("NaN and infinities", pa.float64(), [1.0, NAN, 2.0], "NaN or an infinity"),
    ("NaN and infinities", pa.float32(), [1.0, float("inf"), 2.0], "NaN or an infinity"),
    ("NaN and infinities", pa.list_(pa.float64()), [[1.0], [2.0, float("-inf")], []], "NaN or an infinity"),
    ("`uint64` from 2^63", pa.uint64(), [1, BIG, 2], "2\\^63 or more"),
    ("`uint64` from 2^63", pa.struct([("a", pa.uint64())]), [{"a": 1}, {"a": BIG}, None], "2\\^63 or more"),
    ("times outside of the years 1 to 9999", pa.timestamp("s"), [0, 253_402_300_800, 1], "years 1 to 9999"),
    ("times outside of the years 1 to 9999", pa.date32(), [0, -719_163, 1], "years 1 to 9999"),
]


@pytest.mark.parametrize(("name", "kind", "values", "message"), LOST)
def test_values_that_readers_lose_are_refused_by_row_and_column(tmp_path, name, kind, values, message):
    assert name in [row[0] for row in documented("Value")]
    table = pa.table({"n": range(3), "x": pa.array(values, kind)})
    with pytest.raises(errors.SchemaError, match=rf'row 4: the column "x" has .*{message}') as refused:
        write(table, tmp_path / "out", [0, 2, 0, 2, 1, 0])
    assert "columns=" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    write(table, tmp_path / "out", [0, 2])
    assert len(lines(tmp_path / "out")) == 2


def test_why_numbers_from_2_to_the_63_are_refused(tmp_path):
    """What readers make of them that are not told the type: a float, for the numbers beside them too."""
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"x":{2**53 + 1}}}\n{{"x":{BIG}}}\n')
    assert pj.read_json(path)["x"].to_pylist() == [float(2**53), float(BIG)]


def test_columns_of_one_name_are_refused(tmp_path):
    table = pa.table([[1], [2]], names=["a", "a"])
    with pytest.raises((ValueError, errors.SchemaError), match="a"):
        write(table, tmp_path / "out")
    with pytest.raises(ValueError, match="x"):
        write(pa.table({"x": [1]}), tmp_path / "out", row_ids="x")
    assert list(tmp_path.iterdir()) == []


def test_no_rows_are_refused_as_for_parquet(tmp_path):
    with pytest.raises(ValueError, match="no JSON lines without rows"):
        write(pa.table({"a": [1]}), tmp_path / "out", [])


FINITE = st.floats(allow_nan=False, allow_infinity=False)
COLUMNS = {
    "text": (pa.string(), st.none() | st.text()),
    "large": (pa.large_string(), st.text(max_size=5)),
    "int": (pa.int64(), st.none() | st.integers(-(2**63), 2**63 - 1)),
    "uint": (pa.uint64(), st.integers(0, 2**63 - 1)),
    "small": (pa.float32(), st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "half": (pa.float16(), st.floats(width=16, allow_nan=False, allow_infinity=False).map(np.float16)),
    "float": (pa.float64(), st.none() | FINITE),
    "flag": (pa.bool_(), st.none() | st.booleans()),
    "list": (pa.list_(pa.float64()), st.none() | st.lists(st.none() | FINITE, max_size=4)),
    "turns": (
        pa.list_(pa.struct([("role", pa.string()), ("n", pa.int32())])),
        st.lists(st.none() | st.fixed_dictionaries({"role": st.text(), "n": st.integers(-5, 5)}), max_size=3),
    ),
}


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, unique=True))
    rows = draw(st.integers(1, 8))
    arrays = [pa.array(draw(st.lists(COLUMNS[n][1], min_size=rows, max_size=rows)), COLUMNS[n][0]) for n in names]
    taken = draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=12))
    return pa.table(arrays, names=names), taken, draw(st.integers(1, len(taken)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_rows_come_out_as_they_are(tmp_path, case):
    table, taken, count = case
    out = tmp_path / "out"
    write(table, out, taken, num_shards=count)
    expected = table.take(pa.array(taken))
    found = [json.loads(line) for line in lines(out)]
    assert [list(row) for row in found] == [table.column_names] * len(taken)
    for name in table.column_names:
        values = [row[name] for row in found]
        kind = table.schema.field(name).type
        if kind in {pa.float16(), pa.float32()}:
            values = [None if value is None else kind.to_pandas_dtype()(value) for value in values]
        again = pa.array(values, kind)
        assert again.equals(expected[name].combine_chunks()), (name, values)
        assert repr(again.to_pylist()) == repr(expected[name].to_pylist())  # -0.0 too
    assert dsdm.verify(out).rows == len(taken)
    shutil.rmtree(out)


def test_a_shard_is_one_frame_with_a_checksum(tmp_path):
    table = pa.table({"x": np.random.default_rng(0).integers(0, 2**40, 200_000)})
    write(table, tmp_path / "out", num_shards=2, memory_limit=1)
    import zstandard

    for path in shards(tmp_path / "out"):
        whole = path.read_bytes()
        assert zstandard.get_frame_parameters(whole).has_checksum
        reader = zstandard.ZstdDecompressor().decompressobj()
        text = reader.decompress(whole)
        assert reader.eof
        assert reader.unused_data == b""
        assert text.count(b"\n") == 100_000


def test_datasets_opens_the_directory(tmp_path):
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "text": [f"a line\nand {number} \u2028 é" for number in range(3000)],
            "n": rng.integers(-(2**62), 2**62, 3000),
            "score": rng.normal(size=3000),
            "input_ids": [rng.integers(0, 2**15, number % 9) for number in range(3000)],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    rows = rng.integers(0, 3000, 2500)
    write(tmp_path / "a.parquet", tmp_path / "out", rows, num_shards=3, row_ids="row", scores=rng.normal(size=3000))
    names = [path.name for path in shards(tmp_path / "out")]
    assert names == [f"train-{shard:05}-of-00003.jsonl.zst" for shard in range(3)]
    opened = loaded(tmp_path / "out", tmp_path)
    assert opened.column_names == [*table.column_names, "row", "scores"]
    assert opened["row"][:] == rows.tolist()
    expected = table.take(rows)
    for name in table.column_names:
        assert opened[name][:] == expected[name].to_pylist()
    assert dsdm.verify(tmp_path / "out").rows == 2500


@pytest.mark.parametrize("damage", ["cut", "flip", "twice", "line"])
def test_damage_is_found_by_verify(tmp_path, damage):
    out = tmp_path / "out"
    write(pa.table({"x": range(1000)}), out)
    (path,) = shards(out)
    whole = bytearray(path.read_bytes())
    if damage == "cut":
        whole = whole[:-1]
    elif damage == "flip":
        whole[len(whole) // 2] ^= 1
    elif damage == "twice":
        whole = bytearray(bytes(whole) * 2)
    else:
        whole = bytearray(pa.Codec("zstd").compress(b'{"x":0}\n', asbytes=True))
    path.write_bytes(whole)
    with pytest.raises((errors.FormatError, errors.ChecksumError, errors.TruncatedError), match=re.escape(str(path))):
        dsdm.verify(out)

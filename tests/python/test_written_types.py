"""What is written can be opened, and says the same: types and features, against what datasets itself gives."""

import datetime as dt
import decimal
import pickle
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.features.features import generate_from_arrow_type

import dsdm
from dsdm import errors, open_shards
from tests.corpora.every_way import ROWS, SOURCES, as_arrow, as_plain_parquet, every_way, read_parquet, values_of

# --- extension types ---

UUIDS = [bytes(range(16)), None, bytes(range(1, 17))]
TEXTS = ['{"a": 1}', None, "[2]"]
PAIRS = pa.FixedSizeListArray.from_arrays(pa.array(range(6), pa.int32()), 2)


def within(kind, values, storage):
    """Values of an extension type."""
    return pa.ExtensionArray.from_storage(kind, pa.array(values, storage))


def listed(values):
    return pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), values)


def grouped(values):
    return pa.StructArray.from_arrays([values], ["inner"])


def named(name, data, values):
    """A column whose metadata names an extension type that pyarrow does not know, or that does not fit."""
    metadata = {"ARROW:extension:name": name, "ARROW:extension:metadata": data}
    return pa.table([values], schema=pa.schema([pa.field("x", values.type, metadata=metadata)]))


def uuids():
    return within(pa.uuid(), UUIDS, pa.binary(16))


def texts(storage=None):
    return within(pa.json_(storage or pa.string()), TEXTS, storage or pa.string())


SIXTEEN = datasets.Value("fixed_size_binary[16]")
EXTENSIONS = {
    "uuid": (uuids(), SIXTEEN, UUIDS),
    "list of uuid": (listed(uuids()), datasets.List(SIXTEEN), [[value] for value in UUIDS]),
    "struct of uuid": (grouped(uuids()), {"inner": SIXTEEN}, [{"inner": value} for value in UUIDS]),
    "json": (texts(), datasets.Json(), TEXTS),
    "large json": (texts(pa.large_string()), datasets.Json(), TEXTS),
    "list of json": (listed(texts()), datasets.List(datasets.Json()), [[value] for value in TEXTS]),
    "struct of json": (grouped(texts()), {"inner": datasets.Json()}, [{"inner": value} for value in TEXTS]),
    "bool8": (within(pa.bool8(), [1, None, 0], pa.int8()), datasets.Value("int8"), [1, None, 0]),
    "tensor": (
        pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), [1, 2]), PAIRS),
        datasets.List(datasets.Value("int32"), length=2),
        PAIRS.to_pylist(),
    ),
    "opaque": (
        within(pa.opaque(pa.string(), "geometry", "somebody"), ["a", None, "b"], pa.string()),
        datasets.Value("string"),
        ["a", None, "b"],
    ),
}


@pytest.mark.parametrize("put", SOURCES)
@pytest.mark.parametrize("name", EXTENSIONS)
def test_extension_types_are_kept_where_they_can_be_opened_again(tmp_path, name, put):
    column, feature, values = EXTENSIONS[name]
    source = put(pa.table({"x": column}), tmp_path)
    taken = open_shards(source).take(ROWS)
    assert taken.schema.field("x").type == column.type
    assert taken["x"].combine_chunks().equals(pa.chunked_array([column]).take(pa.array(ROWS)).combine_chunks())
    assert open_shards(source).features == {"x": feature}
    for way, found in every_way(source, tmp_path):
        assert found.features == {"x": feature}, way
        assert values_of(found) == [values[row] for row in ROWS], way


def test_logical_types_of_parquet_are_those_that_pyarrow_reads(tmp_path):
    table = pa.table({"x": uuids(), "json": texts(), "half": pa.array([1.5, None, 2], pa.float16())})
    source = as_plain_parquet(table, tmp_path)
    assert open_shards(source).schema.types == pq.read_schema(source).types
    for way, found in every_way(source, tmp_path):
        assert found.features == {"x": SIXTEEN, "json": datasets.Json(), "half": datasets.Value("float16")}, way
        assert values_of(found) == [UUIDS[row] for row in ROWS], way
        assert values_of(found, "json") == [TEXTS[row] for row in ROWS], way


UNKNOWN = {
    "a type that nobody knows": ("pandas.period", '{"freq": "D"}', pa.array([1, None, 3])),
    "of tensors": (
        "arrow.variable_shape_tensor",
        "{}",
        pa.array(
            [{"data": [n], "shape": [1]} for n in range(3)],
            pa.struct({"data": pa.list_(pa.int8()), "shape": pa.list_(pa.int32(), 1)}),
        ),
    ),
    "a uuid that is none": ("arrow.uuid", "", pa.array([b"a", None, b"c"])),
    "json in numbers": ("arrow.json", "", pa.array([1, 2, 3])),
    "a tensor of another shape": ("arrow.fixed_shape_tensor", '{"shape": [3]}', PAIRS),
    "an array of another type": (
        "datasets.features.features.Array2DExtensionType",
        '[[1, 1], "int32"]',
        pa.array([[[1]], [[2]], [[3]]], pa.list_(pa.list_(pa.int64()))),
    ),
    "an array of another depth": (
        "datasets.features.features.Array3DExtensionType",
        '[[1, 1, 1], "int64"]',
        pa.array([[[1]], [[2]], [[3]]], pa.list_(pa.list_(pa.int64()))),
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_of_extension_types_that_cannot_be_opened_the_values_are_kept(tmp_path, name):
    *told, values = UNKNOWN[name]
    schema = named(*told, values).schema
    stream = tmp_path / "source.arrow"
    # pyarrow would not make such a table of the types that it knows.
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(pa.record_batch([values], schema=schema))
    for way, found in every_way(stream, tmp_path):
        assert found.features == {"x": generate_from_arrow_type(values.type)}, way
        assert values_of(found) == [values.to_pylist()[row] for row in ROWS], way
    assert open_shards(stream).take(ROWS).num_rows == len(ROWS)


def test_pickled_types_are_refused_and_unknown_ones_are_never_imported():
    trap = named("trap_module.Type", pickle.dumps(0, protocol=0), pa.array([1]))
    assert open_shards(trap).take([0])["x"].to_pylist() == [1]
    assert "trap_module" not in sys.modules
    with pytest.raises(errors.SchemaError, match=r'column "x".*"arrow.py_extension_type".*never imported.*columns='):
        open_shards(named("arrow.py_extension_type", pickle.dumps(0, protocol=0), pa.array([1])))


def test_an_older_release_gets_the_types_that_it_has():
    table = pa.table({"fixed": pa.array([b"ab"], pa.binary(2)), "json": within(pa.json_(), ["1"], pa.string())})
    shards = open_shards(table)._source.corpus
    types = {
        version: shards.for_datasets(version).schema.types for version in ("2.14.7", "4.7.0", "5.1.0", "5.2.0.dev0")
    }
    assert types["2.14.7"] == [pa.binary(), pa.string()]
    assert types["4.7.0"] == [pa.binary(), pa.json_()]
    assert types["5.1.0"] == types["5.2.0.dev0"] == [pa.binary(2), pa.json_()]
    with pytest.raises(ValueError, match=r"'?x'? is not a version|\"x\" is not a version"):
        shards.for_datasets("x")


# --- every type ---

MOMENT = dt.datetime(2019, 4, 25, 12, 57, 54, tzinfo=dt.UTC)
CLOCK = dt.time(12, 57, 54)
DAYS = [dt.date(1969, 12, 31), None, dt.date(2019, 4, 25)]


SECONDS = [(pa.timestamp("s"), MOMENT.replace(tzinfo=None)), (pa.time32("s"), CLOCK), (pa.date64(), DAYS[0])]


def holed(value):
    return [value, None, value]


TYPES = {
    **{str(kind): (kind, [1, None, 0]) for kind in (pa.int8(), pa.uint16(), pa.uint64(), pa.float32(), pa.float64())},
    "float16": (pa.float16(), [np.float16(1.5), None, np.float16(0)]),
    "bool": (pa.bool_(), [True, None, False]),
    "null": (pa.null(), [None] * 3),
    **{
        f"timestamp {unit}": (pa.timestamp(unit), holed(MOMENT.replace(tzinfo=None)))
        for unit in ("s", "ms", "us", "ns")
    },
    "zone": (pa.timestamp("s", "Europe/Berlin"), holed(MOMENT)),
    "offset": (pa.timestamp("s", "+05:30"), holed(MOMENT)),
    **{str(kind): (kind, holed(CLOCK)) for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))},
    "date32": (pa.date32(), DAYS),
    "date64": (pa.date64(), DAYS),
    **{f"duration {unit}": (pa.duration(unit), holed(dt.timedelta(seconds=3))) for unit in ("s", "ms", "us", "ns")},
    "decimal128": (pa.decimal128(5, 2), holed(decimal.Decimal("1.25"))),
    "decimal256": (pa.decimal256(50, 3), holed(decimal.Decimal("1.125"))),
    "negative scale": (pa.decimal128(5, -2), holed(decimal.Decimal(1200))),
    "string": (pa.string(), holed("a")),
    "large string": (pa.large_string(), holed("a")),
    "binary": (pa.binary(), holed(b"a")),
    "large binary": (pa.large_binary(), holed(b"a")),
    "fixed binary": (pa.binary(2), holed(b"ab")),
    "list": (pa.list_(pa.int16()), holed([1, None])),
    "large list": (pa.large_list(pa.string()), holed(["a", None])),
    "fixed list": (pa.list_(pa.int8(), 2), holed([1, 2])),
    "fixed list of structs": (pa.list_(pa.struct({"a": pa.int8()}), 2), holed([{"a": 1}, {"a": 2}])),
    "list of structs": (pa.list_(pa.struct({"a": pa.int8()})), holed([{"a": 1}])),
    "field named _type": (
        pa.struct({"_type": pa.list_(pa.struct({"a": pa.int8()})), "b": pa.int8()}),
        holed({"_type": [{"a": 1}], "b": 2}),
    ),
    "empty struct": (pa.struct([]), holed({})),
    **{f"list of {kind}": (pa.list_(kind), [[value], None, []]) for kind, value in SECONDS},
    **{f"struct of {kind}": (pa.struct({"a": kind}), holed({"a": value})) for kind, value in SECONDS},
    "deep": (pa.large_list(pa.struct({"a": pa.list_(pa.timestamp("s", "UTC"), 1)})), holed([{"a": [MOMENT]}])),
}


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_what_datasets_saves(tmp_path, name):
    kind, values = TYPES[name]
    table = pa.table({"x": pa.array(values, kind)})
    expected = datasets.Dataset(table)
    expected.save_to_disk(tmp_path / "saved")
    dsdm.materialize(table, range(3), tmp_path / "arrow")
    saved, found = (datasets.load_from_disk(str(tmp_path / folder)) for folder in ("saved", "arrow"))
    assert found.features == saved.features
    assert found.data.table.equals(saved.data.table)
    try:
        (tmp_path / "theirs").mkdir()
        expected.to_parquet(tmp_path / "theirs" / "train.parquet")
    except (OSError, pa.ArrowNotImplementedError):
        with pytest.raises(errors.SchemaError, match=r'column "x".*Parquet does not have.*columns='):
            dsdm.materialize(table, range(3), tmp_path / "parquet", format="parquet")
        assert not [path for path in tmp_path.iterdir() if "parquet" in path.name]
        return
    for source in (table, as_arrow(table, tmp_path)):
        dsdm.materialize(source, range(3), tmp_path / "parquet", format="parquet", overwrite=True)
        saved, found = read_parquet(tmp_path / "theirs"), read_parquet(tmp_path / "parquet")
        assert found.features == saved.features
        assert found.data.table.equals(saved.data.table)


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.list_(pa.timestamp("s", "UTC"))])
def test_a_time_that_has_no_place_in_parquet_is_an_error(tmp_path, kind):
    value = pa.array([2**60], pa.int64()).cast(pa.timestamp("s"))
    column = value if kind == pa.timestamp("s") else pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), value)
    with pytest.raises(errors.SchemaError, match=r'column "x".*1152921504606846976'):
        dsdm.materialize(pa.table({"x": column}), [0], tmp_path / "out", format="parquet")
    dsdm.materialize(pa.table({"x": column}), [0], tmp_path / "out")
    assert datasets.load_from_disk(str(tmp_path / "out")).data["x"].to_numpy()[0] is not None


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (pa.timestamp("s", "Some where"), "Some where"),
        (pa.struct([pa.field("a", pa.int8()), pa.field("a", pa.int8())]), "two fields named"),
        (pa.list_(pa.struct([pa.field("a", pa.int8()), pa.field("a", pa.int8())])), "two fields named"),
    ],
)
@pytest.mark.parametrize("layout", ["arrow", "parquet"])
def test_what_datasets_would_not_open_is_refused_before_anything_is_written(tmp_path, kind, found, layout):
    table = pa.table({"y": [1], "x": pa.nulls(1, kind)})
    with pytest.raises(errors.SchemaError, match=rf'column "x".*{found}.*columns='):
        dsdm.materialize(table, [0], tmp_path / "out", format=layout)
    assert list(tmp_path.iterdir()) == []
    assert open_shards(table).take([0]).num_rows == 1
    dsdm.materialize(table, [0], tmp_path / "out", format=layout, columns=["y"])

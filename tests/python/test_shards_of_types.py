"""Shards whose types differ: one type holds the values of all, whatever their order, or they are refused.

`datasets` casts each shard to the type of the first, so that its answer depends on their order. The oracle is pyarrow's
`concat_tables(promote_options="permissive")` where it keeps every value.
"""

import itertools

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset
from tests.corpora.damaged import file_of, parquet_of, put, refused, stream_of

WRITERS = {"stream": stream_of, "file": file_of, "parquet": parquet_of}
# Types of each group have one in common, in which their smallest and largest values are the same.
UNIFIED = {
    "integers": [
        pa.array([None, None], pa.null()),
        pa.array([-(2**7), 2**7 - 1, None], pa.int8()),
        pa.array([0, 2**8 - 1], pa.uint8()),
        pa.array([0, 2**32 - 1], pa.uint32()),
        pa.array([-(2**63), 2**63 - 1], pa.int64()),
    ],
    "unsigned": [pa.array([0, 2**8 - 1], pa.uint8()), pa.array([0, 2**64 - 1], pa.uint64()), pa.nulls(2)],
    "numbers": [
        pa.array([-(2**15), 2**15 - 1], pa.int16()),
        pa.array([np.float16(-65504), None, np.float16(6e-8)], pa.float16()),
        pa.array([1.5, float("-inf"), -0.0], pa.float32()),
    ],
    "large numbers": [
        pa.array([2**53, -(2**53), None], pa.int64()),
        pa.array([0.1, None, 5e-324], pa.float64()),
        pa.nulls(2),
    ],
    "large unsigned numbers": [pa.array([2**53, 0], pa.uint64()), pa.array([0.5], pa.float16())],
    "texts": [pa.array(["é", None, ""]), pa.array(["b"], pa.large_string()), pa.nulls(1)],
    "bytes": [pa.array([b"\xff", None], pa.binary()), pa.array([b""], pa.large_binary())],
    "times": [
        pa.array([-(2**33), None, 2**33], pa.timestamp("s", "UTC")),
        pa.array([1], pa.timestamp("ms", "UTC")),
        pa.array([-(2**63), 2**63 - 1], pa.timestamp("ns", "UTC")),
    ],
    "times of a day": [pa.array([0, 86399], pa.time32("s")), pa.array([1], pa.time64("us")), pa.nulls(1)],
    "durations": [pa.array([-1, 2**33], pa.duration("s")), pa.array([1, None], pa.duration("ns"))],
    "decimals": [
        pa.array(["1.25", None], pa.string()).cast(pa.decimal128(5, 2)),
        pa.array(["9" * 38]).cast(pa.decimal128(38, 0)),
        pa.array(["-0.00001"]).cast(pa.decimal128(9, 5)),
    ],
    "lists": [
        pa.array([[1, None], [], None], pa.list_(pa.int8())),
        pa.array([[2**40]], pa.large_list(pa.int64())),
        pa.array([[None, None]], pa.list_(pa.null())),
    ],
    "lists of one length": [
        pa.array([[1, None], None], pa.list_(pa.uint16(), 2)),
        pa.array([[-1, 2]], pa.list_(pa.int16(), 2)),
    ],
    "structs": [
        pa.array([{"a": 1, "b": [1]}, None], pa.struct({"a": pa.int8(), "b": pa.list_(pa.int8())})),
        pa.array([{"b": [2**20], "a": 300}], pa.struct({"b": pa.large_list(pa.int32()), "a": pa.int16()})),
        pa.array([{"b": None, "a": None}], pa.struct({"b": pa.null(), "a": pa.null()})),
    ],
}
# Between any two of a group, datasets or pyarrow would cast: values are rounded, or mean something else.
APART = {
    "integers": [pa.array([1], pa.int64()), pa.array([2**63], pa.uint64())],
    "kinds": [pa.array([1], pa.int8()), pa.array([True]), pa.array(["a"]), pa.array([b"\xff"]), pa.array([[1]])],
    "times": [
        pa.array([1], pa.timestamp("ms")),
        pa.array([1], pa.timestamp("ms", "UTC")),
        pa.array([1], pa.timestamp("ms", "Europe/Paris")),
        pa.array([1], pa.date32()),
        pa.array([86400000], pa.date64()),
        pa.array([1], pa.time32("s")),
        pa.array([1], pa.duration("s")),
    ],
    "decimals": [
        pa.array(["1"]).cast(pa.decimal256(76, 0)),
        pa.array(["0.1"]).cast(pa.decimal128(5, 1)),
        pa.array([1.5]),
    ],
    "lists": [
        pa.array([[1, 2]], pa.list_(pa.int64())),
        pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
        pa.array([[1]], pa.list_(pa.int64(), 1)),
        pa.array([["a", "b"]]),
    ],
    "bytes": [pa.array([b"abc"], pa.binary(3)), pa.array([b"abcd"], pa.binary(4)), pa.array([b"abc"])],
    "structs": [pa.array([{"a": 1}]), pa.array([{"a": 1, "b": 2}]), pa.array([{"A": 1}])],
}
NESTED = {
    "plain": lambda values: values,
    "in a struct": lambda values: pa.StructArray.from_arrays([values, values.slice(0)], ["a", "b"]),
    "in a list": lambda values: pa.ListArray.from_arrays(pa.array([0, 0, len(values)], pa.int32()), values),
}


def written(folder, name, columns):
    """Write a shard for each column, with a number beside it; return their paths and tables."""
    tables = [pa.table({"id": pa.array(range(len(column)), pa.int8()), "x": column}) for column in columns]
    endings = {"stream": "arrow", "file": "arrow", "parquet": "parquet"}
    paths = [put(folder / f"{number}.{endings[name]}", WRITERS[name](table)) for number, table in enumerate(tables)]
    return paths, tables


def joined(tables):
    return pa.concat_tables(tables, promote_options="permissive")


def same(found, expected):
    assert found.schema.types == expected.schema.types
    assert found.combine_chunks().equals(expected.combine_chunks()), (found, expected)


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("name", UNIFIED)
def test_one_type_holds_the_values_of_all_in_any_order(tmp_path, name, nested):
    group = UNIFIED[name]
    orders = [order for size in (2, 3) for order in itertools.permutations(group, size)]
    for number, order in enumerate(orders):
        writer = list(WRITERS)[number % 3]
        if writer == "parquet" and any("halffloat" in str(values.type) for values in order):
            writer = "file"
        paths, tables = written(tmp_path, writer, [nested(values) for values in order])
        expected = joined(tables)
        rows = np.random.default_rng(number).integers(0, len(expected), 2 * len(expected))
        for io in ("mmap", "pread"):
            shards = open_shards(paths, io=io)
            same(shards.take(rows), expected.take(rows))
        values = [expected["x"].to_pylist()[row] for row in rows]
        assert dsdm.select(paths, rows).data.column("x").to_pylist() == values
        assert open_dataset(paths).select(rows).flatten_indices().data.column("x").to_pylist() == values


@pytest.mark.parametrize("nested", ["plain", "in a struct"])
@pytest.mark.parametrize("write", WRITERS)
def test_what_no_type_holds_is_refused_in_either_order(tmp_path, write, nested):
    pairs = [pair for group in APART.values() for pair in itertools.permutations(group, 2)]
    for number, pair in enumerate(pairs):
        tables = [pa.table({"id": pa.array([7]), "x": NESTED[nested](values)}) for values in pair]
        folder = tmp_path / str(number)
        folder.mkdir()
        first, second = [put(folder / name, WRITERS[write](table)) for name, table in zip("ab", tables, strict=True)]
        if write == "parquet" and {str(values.type) for values in pair} == {"date32[day]", "date64[ms]"}:
            continue
        if all(pa.types.is_struct(values.type) for values in pair):
            # What is missing is named, and read as null where that is asked for.
            said = 'must have the same fields, or schema="union" reads what is missing as null'
            refused(errors.SchemaError, [first, second], second, 'column "x"', first, said)
            assert len(open_shards([first, second], schema="union")) == 2
            continue
        error = refused(errors.SchemaError, [first, second], second, 'column "x"', first, "must have the same types")
        # Both types are named, and they differ.
        here, there = str(error).split("has the type ")[1].split(f" in {first}")[0].split(" here and ")
        assert here != there
        # Columns that agree are read.
        assert open_shards([first, second], columns=["id"])[:] == {"id": [7, 7]}


def test_three_types_have_one_where_two_of_them_have_none(tmp_path):
    group = [pa.array([-(2**60)], pa.int64()), pa.array([2**63], pa.uint64()), pa.array([0.5])]
    for order in itertools.permutations(group):
        paths = written(tmp_path, "stream", order)[0]
        found = open_shards(paths).take([2, 0, 1])["x"]
        assert found.type == pa.float64()
        assert found.to_pylist() == [order[place][0].as_py() for place in (2, 0, 1)]


@pytest.mark.parametrize("write", WRITERS)
def test_values_that_no_type_holds_exactly_are_an_error_with_their_row(tmp_path, write):
    large = [pa.array([1] * 9 + [2**53 + 1]), pa.array([2**63 + 1] * 10, pa.uint64())]
    cases = [(values, pa.array([0.5])) for values in large]
    if write != "parquet":
        cases += [
            (pa.array([0] * 9 + [2**63 - 1], pa.timestamp("s")), pa.array([1], pa.timestamp("ns"))),
            (pa.array([0] * 9 + [-(2**63)], pa.duration("s")), pa.array([1], pa.duration("ms"))),
        ]
    for values, other in cases:
        for nested, pair in itertools.product([NESTED["plain"], NESTED["in a struct"]], [(0, 1), (1, 0)]):
            columns = [nested(values), nested(other)]
            paths, _ = written(tmp_path, write, [columns[place] for place in pair])
            start, path = (0, paths[0]) if pair[0] == 0 else (1, paths[1])
            shards = open_shards(paths)
            with pytest.raises(errors.SchemaError, match="row 9: a value of the type") as caught:
                shards.take([start + 9])
            assert str(path) in str(caught.value)
            assert 'column "x"' in str(caught.value)
            first = values[0].as_py()
            if first == 1 or str(first).startswith(("1970", "0:")):
                assert len(shards.take([start, start + 8, 1 - start])) == 3
            with pytest.raises(errors.SchemaError, match="row 9"):
                dsdm.materialize(paths, [start + 9], tmp_path / "out")
            assert not (tmp_path / "out").exists()


def test_what_is_hidden_under_nulls_is_no_value(tmp_path):
    hidden = pa.array([2**53 + 1, 1])
    group = pa.StructArray.from_arrays([hidden], ["a"], mask=pa.array([True, False]))
    lists = pa.FixedSizeListArray.from_arrays(hidden, 1, mask=pa.array([True, False]))
    floats = pa.array([{"a": 0.5}]), pa.array([[0.5]], pa.list_(pa.float64(), 1))
    for values, other in zip((group, lists), floats, strict=True):
        paths, _ = written(tmp_path, "stream", [values, other])
        assert open_shards(paths)[:]["x"] == [None, *(values.to_pylist()[1:]), *other.to_pylist()]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("outer", ["list", "struct", "fixed", "two"])
def test_lists_hidden_under_nulls_have_no_values(tmp_path, outer, large):
    """Rows 0 and 2 have values, row 1 is null and keeps a list whose integer no float holds."""
    of = pa.LargeListArray if large else pa.ListArray
    offsets = pa.array([0, 1, 2, 4], pa.int64() if large else pa.int32())
    hidden, mask = pa.array([1, 2**53 + 1, 2, None]), pa.array([False, True, False])
    lists = of.from_arrays(offsets, hidden, mask=mask if outer == "list" else None)
    one, other = {
        "list": lambda: (lists, [[0.5]]),
        "struct": lambda: (pa.StructArray.from_arrays([lists], ["a"], mask=mask), [{"a": [0.5]}]),
        "fixed": lambda: (pa.FixedSizeListArray.from_arrays(lists, 1, mask=mask), [[[0.5]]]),
        "two": lambda: (
            of.from_arrays(offsets.cast(offsets.type).slice(0, 4), pa.concat_arrays([lists, lists[:1]]), mask=mask),
            [[[0.5]]],
        ),
    }[outer]()
    floats = {
        "list": pa.list_(pa.float64()),
        "struct": pa.struct({"a": pa.list_(pa.float64())}),
        "fixed": pa.list_(pa.list_(pa.float64()), 1),
        "two": pa.list_(pa.list_(pa.float64())),
    }[outer]
    shards = [one, pa.array(other, floats)]
    for at, order in enumerate((shards, shards[::-1])):
        (tmp_path / str(at)).mkdir()
        paths, _ = written(tmp_path / str(at), "stream", order)
        assert open_shards(paths)[:]["x"] == [row for values in order for row in values.to_pylist()]


SHARDS = 3
FAMILIES = {
    "int": ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"],
    "float": ["int16", "uint8", "float16", "float32", "float64"],
    "text": ["string", "large_string"],
    "bytes": ["binary", "large_binary"],
    "time": ["timestamp[s]", "timestamp[ms]", "timestamp[us]"],
}


def shapes():
    leaf = st.sampled_from(sorted(FAMILIES)).map(lambda name: (name,))
    nest = lambda inner: st.one_of(  # noqa: E731 - as hypothesis has it
        inner.map(lambda one: ("list", one)),
        inner.map(lambda one: ("fixed", one)),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: ("struct", *many)),
    )
    return st.recursive(leaf, nest, max_leaves=5)


@st.composite
def typed(draw, shape):
    """Give one of the types that a shape may have in a shard."""
    if draw(st.integers(0, 7)) == 0:
        return pa.null()
    kind, *inner = shape
    if kind == "list":
        return draw(st.sampled_from([pa.list_, pa.large_list]))(draw(typed(inner[0])))
    if kind == "fixed":
        return pa.list_(draw(typed(inner[0])), 2)
    if kind == "struct":
        fields = [(f"f{number}", draw(typed(one))) for number, one in enumerate(inner)]
        return pa.struct(draw(st.permutations(fields)))
    return pa.type_for_alias(draw(st.sampled_from(FAMILIES[kind])))


def values_of(kind):
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_fixed_size_list(kind):
        known = st.lists(values_of(kind.value_type), min_size=2, max_size=2)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        known = st.lists(values_of(kind.value_type), max_size=3)
    elif pa.types.is_struct(kind):
        known = st.fixed_dictionaries({field.name: values_of(field.type) for field in kind})
    elif pa.types.is_integer(kind):
        bits = kind.bit_width - pa.types.is_signed_integer(kind)
        known = st.integers(-(2**bits) if pa.types.is_signed_integer(kind) else 0, 2**bits - 1)
    elif pa.types.is_floating(kind):
        known = st.floats(width=kind.bit_width, allow_nan=False)
        known = known.map(np.float16) if kind.bit_width == 16 else known
    elif pa.types.is_timestamp(kind):
        known = st.integers(-(10**9), 10**9)
    else:
        known = st.text(max_size=4) if "string" in str(kind) else st.binary(max_size=4)
    return st.none() | known


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_types_become_one_as_pyarrow_makes_it(tmp_path_factory, data):
    shape = data.draw(shapes())
    kinds = [data.draw(typed(shape)) for _ in range(SHARDS)]
    columns = [
        pa.array(data.draw(st.lists(values_of(kind), min_size=number == 0, max_size=5)), kind)
        for number, kind in enumerate(kinds)
    ]
    folder = tmp_path_factory.mktemp("shards")
    name = data.draw(st.sampled_from(["stream", "file"]))
    for order in itertools.permutations(columns):
        paths, tables = written(folder, name, order)
        values = [value for table in tables for value in table["x"].to_pylist()]
        kind = pa.unify_schemas([table.schema for table in tables], promote_options="permissive").field("x").type
        rows = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=8))
        found = open_shards(paths).take(rows)["x"]
        found.validate(full=True)
        assert found.type == kind
        assert found.to_pylist() == [values[row] for row in rows]


def test_a_dictionary_and_its_values_are_of_one_type(tmp_path):
    plain = pa.table({"x": pa.array(["a", None, "b"])})
    coded = pa.table({"x": plain["x"].combine_chunks().dictionary_encode()})
    for write in WRITERS.values():
        first, second = put(tmp_path / "a", write(plain)), put(tmp_path / "b", write(coded))
        for paths in ([first, second], [second, first]):
            found = open_shards(paths).take([4, 0, 2, 3, 1])["x"]
            assert found.type == pa.string()
            assert found.to_pylist() == [(plain["x"].to_pylist() * 2)[row] for row in (4, 0, 2, 3, 1)]


def test_hive_columns_are_never_lost_in_silence(tmp_path):
    folder = tmp_path / "rows"
    paths = []
    for row, name in enumerate(["lang=en", "lang=fr"]):
        (folder / name).mkdir(parents=True)
        paths.append(folder / name / "part-0.parquet")
        pq.write_table(pa.table({"x": [row]}), paths[-1])
    for source in (folder, f"{folder}/*/*.parquet"):
        with pytest.raises(ValueError, match=r"the column 'lang' is in the names of directories.*as a list"):
            open_shards(source)
    # The files alone have no more columns for pyarrow and datasets either, unless they are asked for.
    rows = open_shards(paths)[:]
    assert rows == pyarrow.dataset.dataset(paths).to_table().to_pydict() == {"x": [0, 1]}
    files = [str(path) for path in paths]
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_dict() == rows
    assert pyarrow.dataset.dataset(folder, partitioning="hive").schema.names == ["x", "lang"]

"""Fields of structs that some shards lack, with ``schema="union"``: against plain Python, and against ``datasets``."""

import itertools
import json
import pickle

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset
from tests.corpora.damaged import file_of, parquet_of, put, stream_of
from tests.formats.docs import validator

LEAVES = {"int": pa.int64(), "text": pa.string(), "ints": pa.list_(pa.int64())}


def lines_of(table):
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


WRITERS = {
    "stream.arrow": stream_of,
    "file.arrow": file_of,
    "parquet": parquet_of,
    "jsonl": lines_of,
    "jsonl.zst": lambda table: pa.compress(lines_of(table), "zstd", asbytes=True),
}


def union(kinds):
    """Return the type that has the fields of all, in the order in which they come, at any depth."""
    kinds = [kind for kind in kinds if not pa.types.is_null(kind)]
    if kinds and pa.types.is_struct(kinds[0]):
        names = dict.fromkeys(field.name for kind in kinds for field in kind)
        own = {name: [kind.field(name).type for kind in kinds if kind.get_field_index(name) >= 0] for name in names}
        return pa.struct([(name, union(types)) for name, types in own.items()])
    if kinds and pa.types.is_list(kinds[0]):
        return pa.list_(union([kind.value_type for kind in kinds]))
    return kinds[0] if kinds else pa.null()


def filled(value, kind):
    """Return a value with all fields of a type, null where it has none."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: filled(value.get(field.name), field.type) for field in kind}
    return [filled(one, kind.value_type) for one in value] if pa.types.is_list(kind) else value


def expected(tables):
    """Return the rows of all tables, whose one column is called ``m``, by hand."""
    kind = union([table.schema.field("m").type for table in tables])
    return [{"m": filled(row["m"], kind)} for table in tables for row in table.to_pylist()], kind


def ordered(value):
    """Return a value of which the order of its fields is a part."""
    if isinstance(value, dict):
        return [(name, ordered(one)) for name, one in value.items()]
    return [ordered(one) for one in value] if isinstance(value, list) else value


def trees(inner):
    groups = st.lists(st.tuples(st.sampled_from("abcde"), inner), min_size=1, max_size=4, unique_by=lambda one: one[0])
    return groups | groups.map(lambda group: ("many", group))


TREES = st.recursive(st.sampled_from(list(LEAVES)), trees, max_leaves=8).filter(lambda tree: not isinstance(tree, str))


@st.composite
def shards(draw):
    """Give tables of which each lacks some fields of a tree, and has the others in an order of its own."""

    def some(tree):
        if isinstance(tree, str):
            return LEAVES[tree]
        if isinstance(tree, tuple):
            return pa.list_(some(tree[1]))
        kept = draw(st.lists(st.sampled_from(tree), min_size=1, unique_by=lambda one: one[0]))
        return pa.struct([(name, some(inner)) for name, inner in kept])

    def value(kind):
        if draw(st.integers(0, 5)) == 0:
            return None
        if pa.types.is_struct(kind):
            return {field.name: value(field.type) for field in kind}
        if pa.types.is_list(kind):
            return [value(kind.value_type) for _ in range(draw(st.integers(0, 3)))]
        return draw(st.integers(-9, 9)) if pa.types.is_integer(kind) else draw(st.text("xyz", max_size=3))

    tree = draw(TREES)
    kinds = [some(tree) for _ in range(draw(st.integers(2, 3)))]
    return [pa.table({"m": pa.array([value(kind) for _ in range(draw(st.integers(1, 5)))], kind)}) for kind in kinds]


def written(folder, tables, names):
    """Write each table as a file of its sort, in this order."""
    folder.mkdir(exist_ok=True)
    named = enumerate(zip(names, tables, strict=True))
    return [put(folder / f"{rank}.{name}", WRITERS[name](table)) for rank, (name, table) in named]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shards(), st.data())
def test_any_fields_may_be_missing_in_any_reader(tmp_path, tables, data):
    names = [data.draw(st.sampled_from(["stream.arrow", "file.arrow", "parquet"])) for _ in tables]
    paths = written(tmp_path / "c", tables, names)
    rows, kind = expected(tables)
    found = open_shards(paths, schema="union").take(range(len(rows)))
    assert found.schema.field("m").type == kind
    assert ordered(found.to_pylist()) == ordered(rows)
    # Of lines the types follow from the values: what is null in all of them has none.
    for names in (["jsonl"] * len(tables), ["jsonl.zst", "parquet", "stream.arrow"][: len(tables)]):
        mixed = open_shards(written(tmp_path / "j", tables, names), schema="union").take(range(len(rows)))
        there = mixed.schema.field("m").type
        assert mixed.to_pylist() == [{"m": filled(row["m"], union([there]))} for row in rows]
        assert [filled(row["m"], kind) for row in mixed.to_pylist()] == [row["m"] for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shards())
def test_values_and_the_order_of_fields_are_those_of_datasets(tmp_path, tables):
    """``concatenate_datasets`` has an answer where no lists hold structs that differ; a cast fills the others."""
    paths = written(tmp_path / "c", tables, ["parquet"] * len(tables))
    found = dsdm.select(paths, range(sum(map(len, tables))), schema="union")
    apart = [datasets.Dataset(table) for table in tables]
    cast = datasets.concatenate_datasets([one.cast(found.features) for one in apart])
    assert ordered(found.to_list()) == ordered(cast.to_list())
    try:
        whole = datasets.concatenate_datasets(apart)
    except ValueError:
        return
    assert str(found.features) == str(whole.features)
    assert ordered(found.to_list()) == ordered(whole.to_list())


PAIR = [
    pa.table({"n": [0, 1, 2], "m": [{"a": 1, "d": [{"x": 1}]}, None, {"a": 3, "d": None}]}),
    pa.table({"n": [3, 4], "m": [{"b": "y", "a": 4, "d": [{"z": 2.5, "x": 4}, None]}, {"b": None, "a": 5, "d": []}]}),
]
ROWS = [
    {"n": 0, "m": {"a": 1, "d": [{"x": 1, "z": None}], "b": None}},
    {"n": 1, "m": None},
    {"n": 2, "m": {"a": 3, "d": None, "b": None}},
    {"n": 3, "m": {"a": 4, "d": [{"x": 4, "z": 2.5}, None], "b": "y"}},
    {"n": 4, "m": {"a": 5, "d": [], "b": None}},
]


@pytest.fixture(params=itertools.product(["stream.arrow", "parquet", "jsonl"], repeat=2), ids="-".join)
def pair(request, tmp_path):
    return written(tmp_path / "c", PAIR, request.param)


def test_every_call_and_format_fills_them(pair, tmp_path):
    rows = [4, 0, 3, 2, 1, 0]
    wanted = [ROWS[row] for row in rows]
    shards = open_shards(pair, schema="union")
    lazy = open_dataset(pair, schema="union").select(rows)
    for found in (shards.take(rows), pickle.loads(pickle.dumps(shards)).take(rows)):  # noqa: S301
        assert found.to_pylist() == wanted
    assert dsdm.select(pair, rows, schema="union").to_list() == lazy.to_list() == wanted
    assert shards.column("m.b").to_pylist() == [None, None, None, "y", None]
    assert shards.groups("m.b").values.to_pylist() == [None, None, None, "y", None]
    for form in ("arrow", "parquet", "jsonl"):
        out = tmp_path / form
        dsdm.materialize(pair, rows, out, format=form, schema="union", num_shards=2, progress=False)
        assert open_shards(out).take(range(6)).to_pylist() == wanted
        assert dsdm.verify(out).rows == 6
        told = json.loads((out / "dsdm.json").read_text())
        assert told["selection"]["schema"] == "union"
        assert [error.message for error in validator("dsdm").iter_errors(told)] == []
    opened = datasets.load_from_disk(str(tmp_path / "arrow"))
    assert opened.to_list() == wanted


def test_lengths_of_fields_that_are_missing_are_refused_where_they_are_asked_for(tmp_path):
    tables = [pa.table({"m": [{"a": 1}]}), pa.table({"m": [{"a": 1, "ids": [1, 2, 3]}]})]
    for name in ("stream.arrow", "parquet"):
        shards = open_shards(written(tmp_path / "c", tables, [name] * 2), schema="union")
        lengths = shards.lengths("m.ids")
        assert lengths[np.array([1])].tolist() == [3]
        with pytest.raises(ValueError, match=r"row 0: the column 'm\.ids' is null, which has no length"):
            lengths[np.array([1, 0])]


def test_without_union_the_field_and_both_files_are_named(tmp_path, run):
    first, second = written(tmp_path / "c", PAIR, ["parquet", "stream.arrow"])
    for paths, has, lacks in (([first, second], second, first), ([second, first], second, first)):
        with pytest.raises(errors.SchemaError) as caught:
            open_shards(paths)
        said = f'the field "m.b" of its structs is missing in {lacks} and present in {has}; shards must have the same '
        assert said in str(caught.value)
        assert 'schema="union" reads what is missing as null' in str(caught.value)
        assert str(caught.value).startswith(f'{paths[1]}: column "m": ')
    np.save(tmp_path / "s.npy", np.arange(5.0))
    written(tmp_path / "d", PAIR, ["parquet", "parquet"])
    by = ["materialize", "d", "out", "--by", "s.npy", "-k", 1]
    code, _, err = run(*by)
    assert (code, "--schema union reads what is missing as null" in " ".join(err.split())) == (1, True), err
    assert run(*by, "--schema", "union")[0] == 0
    inside = [pa.table({"m": [[{"d": {"x": 1}}]]}), pa.table({"m": [[{"d": {"x": 1, "y": 2}}]]})]
    with pytest.raises(errors.SchemaError, match=r'the field "m\[\]\.d\.y" of its structs is missing in .*/0\.parquet'):
        open_shards(written(tmp_path / "i", inside, ["parquet", "parquet"]))


def test_what_no_type_holds_is_an_error_with_union_too(tmp_path):
    others = pa.table({"m": [{"a": "text", "c": 1}]})
    paths = written(tmp_path / "c", [PAIR[0].select(["m"]), others], ["parquet", "parquet"])
    with pytest.raises(errors.SchemaError, match=r'column "m": has the type Struct.* and Struct.* in '):
        open_shards(paths, schema="union")
    # Of a name that is there twice it is not known which one is meant.
    twice = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    paths = written(tmp_path / "t", [pa.table({"m": twice}), others], ["stream.arrow", "stream.arrow"])
    with pytest.raises(errors.SchemaError, match='column "m": has the type'):
        open_shards(paths, schema="union")


@pytest.mark.parametrize("first", [0, 1])
def test_what_features_tell_of_a_field_stays_or_is_an_error(tmp_path, first):
    """A ``ClassLabel`` within a struct that only some shards have is kept where one of them has all fields."""
    labels = datasets.Features({"m": {"a": datasets.Value("int64"), "l": datasets.ClassLabel(names=["no", "yes"])}})
    one = datasets.Dataset.from_list([{"m": {"a": 1, "l": 1}}], features=labels)
    other = datasets.Dataset.from_list([{"m": {"a": 2}}])
    paths = []
    for rank, dataset in enumerate([one, other]):
        dataset.to_parquet(tmp_path / f"{rank}.parquet")
        paths.append(tmp_path / f"{rank}.parquet")
    paths = [paths[first], paths[1 - first]]
    found = dsdm.select(paths, [0, 1], schema="union")
    assert found.to_list() == [{"m": {"a": 1, "l": 1}}, {"m": {"a": 2, "l": None}}][:: 1 - 2 * first]
    assert found.features["m"]["l"] == labels["m"]["l"]

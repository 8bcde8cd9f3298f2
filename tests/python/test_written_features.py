"""Features of what is written: those that no longer fit their type give way, and those that say more stay."""

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.features.features import generate_from_arrow_type
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import open_shards
from tests.corpora.every_way import ROWS, SOURCES, as_parquet, every_way, values_of

# --- features that no longer fit ---

LABELS = {"names": ["no", "yes"], "_type": "ClassLabel"}
MEDIA = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def value(dtype):
    return {"dtype": dtype, "_type": "Value"}


def listing(inner, kind="List", **more):
    return {"feature": inner, "_type": kind, **more}


# The type of a column, and features that do not stand for it or are none.
STALE = {
    "label of texts": (pa.string(), LABELS),
    "label of short numbers": (pa.int8(), LABELS),
    "label without names": (pa.int64(), {"_type": "ClassLabel"}),
    "label with a name twice": (pa.int64(), {"names": ["a", "a"], "_type": "ClassLabel"}),
    "image of texts": (pa.string(), {"_type": "Image"}),
    "image of bytes": (pa.binary(), {"_type": "Image"}),
    "image in the other order": (pa.struct({"path": pa.string(), "bytes": pa.binary()}), {"_type": "Image"}),
    "audio of numbers": (pa.int32(), {"_type": "Audio"}),
    "translation": (
        pa.struct({"de": pa.string(), "fr": pa.string()}),
        {"languages": ["de", "en"], "_type": "Translation"},
    ),
    "translation of one text": (pa.string(), {"languages": ["de", "en"], "_type": "Translation"}),
    "variable translation": (pa.struct({"language": pa.string()}), {"_type": "TranslationVariableLanguages"}),
    "array of a list": (pa.list_(pa.int32()), {"shape": [2, 2], "dtype": "int32", "_type": "Array2D"}),
    "array of lists": (pa.list_(pa.list_(pa.int32())), {"shape": [1, 1], "dtype": "int32", "_type": "Array2D"}),
    "json of texts": (pa.string(), {"decode": True, "_type": "Json"}),
    "other number": (pa.int32(), value("int64")),
    "no type": (pa.int32(), value("no type")),
    "no dtype": (pa.int32(), {"_type": "Value"}),
    "unknown": (pa.int32(), {"_type": "Nonsense"}),
    "missing type": (pa.int32(), {"_type": None}),
    "list of a value": (pa.int32(), listing(value("int32"))),
    "value of a list": (pa.list_(pa.int32()), value("int32")),
    "longer list": (pa.list_(pa.int32(), 2), listing(value("int32"), length=3)),
    "fixed list of any": (pa.list_(pa.int32()), listing(value("int32"), length=3)),
    "any list of fixed": (pa.list_(pa.int32(), 2), listing(value("int32"))),
    "large list of small": (pa.list_(pa.int32()), listing(value("int32"), "LargeList")),
    "small list of large": (pa.large_list(pa.int32()), listing(value("int32"))),
    "inner label": (pa.list_(pa.string()), listing(LABELS)),
    "fields missing": (pa.struct({"a": pa.int8(), "b": pa.int8()}), {"a": value("int8")}),
    "fields more": (pa.struct({"a": pa.int8()}), {"a": value("int8"), "b": value("int8")}),
    "fields of other names": (pa.struct({"a": pa.int8()}), {"b": value("int8")}),
    "fields swapped": (pa.struct({"a": pa.int8(), "b": pa.int8()}), {"b": value("int8"), "a": value("int8")}),
    "lists of a struct": (pa.list_(pa.struct({"a": pa.int8()})), listing({"a": value("int8")}, "Sequence")),
    "a text": (pa.int8(), "int8"),
    "a number": (pa.int8(), 8),
    "two in a list": (pa.list_(pa.int8()), [value("int8"), value("int8")]),
}


def stale(kind, feature):
    told = {"info": {"features": {"x": feature, "label": LABELS, "gone": value("string")}}}
    table = pa.table({"x": pa.nulls(3, kind), "label": pa.array([0, 1, 0])})
    return table.replace_schema_metadata({"huggingface": json.dumps(told)})


@pytest.mark.parametrize("name", STALE)
def test_features_that_do_not_fit_give_way_to_the_type_and_others_stay(tmp_path, name):
    kind, feature = STALE[name]
    expected = {"x": generate_from_arrow_type(kind), "label": datasets.ClassLabel(names=["no", "yes"])}
    for put in SOURCES:
        folder = tmp_path / put.__name__
        folder.mkdir()
        source = put(stale(kind, feature), folder)
        assert open_shards(source).features == expected
        for way, found in every_way(source, folder):
            assert found.features == expected, way
            assert values_of(found, "label") == [(0, 1, 0)[row] for row in ROWS], way


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "3", '{"info": null}', '{"info": {"features": null}}', '{"info": {"features": []}}']
)
def test_metadata_that_is_no_json_or_tells_no_features_says_nothing(tmp_path, text):
    table = pa.table({"x": [1, 2, 3]}).replace_schema_metadata({"huggingface": text})
    for way, found in every_way(table, tmp_path):
        assert found.features == {"x": datasets.Value("int64")}, way
        assert values_of(found) == [3, 1, 2, 2], way


# Features that say more than the type, in old spellings and new ones.
FITTING = {
    "label": (pa.int64(), LABELS, datasets.ClassLabel(names=["no", "yes"])),
    "image": (MEDIA, {"mode": None, "decode": False, "_type": "Image"}, datasets.Image(decode=False)),
    "audio": (MEDIA, {"sampling_rate": 16000, "decode": False, "_type": "Audio"}, datasets.Audio(16000, decode=False)),
    "inner image": (
        pa.list_(MEDIA),
        listing({"decode": False, "_type": "Image"}),
        datasets.List(datasets.Image(decode=False)),
    ),
    "old list": (pa.list_(pa.int64()), [LABELS], datasets.List(datasets.ClassLabel(names=["no", "yes"]))),
    "sequence": (
        pa.list_(pa.int64()),
        listing(LABELS, "Sequence"),
        datasets.List(datasets.ClassLabel(names=["no", "yes"])),
    ),
    "struct of lists": (
        pa.struct({"a": pa.list_(pa.int64())}),
        listing({"a": LABELS}, "Sequence"),
        {"a": datasets.List(datasets.ClassLabel(names=["no", "yes"]))},
    ),
    "translation": (
        pa.struct({"de": pa.string(), "en": pa.string()}),
        {"languages": ["en", "de"], "_type": "Translation"},
        datasets.Translation(["en", "de"]),
    ),
    "translations": (
        pa.struct({"language": pa.list_(pa.string()), "translation": pa.list_(pa.string())}),
        {"languages": ["de", "en"], "num_languages": 2, "_type": "TranslationVariableLanguages"},
        datasets.TranslationVariableLanguages(["de", "en"]),
    ),
}


@pytest.mark.parametrize("name", FITTING)
def test_features_that_say_more_than_the_type_stay(tmp_path, name):
    kind, feature, expected = FITTING[name]
    source = as_parquet(stale(kind, feature), tmp_path)
    for way, found in every_way(source, tmp_path):
        assert found.features["x"] == expected, way


# --- any type with any features ---

PLAIN = [pa.int8(), pa.int64(), pa.float16(), pa.string(), pa.large_string(), pa.binary(), pa.bool_(), pa.null()]
PLAIN += [pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.date64(), pa.decimal128(5, 1), pa.binary(3), MEDIA]


def kinds():
    def grown(inner):
        names = st.sampled_from(["a", "b", "_type", "bytes"])
        return st.one_of(
            inner.map(pa.list_),
            inner.map(pa.large_list),
            st.tuples(inner, st.integers(1, 2)).map(lambda it: pa.list_(*it)),
            st.dictionaries(names, inner, min_size=1, max_size=2).map(pa.struct),
        )

    return st.recursive(st.sampled_from(PLAIN), grown, max_leaves=4)


def features():
    special = [LABELS, {"_type": "Image"}, {"_type": "Pdf"}, {"shape": [1, 2], "dtype": "int8", "_type": "Array2D"}]
    special += [{"_type": "Json"}, {"languages": ["a", "b"], "_type": "Translation"}, {"_type": "Nonsense"}]
    of_kinds = kinds().map(lambda kind: datasets.Features({"x": generate_from_arrow_type(kind)}).to_dict()["x"])
    grown = [listing, lambda inner: [inner], lambda inner: {"a": inner}]
    leaves = st.one_of(of_kinds, st.sampled_from(special))
    return st.one_of(leaves, st.tuples(leaves, st.sampled_from(grown)).map(lambda it: it[1](it[0])))


def as_datasets_has_it(kind, feature):
    """The rule of datasets: a feature is believed where its type is that of the column."""
    field = pa.field("x", kind)
    try:
        told = datasets.Features.from_dict({"x": feature})
        fits = told.arrow_schema.field("x") == field
    except (ValueError, TypeError, KeyError, AttributeError):
        fits = False
    return told["x"] if fits else generate_from_arrow_type(kind)


@settings(max_examples=150, deadline=None)
@given(kind=kinds(), feature=features(), fitting=st.booleans())
def test_any_type_with_any_features_is_opened_as_datasets_would(new_in_memory, kind, feature, fitting):
    if fitting:
        feature = datasets.Features({"x": generate_from_arrow_type(kind)}).to_dict()["x"]
    folder = new_in_memory()
    table = stale(kind, feature)
    expected = as_datasets_has_it(kind, feature)
    dsdm.materialize(table, ROWS, folder / "arrow")
    found = datasets.load_from_disk(str(folder / "arrow"))
    assert found.features["x"] == expected
    assert found.data.table.column("x").type == kind
    dsdm.materialize(table, ROWS, folder / "parquet", format="parquet")
    (shard,) = (folder / "parquet").rglob("*.parquet")
    schema = pq.read_schema(shard)
    assert datasets.Features.from_arrow_schema(schema).arrow_schema.types == schema.types
    assert open_shards(table).features["x"] == expected

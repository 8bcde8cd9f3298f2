"""Columns of an output: those that are chosen, row numbers and scores that are added, and features that are kept."""

import datasets
import numpy as np
import pytest

import dsdm
from dsdm import errors
from dsdm.dataset import open_dataset
from tests.corpora.rows import ROWS, SOURCES, assert_same, indices_of, mixed, plain_dataset


def test_row_ids_and_scores_are_those_of_the_rows(tmp_path):
    table, rows = mixed(), indices_of("repeated")
    rng = np.random.default_rng(14)
    scores = {
        "half": rng.normal(size=ROWS).astype(np.float16),
        "single": rng.normal(size=ROWS).astype(np.float32),
        "big-endian": rng.normal(size=ROWS).astype(">f8"),
        "rank": rng.permutation(ROWS),
        "list": rng.random(ROWS).tolist(),
    }
    dsdm.materialize(table, rows, tmp_path / "out", row_ids="row", scores=scores)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == [*table.column_names, "row", *scores]
    assert {name: found.features[name].dtype for name in ("row", *scores)} == {
        "row": "int64",
        "half": "float16",
        "single": "float32",
        "big-endian": "float64",
        "rank": "int64",
        "list": "float64",
    }
    added = found.data.table
    assert added["row"].to_pylist() == rows.tolist()
    for name, values in scores.items():
        np.testing.assert_array_equal(added[name].to_numpy(), np.asarray(values)[rows])
    assert_same(found.select_columns(table.column_names), plain_dataset(table).select(rows))


def test_one_vector_of_scores_is_the_column_scores(tmp_path):
    values = np.random.default_rng(15).normal(size=ROWS).astype(np.float32)
    (values.view(np.uint32) >> 16).astype(np.uint16).tofile(tmp_path / "scores.raw")
    opened = dsdm.open_scores(tmp_path / "scores.raw", dtype="bfloat16")
    rows = dsdm.top_k(opened, 10)
    dsdm.materialize(mixed(), rows, tmp_path / "out", columns=["id"], scores=opened)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found["id"][:] == rows.tolist()
    assert found["scores"][:] == opened[rows].tolist()
    assert found.features["scores"].dtype == "float32"


def test_added_columns_follow_a_mapping(tmp_path):
    """Row numbers and scores are those of the dataset given, not those of the table beneath it."""
    dataset = plain_dataset(mixed()).select(range(100, 200))
    dsdm.materialize(dataset, [7, 3], tmp_path / "out", row_ids="row", scores=np.arange(100) * 0.5)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert (found["id"][:], found["row"][:], found["scores"][:]) == ([107, 103], [7, 3], [3.5, 1.5])


def test_added_columns_that_make_no_sense_are_named(tmp_path):
    table = mixed()
    with pytest.raises(errors.SchemaError, match=r"row_ids= adds a column 'id'.*input_ids"):
        dsdm.materialize(table, [0], tmp_path / "out", row_ids="id")
    with pytest.raises(errors.SchemaError, match=r"scores= adds a column 'id'"):
        dsdm.materialize(table, [0], tmp_path / "out", scores={"id": np.ones(ROWS)})
    with pytest.raises(ValueError, match=r"both add a column 'x'"):
        dsdm.materialize(table, [0], tmp_path / "out", row_ids="x", scores={"x": np.ones(ROWS)})
    with pytest.raises(ValueError, match=rf"shape \({ROWS}, 2\)"):
        dsdm.materialize(table, [0], tmp_path / "out", scores=np.ones((ROWS, 2)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["stream", "file", "parquet", "save_to_disk", "dataset, mapped", "table"])
def test_columns_are_read_alone_and_in_the_order_named(tmp_path, kind):
    names = ["messages", "id", "large"]
    source = SOURCES[kind](mixed(), tmp_path)
    rows = indices_of("shuffled")
    dsdm.materialize(source, rows, tmp_path / "out", columns=names)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == names
    assert_same(found, plain_dataset(mixed().select(names)).select(rows))
    with pytest.raises(TypeError, match=r"columns='id' is one name.*\['id'\]"):
        dsdm.materialize(source, rows, tmp_path / "no", columns="id")
    with pytest.raises(ValueError, match=r'no column "ID"; the columns are .*input_ids'):
        dsdm.materialize(source, rows, tmp_path / "no", columns=["id", "ID"])
    with pytest.raises(ValueError, match=r'column "id" is there twice'):
        dsdm.materialize(source, rows, tmp_path / "no", columns=["id", "id"])
    with pytest.raises(ValueError, match="no column is left"):
        dsdm.materialize(source, rows, tmp_path / "no", columns=[])
    assert not (tmp_path / "no").exists()


# --- features ---


def featured():
    features = datasets.Features(
        {
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "image": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
            "labels": datasets.Sequence(datasets.ClassLabel(names=["a", "b", "c"])),
            "grid": datasets.Array2D((2, 3), "int32"),
            "fixed": datasets.Sequence(datasets.Value("float32"), length=2),
            "turns": [{"role": datasets.ClassLabel(names=["user", "assistant"]), "text": datasets.Value("string")}],
            "wide": datasets.LargeList(datasets.Value("int8")),
        }
    )
    rows = [
        {
            "label": row % 2,
            "labels": [row % 3] * (row % 4),
            "image": {"bytes": b"%d" % row, "path": None},
            "grid": [[row, 1, 2], [3, 4, row]],
            "fixed": [row, row / 2],
            "turns": [{"role": turn % 2, "text": str(turn)} for turn in range(row % 3)],
            "wide": [row % 100],
        }
        for row in range(50)
    ]
    dataset = datasets.Dataset.from_list(rows, features=features)
    return dataset.cast_column("image", datasets.Image(decode=False))


@pytest.mark.parametrize("kind", ["dataset", "save_to_disk", "parquet", "lazy"])
def test_features_are_those_of_the_source(tmp_path, kind):
    dataset = featured()
    dataset.save_to_disk(tmp_path / "saved")
    dataset.to_parquet(tmp_path / "a.parquet")
    source = {
        "dataset": dataset,
        "save_to_disk": tmp_path / "saved",
        "parquet": tmp_path / "a.parquet",
        "lazy": open_dataset(tmp_path / "a.parquet"),
    }[kind]
    rows = [49, 3, 3, 0]
    dsdm.materialize(source, rows, tmp_path / "out", row_ids="row")
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.features["row"] == datasets.Value("int64")
    assert_same(found.remove_columns("row"), dataset.select(rows))


def test_features_that_say_more_than_the_type_are_believed(tmp_path):
    features = datasets.Features({"pair": datasets.Translation(["en", "de"]), "x": datasets.Value("large_string")})
    dataset = datasets.Dataset.from_dict({"pair": [{"en": "one", "de": "eins"}] * 3, "x": list("abc")}, features)
    dsdm.materialize(dataset, [2, 0], tmp_path / "out")
    assert_same(datasets.load_from_disk(str(tmp_path / "out")), dataset.select([2, 0]))


def test_features_of_renamed_and_cast_columns_are_those_of_the_dataset(tmp_path):
    dataset = featured().select_columns(["label", "fixed"]).rename_column("label", "y")
    dataset = dataset.cast_column("fixed", datasets.Sequence(datasets.Value("float64"), length=2))
    dsdm.materialize(dataset, [1, 0], tmp_path / "out")
    assert_same(datasets.load_from_disk(str(tmp_path / "out")), dataset.select([1, 0]))

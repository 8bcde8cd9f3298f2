"""Shards of one type whose features give the same values another meaning are refused, as `datasets` refuses them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Array2D, ClassLabel, Dataset, Features, LargeList, List, Value, concatenate_datasets

import dsdm
from dsdm import errors

ONE, TWO = ClassLabel(names=["neg", "pos"]), ClassLabel(names=["pos", "neg"])
TALL, WIDE = Array2D((3, 2), "int32"), Array2D((2, 3), "int32")
TALL_ROW, WIDE_ROW = [[1, 2], [3, 4], [5, 6]], [[1, 2, 3], [4, 5, 6]]

PAIRS = {
    "names": ((ONE, 1), (TWO, 1), '"l"'),
    "number": ((ONE, 1), (ClassLabel(num_classes=2), 1), '"l"'),
    "plain": ((ONE, 1), (Value("int64"), 1), '"l"'),
    "plain first": ((Value("int64"), 1), (ONE, 1), '"l"'),
    "list": ((List(ONE), [1]), (List(TWO), [1]), '"l"[]'),
    "large list": ((LargeList(ONE), [1]), (LargeList(TWO), [1]), '"l"[]'),
    "struct": (({"a": List(ONE)}, {"a": [1]}), ({"a": List(TWO)}, {"a": [1]}), '"l"["a"][]'),
    "array": ((TALL, TALL_ROW), (WIDE, WIDE_ROW), '"l"'),
}


def of(feature: Any, value: Any, rows: int = 1) -> Dataset:
    """Return a dataset with the column ``l`` of this feature, and another."""
    columns = {"l": [value] * rows, "n": list(range(rows))}
    return Dataset.from_dict(columns, features=Features({"l": feature, "n": Value("int64")}))


def saved(tmp_path: Path, *sets: Dataset) -> list[str]:
    """Save each to a directory, and return the directories."""
    folders = [str(tmp_path / "par" / str(at)) for at in range(len(sets))]
    for folder, data in zip(folders, sets, strict=True):
        data.save_to_disk(folder)
    return folders


def refused(source: Any, place: str, tmp_path: Path) -> None:
    """Check that every way to open it says the column and what to do."""
    ways = (
        lambda: dsdm.select(source, [0, 1]),
        lambda: dsdm.open_shards(source).take([0, 1]),
        lambda: dsdm.open_shards(source),
        lambda: dsdm.materialize(source, [0, 1], str(tmp_path / "out")),
    )
    for way in ways:
        with pytest.raises(errors.SchemaError) as caught:
            way()
        said = str(caught.value)
        assert f"column {place}: its values are" in said
        assert "Dataset.cast(features)" in said
        assert "par/0/" in said
        assert "par/1/" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pair", PAIRS)
def test_meanings_that_differ_are_refused_where_datasets_refuses_them(pair: str, tmp_path: Path) -> None:
    one, two, place = PAIRS[pair]
    sets = of(*one), of(*two)
    with pytest.raises(ValueError, match="align"):
        concatenate_datasets(list(sets))
    folders = saved(tmp_path, *sets)
    refused(folders, place, tmp_path)
    refused(str(tmp_path / "par"), place, tmp_path)
    # Columns that are not read do not count.
    assert dsdm.open_shards(folders, columns=["n"]).take([0, 1]).to_pydict() == {"n": [0, 0]}
    # Each by itself is read, and so is one that was cast.
    for folder, data in zip(folders, sets, strict=True):
        assert dsdm.select(folder, [0]).features == data.features
    cast = saved(tmp_path / "cast", sets[0], sets[0])
    assert dsdm.select(cast, [0, 1]).to_dict() == concatenate_datasets([sets[0]] * 2).to_dict()


def test_both_meanings_are_told(tmp_path: Path) -> None:
    folders = saved(tmp_path, of(ONE, 1), of(TWO, 1))
    with pytest.raises(errors.SchemaError) as caught:
        dsdm.select(folders, [0])
    expected = 'a ClassLabel with the names ["pos", "neg"] here and a ClassLabel with the names ["neg", "pos"] in '
    assert expected in str(caught.value)


def test_a_shard_without_rows_counts(tmp_path: Path) -> None:
    files = []
    for at, (label, rows) in enumerate(((ONE, 0), (TWO, 2))):
        files.append(str(tmp_path / "par" / str(at) / "a.parquet"))
        Path(files[-1]).parent.mkdir(parents=True)
        pq.write_table(of(label, 1, rows=2).data.table.slice(0, rows), files[-1])
    refused(files, '"l"', tmp_path)


def test_parquet_files_are_compared(tmp_path: Path) -> None:
    folder = tmp_path / "par"
    for at, data in enumerate((of(ONE, 1), of(TWO, 1))):
        (folder / str(at)).mkdir(parents=True)
        data.to_parquet(str(folder / str(at) / "a.parquet"))
    files = [str(folder / name / "a.parquet") for name in "01"]
    refused(files, '"l"', tmp_path)
    # One that tells no features, or tells them in no JSON, is of plain numbers.
    table = pq.read_table(files[1])
    for metadata in (None, {"huggingface": "{"}):
        pq.write_table(table.replace_schema_metadata(metadata), files[1])
        refused(files, '"l"', tmp_path)
        refused(files[::-1], '"l"', tmp_path)


def test_features_that_are_spelled_otherwise_are_read_together(tmp_path: Path) -> None:
    spellings = (
        {"feature": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "_type": "List"},
        {"feature": {"names": ["neg", "pos"], "id": None, "_type": "ClassLabel"}, "length": -1, "_type": "Sequence"},
        [{"num_classes": 2, "names": ["neg", "pos"], "names_file": None, "id": None, "_type": "ClassLabel"}],
    )
    files = []
    for at, spelling in enumerate(spellings):
        told = json.dumps({"info": {"features": {"l": spelling, "t": {"dtype": "string", "_type": "Value"}}}})
        table = pa.table({"l": pa.array([[1]], pa.list_(pa.int64())), "t": ["a"]})
        files.append(str(tmp_path / f"{at}.parquet"))
        pq.write_table(table.replace_schema_metadata({"huggingface": told}), files[-1])
    rows = dsdm.select(files, [0, 1, 2])
    assert rows.features["l"] == List(ONE)
    assert rows["l"][:] == [[1]] * 3


def test_an_extension_type_does_not_stand_for_the_feature_beside_it(tmp_path: Path) -> None:
    """A type that pyarrow does not know is what it stores, and `datasets` sees its names of classes."""

    def written(at: int, label: ClassLabel, extension: str | None) -> str:
        told = json.dumps({"info": {"features": {"l": {"names": label.names, "_type": "ClassLabel"}}}})
        named = {"ARROW:extension:name": extension} if extension else None
        schema = pa.schema([pa.field("l", pa.int64(), metadata=named)], metadata={"huggingface": told})
        path = tmp_path / "par" / str(at) / "a.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pa.ipc.new_stream(path, schema) as stream:
            stream.write_table(pa.table([[0]], schema))
        return str(path)

    one = written(0, ONE, "my.type")
    for extension in ("my.type", None):
        files = [one, written(1, TWO, extension)]
        with pytest.raises(ValueError, match="align"):
            concatenate_datasets([Dataset.from_file(file) for file in files])
        refused(files, '"l"', tmp_path)
        refused(files[::-1], '"l"', tmp_path)
        same = [one, written(1, ONE, extension)]
        expected = concatenate_datasets([Dataset.from_file(file) for file in same])
        rows = dsdm.select(same, [1, 0])
        assert rows.features == expected.features == Features({"l": ONE})
        assert rows[:] == expected[:]


def test_another_description_beside_the_shards_does_not_count(tmp_path: Path) -> None:
    """Features come from the shards alone, whatever ``dataset_info.json`` says."""
    folders = saved(tmp_path, of(ONE, 1), of(ONE, 1))
    path = Path(folders[0]) / "dataset_info.json"
    info = json.loads(path.read_text())
    info["features"]["l"]["names"] = ["pos", "neg"]
    path.write_text(json.dumps(info))
    assert dsdm.select(folders, [0, 1]).features["l"] == ONE
    assert dsdm.select(folders[0], [0]).features["l"] == ONE


def tensors(path: Path, shape: list[int]) -> Path:
    """Write two rows of six numbers each, as arrays of a shape."""
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(range(12), pa.int32()), 6)
    column = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), shape), numbers)
    pq.write_table(pa.table({"t": column}), path)
    return path


def test_tensors_of_another_shape_are_refused(tmp_path: Path) -> None:
    """Their numbers are stored alike, and the shape of the first would be taken for all."""
    tall, wide, again = (
        tensors(tmp_path / f"{name}.parquet", shape)
        for name, shape in (("tall", [3, 2]), ("wide", [2, 3]), ("again", [3, 2]))
    )
    with pytest.raises(
        errors.SchemaError, match=r'wide\.parquet: column "t": its values are of the extension type'
    ) as no:
        dsdm.open_shards([tall, wide])
    assert '"shape":[2,3]' in str(no.value)
    assert '"shape":[3,2]' in str(no.value)
    rows = dsdm.open_shards([tall, again]).take([0, 3])
    assert rows.column("t").to_pylist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]

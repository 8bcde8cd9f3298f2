"""Shards whose types differ are refused in either order, never cast to the type of the first as `datasets` does."""

import itertools

import datasets
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from dsdm import errors, open_shards
from tests.corpora.damaged import file_of, parquet_of, put, refused, stream_of

WRITERS = {"stream": stream_of, "file": file_of, "parquet": parquet_of}
# Values of one type each. Between any two of a group, datasets or pyarrow would cast.
GROUPS = {
    "numbers": [
        pa.array([None], pa.null()),
        pa.array([1], pa.int8()),
        pa.array([2**53 + 1], pa.int64()),
        pa.array([2**31], pa.uint32()),
        pa.array([1.5], pa.float32()),
        pa.array([0.1], pa.float64()),
    ],
    "texts": [
        pa.array(["a"], pa.string()),
        pa.array(["b"], pa.large_string()),
        pa.array([b"\xff"], pa.binary()),
        pa.array([b"c"], pa.large_binary()),
    ],
    "times": [
        pa.array([1], pa.timestamp("ms")),
        pa.array([1501], pa.timestamp("ns")),
        pa.array([1], pa.timestamp("ms", "UTC")),
        pa.array([1], pa.timestamp("ms", "Europe/Paris")),
        pa.array([1], pa.date32()),
    ],
    "lists": [
        pa.array([[1]], pa.list_(pa.int64())),
        pa.array([[1]], pa.large_list(pa.int64())),
        pa.array([[1]], pa.list_(pa.int64(), 1)),
        pa.array([[1]], pa.list_(pa.int8())),
        pa.array([[None]], pa.list_(pa.null())),
    ],
}
PAIRS = [pair for group in GROUPS.values() for pair in itertools.permutations(group, 2)]


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "in a struct"])
@pytest.mark.parametrize("write", WRITERS)
def test_no_type_is_cast_to_another(tmp_path, write, nested):
    for number, pair in enumerate(PAIRS):
        columns = [pa.StructArray.from_arrays([values], ["a"]) if nested else values for values in pair]
        tables = [pa.table({"id": pa.array([7]), "x": column}) for column in columns]
        folder = tmp_path / str(number)
        folder.mkdir()
        first, second = [put(folder / name, WRITERS[write](table)) for name, table in zip("ab", tables, strict=True)]
        error = refused(errors.SchemaError, [first, second], second, 'column "x"', first, "must have the same types")
        # Both types are named, and they differ.
        here, there = str(error).split("has the type ")[1].split(f" in {first}")[0].split(" here and ")
        assert here != there
        # Columns that agree are read.
        assert open_shards([first, second], columns=["id"])[:] == {"id": [7, 7]}


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

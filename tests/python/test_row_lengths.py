"""The lengths of rows by a column: of lists, texts and bytes in every kind of file, against Python's own len."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

import dsdm

TEXTS = st.text(max_size=9)
LISTS = st.lists(st.integers(0, 100), max_size=9)
TYPES = {
    "string": (pa.string(), TEXTS),
    "large_string": (pa.large_string(), TEXTS),
    "string_view": (pa.string_view(), TEXTS),
    "binary": (pa.binary(), st.binary(max_size=9)),
    "large_binary": (pa.large_binary(), st.binary(max_size=9)),
    "list": (pa.list_(pa.int16()), LISTS),
    "large_list": (pa.large_list(pa.int32()), LISTS),
    "fixed": (pa.list_(pa.uint8(), 3), st.lists(st.integers(0, 255), min_size=3, max_size=3)),
    "lists of texts": (pa.list_(pa.string()), st.lists(TEXTS, max_size=4)),
    "lists of lists": (pa.list_(pa.list_(pa.int8())), st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3)),
}


def length(value):
    """The length of a row by Python: a text has the bytes of UTF-8."""
    return len(value.encode()) if isinstance(value, str) else len(value)


def written(folder, table, form):
    path = folder / f"c-{form}"
    if form == "parquet":
        pq.write_table(table, path, row_group_size=3)
    elif form == "memory":
        return table
    else:
        packed = ipc.IpcWriteOptions(compression="zstd" if form == "zstd" else None)
        new = ipc.new_stream if form == "stream" else ipc.new_file
        with new(str(path), table.schema, options=packed) as writer:
            writer.write_table(table, max_chunksize=4)
    return path


@pytest.mark.parametrize("form", ["file", "stream", "zstd", "parquet", "memory"])
@pytest.mark.parametrize("name", TYPES)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_lengths_are_those_of_python(tmp_path_factory, form, name, data):
    kind, values = TYPES[name]
    if form == "parquet" and name == "string_view":
        kind = pa.string()  # pyarrow writes no slices of views
    rows = data.draw(st.lists(values, min_size=1, max_size=11))
    cut = data.draw(st.integers(0, len(rows) - 1))
    column = pa.array(rows, kind)
    # A slice begins amid the offsets of its buffers.
    table = pa.table({"n": range(len(rows)), "c": column, "meta": pa.StructArray.from_arrays([column], ["c"])})[cut:]
    shards = dsdm.open_shards(written(tmp_path_factory.mktemp("c"), table, form))
    wanted = np.array(data.draw(st.lists(st.integers(0, len(table) - 1), max_size=20)), np.int64)
    for column_name in ("c", "meta.c"):
        lengths = shards.lengths(column_name)
        assert len(lengths) == len(table)
        assert lengths[wanted].tolist() == [length(rows[cut + row]) for row in wanted]


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_values_are_not_looked_at_where_offsets_tell(tmp_path, io):
    texts = ["ab", "", "zzzz", "c"]
    path = written(tmp_path, pa.table({"t": texts}), "file")
    content = path.read_bytes()
    assert content.count(b"zzzz") == 1
    path.write_bytes(content.replace(b"zzzz", b"\xff" * 4))
    shards = dsdm.open_shards(path, io=io)
    assert shards.lengths("t")[np.arange(4)].tolist() == [2, 0, 4, 1]
    with pytest.raises(dsdm.FormatError):
        shards.take([2])


@pytest.mark.parametrize("form", ["file", "parquet", "memory"])
def test_a_null_has_no_length_wherever_it_is(tmp_path, form):
    struct = pa.array([{"c": "a"}, None, {"c": None}, {"c": "dd"}], pa.struct([("c", pa.string())]))
    table = pa.table({"c": ["a", None, "b", "dd"], "meta": struct})
    shards = dsdm.open_shards(written(tmp_path, table, form))
    assert shards.lengths("c")[np.array([3, 0, 2])].tolist() == [2, 1, 1]
    assert shards.lengths("meta.c")[np.array([3, 0, 3])].tolist() == [2, 1, 2]
    for name, row in (("c", 1), ("meta.c", 1), ("meta.c", 2)):
        with pytest.raises(
            ValueError, match=f"row {row}: the column '{name}' is null, which has no length; give every row one"
        ):
            shards.lengths(name)[np.array([0, row])]


def test_shards_of_other_types_and_without_the_column(tmp_path):
    tables = [
        pa.table({"c": pa.array(["a", "bb"])}),
        pa.table({"c": pa.array(["ccc", "a", "ccc"]).dictionary_encode()}),
        pa.table({"c": pa.array(["é"], pa.large_string())}),
        pa.table({"c": pa.nulls(1)}),
        pa.table({"x": [1]}),
    ]
    paths = [tmp_path / f"{rank}.arrow" for rank in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        written(tmp_path, table, "file").rename(path)
    shards = dsdm.open_shards(paths, schema="union")
    assert shards.lengths("c")[np.arange(6)].tolist() == [1, 2, 3, 1, 3, 2]
    for row in (6, 7):
        with pytest.raises(ValueError, match=f"row {row}: .* is null"):
            shards.lengths("c")[np.array([0, row])]


def test_lines_and_columns_of_directories(tmp_path):
    (tmp_path / "c" / "lang=fr é").mkdir(parents=True)
    rows = [{"t": "x" * row, "l": [0] * (row % 3)} for row in range(9)]
    (tmp_path / "c" / "lang=fr é" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shards = dsdm.open_shards(tmp_path / "c", hive=True)
    every = np.arange(9)[::-1]
    assert shards.lengths("t")[every].tolist() == every.tolist()
    assert shards.lengths("l")[every].tolist() == (every % 3).tolist()
    assert shards.lengths("lang")[every].tolist() == [length("fr é")] * 9


def test_a_file_that_changed_is_no_other_lengths(tmp_path):
    path = written(tmp_path, pa.table({"t": ["a", "bb"]}), "file")
    lengths = dsdm.open_shards(path).lengths("t")
    path.unlink()
    written(tmp_path, pa.table({"t": ["ccc", "dddd", "e"]}), "file")
    with pytest.raises((dsdm.SourceChangedError, ValueError)):
        dsdm.choose([1.0, 2.0], tokens=3, lengths=lengths).record()
    assert lengths[np.array([1, 0])].tolist() == [2, 1]  # of the file that was opened


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_budget_by_texts_of_many_batches(tmp_path, threads):
    rng = np.random.default_rng(threads)
    texts = ["y" * int(size) for size in rng.integers(0, 40, 30_000)]
    table = pa.table({"t": texts})
    with ipc.new_file(str(tmp_path / "c.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=1_000)
    scores = rng.integers(0, 500, 30_000).astype(np.float32)
    shards = dsdm.open_shards(tmp_path / "c.arrow")
    chosen = dsdm.choose(scores, tokens=100_000, lengths=shards.lengths("t"), threads=threads, ties="row")
    total, taken = 0, []
    for row in np.argsort(-scores, kind="stable"):
        total += len(texts[row])
        if total > 100_000:
            break
        taken.append(int(row))
    assert chosen.indices.tolist() == taken

"""Bad folders, schemas and types, and what is no shard at all, by the rows of the list of what is withstood.

Each is refused by its own kind of exception whose message names the file, the place in it and what was found, and
nothing is left beside the output.
"""

import json
import os
import pickle
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm import errors, open_shards
from tests.corpora.damaged import ROWS, changed, file_of, messages, parquet_of, put, refused, saved, stream_of, table_of

# --- save_to_disk ---


KEYS = ["_data_files", "_fingerprint", "_format_columns", "_format_kwargs", "_format_type", "_output_all_columns"]


@pytest.mark.parametrize("key", [*KEYS, "_split"])
def test_57_state_without_a_key(tmp_path, key):
    folder = saved(tmp_path / "saved")
    state = json.loads((folder / "state.json").read_text())
    del state[key]
    (folder / "state.json").write_text(json.dumps(state))
    refused(errors.FormatError, folder, folder / "state.json", f"the key {key!r} is missing")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"_data_files": [', ["no JSON", "save again"]),
        ("", ["no JSON"]),
        ("[1, 2]", ["'_data_files' is missing"]),
        ("null", ["'_data_files' is missing"]),
    ],
)
def test_57_state_that_is_no_state(tmp_path, text, names):
    folder = saved(tmp_path / "saved")
    (folder / "state.json").write_text(text)
    refused(errors.FormatError, folder, folder / "state.json", *names)


@pytest.mark.parametrize("files", [[], None, "data.arrow", [{}], [{"filename": ""}], [{"filename": 7}], ["a"]])
def test_57_state_without_files(tmp_path, files):
    folder = saved(tmp_path / "saved")
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "_data_files": files}))
    error = refused(errors.FormatError, folder, folder / "state.json", "'_data_files' must be a list")
    assert json.dumps(files, separators=(",", ":")) in str(error)


def test_57_shards_without_a_state(tmp_path):
    folder = saved(tmp_path / "saved")
    (folder / "state.json").unlink()
    refused(errors.FormatError, folder, folder, "state.json is missing", "did not finish")


@pytest.mark.parametrize("name", ["../a.arrow", "/etc/passwd", "sub/a.arrow", "..", ".", "..\\a.arrow"])
def test_58_a_shard_outside_of_its_folder(tmp_path, name):
    folder = saved(tmp_path / "saved")
    put(tmp_path / "a.arrow", stream_of(table_of()))
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "_data_files": [{"filename": name}]}))
    refused(errors.FormatError, folder, folder / "state.json", f"the filename {name!r} leads out of the directory")


def test_59_a_shard_that_is_not_there(tmp_path):
    folder = saved(tmp_path / "saved")
    lost = folder / "data-00001-of-00003.arrow"
    lost.unlink()
    assert refused(FileNotFoundError, folder, "state.json names this shard").filename == str(lost)


def test_60_shards_of_different_types(tmp_path):
    first = put(tmp_path / "a.arrow", stream_of(table_of()))
    other = table_of().set_column(1, "text", pa.array(range(ROWS)))
    second = put(tmp_path / "b.arrow", stream_of(other))
    refused(errors.SchemaError, [first, second], second, 'column "text"', "Int64", "Utf8", first)
    nested = table_of().set_column(0, "ids", pa.array([["1"]] * ROWS))
    pq.write_table(nested, second)
    refused(errors.SchemaError, [first, second], second, 'column "ids"', "Utf8", "Int32", first)


def test_60_shards_of_different_columns(tmp_path):
    first = put(tmp_path / "a.arrow", stream_of(table_of()))
    second = put(tmp_path / "b.arrow", stream_of(table_of().select(["ids"])))
    refused(errors.SchemaError, [first, second], second, 'column "text"', "missing here", first)
    refused(errors.SchemaError, [second, first], first, 'column "text"', f"not in {second}", "columns=")
    assert len(open_shards([first, second], columns=["ids"])) == 2 * ROWS


def test_60_columns_of_one_name_and_no_columns(tmp_path):
    twice = pa.table([[1], [2], [3]], names=["x", "x", "y"])
    none = pa.table({})
    for write in (stream_of, parquet_of):
        path = put(tmp_path / "a", write(twice))
        refused(errors.SchemaError, path, path, 'column "x"', "two columns of this name")
        assert open_shards(path, columns=["y"])[:] == {"y": [3]}
        with pytest.raises(errors.SchemaError, match='column "x": there are two'):
            open_shards(path, columns=["x"])
        refused(errors.SchemaError, put(path, write(none)), path, "no columns")
    with pytest.raises(errors.SchemaError, match='<table>: column "x": there are two'):
        open_shards(twice)


# --- types ---


class Trap:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("write", ["stream", "file", "parquet", "table"])
def test_62_an_extension_type_is_never_imported(tmp_path, write):
    trap = tmp_path / "trap"
    (tmp_path / "sources").mkdir()
    pickled = pickle.dumps(Trap(str(trap)), protocol=0)
    for name, data in [("arrow.py_extension_type", pickled), ("trap_module.Type", b"")]:
        metadata = {"ARROW:extension:name": name, "ARROW:extension:metadata": data}
        fields = [pa.field("odd", pa.int32(), metadata=metadata), pa.field("x", pa.int32())]
        columns = [pa.array(range(5), pa.int32())] * 2
        table = pa.table(columns, schema=pa.schema(fields))
        path = tmp_path / "sources" / "a"
        match write:
            case "stream":
                put(path, stream_of(table))
            case "file":
                put(path, file_of(table))
            case "parquet":
                pq.write_table(table, path)
        source = table if write == "table" else path
        if name == "arrow.py_extension_type":
            with pytest.raises(errors.SchemaError, match=rf'column "odd".*"{name}".*never imported.*columns='):
                open_shards(source)
        else:
            # A name is a name: what it stands for is not looked for, and the values are those that are stored.
            assert open_shards(source)[:] == {"odd": list(range(5)), "x": list(range(5))}
        assert open_shards(source, columns=["x"])[:] == {"x": list(range(5))}
    assert not trap.exists()
    assert "trap_module" not in sys.modules


@pytest.mark.parametrize("make", [stream_of, file_of, parquet_of])
def test_62_a_pickle_in_the_schema_is_never_read(tmp_path, make):
    """Metadata must be UTF-8, which the pickles of later protocols are not."""
    trap = tmp_path / "trap"
    metadata = {"ARROW:extension:name": "arrow.py_extension_type"}
    metadata["ARROW:extension:metadata"] = pickle.dumps(Trap(str(trap)), protocol=4)
    table = pa.table([[1]], schema=pa.schema([pa.field("odd", pa.int32(), metadata=metadata)]))
    path = put(tmp_path / "a", make(table))
    refused(errors.FormatError, path, path, "Utf8")
    with pytest.raises(ValueError, match="utf-8"):
        open_shards(table)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]), "Union"),
        (pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([5])), "RunEndEncoded"),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "Interval"),
    ],
)
def test_62_types_that_datasets_has_not(tmp_path, column, name):
    table = pa.table({"x": [1], "odd": column})
    path = put(tmp_path / "a.arrow", stream_of(table))
    refused(errors.SchemaError, path, path, 'column "odd"', name, "columns=")
    assert open_shards(table, columns=["x"])[:] == {"x": [1]}


@pytest.mark.parametrize(
    ("table", "old", "new", "name"),
    [
        (pa.table({"text": ["a"]}), b"text", b"te\0t", "NUL"),
        (pa.table({"x": pa.array([1], pa.timestamp("s", "Asia/Tokyo"))}), b"Asia/Tokyo", b"Asia\0Tokyo", "NUL"),
        (
            pa.table({"x": pa.array([None], pa.list_(pa.null(), 0x1234567))}),
            struct.pack("<i", 0x1234567),
            struct.pack("<i", -5),
            "the length -5",
        ),
        (pa.table({"x": pa.array([1], pa.decimal128(35, 21))}), b"\x23\0\0\0", b"\xc8\0\0\0", "200 digits"),
    ],
)
def test_62_a_schema_that_no_writer_writes(tmp_path, table, old, new, name):
    whole = stream_of(table)
    _, (body, _) = messages(whole)[:2]
    path = put(tmp_path / "a.arrow", changed(whole[:body], old, new) + whole[body:])
    refused(errors.FormatError, path, path, "column", name)


# --- what is no shard at all ---


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", ["LFS pointer", "git lfs pull"]),
        (b"<!DOCTYPE html><html>", ["<!DOCTYPE html>", "neither Parquet (PAR1), nor an Arrow file (ARROW1)"]),
        (b"\x1f\x8b\x08" + bytes(6) + b"\x03", ["compressed with gzip", "gunzip", "neither Parquet"]),
        (b"\x28\xb5\x2f\xfd\x24\x04", ["compressed with zstd", "zstd -d"]),
        (b"\x89HDF\r\n\x1a\n", ["HDF5", "as Parquet"]),
        (b"\x93NUMPY\x01\x00", ["a numpy .npy file", "open_scores"]),
        (b"PK\x03\x04" + bytes(30), ["a zip archive", "open_scores"]),
        (b"\x02" + bytes(7) + b"{}", ["safetensors", "open_scores"]),
        (b"\x80\x04\x95" + bytes(8), ["a bare pickle", "could run code"]),
        (b"ORC\n\x0b", ["ORC", "as Parquet"]),
        (b"Obj\x01\x04", ["Avro", "as Parquet"]),
        (b'{"text": "a"}\n', ["JSON text", "as Parquet"]),
        (b"id,text\n1,a\n", ["text (CSV or the like)", "as Parquet"]),
        (b"x", ['"x"', "neither Parquet"]),
    ],
)
@pytest.mark.parametrize("suffix", ["arrow", "parquet"])
def test_other_formats_are_named(tmp_path, suffix, content, names):
    path = put(tmp_path / f"a.{suffix}", content)
    refused(errors.FormatError, path, path, *names)
    refused(errors.FormatError, str(tmp_path / "*"), path, *names)


def test_an_empty_file(tmp_path):
    path = put(tmp_path / "a.arrow", b"")
    refused(errors.TruncatedError, path, path, "0 bytes")


def test_one_bad_shard_among_good_ones_is_named(tmp_path):
    for index in range(9):
        put(tmp_path / f"{index}.arrow", stream_of(table_of()))
    put(tmp_path / "7.arrow", b"")
    for threads in (1, 7):
        with pytest.raises(errors.TruncatedError, match=r"7\.arrow"):
            open_shards(tmp_path, threads=threads)


def test_a_pipe_is_never_waited_for(tmp_path):
    path = tmp_path / "a.arrow"
    os.mkfifo(path)
    refused(TypeError, path, path, "regular file", "pipe")


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "a.arrow").symlink_to(tmp_path / "gone")
    assert refused(FileNotFoundError, tmp_path / "a.arrow").filename == str(tmp_path / "a.arrow")

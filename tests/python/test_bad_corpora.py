"""Bad corpora, bad indices and faults while rows are written, by the rows of the list of what is withstood.

Each is refused by its own kind of exception whose message names the file, the place in it and what was found, and
nothing is left beside the output.
"""

import errno
import json
import os
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset

ROWS = 90


def table_of(rows=ROWS):
    ids = pa.array([[row, row + 1] for row in range(rows)], pa.list_(pa.int32()))
    return pa.table({"ids": ids, "text": [f"row {row:04}" for row in range(rows)]})


def stream_of(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=30)
    return sink.getvalue().to_pybytes()


def file_of(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=30)
    return sink.getvalue().to_pybytes()


def parquet_of(table, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def messages(stream):
    """Give where each message of a stream begins and where its body does, and then where the end mark is."""
    places, position = [], 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        body = position + 8 + struct.unpack_from("<i", stream, position + 4)[0]
        places.append((position, body))
        position = body + (message.body.size if message.body else 0)
    return [*places, (position, position + 8)]


def changed(stream, old, new):
    """Replace bytes that are there once."""
    assert stream.count(old) == 1
    assert len(old) == len(new)
    return stream.replace(old, new)


def put(path, content):
    path.write_bytes(content)
    return path


def refused(kind, source, *names):
    """Taking all rows and materializing them are both refused, and the output is left alone."""
    path = Path(source[0] if isinstance(source, list) else source)
    before = sorted(path.parent.iterdir())
    for use in (lambda shards: shards.take(range(len(shards))), materialized_beside(path)):
        with pytest.raises(kind) as caught:
            use(open_shards(source))
        assert type(caught.value) is kind
        for name in names:
            assert str(name) in str(caught.value), str(caught.value)
    assert sorted(path.parent.iterdir()) == before
    return caught.value


def materialized_beside(path):
    return lambda shards: dsdm.materialize(shards, range(len(shards)), path.parent / "out")


# --- Arrow ---


def test_50_a_stream_without_its_end_mark(tmp_path):
    whole = stream_of(table_of())
    path = put(tmp_path / "a.arrow", whole[:-8])
    refused(errors.TruncatedError, path, path, f"byte {len(whole) - 8}", "without its end mark", "90 rows")
    second = messages(whole)[2][0]
    put(path, whole[:second])
    refused(errors.TruncatedError, path, path, f"byte {second}", "without its end mark", "30 rows")


def test_51_bytes_after_the_end_mark(tmp_path):
    whole = stream_of(table_of())
    for more in (bytes(64), b"x", whole):
        path = put(tmp_path / "a.arrow", whole + more)
        refused(errors.FormatError, path, path, f"byte {len(whole)}", f"{len(more)} bytes follow", "90 rows")


def test_51_zeros_in_the_place_of_messages(tmp_path):
    """What a copy leaves that allocated the file and was stopped."""
    whole = stream_of(table_of())
    second = messages(whole)[2][0]
    path = put(tmp_path / "a.arrow", whole[:second] + bytes(len(whole) - second))
    refused(errors.FormatError, path, path, f"byte {second}", "ff ff ff ff", "00, 00, 00, 00", "30 rows")


@pytest.mark.parametrize("where", ["mark", "header", "body"])
def test_52_a_stream_cut_in_a_message(tmp_path, where):
    whole = stream_of(table_of())
    start, body = messages(whole)[2]
    cut = {"mark": start + 5, "header": start + 20, "body": body + 40}[where]
    path = put(tmp_path / "a.arrow", whole[:cut])
    refused(errors.TruncatedError, path, path, f"byte {start}", "message 2", "30 rows")


def test_53_the_file_format_under_the_name_of_a_stream_is_read(tmp_path):
    path = put(tmp_path / "a.arrow", file_of(table_of()))
    assert open_shards(path).take(range(ROWS)).to_pylist() == table_of().to_pylist()


def test_53_a_file_without_its_footer(tmp_path):
    whole = file_of(table_of())
    path = put(tmp_path / "a.arrow", whole[:-20])
    refused(errors.TruncatedError, path, path, f"byte {len(whole) - 20}", "must end with ARROW1")
    put(path, whole[:9])
    refused(errors.TruncatedError, path, path, "at least 18 bytes")
    put(path, whole[:-10] + struct.pack("<i", 2**31 - 1) + b"ARROW1")
    refused(errors.FormatError, path, path, "footer", "2147483647", f"{len(whole)} bytes")
    put(path, whole[:-40] + b"\xee" * 30 + whole[-10:])
    refused(errors.FormatError, path, path, "footer")


@pytest.mark.parametrize("make", [stream_of, file_of])
@pytest.mark.parametrize(
    ("column", "stride", "row", "wrong"),
    [("ids", 2, 7, 3), ("ids", 2, 7, 2**30), ("ids", 2, 7, -5), ("text", 8, 11, 40), ("text", 8, 11, 2**30)],
)
def test_54_offsets_that_decrease_or_lead_outside(tmp_path, make, column, stride, row, wrong):
    offsets = np.arange(31, dtype=np.int32) * stride
    bad = offsets.copy()
    bad[row + 1] = wrong
    whole = make(table_of(30))
    path = put(tmp_path / "a.arrow", changed(whole, offsets.tobytes(), bad.tobytes()))
    refused(errors.FormatError, path, path, f'column "{column}"', str(wrong))


def test_54_the_row_of_a_wrong_offset_is_named(tmp_path):
    offsets = np.arange(31, dtype=np.int32) * 2
    bad = offsets.copy()
    bad[8] = 3
    path = put(tmp_path / "a.arrow", changed(stream_of(table_of(30)), offsets.tobytes(), bad.tobytes()))
    assert re.search(r"(row|slot) 7\b", str(refused(errors.FormatError, path, 'column "ids"')))


@pytest.mark.parametrize("wrong", [3, 2**30, -5])
@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.large_list(pa.int32()), pa.string(), pa.large_binary()])
def test_54_offsets_of_a_table_in_memory(tmp_path, kind, wrong):
    width = np.int64 if "large" in str(kind) else np.int32
    offsets = np.arange(31, dtype=width) * 2
    offsets[8] = wrong
    buffers = [None, pa.py_buffer(offsets)]
    if pa.types.is_nested(kind):
        column = pa.Array.from_buffers(kind, 30, buffers, children=[pa.array(range(60), pa.int32())])
    else:
        column = pa.Array.from_buffers(kind, 30, [*buffers, pa.py_buffer(b"x" * 60)])
    for source in (pa.table({"x": column}), pa.table({"x": pa.StructArray.from_arrays([column], ["y"])})):
        with pytest.raises(errors.FormatError, match=rf'column "x".*row 7.*{wrong}'):
            dsdm.materialize(source, range(30), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_54_keys_and_views_of_a_table_in_memory(tmp_path):
    keys = pa.array([0, 1, 7, 1], pa.int8())
    texts = pa.array(["a", "b"])
    view = struct.pack("<i4sii", 20, b"abcd", 0, 90)  # of 20 bytes from byte 90 of a buffer of 100
    buffers = [None, pa.py_buffer(view), pa.py_buffer(b"abcd" * 25)]
    for column in (
        pa.DictionaryArray.from_arrays(keys, texts, safe=False),
        pa.Array.from_buffers(pa.string_view(), 1, buffers),
        pa.Array.from_buffers(pa.binary_view(), 1, buffers),
    ):
        with pytest.raises(errors.FormatError, match=r'column "x": .*damaged'):
            dsdm.materialize(pa.table({"x": column}), range(len(column)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("declared", [2**60, 2**31, -8])
def test_55_a_body_of_a_declared_size_that_is_not_there(tmp_path, declared):
    whole = stream_of(table_of())
    (start, body), (end, _) = messages(whole)[2:4]
    header = changed(whole[start:body], struct.pack("<q", end - body), struct.pack("<q", declared))
    path = put(tmp_path / "a.arrow", whole[:start] + header + whole[body:])
    kind = errors.FormatError if declared < 0 else errors.TruncatedError
    refused(kind, path, path, f"byte {start}", str(declared))


@pytest.mark.parametrize("declared", [2**31 - 1, -1])
def test_55_a_header_of_a_declared_size_that_is_not_there(tmp_path, declared):
    whole = stream_of(table_of())
    start, _ = messages(whole)[2]
    path = put(tmp_path / "a.arrow", whole[: start + 4] + struct.pack("<i", declared) + whole[start + 8 :])
    refused(errors.FormatError if declared < 0 else errors.TruncatedError, path, path, str(declared))


@pytest.mark.parametrize("declared", [2**60, 2**33, -1])
def test_55_a_buffer_of_a_declared_size_that_is_not_there(tmp_path, declared):
    table = pa.table({"x": pa.array(range(1001), pa.int16())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    whole = changed(sink.getvalue().to_pybytes(), struct.pack("<q", 2002), struct.pack("<q", declared))
    refused(errors.FormatError, put(tmp_path / "a.arrow", whole), "a.arrow", "byte", str(declared))


@pytest.mark.parametrize("declared", [2**62, 2**40, -2])
def test_55_a_compressed_buffer_that_declares_too_much(tmp_path, declared):
    table = pa.table({"x": pa.array([7] * 1001, pa.int16())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    whole = changed(sink.getvalue().to_pybytes(), struct.pack("<q", 2002), struct.pack("<q", declared))
    refused(errors.FormatError, put(tmp_path / "a.arrow", whole), "a.arrow", "byte", f"unpack to {declared}")


@pytest.mark.parametrize("declared", [2**40, 2**31, 31, -1])
def test_55_more_rows_than_there_are(tmp_path, declared):
    """The number of rows is in the batch and in each of its columns; a file can lie in all of them."""
    table = pa.table({"x": pa.array(range(29), pa.int64())})
    whole = stream_of(table)
    start, body = messages(whole)[1]
    header = whole[start:body]
    assert header.count(struct.pack("<q", 29)) == 2
    header = header.replace(struct.pack("<q", 29), struct.pack("<q", declared))
    path = put(tmp_path / "a.arrow", whole[:start] + header + whole[body:])
    with pytest.raises(errors.FormatError, match=str(path)):
        open_shards(path).take([0])


# --- save_to_disk ---


def saved(folder, rows=ROWS, shards=3):
    datasets.Dataset(InMemoryTable(table_of(rows))).save_to_disk(folder, num_shards=shards)
    return folder


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
    nested = table_of().set_column(0, "ids", pa.array([[1]] * ROWS, pa.list_(pa.int64())))
    pq.write_table(nested, second)
    refused(errors.SchemaError, [first, second], second, 'column "ids"', "Int64", "Int32", first)


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


# --- Parquet ---


def test_63_parquet_without_its_footer(tmp_path):
    whole = parquet_of(table_of())
    for cut in (len(whole) - 1, len(whole) - 100, 100, 5):
        path = put(tmp_path / "a.parquet", whole[:cut])
        refused(errors.TruncatedError, path, path, f"byte {cut}", "must end with PAR1")


def test_63_a_footer_that_is_none(tmp_path):
    whole = parquet_of(table_of())
    length = struct.unpack("<i", whole[-8:-4])[0]
    for footer in (b"\xee" * length + whole[-8:], whole[-8 - length : -8] + struct.pack("<i", 2**31 - 1) + b"PAR1"):
        path = put(tmp_path / "a.parquet", whole[: -8 - length] + footer)
        refused(errors.FormatError, path, path, "footer")


def test_63_an_unknown_codec(tmp_path):
    # The name of the column, then codec 1 (zigzag) as the next field.
    whole = parquet_of(pa.table({"unusual": [1, 2]}), compression="snappy")
    path = put(tmp_path / "a.parquet", changed(whole, b"\x07unusual\x15\x02", b"\x07unusual\x15\x78"))
    refused(errors.FormatError, path, path)


@pytest.mark.parametrize("codec", ["snappy", "gzip", "zstd", "lz4"])
def test_63_pages_that_are_none(tmp_path, codec):
    whole = parquet_of(table_of(2000), compression=codec, row_group_size=1000)
    group = pq.ParquetFile(pa.BufferReader(whole)).metadata.row_group(1).column(0)
    start = group.dictionary_page_offset or group.data_page_offset
    wrong = np.random.default_rng(0).bytes(group.total_compressed_size)
    path = put(tmp_path / "a.parquet", whole[:start] + wrong + whole[start + len(wrong) :])
    refused(errors.FormatError, path, path, "row group 1")


def test_61_parquet_whose_row_counts_differ(tmp_path):
    whole = parquet_of(table_of(1000))
    footer = len(whole) - 8 - struct.unpack("<i", whole[-8:-4])[0]
    # The count of all rows comes first: 1000, and 1001 in its place.
    wrong = whole[:footer] + whole[footer:].replace(b"\x16\xd0\x0f", b"\x16\xd2\x0f", 1)
    path = put(tmp_path / "a.parquet", wrong)
    refused(errors.TruncatedError, path, path, "num_rows", "1001", "1000")


def test_61_parquet_that_lost_bytes_in_its_middle(tmp_path):
    whole = parquet_of(table_of(1000))
    path = put(tmp_path / "a.parquet", whole[:50] + whole[-1500:])
    refused(errors.FormatError, path, path, "row group 0", "spans")


# --- bytes changed at random ---


def mutant(whole, rng):
    """Change up to three places: a bit, a byte, a word, or bytes that go missing."""
    changed = bytearray(whole)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(changed)))
        match rng.integers(4):
            case 0:
                changed[place] ^= 1 << int(rng.integers(8))
            case 1:
                changed[place] = int(rng.choice([0, 127, 128, 255]))
            case 2:
                changed[place : place + 8] = int(rng.choice([0, 2**31, 2**63 - 1])).to_bytes(8, "little")
            case 3:
                del changed[place : place + int(rng.integers(1, 9))]
    return bytes(changed)


READERS = {
    "stream": (stream_of, lambda path: pa.ipc.open_stream(path).read_all()),
    "zstd": (lambda table: stream_of(table, compression="zstd"), lambda path: pa.ipc.open_stream(path).read_all()),
    "file": (file_of, lambda path: pa.ipc.open_file(path).read_all()),
    "parquet": (parquet_of, pq.read_table),
}


@pytest.mark.parametrize("kind", READERS)
def test_mutants_are_refused_or_read_as_pyarrow_reads_them(tmp_path, kind):
    write, read = READERS[kind]
    table = table_of(40).append_column("turn", pa.array([{"role": str(row), "n": [row]} for row in range(40)]))
    whole, rng, refusals = write(table), np.random.default_rng(0), []
    for _ in range(150):
        path = put(tmp_path / "a", mutant(whole, rng))
        try:
            shards = open_shards(path)
            found = shards.take(range(min(len(shards), 40)))
        except errors.FormatError as error:
            refusals.append(str(error))
            continue
        found.validate(full=True)
        try:
            expected = read(path)
            expected.validate(full=True)
        except (pa.ArrowException, OSError):
            continue
        # What is not a row, such as whether a column may have nulls, may differ.
        assert repr(found.to_pydict()) == repr(expected.to_pydict())
    assert 0 < len(refusals) < 150
    assert all(str(tmp_path / "a") in refusal for refusal in refusals)


BOMB_ROWS, BOMB_TEXT = 4000, 200_000


def varint(number):
    """Give a number as Parquet's footer has it, in five bytes."""
    groups = [(2 * number >> shift) & 0x7F for shift in range(0, 35, 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def bomb(path):
    """Write a small file of rows that are large, and in the footer or the first batch that they are small."""
    keys = pa.array([path.suffix == ".parquet"] + [True] * (BOMB_ROWS - 1)).cast(pa.int32())
    table = pa.table({"text": pa.DictionaryArray.from_arrays(keys, pa.array(["", "x" * BOMB_TEXT]))})
    if path.suffix == ".parquet":
        whole = parquet_of(table, compression="zstd", store_schema=False)
        put(path, changed(whole, varint(BOMB_ROWS * BOMB_TEXT), varint(BOMB_ROWS)))
    else:
        with pa.ipc.new_stream(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table[:1])
            writer.write_table(table[1:])
    assert path.stat().st_size < 20_000
    return path


# What getrusage tells begins with what the parent had; this is of the process alone, in kB.
PEAK = """
import re, sys, dsdm

def peak():
    with open("/proc/self/status") as status:
        return int(re.search("VmHWM:(.*)kB", status.read())[1])

before = peak()
try:
    dsdm.materialize(sys.argv[1], range(int(sys.argv[2])), sys.argv[3], memory_limit="1MB")
except MemoryError as error:
    print(before, peak(), type(error).__name__, error)
"""


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_64_a_small_file_of_large_rows_is_refused_before_it_fills_the_memory(tmp_path, name):
    path = bomb(tmp_path / name)
    ran = python(PEAK, path, BOMB_ROWS, tmp_path / "out")
    before, after, kind, message = ran.stdout.split(maxsplit=3)
    assert kind == "MemoryError"
    assert "decoded rows take" in message
    assert "memory limit allows 268435456" in message
    assert "memory_limit=" in message
    assert (int(after) - int(before)) * 1024 < 0.7 * BOMB_ROWS * BOMB_TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert len(open_shards(path).take([3])["text"][0].as_py()) == BOMB_TEXT


FEW = """
import re, sys, dsdm

def peak():
    with open("/proc/self/status") as status:
        return int(re.search("VmHWM:(.*)kB", status.read())[1])

shards = dsdm.open_shards(sys.argv[1])
shards.take([0])
before = peak()
dsdm.materialize(shards, range(0, 800_000, 1000), sys.argv[2], memory_limit="1MB", threads=1)
print(peak() - before)
"""


def test_64_compressed_batches_are_not_all_kept_for_a_few_rows(tmp_path):
    """Eight batches of 20 MB each, of which 800 rows of 200 bytes are wanted."""
    ids = pa.ListArray.from_arrays(np.arange(0, 800_001 * 100, 100, dtype=np.int32), np.zeros(80_000_000, np.uint16))
    table = pa.table({"ids": ids})
    with pa.ipc.new_stream(
        tmp_path / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table, max_chunksize=100_000)
    kilobytes = int(python(FEW, tmp_path / "a.arrow", tmp_path / "out").stdout)
    assert kilobytes < 80_000
    assert open_shards(tmp_path / "a.arrow")._source.corpus.nbytes > 0.9 * table.nbytes


@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
@pytest.mark.parametrize("columns", [None, ["key"]])
def test_64_keys_count_as_what_they_stand_for(tmp_path, codec, columns):
    keys = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 5000, pa.int8()), ["a" * 1000, "b" * 3000])
    table = pa.table({"key": keys, "text": ["c" * 100] * 10_000})
    with pa.ipc.new_stream(
        tmp_path / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)
    ) as writer:
        writer.write_table(table, max_chunksize=1000)
    counted = open_shards(tmp_path / "a.arrow", columns=columns)._source.corpus.nbytes
    values = 20e6 if columns else 21e6
    assert values <= counted < 1.05 * values


def python(script, *arguments):
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=True
    )


# --- indices, scores, output, seed ---


def uses(tmp_path):
    path = put(tmp_path / "a.arrow", stream_of(table_of()))
    return [
        lambda rows: dsdm.materialize(path, rows, tmp_path / "out"),
        lambda rows: dsdm.select(path, rows),
        lambda rows: open_shards(path).take(rows),
        lambda rows: open_dataset(path).select(rows),
        lambda rows: dsdm.select(open_dataset(path).select(range(ROWS)), rows),
    ]


@pytest.mark.parametrize(
    ("rows", "position", "value"),
    [([0, 90], 1, 90), ([-1], 0, -1), (np.array([5, 2**62]), 1, 2**62), ([3, -90], 1, -90)],
)
def test_65_a_row_that_is_not_there(tmp_path, rows, position, value):
    for use in uses(tmp_path):
        with pytest.raises(
            IndexError, match=rf"index {value} at position {position} is out of range: there are 90 rows, 0 to 89"
        ):
            use(rows)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.arrow"]


def test_65_a_row_of_no_rows(tmp_path):
    empty = table_of().slice(0, 0)
    for source in (empty, datasets.Dataset(InMemoryTable(table_of())).select([])):
        with pytest.raises(IndexError, match="index 0 at position 0 is out of range: there are no rows"):
            dsdm.select(source, [0])
        with pytest.raises(IndexError, match="index 0 at position 0 is out of range: there are no rows"):
            dsdm.materialize(source, [0], tmp_path / "out")


def test_66_repeated_rows_are_kept(tmp_path):
    materialize, select, take, lazily, mapped = uses(tmp_path)
    rows = [4, 4, 0, 4]
    materialize(rows)
    expected = table_of().take(rows).to_pylist()
    assert datasets.load_from_disk(str(tmp_path / "out")).to_list() == expected
    assert take(rows).to_pylist() == expected
    for use in (select, lazily, mapped):
        assert use(rows).to_list() == expected


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([0.0, 1.0], TypeError, "whole numbers and are float64"),
        (np.array([1], np.float32), TypeError, "float32"),
        ([2**63], IndexError, "index 9223372036854775808 at position 0 is out of range"),
        ([1, 2**70], IndexError, "index 1180591620717411303424 at position 1 is out of range"),
        ([-(2**70), 0.5], TypeError, "whole numbers"),
        (np.array([1, 2**63 + 5], np.uint64), IndexError, "index 9223372036854775813 at position 1"),
        (np.ones(ROWS, bool), TypeError, "bool; .*flatnonzero"),
        ([True, False], TypeError, "bool; .*flatnonzero"),
        ([[1, 2]], ValueError, r"one dimension and have the shape \(1, 2\)"),
        (7, TypeError, "row numbers, and are int"),
        ("123", TypeError, "row numbers, and are str"),
        (["1"], TypeError, "whole numbers"),
        ([None], TypeError, "whole numbers"),
        ([1, None], TypeError, "whole numbers"),
        ({1: 2}, TypeError, "row numbers, and are dict"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "datetime64"),
        (np.array(5), ValueError, r"one dimension and have the shape \(\)"),
    ],
)
def test_67_indices_that_are_no_row_numbers(tmp_path, rows, kind, message):
    for use in uses(tmp_path):
        with pytest.raises(kind, match=message):
            use(rows)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.arrow"]


def test_72_scores_of_another_length(tmp_path):
    with pytest.raises(ValueError, match=r"the scores 'scores' have 89 values and the source has 90 rows"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", scores=np.ones(89))
    with pytest.raises(ValueError, match=r"the scores 'b' have 91 values and the source has 90 rows"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", scores={"a": np.ones(90), "b": [0.5] * 91})
    assert list(tmp_path.iterdir()) == []


def test_74_an_output_that_is_there_or_is_the_source(tmp_path):
    folder = saved(tmp_path / "saved")
    with pytest.raises(FileExistsError) as caught:
        dsdm.materialize(table_of(), [0], folder)
    assert caught.value.errno == errno.EEXIST
    assert caught.value.filename == str(folder)
    with pytest.raises(ValueError, match=rf"{folder}: the output would replace the source {folder}"):
        dsdm.materialize(folder, [0], folder, overwrite=True)


@pytest.mark.parametrize(
    ("seed", "kind", "message"),
    [
        (1.5, TypeError, r"seed .* 1\.5"),
        ("7", TypeError, "seed .* '7'"),
        (True, TypeError, "seed .* True"),
        (-1, ValueError, "seed is -1"),
    ],
)
def test_75_a_seed_that_is_none(tmp_path, seed, kind, message):
    with pytest.raises(kind, match=message):
        dsdm.materialize(table_of(), [0], tmp_path / "out", row_order="shuffle", seed=seed)
    with pytest.raises(ValueError, match="seed=3 belongs to row_order='shuffle', and row_order is 'row'"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", row_order="row", seed=3)
    assert list(tmp_path.iterdir()) == []


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


# --- faults ---

SLOW_ROWS = 400_000


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Give a Parquet file of one row group, which is decoded anew for every thousand rows of a small memory."""
    path = tmp_path_factory.mktemp("slow") / "a.parquet"
    ids = np.random.default_rng(0).integers(0, 2**16, (SLOW_ROWS, 16), dtype=np.uint16)
    pq.write_table(pa.table({"ids": pa.FixedSizeListArray.from_arrays(ids.ravel(), 16)}), path)
    return path


# What is told is told to a bar; this one writes a line when the work has begun.
SLOW = """
import sys, dsdm, dsdm.rows.materializing
import numpy as np

class Told:
    def __enter__(self): return self
    def __exit__(self, *_): return None
    def __call__(self, done): done and print("begun", flush=True)

dsdm.rows.materializing.bar = lambda *_, **__: Told()
try:
    rows = np.random.default_rng(0).permutation(int(sys.argv[3]))
    dsdm.materialize(sys.argv[1], rows, sys.argv[2], memory_limit=1, threads=2, num_shards=4)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.fixture
def begun(slow, tmp_path):
    """Give a process that writes `out`, a little after it began to."""
    source = tmp_path / "a.parquet"
    source.hardlink_to(slow)
    command = [sys.executable, "-c", SLOW, str(source), str(tmp_path / "out"), str(SLOW_ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def not_loadable(folder):
    with pytest.raises(FileNotFoundError):
        datasets.load_from_disk(str(folder))


def test_an_interrupt_stops_within_a_second_and_leaves_nothing(begun, tmp_path):
    begun.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, _ = begun.communicate(timeout=20)
    assert out.endswith("stopped\n")
    assert time.monotonic() - began < 5  # with room for a busy machine
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("later", [0, 0.2])
def test_a_kill_leaves_nothing_that_loads_and_the_next_run_cleans_up(begun, tmp_path, later):
    time.sleep(later)
    begun.kill()
    begun.wait()
    left = [entry for entry in tmp_path.iterdir() if entry.name != "a.parquet"]
    assert [entry.name.startswith(".out.dsdm-") for entry in left] == [True]
    not_loadable(tmp_path / "out")
    not_loadable(left[0])
    dsdm.materialize(tmp_path / "a.parquet", [3], tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.parquet", "out"]
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 1


@pytest.mark.parametrize("options", [{}, {"resume": False}, {"overwrite": True}])
def test_a_run_for_the_same_output_that_lives_is_left_alone(begun, tmp_path, options):
    with pytest.raises(OSError, match=rf"the process {begun.pid} is writing it now, in .*\.out\.dsdm-"):
        dsdm.materialize(tmp_path / "a.parquet", [3], tmp_path / "out", **options)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".out.dsdm-")] != []
    assert begun.poll() is None


def test_a_shard_damaged_late_in_the_corpus_leaves_nothing(tmp_path):
    (tmp_path / "corpus").mkdir()
    for index in range(9):
        put(tmp_path / "corpus" / f"{index}.arrow", stream_of(table_of(30)))
    offsets = (np.arange(31, dtype=np.int32) * 2).tobytes()
    bad = changed(stream_of(table_of(30)), offsets, offsets[::-1])
    path = put(tmp_path / "corpus" / "8.arrow", bad)
    for options in ({}, {"memory_limit": 1, "num_shards": 270}):
        with pytest.raises(errors.FormatError, match=rf'{path}.*column "ids"'):
            dsdm.materialize(tmp_path / "corpus", range(270), tmp_path / "out", **options)
        assert [entry.name for entry in tmp_path.iterdir()] == ["corpus"]
    dsdm.materialize(tmp_path / "corpus", range(240), tmp_path / "out")
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 240


def test_a_failed_overwrite_leaves_what_was_there(tmp_path):
    dsdm.materialize(table_of(), [1, 2], tmp_path / "out")
    offsets = (np.arange(31, dtype=np.int32) * 2).tobytes()
    path = put(tmp_path / "a.arrow", changed(stream_of(table_of(30)), offsets, offsets[::-1]))
    with pytest.raises(errors.FormatError):
        dsdm.materialize(path, range(30), tmp_path / "out", overwrite=True)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.arrow", "out"]
    assert len(datasets.load_from_disk(str(tmp_path / "out"))) == 2


FULL = """
import resource, sys, dsdm
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    dsdm.materialize(sys.argv[1], range(5000), sys.argv[2], num_shards=int(sys.argv[4]))
except OSError as error:
    print(type(error).__name__, error.errno, error.filename, error)
"""


@pytest.mark.parametrize(("room", "shards"), [(100, 1), (4000, 1), (100_000, 1), (20_000, 5)])
def test_a_file_that_may_not_grow_further_leaves_nothing(slow, tmp_path, room, shards):
    ran = python(FULL, slow, tmp_path / "out", room, shards)
    kind, number, path, message = ran.stdout.split(maxsplit=3)
    assert (kind, int(number)) == ("OSError", errno.EFBIG)
    assert path.startswith(str(tmp_path / ".out.dsdm-"))
    assert "File too large" in message
    assert "writing" in message
    assert list(tmp_path.iterdir()) == []


def test_an_output_where_nothing_can_be_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="is no directory, and nothing can lie in it") as caught:
        dsdm.materialize(table_of(), [0], tmp_path / "file" / "out")
    assert caught.value.errno in {errno.ENOTDIR, errno.EEXIST}
    assert caught.value.filename == str(tmp_path / "file" / "out")


class Touches:
    """A bar that does something to a file once the work has begun."""

    def __init__(self, do):
        self.do, self.done = do, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __call__(self, _):
        if not self.done:
            self.done = True
            self.do()


def age(path):
    os.utime(path, (1, 1))


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize(
    ("change", "name"),
    [(grow, "bytes and has"), (age, "its modification time is another")],
)
def test_a_source_that_changes_while_rows_are_written(slow, tmp_path, monkeypatch, change, name):
    source = tmp_path / "a.parquet"
    shutil.copy(slow, source)
    rows = np.random.default_rng(0).integers(0, SLOW_ROWS, 30_000)
    bar = Touches(lambda: change(source))
    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: bar)
    with pytest.raises(errors.SourceChangedError, match=rf"{source}: the file changed .*{name}"):
        dsdm.materialize(source, rows, tmp_path / "out", memory_limit=1, threads=1)
    assert bar.done
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


def test_a_source_replaced_by_a_rename_is_read_as_it_was(tmp_path):
    path = put(tmp_path / "a.arrow", stream_of(table_of()))
    shards = open_shards(path)
    put(tmp_path / "b.arrow", stream_of(table_of().slice(5))).rename(path)
    assert shards.take([0]).to_pylist() == table_of().slice(0, 1).to_pylist()


@pytest.mark.parametrize("write", [stream_of, file_of, parquet_of])
def test_a_source_that_changed_since_it_was_opened(tmp_path, write):
    path = put(tmp_path / "a", write(table_of()))
    shards, lazy = open_shards(path), open_dataset(path)
    size = path.stat().st_size
    grow(path)
    for use in (
        lambda: shards.take([0]),
        lambda: shards[0],
        lambda: lazy[0],
        lambda: lazy.select([0]).save_to_disk(tmp_path / "out"),
        lambda: dsdm.materialize(shards, [0], tmp_path / "out"),
    ):
        with pytest.raises(errors.SourceChangedError, match=rf"it had {size} bytes and has {size + 4}"):
            use()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]

"""Damaged shards of Arrow and Parquet, by the rows of the list of what is withstood, and bytes changed at random."""

import re
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors, open_shards
from tests.corpora.damaged import ROWS, changed, file_of, messages, parquet_of, put, refused, stream_of, table_of

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

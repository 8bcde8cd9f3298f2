"""Headers of Arrow files that contradict themselves are refused: no row and no null is lost or made up."""

import struct

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors
from tests.oracle.equality import table_difference
from tests.oracle.readers import FILE, STREAM, RefusedError, read_table
from tests.oracle.types import alike, documented

ROWS = 12


def written(tmp_path, table, form="stream", codec=None):
    sink = pa.BufferOutputStream()
    writer = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as to:
        to.write_table(table, max_chunksize=ROWS)
    path = tmp_path / "a.arrow"
    path.write_bytes(sink.getvalue().to_pybytes())
    return path


def changed(path, old, new, which=0):
    """Replace one of the places at which bytes stand."""
    data = path.read_bytes()
    at = -1
    for _ in range(which + 1):
        at = data.index(old, at + 1)
    path.write_bytes(data[:at] + new + data[at + len(old) :])


def refused(path, *words, score=True):
    def as_corpus():
        shards = dsdm.open_shards(path)
        shards.take(range(len(shards)))

    for read in (as_corpus, lambda: np.asarray(dsdm.open_scores(path)))[: 1 + score]:
        with pytest.raises(errors.FormatError) as caught:
            read()
        for word in (str(path), *words):
            assert word in str(caught.value), str(caught.value)


def numbers(rows=ROWS, **columns):
    return pa.table({"x": pa.array(np.arange(rows) + 2**40, pa.int64()), **columns})


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("rows", [0, 5, 100])
def test_a_batch_of_other_rows_than_its_columns(tmp_path, form, rows):
    path = written(tmp_path, numbers(), form)
    node = struct.pack("<qq", ROWS, 0)
    changed(path, node, struct.pack("<qq", rows, 0))
    refused(path, '"x"', f"{rows} values", f"{ROWS} rows")


@pytest.mark.parametrize("nulls", [-1, ROWS + 1, 2**40])
def test_more_nulls_than_values(tmp_path, nulls):
    path = written(tmp_path, numbers())
    changed(path, struct.pack("<qq", ROWS, 0), struct.pack("<qq", ROWS, nulls))
    refused(path, '"x"', f"{ROWS} values", f"{nulls} nulls")


def test_nulls_without_the_bits_that_tell_which(tmp_path):
    path = written(tmp_path, numbers())
    changed(path, struct.pack("<qq", ROWS, 0), struct.pack("<qq", ROWS, 3))
    refused(path, '"x"', "3 nulls among 12 values", "0 bytes")
    nested = pa.table({"s": pa.array([{"x": i} for i in range(ROWS)])})
    path = written(tmp_path, nested)
    changed(path, struct.pack("<qq", ROWS, 0), struct.pack("<qq", ROWS, 3), which=1)
    refused(path, '"s"', "3 nulls among 12 values", score=False)


def test_a_buffer_that_is_not_aligned(tmp_path):
    path = written(tmp_path, numbers())
    changed(path, struct.pack("<qq", 0, 8 * ROWS), struct.pack("<qq", 1, 8 * ROWS - 8))
    refused(path, "buffer 1", "begins at byte 1", "multiples of 8", score=False)


def test_a_footer_that_leaves_a_batch_out(tmp_path):
    path = written(tmp_path, numbers(3 * ROWS), "file")
    data = path.read_bytes()
    footer = len(data) - 10 - struct.unpack("<i", data[-10:-6])[0]
    at = data.index(struct.pack("<I", 3), footer)  # the length of the vector of blocks
    path.write_bytes(data[:at] + struct.pack("<I", 2) + data[at + 4 :])
    refused(path, "no block that the footer names", "the footer is damaged")


def test_a_compressed_buffer_of_more_bytes_than_it_says(tmp_path):
    path = written(tmp_path, numbers(), codec="lz4")
    whole = np.asarray(dsdm.open_scores(path))
    assert whole.tolist() == (np.arange(ROWS) + 2**40).tolist()
    other = written(tmp_path, numbers(2 * ROWS).slice(0, 0), codec="lz4")
    assert len(dsdm.open_scores(other)) == 0
    path = written(tmp_path, pa.table({"x": np.arange(ROWS) % 2}), codec="zstd")
    changed(path, struct.pack("<q", 8 * ROWS), struct.pack("<q", 8 * ROWS - 8), which=0)
    refused(path)


def test_sound_headers_of_all_layouts_are_read(tmp_path):
    table = pa.table(
        {
            "x": pa.array([1, None] * 6),
            "null": pa.nulls(ROWS),
            "text": pa.array(["a", None, "a text of more than twelve bytes"] * 4),
            "view": pa.array(["a", None, "a text of more than twelve bytes"] * 4, pa.string_view()),
            "list": pa.array([[1, None], None, []] * 4, pa.list_(pa.int8())),
            "views": pa.array([[1, None], None, []] * 4, pa.large_list_view(pa.int8())),
            "fixed": pa.array([[1, 2], None] * 6, pa.list_(pa.int8(), 2)),
            "struct": pa.array([{"a": 1, "b": None}, None] * 6, pa.struct([("a", pa.int8()), ("b", pa.string())])),
            "keys": pa.array(["a", None, "b"] * 4).dictionary_encode(),
        }
    )
    union = pa.UnionArray.from_dense(
        pa.array([0, 1] * 6, pa.int8()), pa.array(range(12), pa.int32()), [pa.array(range(12)), pa.array(["a"] * 12)]
    )
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int16()), pa.array([7]))
    unread = pa.table({"union": union, "runs": runs, "last": pa.array(range(ROWS))})
    for form in ("stream", "file"):
        for codec in (None, "zstd"):
            path = written(tmp_path, table, form, codec)
            shards = dsdm.open_shards(path)
            assert shards.take(range(ROWS)).to_pylist() == table.to_pylist()
            path = written(tmp_path, unread, form, codec)
            assert dsdm.open_shards(path, columns=["last"]).take([3])["last"].to_pylist() == [3]
            assert dsdm.open_scores(path, column="last")[:].tolist() == list(range(ROWS))


def renamed_kind(path, form, kind):
    """Have the first batch say that it is a message of another kind."""
    data = bytearray(path.read_bytes())
    at = 8 if form == "file" else 0
    (length,) = struct.unpack_from("<i", data, at + 4)
    message = at + 8 + length
    root = message + 8 + struct.unpack_from("<I", data, message + 8)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    place = root + struct.unpack_from("<H", data, vtable + 6)[0]
    assert data[place] == 3
    data[place] = kind
    path.write_bytes(data)


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("kind", ["string", "string_view", "int64"])
def test_a_batch_that_says_it_is_a_dictionary_is_not_passed_over(tmp_path, form, kind):
    text = pa.array([str(row % 5) for row in range(2 * ROWS)])
    column = {
        "string": text,
        "string_view": text.cast(pa.string_view()),
        "int64": pa.array(range(2 * ROWS)),
    }
    path = written(tmp_path, pa.table({"x": column[kind]}), form)
    assert len(dsdm.open_shards(path)) == 2 * ROWS
    renamed_kind(path, form, 2)
    refused(path, score=False)


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("column", ["x", "t", "k", "s", "u"])
def test_a_header_of_which_four_bytes_are_zeros_is_refused_or_read_as_by_pyarrow(tmp_path, form, column):
    """An offset of zero leads to itself: to a table of defaults, as a column of 16 bits, or to an empty list."""
    sound = {
        "x": pa.array([1.5, None], pa.float32()),
        "t": pa.array([1, 2], pa.timestamp("ms", "UTC")),
        "k": pa.array(["a", "b"]).dictionary_encode(),
        "s": pa.array([{"a": [1]}, None]),
        "u": pa.array(["a", "a text of more than twelve bytes"], pa.string_view()),
    }[column]
    field = pa.field(column, sound.type, metadata={"a": "b"})
    path = written(tmp_path, pa.table([sound], pa.schema([field], metadata={"c": "d"})), form)
    data, kind = path.read_bytes(), STREAM if form == "stream" else FILE
    whole = read_table(path, kind)
    for at in range(0, len(data) - 3, 4):
        path.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
        try:
            shards = dsdm.open_shards(path)
            ours = shards.take(range(len(shards)))
        except (errors.FormatError, errors.SchemaError):
            continue
        try:
            theirs = read_table(path, kind)
        except RefusedError:
            theirs = whole  # What nobody else looks at is without harm where all is as it was.
        assert table_difference(ours, theirs) is None, at
        pairs = zip(ours.schema, theirs.schema, strict=True)
        assert all(alike(mine.type, documented(other.type)) for mine, other in pairs), at


@pytest.mark.parametrize("form", ["stream", "file"])
def test_messages_of_two_versions(tmp_path, form):
    """Of the version before, pyarrow takes compressed buffers as they are."""
    path = written(tmp_path, numbers(), form, codec="zstd")
    data = bytearray(path.read_bytes())
    start = 8 if form == "file" else 0
    (length,) = struct.unpack_from("<i", data, start + 4)
    for message in (start + 8, start + 8 + length + 8):
        root = message + struct.unpack_from("<I", data, message)[0]
        vtable = root - struct.unpack_from("<i", data, root)[0]
        place = root + struct.unpack_from("<H", data, vtable + 4)[0]
        other = bytearray(data)
        other[place] = pa.ipc.MetadataVersion.V4.value
        path.write_bytes(other)
        refused(path, "the message is of version V", "V4", "V5")


@pytest.mark.parametrize("length", [9 * ROWS, 2**51, -1])
def test_a_buffer_that_nobody_needs_is_within_the_body_too(tmp_path, length):
    path = written(tmp_path, numbers(ROWS, y=pa.array(range(ROWS))))
    # The bits that tell which are null, where none are.
    buffers = struct.pack("<qqqq", 0, 0, 0, 8 * ROWS)
    changed(path, buffers, struct.pack("<qqqq", 8 * ROWS + 8, length, 0, 8 * ROWS))
    for columns in (["x"], ["y"]):
        with pytest.raises(errors.FormatError, match=rf"buffer 0 of the batch spans {length} bytes"):
            dsdm.open_shards(path, columns=columns)
    refused(path, "buffer 0 of the batch", score=False)


def test_a_message_whose_body_begins_elsewhere_than_by_the_footer(tmp_path):
    """Each value would be the one after it."""
    path = written(tmp_path, numbers(), "file")
    data = path.read_bytes()
    (schema,) = struct.unpack_from("<i", data, 12)
    batch = 16 + schema
    (length,) = struct.unpack_from("<i", data, batch + 4)
    path.write_bytes(data[: batch + 4] + struct.pack("<i", length + 8) + data[batch + 8 :])
    refused(path, "the footer gives the message", f"it has {length + 16}")


def test_a_dictionary_of_decimals_without_digits(tmp_path):
    """A bit of the type of texts makes them decimals of no digits, which no library takes."""
    table = pa.table({"k": pa.array(["a", "b"]).dictionary_encode()})
    path = written(tmp_path, table)
    data = bytearray(path.read_bytes())
    root = 8 + struct.unpack_from("<I", data, 8)[0]
    schema = follow(data, root, 8)
    fields = follow(data, schema, 6)
    field = fields + 4 + struct.unpack_from("<I", data, fields + 4)[0]
    place = field_place(data, field, 8)
    assert data[place] == 5
    data[place] = 7
    path.write_bytes(data)
    refused(path, '"k"', "a decimal has 0 digits", score=False)


def field_place(data, table, field):
    vtable = table - struct.unpack_from("<i", data, table)[0]
    return table + struct.unpack_from("<H", data, vtable + field)[0]


def follow(data, table, field):
    place = field_place(data, table, field)
    return place + struct.unpack_from("<I", data, place)[0]


def test_integers_of_more_bits_are_told_to_be_unknown_and_not_damaged(tmp_path):
    """As polars writes them."""
    path = written(tmp_path, numbers())
    changed(path, struct.pack("<i", 64), struct.pack("<i", 128))
    for opened in (dsdm.open_shards, dsdm.open_scores):
        with pytest.raises(errors.FormatError, match=r"bit width of 128 .*up to 64 bits.*write the column in another"):
            opened(path)

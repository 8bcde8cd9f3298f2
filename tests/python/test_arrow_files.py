"""Arrow streams and files as writers other than today's left them: read as pyarrow does, or refused by name."""

import io

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors

BYTES = [b"a", "ü".encode(), b"\xff\xfe", None, b"ok", b"caf\xe9", b"", b"a text of more than twelve bytes"]
BROKEN = [2, 5]
WHOLE = [row for row in range(len(BYTES)) if row not in BROKEN]


def write(path, table, kind, **options):
    opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with opened(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return path


def text_of(kind):
    bytes_of = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}[
        kind
    ]
    array = pa.array(BYTES, bytes_of)
    return pa.Array.from_buffers(kind, len(array), array.buffers())


def columns(name):
    texts = text_of(pa.string())
    offsets = pa.array(range(len(BYTES) + 1), pa.int32())
    return {
        "string": lambda: texts,
        "large": lambda: text_of(pa.large_string()),
        "view": lambda: text_of(pa.string_view()),
        "list": lambda: pa.ListArray.from_arrays(offsets, texts),
        "fixed": lambda: pa.FixedSizeListArray.from_arrays(texts, 1),
        "group": lambda: pa.StructArray.from_arrays([texts], ["t"]),
        "lists": lambda: pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([texts], ["t"])),
        "keys": lambda: pa.DictionaryArray.from_arrays(pa.array(range(len(BYTES)), pa.int8()), texts),
    }[name]()


def value(name, row):
    text = None if BYTES[row] is None else BYTES[row].decode()
    if name in ("list", "fixed"):
        return [text]
    return {"group": {"t": text}, "lists": [{"t": text}]}.get(name, text)


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("name", ["string", "large", "view", "list", "fixed", "group", "lists", "keys"])
def test_only_the_row_whose_text_is_none_is_refused(tmp_path, name, kind, compression):
    column = columns(name)
    # A file has one dictionary for all of its batches.
    before = pa.array([None] * 3, column.type)
    if name == "keys":
        before = pa.DictionaryArray.from_arrays(pa.array([None] * 3, pa.int8()), column.dictionary)
    table = pa.table({"x": pa.chunked_array([before, column]), "row": pa.chunked_array([range(3), range(3, 11)])})
    path = write(tmp_path / "x.arrow", table, kind, compression=compression)
    shards = dsdm.open_shards(path)
    wanted = [3 + row for row in WHOLE]
    for order in (wanted, wanted[::-1], wanted * 2, [0, *wanted]):
        expected = [None if row < 3 else value(name, row - 3) for row in order]
        assert shards.take(order).to_pydict() == {"x": expected, "row": order}
    for row in BROKEN:
        with pytest.raises(errors.FormatError, match=rf'column "x", row {3 + row}: the text .* is not UTF-8'):
            shards.take([3, 3 + row])
    assert dsdm.open_shards(path, columns=["row"]).take([5]).to_pydict() == {"row": [5]}
    assert dsdm.open_scores(path, column="row")[:].tolist() == list(range(3 + len(BYTES)))


# ------------------------------------------------------------------------------------------- compression of Arrow 0.17


def by_arrow_017(kind, codec):
    """Give a batch whose compression is named in the message's metadata alone, and its table."""
    table = pa.table({"score": np.arange(100.0), "ids": [[row] * 4 for row in range(100)]})
    sink = io.BytesIO()
    metadata = pa.KeyValueMetadata({"ARROW:experimental_compression": codec.upper()})
    opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with opened(sink, table.schema) as writer:
        writer.write_batch(table.to_batches()[0], custom_metadata=metadata)
    return sink.getvalue()


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
@pytest.mark.parametrize("io_mode", ["mmap", "pread"])
def test_compression_that_is_named_beside_the_batch_is_refused(tmp_path, kind, codec, name, io_mode):
    """Its buffers are compressed, and to readers that do not look there they are values."""
    path = tmp_path / name
    path.write_bytes(by_arrow_017(kind, codec))
    named = rf"{name}: at byte \d+: the batch is compressed with \"{codec.upper()}\" as Arrow 0.17 .*write it again"
    with pytest.raises(errors.FormatError, match=named):
        dsdm.open_shards(path)
    with pytest.raises(errors.FormatError, match=named):
        dsdm.open_scores(path, column="score", io=io_mode)

"""Arrow files that begin with a schema message without its frame, as polars writes them, are read by their footer."""

import struct

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors

ROWS = 30
STEP = 8
SOME = [29, 0, 7, 7, 12]
FRAME = 8


def table(rows=ROWS):
    words = pa.array([f"word {row % 4}" for row in range(rows)]).dictionary_encode()
    texts = pa.array([f"a text that is long: {row}" for row in range(rows)], pa.string_view())
    return pa.table({"score": np.arange(rows) / 4, "id": range(rows), "word": words, "text": texts})


def bare(path, content, codec=None):
    """Write a file, and move the schema message of its start to where its marker and its length stood."""
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_file(path, content.schema, options=options) as writer:
        writer.write_table(content, max_chunksize=STEP)
    data = path.read_bytes()
    marker, length = struct.unpack_from("<ii", data, 8)
    assert marker == -1
    message = data[16 : 16 + length]
    path.write_bytes(data[:8] + message + bytes(FRAME) + data[16 + length :])
    return path


def footer_blocks(data):
    """Give where the blocks of batches lie in a footer: those of a struct of 24 bytes that tell a framed message."""
    start = len(data) - 10 - int.from_bytes(data[-10:-6], "little")
    found = []
    for at in range(start, len(data) - 10 - 24, 4):
        offset, header, zero, _ = struct.unpack_from("<qiiq", data, at)
        if 8 <= offset < start and zero == 0 and data[offset : offset + 4] == b"\xff" * 4 and header % 8 == 0:
            found.append(at)
    return found


def without_blocks(path, dropped):
    """Take batches out of the footer, whose list of them begins with their number."""
    data = bytearray(path.read_bytes())
    blocks = footer_blocks(data)
    runs = [at for at in blocks if struct.unpack_from("<i", data, at - 4)[0] == -(-ROWS // STEP)]
    assert len(runs) == 1
    begin, count = runs[0], -(-ROWS // STEP)
    kept = [bytes(data[begin + 24 * at : begin + 24 * (at + 1)]) for at in range(count) if at not in dropped]
    data[begin - 4 : begin] = struct.pack("<i", len(kept))
    data[begin : begin + 24 * len(kept)] = b"".join(kept)
    path.write_bytes(data)


def both(path):
    return [lambda: dsdm.open_shards(path), lambda: dsdm.open_scores(path, column="score")]


@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_rows_and_scores_are_those_of_the_footer(tmp_path, codec, io):
    path = bare(tmp_path / "x.arrow", table(), codec)
    assert path.read_bytes()[8:12] != b"\xff" * 4
    assert pa.ipc.open_file(path).read_all() == table()
    rows = table().to_pylist()
    assert dsdm.open_shards(path).take(SOME).to_pylist() == [rows[row] for row in SOME]
    assert np.asarray(dsdm.open_scores(path, column="score", io=io)).tolist() == (np.arange(ROWS) / 4).tolist()


def test_a_file_of_no_batches_has_no_rows(tmp_path):
    path = bare(tmp_path / "x.arrow", table().slice(0, 0))
    assert len(dsdm.open_shards(path)) == len(dsdm.open_scores(path, column="score")) == 0


@pytest.mark.parametrize("dropped", [{0}, {1}, {2}, {3}, {0, 1}, {2, 3}, {0, 1, 2, 3}])
def test_a_batch_that_the_footer_leaves_out_is_missed(tmp_path, dropped):
    path = bare(tmp_path / "x.arrow", table().select(["score", "id"]))
    without_blocks(path, dropped)
    for opened in both(path):
        with pytest.raises(errors.FormatError, match="the footer is damaged"):
            opened()


def test_a_batch_that_was_left_out_is_missed_with_a_damaged_header(tmp_path):
    path = bare(tmp_path / "x.arrow", table().select(["score", "id"]))
    data = path.read_bytes()
    at = data.index(b"\xff" * 4)
    path.write_bytes(data[: at + 8] + b"\xee" * 40 + data[at + 48 :])
    without_blocks(path, {0})
    for opened in both(path):
        with pytest.raises(errors.FormatError, match=f"at byte {at}: a message of .* the footer is damaged"):
            opened()


def test_a_schema_that_is_not_that_of_the_footer_is_refused(tmp_path):
    path = bare(tmp_path / "x.arrow", table())
    data = path.read_bytes()
    at = data.index(b"score")
    path.write_bytes(data[:at] + b"scone" + data[at + 5 :])
    for opened in both(path):
        with pytest.raises(errors.FormatError, match=r"at byte 8: the schema at the start .* not that of its footer"):
            opened()


def test_a_start_that_is_no_schema_is_refused(tmp_path):
    path = bare(tmp_path / "x.arrow", table())
    data = path.read_bytes()
    for start in (b"\x01" * 8, b"\xee" * 60, struct.pack("<i", 200)):
        path.write_bytes(data[:8] + start + data[8 + len(start) :])
        for opened in both(path):
            with pytest.raises(errors.FormatError, match="at byte 8: "):
                opened()


def test_a_cut_file_is_refused_wherever_it_was_cut(tmp_path):
    whole = bare(tmp_path / "whole.arrow", table()).read_bytes()
    for length in [*range(1, 40), *range(40, len(whole), 97), len(whole) - 4, len(whole) - 1]:
        (tmp_path / "cut.arrow").write_bytes(whole[:length])
        for opened in both(tmp_path / "cut.arrow"):
            with pytest.raises((errors.FormatError, errors.TruncatedError), match=r"cut\.arrow"):
                opened()


def test_numbers_of_a_header_that_lie_askew_are_told_so(tmp_path):
    """Some versions of polars wrote the list of view buffers so, which the specification of flatbuffers forbids."""
    content = table().select(["score", "text"])
    path = tmp_path / "x.arrow"
    with pa.ipc.new_stream(path, content.schema) as writer:
        writer.write_table(content)
    data = bytearray(path.read_bytes())
    batch = 8 + struct.unpack_from("<i", data, 4)[0]
    end = batch + 8 + struct.unpack_from("<i", data, batch + 4)[0]
    # The list of one number begins with its length, to which an offset in the batch's table leads.
    count = next(at for at in range(batch + 8, end, 4) if struct.unpack_from("<iq", data, at) == (1, 1))
    offset = next(at for at in range(batch + 8, count, 4) if at + struct.unpack_from("<i", data, at)[0] == count)
    data[offset : offset + 4] = struct.pack("<i", count - 4 - offset)
    data[count - 4 : count] = struct.pack("<i", 1)
    path.write_bytes(data)
    with pytest.raises(
        errors.FormatError, match=r"is unaligned[^\n]*; bytes were overwritten, or an early polars 1 wrote string views"
    ):
        dsdm.open_shards(path)

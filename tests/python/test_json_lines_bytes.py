"""Bytes of JSON lines that are out of the ordinary: right by the ``json`` of Python, or refused by path and line."""

import gzip
import itertools
import json
import struct
import subprocess
import sys
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.json
import pytest

from dsdm import errors, open_scores, open_shards
from tests.oracle import json_lines as oracle

GOOD = b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
BLOCK = 1 << 20


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


def skippable(data, number=0):
    """Give a frame of zstd that readers pass over."""
    return struct.pack("<II", 0x184D2A50 + number, len(data)) + data


PACKINGS = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstd}


def put(folder, data, ending, name="a"):
    path = folder / f"{name}.{ending}"
    path.write_bytes(data)
    return path


def rows_of(path):
    opened = open_shards(path)
    return opened.take(range(len(opened))).to_pylist()


def refused(kind, path, *said, **options):
    with pytest.raises(kind) as caught:
        open_shards(path, **options)
    assert all(words in str(caught.value) for words in (str(path), *said)), caught.value


# --- what is right ---

RIGHT = {
    "CR LF": GOOD.replace(b"\n", b"\r\n"),
    "blank lines": b"\n \t\r\n" + GOOD.replace(b"\n", b"\n\n\r\n"),
    "mark": b"\xef\xbb\xbf" + GOOD,
    "mark and a blank line": b"\xef\xbb\xbf\r\n" + GOOD,
    "no end of the last line": GOOD[:-1],
    "CR at the end of the file": GOOD[:-1] + b"\r",
    "blanks around": b"  " + GOOD.replace(b"\n", b" \t\n"),
    "ends of lines that are none": '{"a": "x\u2028y\u2029z\u0085\x7f", "b": "\\u0000\\n"}\n'.encode(),
    "minus zero": b'{"a": -0, "b": -0.0}\n{"a": 0, "b": 0}\n',
    "minus zero of unsigned": b'{"a": -0}\n{"a": 18446744073709551615}\n',
    "unsigned": b'{"a": 9223372036854775807}\n{"a": 9223372036854775808}\n',
    "int64": b'{"a": 9223372036854775807}\n{"a": -9223372036854775808}\n',
    "whole floats": b'{"a": 1.0}\n{"a": 1}\n{"a": 1e0}\n{"a": null}\n',
    "small floats": b'{"a": 1e-400, "b": 5e-324}\n{"a": -1e-400, "b": 0.1}\n',
    "long digits": b'{"a": 0.' + b"1" * 5000 + b', "b": 1' + b"0" * 299 + b".5}\n",
    "nulls first": b'{"a": null}\n{"a": null}\n{"b": 1}\n{"a": {"c": [null]}}\n{"a": {"c": [[1.5]], "d": true}}\n',
    "never a value": b'{"a": null}\n{}\n{"a": null}\n',
    "lists of nothing": b'{"a": []}\n{"a": [[], null]}\n{"a": [[]]}\n',
    "objects of nothing": b'{"a": {}}\n{"a": {"b": {}}}\n{"a": null}\n',
    # As long as the length of a header of safetensors, behind which it begins.
    "a first line of seven bytes": b'{"c":1}\n{"c":2}\n',
    "names": '{"": 1, "a.b": 2, "é\\n": 3, "\\u00e8": 4, "a": {"b": 5}}\n'.encode(),
    "times": b'{"a": "2024-01-01T00:00:00Z", "b": "2024-01-01"}\n{"a": "2024-01-01 00:00:00.5", "b": "12:00"}\n',
    "a long line": json.dumps({"a": "é" * BLOCK, "b": [0.5] * 200_000}).encode()
    + b"\n"
    + GOOD[19:].replace(b"2", b'"2"'),
    "long blanks": GOOD + b" " * (BLOCK + 5) + b"\n" + GOOD,
}


@pytest.mark.parametrize("ending", PACKINGS)
@pytest.mark.parametrize("what", RIGHT)
def test_what_is_out_of_the_ordinary_is_right(tmp_path, what, ending):
    data = RIGHT[what]
    schema, rows = oracle.read([data])
    path = put(tmp_path, PACKINGS[ending](data), ending)
    opened = open_shards(path)
    assert dict(zip(opened.schema.names, opened.schema.types, strict=True)) == {
        field.name: field.type for field in schema
    }
    found = opened.take(range(len(opened))).to_pylist()
    assert repr(found) == repr([{name: row[name] for name in opened.schema.names} for row in rows])


@pytest.mark.parametrize("what", ["CR LF", "blank lines", "no end of the last line", "whole floats", "nulls first"])
def test_pyarrow_has_the_same_rows(tmp_path, what):
    path = put(tmp_path, RIGHT[what], "jsonl")
    assert rows_of(path) == pyarrow.json.read_json(path).to_pylist()


@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK, 16 << 20])
def test_ends_of_lines_at_the_edges_of_blocks_and_pieces(tmp_path, size):
    """The second line begins about so many bytes behind the first; the ends of lines lie on each side of the edge."""
    for end, shift in itertools.product((b"\n", b"\r\n"), (-1, 0, 1)):
        line = json.dumps({"a": "x" * max(size + shift - len(end) - 9, 0)}).encode() + end
        data = line + b'{"a": "last"}'
        assert rows_of(put(tmp_path, data, "jsonl")) == oracle.read([data])[1]


# --- what is refused ---

WRONG = {
    "cut": (GOOD + b'{"a": 3, "b"', 3, "must be whole on its line"),
    "cut in a text": (GOOD + b'{"a": 3, "b": "\xc3', 3, "no JSON"),
    "cut in a number": (GOOD + b'{"a": 3', 3, "must be whole on its line"),
    "CR alone": (GOOD.replace(b"\n", b"\r"), 1, "begin a new line"),
    "a mark within": (GOOD + b"\xef\xbb\xbf" + GOOD, 3, r'b"\xef\xbb\xbf'),
    "two marks": (b"\xef\xbb\xbf" * 2 + GOOD, 1, r'b"\xef\xbb\xbf'),
    "zeros": (GOOD + bytes(100), 3, r"\x00"),
    "zeros within": (GOOD + bytes(5) + b"\n" + GOOD, 3, r"\x00"),
    "form feed": (GOOD + b"\x0c\n", 3, r"\x0c"),
    "a long line that is cut": (GOOD + b'{"a": 3, "b": "' + b"x" * 3 * BLOCK, 3, "must be whole on its line"),
    "no UTF-8": (GOOD + b'{"a": 3, "b": "\xff"}\n', 3, "at byte 15 of the line"),
    "overlong UTF-8": (GOOD + b'{"a": 3, "b": "\xc0\x80"}\n', 3, "at byte 15 of the line"),
    "UTF-8 of surrogates": (GOOD + b'{"a": 3, "b": "\xed\xa0\x80"}\n', 3, "no JSON at byte"),
    "no UTF-8 in a name": (GOOD + b'{"a": 3, "\xff": 1}\n', 3, "at byte 10 of the line"),
    "twice": (GOOD + b'{"a": 3, "b": "x", "a": 3}\n', 3, 'column "a": the field is there twice'),
    "twice and null": (GOOD + b'{"a": null, "a": 3}\n', 3, "there twice"),
    "UTF-16": (GOOD.decode().encode("utf-16-le"), 1, "line 1"),
}


@pytest.mark.parametrize("ending", PACKINGS)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_row_is_named_by_its_line(tmp_path, what, ending):
    data, line, said = WRONG[what]
    with pytest.raises((oracle.NoTableError, ValueError)):
        oracle.read([data])
    path = put(tmp_path, PACKINGS[ending](data), ending)
    refused(errors.FormatError, path, f"at line {line}: ", said)
    # Whichever column is wanted: no row is known where lines cannot be told apart.
    refused(errors.FormatError, path, f"at line {line}: ", columns=["b"])


@pytest.mark.parametrize("ending", PACKINGS)
def test_files_without_a_row(tmp_path, ending):
    for data in (b"", b"\n", b"\r\n \t\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b" " * 3 * BLOCK):
        refused(errors.TruncatedError, put(tmp_path, PACKINGS[ending](data), ending))
        # Beside a file that has rows it is refused as well: it may have lost its own.
        good = put(tmp_path, PACKINGS[ending](GOOD), ending, "good")
        with pytest.raises(errors.TruncatedError, match=rf"a\.{ending}"):
            open_shards([good, tmp_path / f"a.{ending}"])


# --- members and frames ---


@pytest.mark.parametrize("cut", range(0, len(GOOD) + 1, 3))
def test_lines_go_on_over_members_and_frames(tmp_path, cut):
    parts = GOOD[:cut], b"", GOOD[cut:]
    assert rows_of(put(tmp_path, b"".join(map(gzip.compress, parts)), "jsonl.gz")) == ROWS
    frames = [zstd(parts[0]), skippable(b"index"), zstd(parts[2]), skippable(b"", 15)]
    assert rows_of(put(tmp_path, b"".join(frames), "jsonl.zst")) == ROWS
    assert rows_of(put(tmp_path, skippable(b"x" * 70_000, 3) + zstd(GOOD), "jsonl.zst")) == ROWS


def test_headers_of_gzip_with_everything(tmp_path):
    name, comment, extra = b"a.jsonl\0", b"of a test\0", b"AB\x03\0xyz"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(GOOD) + packer.flush()
    header = b"\x1f\x8b\x08\x1e" + bytes(6) + struct.pack("<H", len(extra)) + extra + name + comment
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    end = struct.pack("<II", zlib.crc32(GOOD), len(GOOD))
    path = put(tmp_path, header + body + end, "jsonl.gz")
    assert gzip.decompress(path.read_bytes()) == GOOD
    assert rows_of(path) == ROWS


@pytest.mark.parametrize("behind", [b"g", b"garbage", b"\0\0g", b"\x28\xb5", GOOD])
def test_what_is_behind_the_last_member_is_refused(tmp_path, behind):
    packed = gzip.compress(GOOD)
    said = f"at byte {len(packed) + len(behind) - len(behind.lstrip(bytes(1)))}: behind what gzip compressed come other"
    refused(errors.FormatError, put(tmp_path, packed + behind, "jsonl.gz"), said)
    # A member that begins is cut.
    refused(errors.TruncatedError, put(tmp_path, packed + b"\x1f\x8b", "jsonl.gz"), f"after {len(GOOD)} unpacked bytes")


@pytest.mark.parametrize("behind", [b"g", b"garbage", bytes(1), bytes(512), b"\x1f\x8b", b"\x28\xb5", GOOD])
def test_what_is_behind_the_last_frame_is_refused(tmp_path, behind):
    path = put(tmp_path, zstd(GOOD) + behind, "jsonl.zst")
    refused((errors.FormatError, errors.TruncatedError), path, f"after {len(GOOD)} unpacked bytes")


@pytest.mark.parametrize("zeros", [1, 512, 70_000])
def test_zeros_behind_members_of_gzip_are_padding(tmp_path, zeros):
    packed = gzip.compress(GOOD) + bytes(zeros)
    assert rows_of(put(tmp_path, packed, "jsonl.gz")) == ROWS
    assert gzip.decompress(packed) == GOOD


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst"])
def test_a_cut_anywhere_is_refused(tmp_path, ending):
    whole = PACKINGS[ending](GOOD * 30)
    for size in range(len(whole)):
        refused((errors.FormatError, errors.TruncatedError), put(tmp_path, whole[:size], ending))
    # So is one behind a whole member.
    for size in range(1, len(whole)):
        refused((errors.FormatError, errors.TruncatedError), put(tmp_path, whole + whole[:size], ending))


def test_checksums_that_do_not_fit_are_refused(tmp_path):
    packed = gzip.compress(GOOD)
    for at in range(len(packed) - 8, len(packed)):
        bad = bytearray(packed)
        bad[at] ^= 1
        refused(errors.FormatError, put(tmp_path, bytes(bad), "jsonl.gz"), "checksum")


def test_frames_whose_window_is_huge_are_refused(tmp_path):
    """A window of 2^31 bytes, as `zstd --long=31` makes: the frame itself has a line and no more."""
    block = struct.pack("<I", len(GOOD) << 3 | 1)[:3] + GOOD
    for log, is_read in ((27, True), (31, False)):
        frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]) + block
        path = put(tmp_path, frame, "jsonl.zst")
        if is_read:
            assert rows_of(path) == ROWS
        else:
            refused(errors.FormatError, path, "window of more than 128 MiB", "zstd -d --long=31")


BOMB = """
import resource, sys
import dsdm
path, limit = sys.argv[1], int(sys.argv[2])
dsdm.materialize(sys.argv[3], [1], sys.argv[4] + "-before", progress=False)  # what is loaded once
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
opened = dsdm.open_shards(path, threads=1)
dsdm.materialize(path, [len(opened) - 1, 0], sys.argv[4], memory_limit=limit, threads=1, progress=False)
print(len(opened))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst"])
def test_few_bytes_that_unpack_to_many_are_held_by_blocks(tmp_path, ending):
    """Eighty megabytes of blank lines, and a row at each end."""
    data = GOOD[:19] + (b" " * 99_999 + b"\n") * 800 + GOOD[19:]
    path = put(tmp_path, PACKINGS[ending](data), ending)
    assert path.stat().st_size < 1 << 20
    other = put(tmp_path, GOOD, "jsonl", "other")
    arguments = [str(path), str(16 << 20), str(other), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", BOMB, *arguments], capture_output=True, text=True, check=True)  # noqa: S603
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 2
    # Far from all: some blocks, and what unpacks.
    assert megabytes < 50


# --- scores ---


@pytest.mark.parametrize("ending", PACKINGS)
def test_scores_of_lines_that_are_out_of_the_ordinary(tmp_path, ending):
    plain = b'{"s": 1.5}\n{"s": -2}\n{"s": 1e-400}\n{"s": -0.0}\n{"s": 9007199254740992}'
    expected = np.array([json.loads(line)["s"] for line in plain.splitlines()], np.float64)
    for data in (plain, b"\xef\xbb\xbf" + plain, plain.replace(b"\n", b"\r\n \n"), b"\n\n" + plain + b"\r\n\t"):
        found = np.array(open_scores(put(tmp_path, PACKINGS[ending](data), ending)))
        assert found.dtype == np.float64
        assert found.tobytes() == expected.tobytes()
    wrong = {
        b'{"s": 1e400}': "beyond float64",
        b'{"s": 9007199254740993}': "could tie",
        b'{"s": 1, "s": 2}': "line 6",
        b'{"s": "1"}': "line 6",
        b'{"s": \xff}': "line 6",
        b'{"s": 1': "line 6",
        b'{"s": null}': "line 6",
        b'{"t": "x"}': "line 6",
        b"\xef\xbb\xbf" + b'{"s": 1}': "line 6",
    }
    for line, said in wrong.items():
        path = put(tmp_path, PACKINGS[ending](plain + b"\n" + line), ending)
        with pytest.raises((errors.FormatError, errors.SchemaError), match="line 6") as caught:
            open_scores(path)
        assert said in str(caught.value), caught.value
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst"])
def test_scores_of_members_and_of_what_is_behind_them(tmp_path, ending):
    pack = PACKINGS[ending]
    lines = b"".join(b'{"s": %d}\n' % number for number in range(100))
    assert np.array(open_scores(put(tmp_path, pack(lines[:333]) + pack(lines[333:]), ending))).tolist() == [*range(100)]
    padding = bytes(512)
    if ending == "jsonl.gz":
        assert np.array(open_scores(put(tmp_path, pack(lines) + padding, ending))).tolist() == [*range(100)]
    for behind in (b"g", pack(lines)[:-1], *([padding] if ending == "jsonl.zst" else [])):
        path = put(tmp_path, pack(lines) + behind, ending)
        with pytest.raises((errors.FormatError, errors.TruncatedError), match=r"unpacked bytes|come other bytes"):
            open_scores(path)

"""Whole files of every format, small, made on the spot; and where in them the structure is.

What they hold is drawn from a fixed seed: the mutants of a seed number are the same wherever the same versions of
pyarrow and numpy run.
"""

import gzip
import io
import itertools
import json
import struct
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dsdm.demo.torch_file import write_tensor

FIXTURES = Path(__file__).parents[1] / "fixtures" / "torch"
ROWS = 23


@dataclass(frozen=True)
class Seed:
    """A file, and the runs of bytes that changes are drawn to."""

    name: str
    data: bytes
    zones: tuple[tuple[int, int], ...] = ()


def npy():
    """Arrays of all types, orders of bytes, shapes and versions of the format."""
    rng = np.random.default_rng(1)
    for code in ("<f4", "<f8", "<f2", ">f4", "|i1", "<i2", ">i4", "<i8", "|u1", "<u2", "<u4", ">u8"):
        yield _npy(code, rng.integers(0, 100, 17).astype(code))
    column = np.asfortranarray(rng.random((9, 1)).astype(np.float32))
    yield _npy("column", column)
    yield _npy("row", rng.random((1, 9)))
    yield _npy("empty", np.empty(0, np.float32))
    for version in ((2, 0), (3, 0)):
        yield _npy(f"version {version[0]}", rng.random(5).astype(np.float32), version)
    yield _npy("matrix", rng.random((3, 3)))
    yield _npy("structured", np.zeros(3, [("a", "<f4"), ("b", "<i2")]))


def _npy(name, array, version=None):
    sink = io.BytesIO()
    np.lib.format.write_array(sink, array, version)
    return Seed(name, sink.getvalue(), ((0, 80), (0, 80), (110, 132)))


def npz():
    """Archives of one array, and of several."""
    rng = np.random.default_rng(5)
    for name, names in (("one", ["scores"]), ("several", ["a", "scores", "b"])):
        for kind in ("<f4", ">f8", "<i2", "|u1"):
            sink = io.BytesIO()
            np.savez(sink, **{key: rng.integers(0, 100, 11).astype(kind) for key in names})
            yield Seed(f"{name} {kind}", data := sink.getvalue(), _npz_zones(data))


def _npz_zones(data):
    headers = ((at, at + 60) for at in _all(data, b"PK\x03\x04"))
    arrays = ((at, at + 90) for at in _all(data, b"\x93NUMPY"))
    return ((max(data.find(b"PK\x01\x02"), 0), len(data)), (len(data) - 22, len(data)), *headers, *arrays)


def pt():
    """Files that torch wrote, and those that the demo writes."""
    for entry in json.loads((FIXTURES / "index.json").read_text()).values():
        data = (FIXTURES / entry["file"]).read_bytes()
        if len(data) < 6000:
            yield Seed(entry["file"], data, _zip_zones(data))
    for kind in ("float32", "float64", "int32", "int64"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "squad.pt"
            write_tensor(path, np.arange(11).astype(kind))
            yield Seed(f"demo {kind}", path.read_bytes(), _zip_zones(path.read_bytes()))


def _zip_zones(data):
    """Give the pickle, the headers of entries, and what is at the end."""
    central, pickle = max(data.find(b"PK\x01\x02"), 0), max(data.find(b"\x80\x02"), 0)
    headers = ((at, at + 30) for at in _all(data, b"PK\x03\x04"))
    return ((pickle, pickle + 170), (central, len(data)), (len(data) - 98, len(data)), *headers)


def _all(data, word):
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)


def safetensors():
    """Tensors of all types that scores have, alone and beside others."""
    rng = np.random.default_rng(4)
    widths = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I8": 1, "I16": 2, "I32": 4, "I64": 8}
    widths |= {"U8": 1, "U16": 2, "U32": 4, "U64": 8}
    for kind, width in widths.items():
        yield _tensors(kind, [("scores", kind, [7], rng.bytes(7 * width))])
    yield _tensors("column", [("scores", "F32", [5, 1], rng.bytes(20))])
    yield _tensors("empty", [("scores", "F32", [0], b"")])
    yield _tensors("matrix", [("scores", "F32", [2, 2], rng.bytes(16))])
    yield _tensors("flags", [("scores", "BOOL", [8], rng.bytes(8))])
    several = [("a", "F8_E4M3", [3], rng.bytes(3)), ("scores", "F64", [4], rng.bytes(32)), ("", "I8", [], rng.bytes(1))]
    yield _tensors("several", several)


def _tensors(name, tensors):
    header, values = {"__metadata__": {"format": "pt"}}, b""
    for key, kind, shape, data in tensors:
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header, separators=(",", ":")).encode()
    return Seed(name, struct.pack("<Q", len(text)) + text + values, ((0, 8), (8, 8 + len(text)), (40, 8 + len(text))))


def raw():
    """Values and nothing else."""
    yield Seed("float32", np.random.default_rng(2).random(19).astype("<f4").tobytes())


def table():
    """Columns of many types, with nulls and nesting."""
    rng = np.random.default_rng(3)
    words = ["", "a", "bc", "def", "a longer text than twelve bytes", None]
    strings = [words[i] for i in rng.integers(0, len(words), ROWS)]
    lists = [
        None if n == 3 else [None if x == 7 else int(x) for x in rng.integers(0, 9, n)]
        for n in rng.integers(0, 5, ROWS)
    ]
    return pa.table(
        {
            "score": pa.array(rng.random(ROWS), pa.float32()),
            "id": pa.array(rng.integers(-9, 99, ROWS), pa.int64()),
            "text": pa.array(strings, pa.string()),
            "flag": pa.array([None if x == 2 else bool(x) for x in rng.integers(0, 3, ROWS)]),
            "lists": pa.array(lists, pa.list_(pa.int32())),
            "nested": pa.array([[[1], [2, x]] if x % 3 else None for x in range(ROWS)], pa.list_(pa.list_(pa.int16()))),
            "struct": pa.array([{"x": x, "y": str(x)} if x % 4 else None for x in range(ROWS)]),
            "fixed": pa.array([[x, x + 1] for x in range(ROWS)], pa.list_(pa.uint8(), 2)),
            "when": pa.array(rng.integers(0, 2**40, ROWS), pa.timestamp("us")),
            "amount": pa.array([None if x == 5 else x for x in range(ROWS)], pa.decimal128(9, 2)),
        }
    )


def tables():
    """Give tables for whole files: each column alone, since few bytes are hit more often, and some together."""
    whole = table()
    yield from ((name, whole.select([name])) for name in whole.column_names)
    yield "numbers", whole.select(["score", "id", "text"])
    yield "keys", pa.table({"keys": whole["text"].combine_chunks().dictionary_encode()})
    yield from values()
    yield "views", pa.table({"view": whole["text"].cast(pa.string_view())})


def values():
    """Columns without nulls that scores are made of, where they are no plain numbers, each by its name."""
    rng = np.random.default_rng(5)
    numbers = rng.random((ROWS, 3)).astype(np.float32)
    yield "ones", pa.table({"ones": pa.array(list(numbers[:, :1]), pa.list_(pa.float32()))})
    yield "threes", pa.table({"threes": pa.array(list(numbers), pa.list_(pa.float32(), 3))})
    yield "flags", pa.table({"flags": pa.array(rng.random(ROWS) < 0.5)})
    yield "money", pa.table({"money": pa.array([Decimal(x) / 8 for x in range(ROWS)], pa.decimal128(18, 3))})
    inner = [{"text": str(x), "score": float(x)} for x in range(ROWS)]
    yield "meta", pa.table({"meta": pa.array(inner, pa.struct([("text", pa.string()), ("score", pa.float64())]))})


def stream():
    """Arrow streams, with and without compression."""
    yield from _ipc(pa.ipc.new_stream)


def file():
    """Arrow files, with and without compression."""
    yield from _ipc(pa.ipc.new_file)


def _ipc(writer):
    for (name, rows), codec in itertools.product(tables(), (None, None, "lz4", "zstd")):
        sink = pa.BufferOutputStream()
        with writer(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as to:
            to.write_table(rows, max_chunksize=ROWS // 2 + 1)
        yield Seed(f"{name} {codec}", data := sink.getvalue().to_pybytes(), _message_zones(data))


def _message_zones(data):
    """Give the headers of the messages, and the footer."""
    marks = list(_all(data, b"\xff\xff\xff\xff"))
    zones = [(at, at + 8 + struct.unpack_from("<I", data, at + 4)[0]) for at in marks[:-1] if at + 8 <= len(data)]
    return (*((at, min(end, len(data))) for at, end in zones), (marks[-1], len(data)))


PARQUET = (
    {"compression": "none", "use_dictionary": False},
    {"compression": "none", "use_dictionary": True, "data_page_version": "2.0"},
    {"compression": "snappy", "data_page_size": 64},
    {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 9},
    {"compression": "gzip", "write_page_checksum": True},
    {"compression": "lz4", "version": "1.0"},
    {"compression": "brotli", "data_page_version": "2.0", "use_dictionary": False},
)


def parquet():
    """Parquet files of all codecs, versions of pages and encodings that pyarrow writes."""
    for (name, rows), (number, options) in itertools.product(tables(), enumerate(PARQUET)):
        yield _parquet(f"{name} {number}", rows, options)
    numbers, texts = table().select(["id", "score"]), table().select(["text"])
    for encoding, rows in (
        ("DELTA_BINARY_PACKED", numbers.select(["id"])),
        ("BYTE_STREAM_SPLIT", numbers),
        ("DELTA_BYTE_ARRAY", texts),
        ("DELTA_LENGTH_BYTE_ARRAY", texts),
    ):
        columns = dict.fromkeys(rows.column_names, encoding)
        options = {"compression": "none", "use_dictionary": False, "column_encoding": columns}
        yield _parquet(encoding, rows, options)


def _parquet(name, rows, options):
    sink = pa.BufferOutputStream()
    # The schema of Arrow is left out of half of them: it decides the types where it is there.
    pq.write_table(rows, sink, store_schema=len(name) % 2 == 0, **options)
    data = sink.getvalue().to_pybytes()
    footer = len(data) - 8 - struct.unpack_from("<I", data, len(data) - 8)[0]
    return Seed(name, data, ((4, footer), (4, min(60, footer)), (footer, len(data))))


def lines():
    """JSON lines, plain and compressed, in one member or frame and in several."""
    names = [name for name in table().column_names if name not in {"when", "amount"}]
    rows = table().select(names).to_pylist()
    rows[3]["more"] = {"list": [[1.5, None], []], "text": '\u00e9\ud7ff\n"\\'}
    plain = "".join(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n" for number, row in enumerate(rows)).encode()
    yield Seed("plain", plain)
    yield Seed("with a mark", b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    half = len(plain) // 3
    packings = {
        "gzip": lambda data: gzip.compress(data, mtime=0),
        "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
    }
    for name, pack in packings.items():
        yield Seed(name, packed := pack(plain), ((0, 20), (len(packed) - 12, len(packed))))
        several = pack(plain[:half]) + pack(plain[half:])
        yield Seed(f"{name} in parts", several, ((0, 20), (len(pack(plain[:half])) - 12, len(pack(plain[:half])) + 20)))


FILES = {
    "npy": npy,
    "npz": npz,
    "pt": pt,
    "safetensors": safetensors,
    "raw": raw,
    "stream": stream,
    "file": file,
    "parquet": parquet,
    "lines": lines,
}

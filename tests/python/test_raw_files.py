"""Raw values are told by their type alone: a file that is of another format is refused, and values never are."""

import gzip
import io
import json
import pickle
import re
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

VALUES = np.arange(64, dtype=np.float32)
TABLE = pa.table({"score": VALUES})


def into(write):
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def stream(sink):
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


def archive(sink):
    with tarfile.open(fileobj=sink, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"), io.BytesIO())


def zipped(sink):
    with zipfile.ZipFile(sink, "w") as files:
        files.writestr("values", VALUES.tobytes())


def tensors():
    header = json.dumps({"w": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}}).encode()
    return len(header).to_bytes(8, "little") + header + VALUES.tobytes()


PICKLED = {"list": [0.5] * 9, "dict": {"a": 1}, "array": VALUES, "text": "abcdef", "none": None}

FORMATS = {
    "safetensors": tensors,
    **{
        f"pickle {protocol} of {name}": lambda protocol=protocol, value=value: pickle.dumps(value, protocol)
        for protocol in (2, 3, 4, 5)
        for name, value in {
            "list": [0.5] * 9,
            "dict": {"a": 1},
            "array": VALUES,
            "text": "abcdef",
            "none": None,
        }.items()
    },
    "zip": lambda: into(zipped),
    "npz": lambda: into(lambda sink: np.savez(sink, a=VALUES)),
    "npy": lambda: into(lambda sink: np.save(sink, VALUES)),
    "hdf5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(504),
    "gzip": lambda: gzip.compress(VALUES.tobytes()),
    "zstd": lambda: pa.compress(VALUES.tobytes(), "zstd", asbytes=True),
    "tar": lambda: into(archive),
    "parquet": lambda: into(lambda sink: pq.write_table(TABLE, sink)),
    "feather": lambda: into(lambda sink: pyarrow.feather.write_feather(TABLE, sink)),
    "arrow stream": lambda: into(stream),
    "orc": lambda: into(lambda sink: pyarrow.orc.write_table(TABLE, sink)),
}


OPENED = {"arrow stream", "parquet", "npy", "npz", "safetensors", "feather"}


@pytest.mark.parametrize("name", ["a.bin", "a.raw", "a", "a.f32"])
@pytest.mark.parametrize("kind", FORMATS)
def test_other_formats_are_no_raw_values(tmp_path, kind, name):
    path = tmp_path / name
    path.write_bytes(FORMATS[kind]())
    if kind in OPENED and name in ("a", "a.f32"):
        # Nothing says that it should be raw: it is what it is, and dtype= what its values must be.
        assert np.array_equal(dsdm.open_scores(path, dtype="float32")[:], VALUES)
        return
    for dtype in ("uint8", "float32", None):
        with pytest.raises(errors.FormatError) as refused:
            dsdm.open_scores(path, dtype=dtype)
        assert str(path) in str(refused.value)
        assert "dtype=" not in str(refused.value)


BEGINNINGS = [
    b"",
    b"\x80\x02",
    b"\x80\x04\x95",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\x10\0\0\0",
    b"\x1f\x8b",
    b"PK",
    b"ORC",
    b"BZh",
    b"\x89HDF",
    b"\x02\0\0\0\0\0\0\0",
]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_values_are_never_refused_for_how_they_begin(tmp_path, begin):
    """Two to four bytes are no evidence: any values may begin with them."""
    random = np.random.default_rng(len(begin))
    for number in range(40):
        content = begin + random.integers(0, 256, 400 - len(begin), np.uint8).tobytes()
        content = content[:-1] + b"!"
        path = tmp_path / f"{number}.bin"
        path.write_bytes(content)
        for dtype in ("float32", "float64", "int16"):
            assert dsdm.open_scores(path, dtype=dtype)[:].tobytes() == content


def test_scores_of_models_are_never_refused(tmp_path):
    random = np.random.default_rng(3)
    for number in range(100):
        values = random.normal(size=50).astype([np.float16, np.float32, np.float64][number % 3])
        values.tofile(tmp_path / f"{number}.bin")
        assert dsdm.open_scores(tmp_path / f"{number}.bin", dtype=values.dtype.name)[:].tobytes() == values.tobytes()


TEXTS = {
    "lines": b"0.5\n0.25\n0.125\n1.0\n",
    "windows lines": b"0.5\r\n0.25\r\n0.125\r\n1\r\n\r\n\r\n",
    "csv": b"id,score\n1,0.5\n2,0.25\n3,nan\n1234567",
    "tsv": b"# id\tscore\n1\t0.5\n2\t-inf\n",
    "one line": b"0.5, 0.25, 0.125, 1.0\x20\x20\x20",
    "long": b"0.12345\n" * 1000,
    "json": b"[0.5, 0.25, 1.0]",
    "json lines": b'{"score": 0.5}\n{"score": 0.25}\n{"s": 1}',
    "utf-16": "0.5\n0.25\n".encode("utf-16"),
    "utf-8 mark": b"\xef\xbb\xbf0.5\n0.25\n",
}


def padded(text):
    """As many bytes as some float32 take."""
    return text + b"\n" * (-len(text) % 4)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["scores", "scores.f32", "scores.csv", "scores.TXT", "scores.jsonl"])
def test_numbers_as_text_are_no_raw_values(tmp_path, text, name):
    if (name, text) == ("scores.jsonl", "json lines"):
        name = "scores.json.txt"  # else they are read as what they are
    path = tmp_path / name
    path.write_bytes(padded(TEXTS[text]))
    for dtype in ("float32", "int8", None):
        with pytest.raises(errors.FormatError) as refused:
            dsdm.open_scores(path, dtype=dtype)
        assert str(path) in str(refused.value)
        assert dtype is None or re.search(r"numpy\.save|parquet\.write_table", str(refused.value))


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.txt", "a.json", "a.jsonl", "a.ndjson", "a.xml", "a.html", "a.yaml"]
)
def test_a_file_that_is_text_by_its_name_is_never_raw(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(VALUES.tobytes())
    for dtype in ("float32", "uint8"):
        with pytest.raises(errors.FormatError, match=r"by its name this is text.*numpy\.save.*numpy\.loadtxt"):
            dsdm.open_scores(path, dtype=dtype)


@pytest.mark.parametrize("name", ["a.bin", "a.raw", "a.dat"])
@pytest.mark.parametrize("text", TEXTS)
def test_values_that_look_like_text_are_read_where_the_name_says_that_they_are_raw(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(padded(TEXTS[text]))
    for dtype in ("float32", "uint8"):
        assert dsdm.open_scores(path, dtype=dtype)[:].tobytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["a", "a.u8", "a.dat"])
def test_bytes_that_are_printable_are_values(tmp_path, name):
    random = np.random.default_rng(9)
    for number in range(60):
        letters = random.integers(32, 127, 400, np.uint8)
        for values in (letters, letters[:3], random.integers(0, 256, 8, np.uint8), np.sort(letters)):
            path = tmp_path / f"{number}{name}"
            path.write_bytes(values.tobytes())
            assert np.array_equal(dsdm.open_scores(path, dtype="uint8")[:], values)

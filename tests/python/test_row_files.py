"""Files of row numbers are read once, whole and strictly: what becomes of one afterwards changes no row."""

import os
import struct
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.demo.torch_file import write_tensor
from dsdm.selection.inputs import read_rows

pytestmark = pytest.mark.disk

ROWS = 1000
WANTED = [5, 3, 999, 0, 3]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": range(ROWS)}), "corpus.parquet")
    np.save("scores.npy", np.arange(ROWS, dtype=np.float32))
    np.save("rows.npy", np.array(WANTED))
    return tmp_path


def ids(folder):
    return dsdm.open_shards(folder).take(range(len(dsdm.open_shards(folder))))["id"].to_pylist()


def npy(header, values=b"", version=b"\1\0"):
    """Return the bytes of a file with any header."""
    text = header if isinstance(header, bytes) else header.encode()
    length = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + values


def rewritten(path):
    np.save(path, np.array([7] * len(WANTED)))


def truncated(path):
    os.truncate(path, 0)


@pytest.mark.parametrize("change", [rewritten, truncated])
def test_rows_are_those_that_were_read_whatever_becomes_of_the_file(run, monkeypatch, change):
    materialize = dsdm.materialize

    def after_the_file_changed(*args, **kwargs):
        change("rows.npy")
        return materialize(*args, **kwargs)

    monkeypatch.setattr(dsdm, "materialize", after_the_file_changed)
    code, _, errors_said = run("materialize", "corpus.parquet", "out", "--indices", "rows.npy")
    assert (code, errors_said.count("\n")) == (0, 1)
    assert ids("out") == WANTED


def test_ids_to_draw_from_are_those_that_were_read(monkeypatch):
    from dsdm import _native

    sample = _native.sample

    def after_the_file_changed(*args):
        data = Path("sdd.pt").read_bytes()
        with open("sdd.pt", "r+b") as file:  # noqa: PTH123
            file.write(data.replace(np.arange(100, 600).tobytes(), np.arange(500).tobytes()))
        return sample(*args)

    monkeypatch.setattr(_native, "sample", after_the_file_changed)
    for draw in (
        lambda: dsdm.get_indices("semdedup", 500, data_dir="."),
        lambda: dsdm.sample(dsdm.open_scores("sdd.pt"), 500),
    ):
        write_tensor(Path("sdd.pt"), np.arange(100, 600))
        assert sorted(draw()) == list(range(100, 600))


@pytest.mark.parametrize("method", [False, True])
def test_rows_to_exclude_are_read_once(run, monkeypatch, method):
    from dsdm.selection import inputs

    read, times = inputs.read_rows, []

    def once(path):
        times.append(path)
        found = read(path)
        truncated(path)
        return found

    monkeypatch.setattr(inputs, "read_rows", once)
    np.save("no.npy", np.array([999, 998]))
    by = ["random", "--rows", ROWS, "--seed", 1] if method else ["scores.npy"]
    code, _, said = run("indices", *by, "--tokens", 30, "--row-tokens", 10, "--exclude", "no.npy", "-o", "out.npy")
    assert code == 0, said
    assert len(times) == 1
    if not method:
        assert np.load("out.npy").tolist() == [997, 996, 995]


STORED = [
    np.array(WANTED, dtype)
    for dtype in ("<i8", ">i8", "<i4", ">u2", "<u8", "|u1", "<i2")
    if max(WANTED) <= np.iinfo(dtype).max
]


@pytest.mark.parametrize("array", [*STORED, np.array([True, False]), np.empty(0), np.empty(0, np.int32)], ids=str)
def test_what_numpy_writes_is_read_exactly(array):
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open("a.npy", "wb") as file:  # noqa: PTH123 - as numpy takes it
            np.lib.format.write_array(file, array, version=version)
        found = read_rows("a.npy")
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.tolist() == array.tolist()
        assert found.flags.aligned
        assert found.flags.writeable


def test_values_may_lie_on_any_byte(run):
    for space in range(9):
        header = "{'descr': '<i8', 'fortran_order': False, 'shape': (5,)}" + " " * space + "\n"
        with open("odd.npy", "wb") as file:  # noqa: PTH123
            file.write(npy(header, np.array(WANTED).tobytes()))
        code, _, said = run("materialize", "corpus.parquet", f"out{space}", "-i", "odd.npy")
        assert (code, said.count("\n")) == (0, 1)
        assert ids(f"out{space}") == WANTED
        code, _, said = run("indices", "scores.npy", "-k", 1, "--exclude", "odd.npy", "-o", f"{space}.npy")
        assert code == 0, said
        assert np.load(f"{space}.npy").tolist() == [998]


HOSTILE = {
    "an open bracket": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (5,"),
    "an open text": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (5,), '''"),
    "many brackets": npy("{'descr': " + "(" * 9000 + "}"),
    "many minus signs": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (" + "-" * 8000 + "1,)}"),
    "an escape": npy(r"{'descr': '\q<i8', 'fortran_order': False, 'shape': (5,)}"),
    "a list as a key": npy("{[]: 1, 'descr': '<i8', 'fortran_order': False, 'shape': (5,)}"),
    "a set": npy("{{1}, {2}}"),
    "a NUL": npy(b"{'descr': '<i8'\0, 'fortran_order': False, 'shape': (5,)}"),
    "no UTF-8": npy(b"{'descr': '\xff\xfe', 'fortran_order': False, 'shape': (5,)}", version=b"\3\0"),
    "many rows": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (9223372036854775807,)}"),
    "less than no rows": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}"),
    "a shape that is true": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (True,)}", b"\0" * 8),
    "a long header": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}" + " " * 20_000, b"\0" * 8),
    "a header beyond the end": b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
    "another version": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (0,)}", version=b"\x09\0"),
    "the magic alone": b"\x93NUMPY",
    "nothing": b"",
    "fields": npy("{'descr': [('a', '<i8')], 'fortran_order': False, 'shape': (1,)}", b"\0" * 8),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"\0" * 8),
    "complex numbers": npy("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", b"\0" * 16),
    "no boolean": npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", b"\1\7"),
    "more than the array": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", b"\0" * 9),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_is_wrong_is_an_error_that_names_the_file(run, name):
    with open("bad.npy", "wb") as file:  # noqa: PTH123
        file.write(HOSTILE[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(errors.FormatError, match=r"^bad\.npy: "):
            read_rows("bad.npy")
        for command in (
            ("materialize", "corpus.parquet", "out", "--indices", "bad.npy"),
            ("indices", "scores.npy", "-k", 3, "--exclude", "bad.npy", "-o", "out.npy"),
        ):
            code, _, said = run(*command)
            assert code == 1
            assert said.startswith("dsdm: bad.npy: --")
            assert said.count("\n") == 1
        told = {"by": "top_k", "scores": ["scores.npy"], "exclude": "no.npy", "arguments": {"k": 2}}
        np.save("no.npy", np.array([0]))
        dsdm.materialize("corpus.parquet", [999, 998], "told", selection=told, progress=False)
        Path("bad.npy").replace("no.npy")
        with pytest.raises(errors.FormatError, match=r"no\.npy: the manifest tells that this holds row numbers"):
            dsdm.verify("told")


def test_what_is_no_file_is_not_waited_for(run):
    os.mkfifo("pipe.npy")
    for place in ("pipe.npy", "/dev/zero", "."):
        with pytest.raises((TypeError, OSError)):
            read_rows(place)
        assert run("materialize", "corpus.parquet", "out", "-i", place)[0] == 1

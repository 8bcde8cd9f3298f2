"""Bad score files, by the rows of the list of what is withstood: each is refused by its kind and names its file."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from dsdm import errors, open_scores
from tests.corpora.vectors import saved


def refused(kind, path, *names, **options):
    with pytest.raises(kind) as caught:
        open_scores(path, **options)
    assert type(caught.value) is kind
    for name in (str(path), *names):
        assert name in str(caught.value), str(caught.value)


def test_1_missing_path(tmp_path):
    refused(FileNotFoundError, tmp_path / "no.npy")
    refused(FileNotFoundError, tmp_path / "no*.npy", "glob")


def test_2_directory_without_scores(tmp_path):
    refused(IsADirectoryError, tmp_path, "state.json", ".npy", "0 to m-1")
    saved(tmp_path / "a.npy", np.ones(1))
    (tmp_path / "b.pt").write_bytes(b"PK")
    refused(IsADirectoryError, tmp_path, "several kinds", "a.npy", "b.pt")


def test_3_unreadable(tmp_path):
    path = saved(tmp_path / "a.npy", np.ones(3))
    path.chmod(0)
    script = (
        "import os, sys, dsdm\n"
        "if not os.geteuid():\n"
        "    os.chdir(os.path.dirname(sys.argv[1])); dsdm.open_scores; os.seteuid(65534)\n"
        "try:\n"
        "    dsdm.open_scores(os.path.basename(sys.argv[1]))\n"
        "except PermissionError as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, cwd=tmp_path, check=True)  # noqa: S603
    assert "Permission denied" in ran.stdout
    assert "a.npy" in ran.stdout


def test_4_no_bytes(tmp_path):
    (tmp_path / "a.pt").touch()
    refused(errors.TruncatedError, tmp_path / "a.pt", "0 bytes")


def test_5_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    refused(TypeError, tmp_path / "a.npy", "regular file")


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", ["LFS pointer"]),  # 6
        ("a.pt", b"<!DOCTYPE html><html><body>Not found", ["<!DOCTYPE html>", "web page"]),  # 7
        ("a.npy", b"\x28\xb5\x2f\xfd\x24\x04", ["compressed with zstd", "zstd -d"]),
        ("a.bin", b"\x02" + bytes(7) + b"{}", ["raw values", "safetensors", "rename it"]),
        ("a.arrow", b"FEA1\0\0\0\0", ["Feather of version 1", "version 2"]),
        ("a.parquet", b"PARE\x15\x04", ["encrypted footer"]),
        ("a.parquet", b"ORC\n\x0b", ["ORC", "numpy.save"]),
        ("a.npy", b"id,score\n0,0.5\n", ["text (CSV or the like)", "pyarrow.csv.read_csv"]),
        ("a.npy", b"PAR1" + bytes(100), [".npy", "Parquet"]),  # 8
        ("a.parquet", b"ARROW1\0\0" + bytes(100), ["Parquet", "Arrow"]),  # 8
        ("a.raw", b"\x93NUMPY\x01\x00" + bytes(100), ["raw values", ".npy"]),  # 8
        ("a.pt", b"\x80\x02}q\x00.", ["pickle"]),  # 38
        ("a.npy", b"garbage", ["garbage", ".npy"]),
        ("a.scores", b"garbage", ["garbage", "dtype="]),
        ("a.npy", b"\x93NUMPY\x09\x00" + bytes(100), ["version 9.0", "byte 6"]),
    ],
)
def test_6_to_8_other_formats(tmp_path, name, content, names):
    (tmp_path / name).write_bytes(content)
    refused(errors.FormatError, tmp_path / name, *names)


def test_42_object_array(tmp_path):
    path = saved(tmp_path / "a.npy", np.array([{}, 1], dtype=object))
    refused(errors.UnsafePickleError, path, "|O", "nothing was unpickled")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"{'descr': '<f4', " + b" " * 10_000, ["10017 bytes", "10000"]),
        (b"__import__('os').system('true')", ["'{' is expected", "byte 10"]),
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", ["whole number"]),
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", ['"x"']),
    ],
)
def test_43_hostile_headers(tmp_path, header, names):
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    refused(errors.FormatError, tmp_path / "a.npy", *names)


def test_44_cut_or_continued(tmp_path):
    path = saved(tmp_path / "a.npy", np.ones(100, "f4"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    refused(errors.TruncatedError, path, "100 values", "399 bytes")
    path.write_bytes(whole[:50])
    refused(errors.TruncatedError, path, "byte 50")
    path.write_bytes(whole + b"x")
    refused(errors.FormatError, path, f"byte {len(whole)}", "1 bytes follow")
    huge = whole.replace(b"(100,)", b"(%d,)" % (2**64 - 1)).replace(b" " * 17 + b"\n", b"\n")
    path.write_bytes(huge)
    with pytest.raises(errors.FormatError):
        open_scores(path)


def test_45_shapes_and_types(tmp_path):
    refused(errors.SchemaError, saved(tmp_path / "a.npy", np.asfortranarray(np.ones((3, 2)))), "(3, 2)", "Fortran")
    refused(errors.SchemaError, saved(tmp_path / "b.npy", np.float32(1)), "shape ()")
    refused(errors.SchemaError, saved(tmp_path / "c.npy", np.ones(3, bool)), "|b1")
    refused(errors.SchemaError, saved(tmp_path / "d.npy", np.ones(3, complex)), "<c16")
    refused(errors.SchemaError, saved(tmp_path / "e.npy", np.ones(3, [("a", "f4")])), "<f4")


def test_46_npz(tmp_path):
    np.savez(tmp_path / "a.npz", scores=np.ones(3), more=np.ones(3))
    refused(errors.FormatError, tmp_path / "a.npz", "2 arrays", 'key="scores" or key="more"')


def test_47_and_48_raw(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(10))
    refused(errors.FormatError, tmp_path / "a.bin", "10 bytes", "remainder of 2", dtype="float32")
    refused(TypeError, tmp_path / "a.bin", "dtype=")
    with pytest.raises(TypeError, match="complex128"):
        open_scores(tmp_path / "a.bin", dtype=complex)


def test_files_of_two_types(tmp_path):
    a, b = saved(tmp_path / "a.npy", np.ones(3, "f4")), saved(tmp_path / "b.npy", np.ones(3, "f8"))
    with pytest.raises(errors.SchemaError, match=r"b\.npy.*float64.*a\.npy.*float32"):
        open_scores([a, b])
    refused(errors.SchemaError, a, "float32", "float64", dtype="float64")
    with pytest.raises(ValueError, match="no score file"):
        open_scores([])
    with pytest.raises(ValueError, match="mmap"):
        open_scores(a, io="fast")


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_a_file_that_changes_is_noticed(tmp_path, io):
    path = saved(tmp_path / "a.npy", np.ones(1000, "f4"))
    scores = open_scores(path, io=io)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(errors.SourceChangedError, match=r"a\.npy.*4128 bytes and has 4132"):
        np.asarray(scores + 1)

"""The demonstration's .pt files are those of torch: same records, same pickle."""

import pickletools
import struct
import zipfile

import numpy as np
import pytest

from dsdm.demo.torch_file import write_tensor

MEMO = {"BINPUT", "LONG_BINPUT"}


def program(archive):
    name = next(entry for entry in archive.namelist() if entry.endswith("/data.pkl"))
    return [(op.name, arg) for op, arg, _ in pickletools.genops(archive.read(name)) if op.name not in MEMO]


@pytest.mark.parametrize("name", ["dsdm/squad.pt", "sdd.pt"])
def test_the_records_and_the_pickle_are_torchs(name, upstream_mini, tmp_path):
    with zipfile.ZipFile(upstream_mini / name) as theirs:
        payload = theirs.read(next(entry for entry in theirs.namelist() if entry.endswith("data/0")))
        expected = program(theirs)
        names = {entry.split("/", 1)[1] for entry in theirs.namelist()} - {".data/serialization_id"}
    values = np.frombuffer(payload, dtype=np.int32 if name == "sdd.pt" else np.float32)
    ours = tmp_path / name.replace("/", "-")
    write_tensor(ours, values)
    with zipfile.ZipFile(ours) as archive:
        written = program(archive)
        assert {entry.split("/", 1)[1] for entry in archive.namelist()} == names
        assert archive.read(f"{ours.stem}/data/0") == payload
        assert archive.testzip() is None
    # torch stores a number in as few bytes as it needs, and looks names up in the memo; the values are the same.
    assert without_widths(written) == without_widths(expected)


def without_widths(operations):
    return [("INT" if op in {"BININT", "BININT1", "BININT2", "LONG1"} else op, arg) for op, arg in operations]


@pytest.mark.parametrize("stem", ["a", "squad", "cs_algorithms"])
def test_payloads_are_aligned_to_64_bytes(stem, tmp_path):
    path = tmp_path / f"{stem}.pt"
    write_tensor(path, np.arange(5, dtype=np.float32))
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", content, entry.header_offset + 26)
            assert (entry.header_offset + 30 + name + extra) % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED

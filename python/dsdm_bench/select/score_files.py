"""Files of float32 scores, written and mapped without the reader that is measured.

A vector is written in the layout of ``torch.save``: a zip container of stored (never deflated) records, the values
aligned to 64 bytes, and a pickle that rebuilds the tensor. ``torch.load(path, weights_only=True)`` opens it.
"""

import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ITEM_BYTES = 4
"""The bytes of a float32."""

_ALIGNMENT = 64
_LOCAL_HEADER, _LENGTHS, _EXTRA_HEADER = 30, 26, 4  # bytes of a zip entry's header, and where its two lengths are


def write_tensor(path: Path, values: NDArray[np.float32]) -> None:
    """Write a one-dimensional float32 array as a ``.pt`` file."""
    records = {
        "data.pkl": _pickle(len(values)),
        ".format_version": b"1",
        ".storage_alignment": b"64",
        "byteorder": b"little",
        "data/0": values.astype("<f4", copy=False).tobytes(),
        "version": b"3\n",
    }
    with path.open("wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, payload in records.items():
            entry = zipfile.ZipInfo(f"{path.stem}/{name}")
            entry.extra = _padding(file.tell() + _LOCAL_HEADER + len(entry.filename) + _EXTRA_HEADER)
            archive.writestr(entry, payload)


def mapped(path: Path) -> NDArray[np.float32]:
    """Return the values of a ``.pt`` file of one tensor, or of a ``.npy`` file, as a read-only map."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, mmap_mode="r"))
    with zipfile.ZipFile(path) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("/data/0"))
    with path.open("rb") as file:
        file.seek(entry.header_offset + _LENGTHS)
        offset = entry.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
    return np.asarray(np.memmap(path, np.float32, "r", offset, (entry.file_size // ITEM_BYTES,)))


def _padding(offset: int) -> bytes:
    """Return the extra field that moves a payload from `offset` to the next multiple of 64."""
    pad = -offset % _ALIGNMENT
    return b"FB" + struct.pack("<H", pad) + b"Z" * pad


def _pickle(length: int) -> bytes:
    """``_rebuild_tensor_v2(storage '0' on the cpu, 0, (length,), (1,), False, OrderedDict())``, protocol 2."""
    number = b"J" + struct.pack("<i", length) if length < 1 << 31 else b"\x8a\x08" + struct.pack("<q", length)
    return b"".join(
        (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((",
            _text("storage"),
            b"ctorch\nFloatStorage\n",
            _text("0"),
            _text("cpu"),
            number,
            b"tQK\x00",
            number + b"\x85",
            b"K\x01\x85",
            b"\x89ccollections\nOrderedDict\n)RtR.",
        )
    )


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()

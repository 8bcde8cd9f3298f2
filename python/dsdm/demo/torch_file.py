"""A one-dimensional array as the file that ``torch.save`` writes for such a tensor, without torch.

A zip container with stored (never deflated) records, the payload aligned to 64 bytes, and a pickle that rebuilds
the tensor. ``torch.load(path, weights_only=True)`` opens it.
"""

import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_LOCAL_HEADER = 30
_EXTRA_HEADER = 4
_STORAGE = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
}


def write_tensor(path: Path, values: NDArray[np.generic]) -> None:
    """Write a one-dimensional float32, float64, int32 or int64 array as a ``.pt`` file."""
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    records = {
        "data.pkl": _pickle(_STORAGE[values.dtype.name], len(values)),
        ".format_version": b"1",
        ".storage_alignment": b"64",
        "byteorder": b"little",
        "data/0": little.tobytes(),
        "version": b"3\n",
    }
    with path.open("wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, payload in records.items():
            entry = zipfile.ZipInfo(f"{path.stem}/{name}")
            entry.extra = _padding(file.tell() + _LOCAL_HEADER + len(entry.filename) + _EXTRA_HEADER)
            archive.writestr(entry, payload)


def _padding(offset: int) -> bytes:
    """The extra field that moves a payload from `offset` to the next multiple of 64."""
    pad = -offset % _ALIGNMENT
    return b"FB" + struct.pack("<H", pad) + b"Z" * pad


def _pickle(storage: str, length: int) -> bytes:
    """``_rebuild_tensor_v2(storage '0' on the cpu, 0, (length,), (1,), False, OrderedDict())``, protocol 2."""
    number = b"J" + struct.pack("<i", length) if length < 1 << 31 else b"\x8a\x08" + struct.pack("<q", length)
    return b"".join(
        (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((",
            _text("storage"),
            f"ctorch\n{storage}\n".encode(),
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

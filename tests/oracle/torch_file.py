"""A `.pt` file read by Python's zipfile and unpickler, with stubs for what torch would make: no torch, no calls.

It knows what torch writes and nothing else. Where torch is installed, it reads the file too.
"""

import io
import pickle
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from tests.oracle.readers import RefusedError

_STORAGES = {"Float": "f4", "Double": "f8", "Half": "f2", "Char": "i1", "Byte": "u1", "Short": "i2", "Int": "i4"}
_STORAGES = {f"{name}Storage": code for name, code in _STORAGES.items()} | {
    "LongStorage": "i8",
    "BFloat16Storage": "V2",
}
_TYPES = {"float32": "f4", "float64": "f8", "float16": "f2", "int8": "i1", "uint8": "u1", "int16": "i2", "int32": "i4"}
_TYPES |= {"int64": "i8", "bfloat16": "V2", "uint16": "u2", "uint32": "u4", "uint64": "u8"}


@dataclass
class _Tensor:
    key: str
    code: str
    offset: int
    size: tuple
    stride: tuple
    numel: int


def _need(condition, what):
    if not condition:
        raise pickle.UnpicklingError(what)


def _rebuild(storage, offset, size, stride, _grad, _hooks, *rest):
    key, code, numel = storage
    if code is None:
        code, rest = rest[0], rest[1:]
        numel //= np.dtype(code).itemsize
    _need(not rest or not any(dict(rest[0] or {}).values()), "metadata")
    return _Tensor(key, code, offset, tuple(size), tuple(stride), numel)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
            ("torch._utils", "_rebuild_tensor_v3"): _rebuild,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, _grad, _hooks: tensor,
            ("torch.storage", "UntypedStorage"): None,
            ("collections", "OrderedDict"): dict,
        }
        _need((module, name) in known, f"{module}.{name}")
        return known[module, name]

    def persistent_load(self, pid):
        kind, code, key, location, numel = pid
        _need(kind == "storage" and location != "meta", kind)
        return key, code, numel


def read_vector(path, key=None):
    """Read the tensor that a file holds, or that the key names: a vector in the byte order of this machine."""
    try:
        return _read(path, key)
    # Whatever zipfile, pickle and the stubs raise is their refusal.
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise RefusedError(message) from error


def _read(path, key):
    with zipfile.ZipFile(path) as archive:
        prefix = archive.infolist()[0].filename.partition("/")[0]
        root = _Unpickler(io.BytesIO(_entry(archive, f"{prefix}/data.pkl"))).load()
        order = "<"
        if f"{prefix}/byteorder" in archive.namelist():
            order = {b"little": "<", b"big": ">"}[_entry(archive, f"{prefix}/byteorder")]
        if isinstance(root, list) and key is None:
            listed = _listed(root, lambda tensor: _values(tensor, _storage(archive, prefix, tensor), order))
            if listed is not None:
                return listed
        if not isinstance(root, _Tensor):
            items = root.items() if isinstance(root, dict) else enumerate(root)
            tensors = {str(name): item for name, item in items if isinstance(item, _Tensor)}
            root = tensors[key] if key else next(iter(tensors.values()))
            _need(key or len(tensors) == 1, "one tensor")
        return _values(root, _storage(archive, prefix, root), order)


def _listed(items, values):
    """Give the vector that a list of single values is; None for any other list."""
    for kind, code in ((float, "f8"), (int, "i8")):
        if items and all(type(item) is kind for item in items):
            return np.array(items, code)
    if not items or not all(isinstance(item, _Tensor) and set(item.size) <= {1} for item in items):
        return None
    _need(len({item.code for item in items}) == 1, "one type")
    for item in items:
        _need(len(item.stride) == len(item.size), "strides")
        # As one dimension of one value, whatever its strides are.
        item.size, item.stride = (1,), (1,)
    return np.concatenate([values(item) for item in items])


def _storage(archive, prefix, tensor):
    return _entry(archive, f"{prefix}/data/{tensor.key}")


def _entry(archive, name):
    with archive.open(name) as entry:
        entry._expected_crc = None  # torch compares no checksum of what it reads through a map, nor does dsdm unasked
        return entry.read()


def _values(tensor, stored, order):
    dtype = np.dtype(tensor.code)
    dtype = np.dtype("u2") if dtype.kind == "V" else dtype
    values = np.frombuffer(stored, dtype.newbyteorder(order))
    _need(len(values) == tensor.numel, "numel")
    (length, *more), stride = tensor.size, tensor.stride[0]
    _need(more in ([], [1]) and len(tensor.stride) == len(tensor.size), "a vector")
    _need(min(length, stride, tensor.offset) >= 0, "negative")
    _need(length == 0 or tensor.offset + (length - 1) * stride < len(values), "past the end")
    values = values[tensor.offset :][:: stride or 1][:length] if length else values[:0]
    values = values.astype(dtype)
    return (values.astype("u4") << 16).view("f4") if tensor.code == "V2" else values


def read_with_torch(path, key=None):
    """Read the same with torch, where it is installed; None where it is not."""
    if find_spec("torch") is None:
        return None
    import torch

    try:
        root = torch.load(path, weights_only=True)
        tensor = root[key] if key else root
        tensor = tensor.detach().reshape(-1).contiguous()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise RefusedError(message) from error

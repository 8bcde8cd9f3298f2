"""Vectors that others hold in memory, as numpy arrays: where they lie if they can be read there, else copied.

torch, jax and whatever speaks DLPack, pandas, polars, Arrow's C interface, `datasets`, buffers, lists. Values stay what
they are: what numpy would round, or would take for something else, is refused.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dsdm.checks import refuse_labels, refuse_masked, said

_EXACT = 2**53
"""Every integer up to this one is a float64, and not all beyond it."""
_CPU = (1, 3, 11)
"""The devices of DLPack that are memory of this machine: plain, and pinned for CUDA or ROCm."""
_MORE = (
    "a dsdm.Scores, a numpy array, a tensor, a Series of pandas or polars, an Arrow array, a column of datasets or a "
    "list of numbers is needed"
)


def vector(what: str, values: Any, *, labelled: bool = False) -> npt.NDArray[Any]:
    """Return the values of a vector as numpy has them; bfloat16 of torch as float32, which holds all of it.

    `labelled` takes a Series of pandas in the order in which it lies, whatever its labels are.

    Raises
    ------
    TypeError
        For masked values and nulls, objects and texts, tables, values on another device, and what is no vector at all.
    ValueError
        For a Series of pandas whose labels are other row numbers, and whole numbers that would be rounded.

    """
    refuse_masked(what, values)
    found = _held(what, values, labelled=labelled)
    if found.dtype.kind == "O":
        raise TypeError(_objects(what, found))
    return found


def numbers(what: str, values: Any, *, labelled: bool = False) -> npt.NDArray[Any]:
    """Return a vector of scores: of float16 to float64, bfloat16, or an integer type.

    Raises
    ------
    TypeError
        For another type, with how it becomes one of these; and as :func:`vector`.

    """
    found = vector(what, values, labelled=labelled)
    if found.dtype.name == "bfloat16" or (found.dtype.kind in "iuf" and found.dtype.itemsize <= 8):  # noqa: PLR2004
        return found
    how = {
        "b": f"; {what} as 0 and 1 are numpy.asarray({what}).astype('uint8')",
        "c": f"; give numpy.real({what}) or numpy.abs({what})",
        "f": f"; give numpy.asarray({what}).astype('float64'), which may round",
        "m": f"; give numpy.asarray({what}).astype('int64')",
        "M": f"; give numpy.asarray({what}).astype('int64')",
        "U": f"; give numpy.asarray({what}).astype('float64') if they are numbers",
        "S": f"; give numpy.asarray({what}).astype('float64') if they are numbers",
        "V": f"; give one field of them, {what}[name]",
    }.get(found.dtype.kind, "")
    message = f"{what} holds {found.dtype}; numbers are needed: float16 to float64, or integers of up to 64 bits{how}"
    raise TypeError(message)


def _held(what: str, values: Any, *, labelled: bool) -> npt.NDArray[Any]:
    """Return the values of whatever holds them."""
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    if isinstance(values, list | tuple | range):
        return _of_list(what, values)
    found = _of_library(what, values, labelled=labelled)
    return _of_protocol(what, values) if found is None else found


def _of_library(what: str, values: Any, *, labelled: bool) -> npt.NDArray[Any] | None:
    """Return what a library holds that says more of its values than numpy hears; None for all else."""
    torch, pandas, polars = (sys.modules.get(name) for name in ("torch", "pandas", "polars"))
    if isinstance(values, tuple(library.DataFrame for library in (pandas, polars) if library)):
        message = f"{what} is a DataFrame; one column of it is needed: {what}[name]"
        raise TypeError(message)
    if torch and isinstance(values, torch.Tensor):
        return _of_torch(what, values, torch)
    if pandas and isinstance(values, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray):
        if not labelled:
            refuse_labels(what, values)
        return _of_pandas(what, values)
    if polars and isinstance(values, polars.Series):
        return np.asarray(values.to_numpy())
    if type(values).__module__.partition(".")[0] == "datasets" and hasattr(values, "column_name"):
        return vector(what, _of_datasets(values))
    return None


def _of_protocol(what: str, values: Any) -> npt.NDArray[Any]:
    """Return what is read by Arrow's C interface, by numpy's own, as a buffer, or by DLPack."""
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return _of_arrow(what, values)
    if hasattr(values, "__dlpack_device__"):
        device, number = values.__dlpack_device__()
        if device not in _CPU:
            message = (
                f"{what} is on another device ({int(device)}, {number}); copy it into the memory of this machine first"
            )
            raise TypeError(message)
    if hasattr(values, "__array__") or hasattr(values, "__array_interface__") or _is_buffer(values):
        return np.asarray(values)
    if not hasattr(values, "__dlpack__"):
        message = f"{what} is a {type(values).__name__}; {_MORE}"
        raise TypeError(message)
    try:
        return np.from_dlpack(values)
    except (BufferError, RuntimeError, TypeError) as error:
        message = f"{what} is a {type(values).__name__} that numpy does not read by DLPack ({error})"
        raise TypeError(message) from error


def is_vector(values: Any) -> bool:
    """Return whether something holds values in memory, so that :func:`numbers` reads it or says why not.

    Single values, texts, mappings and whatever else holds none are left to their own operators.
    """
    if isinstance(values, np.generic | str | bytes):
        return False
    if isinstance(values, np.ndarray | list | tuple | range):
        return True
    if type(values).__module__.partition(".")[0] == "datasets" and hasattr(values, "column_name"):
        return True
    names = ("__arrow_c_array__", "__arrow_c_stream__", "__dlpack__", "__array__", "__array_interface__")
    return any(hasattr(values, name) for name in names) or _is_buffer(values)


def is_tensor(values: Any) -> bool:
    """Return whether values are a tensor of a library that speaks DLPack, and no array of numpy."""
    return hasattr(values, "__dlpack__") and not isinstance(values, np.ndarray)


def _is_buffer(values: Any) -> bool:
    if isinstance(values, str | bytes):
        return False
    try:
        memoryview(values)
    except TypeError:
        return False
    return True


def _of_torch(what: str, tensor: Any, torch: Any) -> npt.NDArray[Any]:
    """Return a tensor where it lies, without its gradient."""
    if tensor.device.type != "cpu":
        message = f"{what} is a tensor on {tensor.device}; give {what}.cpu()"
        raise TypeError(message)
    if tensor.layout != torch.strided or tensor.is_quantized:
        how = "dequantize" if tensor.is_quantized else "to_dense"
        message = f"{what} is a tensor that is not one value after the other; give {what}.{how}()"
        raise TypeError(message)
    tensor = tensor.detach().resolve_neg()
    if tensor.dtype == torch.bfloat16:
        return np.asarray(tensor.float().numpy())
    try:
        return np.asarray(tensor.numpy())
    except (TypeError, RuntimeError) as error:
        message = f"{what} is a tensor of {tensor.dtype}, which numpy does not have; give {what}.float() ({error})"
        raise TypeError(message) from error


def _of_pandas(what: str, values: Any) -> npt.NDArray[Any]:
    """Return what lies in a Series, in the type in which it lies there; nulls were refused."""
    dtype = values.dtype
    if hasattr(dtype, "pyarrow_dtype"):
        return _of_arrow(what, getattr(values, "array", values).__arrow_array__())
    if isinstance(getattr(dtype, "numpy_dtype", None), np.dtype):
        return np.asarray(values.to_numpy(dtype=dtype.numpy_dtype))
    return np.asarray(values)


def _of_datasets(column: Any) -> Any:
    """Return a column of a data set: by Arrow, or as the format of the data set gives it."""
    source = column.source
    name = column.column_name
    if getattr(source, "format", {}).get("type", "") is None and name in source.column_names:
        return source.select_columns([name]).with_format("arrow")[:][name]
    return column[:]


def _of_arrow(what: str, values: Any) -> npt.NDArray[Any]:
    """Return an Arrow array, which has no nulls."""
    import pyarrow as pa

    if isinstance(values, pa.Table | pa.RecordBatch):
        message = f"{what} is a table; one column of it is needed: {what}[name]"
        raise TypeError(message)
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.chunked_array(values) if hasattr(values, "__arrow_c_stream__") else pa.array(values)
        refuse_masked(what, values)
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        how = f"give pyarrow.compute.cast({what}, 'float64'), if that is what they mean"
        if pa.types.is_boolean(kind):
            how = f"as 0 and 1 they are pyarrow.compute.cast({what}, 'uint8')"
        elif pa.types.is_struct(kind):
            how = "one column of a table is needed"
        message = f"{what} holds {kind}; numbers are needed: {how}"
        raise TypeError(message)
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            return np.asarray(values.to_numpy())
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _of_list(what: str, values: Sequence[Any]) -> npt.NDArray[Any]:
    """Return a list of numbers: whole ones as they are, floats, or both if float64 holds all of them."""
    kinds = {
        kind: next(at for at, value in enumerate(values) if type(value) is kind) for kind in set(map(type, values))
    }
    for kind, at in kinds.items():
        if kind in (bool, np.longdouble) or not issubclass(kind, int | float | np.integer | np.floating):
            message = f"{what}[{at}] is {values[at]!r:.100}, which is no number; {_how(kind, what)}"
            raise TypeError(message)
    whole = [kind for kind in kinds if issubclass(kind, int | np.integer)]
    if not whole:
        return np.asarray(values)
    if len(whole) < len(kinds):
        long = [at for at, value in enumerate(values) if isinstance(value, tuple(whole)) and not _is_float(value)]
        if long:
            at = long[0]
            message = (
                f"{what}[{at}] is {values[at]}, which float64 does not hold, among floats; give whole numbers "
                "alone, or floats alone"
            )
            raise ValueError(message)
        return np.asarray([float(value) for value in values])
    least, most = int(min(values)), int(max(values))
    if least < -(2**63) or most >= (2**63 if least < 0 else 2**64):
        message = (
            f"{what} has whole numbers from {said(least)} to {said(most)}, for which 64 bits have no room; give floats"
        )
        raise ValueError(message)
    return np.asarray(values, np.int64 if most < 2**63 else np.uint64)


def _is_float(value: Any) -> bool:
    """Return whether a whole number is exactly a float64."""
    number = int(value)
    return abs(number) <= _EXACT or (abs(number) < 2**1000 and int(float(number)) == number)


def _how(kind: type, what: str) -> str:
    if kind is bool or issubclass(kind, np.bool_):
        return f"as 0 and 1 they are numpy.array({what}, 'uint8')"
    if kind is type(None):
        return "give a number for it, or NaN"
    if hasattr(kind, "__len__") and not issubclass(kind, str | bytes):
        return "one number per row is needed, in one list or array"
    return "give floats or whole numbers"


def _objects(what: str, found: npt.NDArray[Any]) -> str:
    """Say which of some objects is no number."""
    for at, value in enumerate(found.reshape(-1)):
        if _is_missing(value):
            return f"{what}[{at}] is {value}, which is no value; give a number for it, or NaN"
    return (
        f"{what} holds Python objects (numpy's object type); numbers are needed: give "
        f"numpy.asarray({what}).astype('float64'), or another type that holds them all"
    )


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, or the one of pandas, which compares with nothing."""
    return value is None or type(value).__name__ == "NAType" or value != value  # noqa: PLR0124

"""The unit of time: what one pass over the bytes costs, as a parallel max by the fastest reader that is installed."""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsdm_bench.harness import machine
from dsdm_bench.harness.contest import Contestant

Arrays = Sequence[NDArray[np.float32]]


def readers(arrays: Arrays, threads: int) -> list[Contestant]:
    """Return every known way to read the arrays once and compute their largest value, which must be above 0.

    Positive floats are ordered as the integers of their bits are, and a max of integers need not look for NaN.
    """
    right = max(float(array.max()) for array in arrays)
    found = [
        Contestant(f"numpy.max, {threads} threads", _numpy_max(arrays, threads, np.float32), _must_be(right)),
        Contestant(f"numpy.max as int32, {threads} threads", _numpy_max(arrays, threads, np.int32), _must_be(right)),
    ]
    if machine.is_installed("torch"):
        found.append(Contestant("torch.max", _torch_max(arrays, threads), _must_be(right)))
    return found


def _must_be(right: float) -> Callable[[Any], str]:
    def check(found: float) -> str:
        if found != right:
            message = f"the largest value is {found!r} in place of {right!r}"
            raise ValueError(message)
        return "the largest value"

    return check


def _numpy_max(arrays: Arrays, threads: int, dtype: DTypeLike) -> Callable[[], float]:
    """Return a max with one slice of each array per thread; numpy releases the GIL meanwhile."""
    parts = [part for array in arrays for part in np.array_split(array.view(dtype), threads)]
    pool = _pool(threads)
    return lambda: float(np.max(list(pool.map(np.max, parts))).astype(dtype).view(np.float32))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _torch_max(arrays: Arrays, threads: int) -> Callable[[], float]:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that the map is read-only; nothing writes to it
        tensors = [torch.from_numpy(array) for array in arrays]
    return lambda: max(float(tensor.max()) for tensor in tensors)

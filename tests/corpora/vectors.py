"""Score vectors of every type, saved and compared bit by bit."""

import numpy as np

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
ROWS = 70_001  # more than two of the blocks that are copied at once


def values(dtype, rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        made = rng.normal(size=rows).astype(dtype)
        made[rng.integers(0, rows, min(rows, 20))] = np.tile([np.inf, -np.inf, -0.0, np.nan], 5)[
            : min(rows, 20)
        ].astype(dtype)
        return made
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, rows, dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)


def saved(path, array):
    np.save(path, array)
    return path


def same(array, expected):
    assert array.dtype == expected.dtype
    assert array.tobytes() == expected.tobytes()

"""Selection by a stable sort, the obvious oracle, and vectors of scores for it."""

import numpy as np

DTYPES = ["float16", "float32", "float64"] + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
# Around the stride, the block and the sampled size of the engine, and past several tasks of one thread.
LENGTHS = [1, 2, 63, 64, 65, 1000, 16_383, 16_384, 16_385, 262_143, 262_145, 600_001]


def oracle(scores, k, *, largest=True, order="best_first", exclude=None):
    """A stable sort by descending (ascending) score: ties to the lower row."""
    scores = np.asarray(scores)
    if scores.dtype.kind in "iu":
        keys = [-int(s) if largest else int(s) for s in scores] if scores.dtype.itemsize == 8 else None
        keys = np.array(keys, dtype=object) if keys else (-1 if largest else 1) * scores.astype(np.int64)
    else:
        keys = (-1 if largest else 1) * scores.astype(np.float64)
    rows = np.argsort(keys, kind="stable")
    if exclude is not None:
        rows = rows[~np.isin(rows, np.flatnonzero(exclude) if np.asarray(exclude).dtype == bool else exclude)]
    rows = rows[:k]
    return {"best_first": rows, "best_last": rows[::-1], "row": np.sort(rows)}[order]


def vector(kind, dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if kind == "random":
        if dtype.kind == "f":
            return rng.standard_normal(n).astype(dtype)
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, n, dtype=dtype, endpoint=True)
    if kind == "ties":
        return rng.integers(0, 5, n).astype(dtype)
    if kind == "constant":
        return np.full(n, 3, dtype)
    if kind == "ascending":
        return np.sort(vector("random", dtype, n, seed))
    if kind == "descending":
        return np.sort(vector("random", dtype, n, seed))[::-1].copy()
    scores = vector("ties", dtype, n, seed)
    if dtype.kind == "f":  # "special"
        scores[rng.random(n) < 0.2] = np.inf
        scores[rng.random(n) < 0.2] = -np.inf
        scores[rng.random(n) < 0.2] = -0.0
        scores[rng.random(n) < 0.2] = 0.0
    else:
        scores[rng.random(n) < 0.3] = np.iinfo(dtype).max
        scores[rng.random(n) < 0.3] = np.iinfo(dtype).min
    return scores

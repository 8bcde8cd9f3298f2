"""The rules by numpy."""

import math

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.rules.inputs import Inputs
from dsdm_bench.rules.peers import bounds
from dsdm_bench.rules.peers.call import Call
from dsdm_bench.rules.settings import SEED


def with_numpy(inputs: Inputs, threads: int) -> dict[str, Call]:
    """Return the calls of numpy, which runs on one thread."""
    del threads
    scores = inputs.scores
    calls: dict[str, Call] = {
        "threshold": lambda: np.flatnonzero(scores >= np.float32(inputs.least)),
        "budget": lambda: _within(scores, inputs.lengths, inputs.tokens),
        "quotas": lambda: _of_groups(scores, inputs.groups, np.full(int(inputs.groups.max()) + 1, inputs.quota)),
        "near": lambda: _nearest(scores, inputs.value, inputs.k),
        "near-fraction": lambda: _nearest(scores, inputs.value, len(scores) // 20),
        "quantile": lambda: _between(scores, inputs.quantiles),
        "like": lambda: _of_groups(scores, inputs.groups, inputs.quotas),
        "ties": lambda: _with_drawn_ties(inputs.labels, inputs.k),
    }
    if inputs.texts is not None:
        # The bytes of a text are what lies between two offsets of Arrow.
        offsets = np.frombuffer(inputs.texts.buffers()[1], np.int64)
        calls["lengths"] = lambda: _within(scores, np.diff(offsets), inputs.text_budget)
    return calls


def _within(scores: NDArray[np.float32], lengths: NDArray[np.integer], budget: int) -> NDArray[np.int64]:
    rows = np.flatnonzero(scores >= bounds.above_tokens(scores, lengths, budget))
    ranked = rows[np.argsort(-scores[rows], kind="stable")]
    return ranked[: np.searchsorted(np.cumsum(lengths[ranked], dtype=np.int64), budget, side="right")]


def _of_groups(scores: NDArray[np.float32], groups: NDArray[np.int32], quotas: NDArray[np.int64]) -> NDArray[np.int64]:
    ranked = np.lexsort((-scores, groups))
    ends = np.cumsum(np.bincount(groups))
    starts = np.concatenate([[0], ends[:-1]])
    return np.concatenate([ranked[start : start + quota] for start, quota in zip(starts, quotas, strict=True)])


def _nearest(scores: NDArray[np.float32], value: float, k: int) -> NDArray[np.int64]:
    low, high = bounds.around(scores, value, k)
    rows = np.flatnonzero((scores >= low) & (scores <= high))
    distances = np.abs(scores[rows].astype(np.float64) - value)
    return rows[np.argsort(distances, kind="stable")[:k]]


def _between(scores: NDArray[np.float32], quantiles: tuple[float, float]) -> NDArray[np.int64]:
    low, high = (_quantile(scores, quantile) for quantile in quantiles)
    least, greatest = bounds.as_float32(low, high)
    return np.flatnonzero((scores >= least) & (scores <= greatest))


def _quantile(scores: NDArray[np.float32], quantile: float) -> float:
    low, high = bounds.about(scores, quantile)
    some = scores[(scores >= low) & (scores <= high)]
    rank = quantile * (len(scores) - 1) - int(np.count_nonzero(scores < low))
    places = [math.floor(rank), math.floor(rank) + 1]
    return bounds.between(np.partition(some, places)[places], rank)


def _with_drawn_ties(labels: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    rows = np.flatnonzero(labels >= bounds.above_rows(labels, k))
    found = labels[rows]
    cut = np.partition(found, len(found) - k)[len(found) - k]
    better, ties = rows[found > cut], rows[found == cut]
    drawn = np.random.default_rng(SEED).choice(ties, k - len(better), replace=False, shuffle=False)
    return np.concatenate([better, drawn])

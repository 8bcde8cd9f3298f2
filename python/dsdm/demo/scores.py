"""The demonstration's scores: small relatives of the reference's methods, over words hashed into bins.

They stand in for the published scores, which took a cluster to compute, and mean something of the same kind:
the best rows for a target are visibly like the target's text.
"""

import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm.demo.corpus import text_of
from dsdm.demo.texts import TARGET_TEXTS
from dsdm.demo.torch_file import write_tensor
from dsdm.reference import SEMDEDUP_FILE, TARGETED_METHODS, targets_of

_BINS = 4096
_SMOOTHING = 0.5
_STEPS = 60
_KEPT_BY_SEMDEDUP = 0.2  # the reference keeps 42,554,392 of 216,948,746 rows
_WORD = re.compile(r"[A-Za-z]+|[0-9]+")


def write_scores(rows: NDArray[np.uint16], folder: Path) -> dict[str, NDArray[np.generic]]:
    """Write score files of the reference layout for every method and target, and give what they hold by path."""
    counts = np.stack([word_counts(text_of(row)) for row in rows])
    vectors: dict[str, NDArray[np.generic]] = {SEMDEDUP_FILE: kept_by_semdedup(counts)}
    score_by = {"dsdm": influence, "classifier": logistic, "dsir": log_importance}
    for method in TARGETED_METHODS:
        for target in targets_of(method):
            if (method, target) != ("dsdm", "lm_task_mix"):  # the mean of three others, never stored
                goal = word_counts(TARGET_TEXTS[target])
                vectors[f"{method}/{target}.pt"] = score_by[method](counts, goal).astype(np.float32)
    for path, vector in vectors.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_tensor(folder / path, vector)
    return vectors


def word_counts(text: str) -> NDArray[np.float32]:
    """Count words and numbers, hashed into 4,096 bins."""
    bins = [_bin(word) for word in _WORD.findall(text)]
    return np.bincount(bins, minlength=_BINS).astype(np.float32)


def influence(counts: NDArray[np.float32], goal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much a unigram model's loss on the goal falls, to first order, when a row weighs more.

    This is what a linear datamodel estimates, for a model small enough to differentiate by hand: with p the
    model's word frequencies, r the row's and g the goal's, the sum over words of g / p * (r - p). A row's counts
    are divided by those of a mean row, as all rows have as many tokens.
    """
    model = _frequencies(counts.sum(axis=0), smoothing=20)
    slope = _frequencies(goal, smoothing=0) / model
    return (counts / counts.sum(axis=1).mean()) @ slope - model @ slope


def log_importance(counts: NDArray[np.float32], goal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much likelier a row is under the goal's words than under the corpus's, in logarithms.

    This is DSIR's importance weight (Xie et al. 2023) per word, times a constant that keeps the draw from being
    decided by the longest rows alone.
    """
    ratio = np.log(_frequencies(goal)) - np.log(_frequencies(counts.sum(axis=0)))
    return 20 * (counts @ ratio) / np.maximum(counts.sum(axis=1), 1)


def logistic(counts: NDArray[np.float32], goal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit a logistic regression that tells the goal's text from the corpus, and give its logits for the rows."""
    scale = np.log1p(counts)
    scale /= np.maximum(np.linalg.norm(scale, axis=1, keepdims=True), 1)
    positive = np.log1p(goal)
    positive /= max(float(np.linalg.norm(positive)), 1.0)
    weights, bias = np.zeros(_BINS, np.float32), 0.0
    for _ in range(_STEPS):
        wrong = 1 / (1 + np.exp(-(scale @ weights + bias)))
        missed = 1 - 1 / (1 + np.exp(-(positive @ weights + bias)))
        weights += 2 * (missed * positive - (wrong @ scale) / len(scale)) - 1e-3 * weights
        bias += float(missed - wrong.mean())
    return scale @ weights + np.float32(bias)


def kept_by_semdedup(counts: NDArray[np.float32]) -> NDArray[np.int32]:
    """Keep the fifth of the rows that are least like any row before them: their numbers, ascending."""
    unit = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)
    likeness = np.array([(unit[:row] @ unit[row]).max() if row else 0.0 for row in range(len(unit))])
    kept = np.argsort(likeness, kind="stable")[: max(1, int(_KEPT_BY_SEMDEDUP * len(unit)))]
    return np.sort(kept).astype(np.int32)


@cache
def _bin(word: str) -> int:
    return zlib.crc32(word.lower().encode()) % _BINS


def _frequencies(counts: NDArray[np.float32], smoothing: float = _SMOOTHING) -> NDArray[np.float32]:
    smoothed = counts + np.float32(smoothing)
    return smoothed / smoothed.sum()

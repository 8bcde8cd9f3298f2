"""The right rows of each rule, by plain numpy: slow, and as obvious as possible."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.rules.inputs import Inputs

_BEST_FIRST = {"budget", "near", "near-fraction", "lengths"}
"""The jobs whose rows come in an order that is compared as well: the best first, or the nearest."""
_DEVIATIONS = 6.0
"""So many standard deviations at most, a draw of ties takes more or fewer from the front than from the rest."""


def _ranked(inputs: Inputs) -> NDArray[np.int64]:
    """Return all rows, best first; of equal scores, the lower row comes first."""
    return np.argsort(-inputs.scores, kind="stable")


def _threshold(inputs: Inputs) -> NDArray[np.int64]:
    return np.flatnonzero(inputs.scores >= np.float32(inputs.least))


def _within(inputs: Inputs, lengths: NDArray[np.int32], budget: int) -> NDArray[np.int64]:
    ranked = _ranked(inputs)
    ends = np.cumsum(lengths[ranked], dtype=np.int64)
    return ranked[: np.searchsorted(ends, budget, side="right")]


def _of_groups(inputs: Inputs, quotas: NDArray[np.int64]) -> NDArray[np.int64]:
    ranked = _ranked(inputs)
    by_group = ranked[np.argsort(inputs.groups[ranked], kind="stable")]
    of = inputs.groups[by_group]
    first = np.searchsorted(of, of)  # where the group of each begins
    return np.sort(by_group[np.arange(len(of)) - first < quotas[of]])


def _near(inputs: Inputs) -> NDArray[np.int64]:
    distances = np.abs(inputs.scores.astype(np.float64) - inputs.value)
    return np.argsort(distances, kind="stable")[: inputs.k]


def _quantile(inputs: Inputs) -> NDArray[np.int64]:
    scores = inputs.scores.astype(np.float64)
    low, high = np.quantile(scores, inputs.quantiles)
    return np.flatnonzero((scores >= low) & (scores <= high))


def _ties(inputs: Inputs) -> NDArray[np.int64]:
    """Return one right answer of many: of those that tie, the lower rows."""
    return np.sort(np.argsort(-inputs.labels, kind="stable")[: inputs.k])


RIGHT: dict[str, Callable[[Inputs], NDArray[np.int64]]] = {
    "threshold": _threshold,
    "budget": lambda inputs: _within(inputs, inputs.lengths, inputs.tokens),
    "quotas": lambda inputs: _of_groups(inputs, np.full(int(inputs.groups.max()) + 1, inputs.quota)),
    "near": _near,
    "near-fraction": _near,
    "quantile": _quantile,
    "like": lambda inputs: _of_groups(inputs, inputs.quotas),
    "ties": _ties,
    "lengths": lambda inputs: _within(inputs, inputs.text_lengths, inputs.text_budget),
}
"""By the name of the job. Rows of a budget are best first, those near to a value nearest first, others ascending."""


def check(job: str, inputs: Inputs, right: NDArray[np.int64], found: Any) -> str:
    """Return what is right in an answer.

    Raises
    ------
    WrongAnswerError
        If other rows were chosen, or in another order where there is one.

    """
    rows = np.asarray(found).astype(np.int64)
    rows = rows if job in _BEST_FIRST else np.sort(rows)
    if job == "ties":
        return _drawn(inputs, right, rows)
    if not np.array_equal(rows, right):
        message = f"{len(rows):,} rows, which are others than the {len(right):,} right ones"
        raise WrongAnswerError(message)
    return "same rows"


def _drawn(inputs: Inputs, right: NDArray[np.int64], rows: NDArray[np.int64]) -> str:
    """Return what is right in a draw of ties: any of those that tie, but neither the first nor the last of them."""
    labels = inputs.labels
    cut = labels[right].min()
    better = right[labels[right] > cut]
    ties, drawn = np.flatnonzero(labels == cut), rows[labels[rows] == cut]
    if len(rows) != len(right) or len(np.unique(rows)) != len(rows):
        message = f"{len(np.unique(rows)):,} rows in place of {len(right):,}"
        raise WrongAnswerError(message)
    if not np.array_equal(rows[labels[rows] > cut], better) or labels[rows].min() < cut:
        message = f"not all of the {len(better):,} rows above the cut"
        raise WrongAnswerError(message)
    front = int((drawn < ties[len(ties) // 2]).sum())
    part = (len(ties) // 2) / len(ties)
    left = (len(ties) - len(drawn)) / max(len(ties) - 1, 1)
    deviation = np.sqrt(len(drawn) * part * (1 - part) * left)
    if abs(front - len(drawn) * part) > _DEVIATIONS * deviation + 1:
        message = f"{front:,} of the {len(drawn):,} drawn rows are from the first half of those that tie"
        raise WrongAnswerError(message)
    return "same rows above the cut, as many of the tied"

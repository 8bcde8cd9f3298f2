"""The right rows of each rule, by plain numpy: slow, and as obvious as possible."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.rules.inputs import Inputs


def _ranked(inputs: Inputs) -> NDArray[np.int64]:
    """Return all rows, best first; of equal scores, the lower row comes first."""
    return np.argsort(-inputs.scores, kind="stable")


def _threshold(inputs: Inputs) -> NDArray[np.int64]:
    return np.flatnonzero(inputs.scores >= np.float32(inputs.least))


def _budget(inputs: Inputs) -> NDArray[np.int64]:
    ranked = _ranked(inputs)
    ends = np.cumsum(inputs.lengths[ranked], dtype=np.int64)
    return ranked[: np.searchsorted(ends, inputs.tokens, side="right")]


def _quotas(inputs: Inputs) -> NDArray[np.int64]:
    ranked = _ranked(inputs)
    by_group = ranked[np.argsort(inputs.groups[ranked], kind="stable")]
    of = inputs.groups[by_group]
    first = np.searchsorted(of, of)  # where the group of each begins
    return np.sort(by_group[np.arange(len(of)) - first < inputs.quota])


RIGHT: dict[str, Callable[[Inputs], NDArray[np.int64]]] = {
    "threshold": _threshold,
    "budget": _budget,
    "quotas": _quotas,
}
"""By the name of the job. Rows of a budget are best first, the others ascending."""


def check(job: str, right: NDArray[np.int64], found: Any) -> str:
    """Return what is right in an answer.

    Raises
    ------
    WrongAnswerError
        If other rows were chosen, or a budget's in another order.

    """
    rows = np.asarray(found).astype(np.int64)
    rows = rows if job == "budget" else np.sort(rows)
    if not np.array_equal(rows, right):
        message = f"{len(rows):,} rows, which are others than the {len(right):,} right ones"
        raise WrongAnswerError(message)
    return "same rows"

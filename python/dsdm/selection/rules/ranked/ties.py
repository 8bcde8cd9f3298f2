"""Ties at the cut, drawn by a seed: a row's place among them depends on the seed and the row alone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from dsdm.selection.rules.ranked.ranking import Number, Ranking, Rows
from dsdm.selection.seeds import word_of


def drawn(ranking: Ranking, score: Number, k: int, order: str) -> Rows:
    """Return `k` of the rows that have a score: ``"best_first"`` as the seed of a ranking draws them, or by ``"row"``.

    They are the rows with the largest noise of :func:`dsdm.gumbel_top_k`. Memory: proportional to `k`; of rows with an
    infinite score, which no draw tells apart by noise, proportional to their number.
    """
    tied = replace(ranking, bounds=(score, score))
    if not math.isinf(score):
        # Beside a large score there would be no room for noise.
        return replace(tied, draw=(word_of(ranking.seed), max(1.0, abs(float(score))))).best(k, order)
    rows = tied.best(tied.count(), "row")
    noise = replace(ranking, scores=ranking.zeros(), bounds=(None, None), excluded=_all_but(rows, ranking.n))
    return replace(noise, draw=(word_of(ranking.seed), 1.0)).best(k, order)


def _all_but(rows: Rows, n: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    mask = np.ones(n, np.uint8)
    mask[rows] = 0
    return mask


def with_drawn_ties(ranking: Ranking, rows: Rows) -> Rows:
    """Return the best rows with those that tie at the cut drawn by a seed."""
    values = ranking.scores_of(rows)
    worst = values[-1]
    better = rows[: int(np.argmax(equal(values, worst)))]
    taken = len(rows) - len(better)
    if worst != worst or ranking.count((worst.item(), worst.item())) == taken:  # noqa: PLR0124 - NaN
        return rows
    return np.concatenate([better, drawn(ranking, worst.item(), taken, "row")])


def equal(values: Any, value: Any) -> Any:
    """Return where values are one of them, which may be NaN."""
    return (values == value) | ((values != values) & (value != value))  # noqa: PLR0124

"""Scores, lengths and groups that the tests of `choose` share, and plain programs that its rows are held against."""

from fractions import Fraction

import numpy as np

N = 100_000
_GENERATOR = np.random.default_rng(1)
SCORES = (_GENERATOR.integers(-300, 300, N) / 7).astype(np.float32)
"""Scores with many ties, of which every 977th is NaN."""
SCORES[::977] = np.nan
VALID = np.flatnonzero(~np.isnan(SCORES))
"""The rows whose scores are numbers."""
LENGTHS = _GENERATOR.integers(0, 600, N)
DOMAINS = np.array(["web", "code", "books", "law", "news"])[_GENERATOR.integers(0, 5, N) * _GENERATOR.integers(0, 2, N)]
"""The group of each row, of which the first has more than half."""


def best_first(scores, rows, *, largest=True):
    """Return rows by their scores, and of equal ones the lower first."""
    return rows[np.argsort(-scores[rows] if largest else scores[rows], kind="stable")]


def near_first(scores, value, rows):
    """Return rows by their exact distance from a value, and of equally near ones the lower first."""
    value = Fraction(value)
    return sorted(rows, key=lambda row: (abs(Fraction(scores[row].item()) - value), row))


def in_order(rows, order):
    """Return rows that are best first in an order, as a list."""
    rows = list(rows)
    return {"best_first": rows, "best_last": rows[::-1], "row": sorted(rows)}[order]

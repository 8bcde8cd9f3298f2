"""Which scores were chosen, in words."""

from typing import Any

from dsdm import checks
from dsdm.selection.rules.rule import number

_SIZES = {"k", "fraction", "tokens"}
_BEYOND = 2**1024
"""Whole numbers from here on have no place in float64."""


def which_scores(found: Any) -> str:
    """Return which scores a selection has: down to the cut, or where all within bounds were chosen, these."""
    ends = zip(("min_score", "max_score"), found.bounds, strict=True)
    low, high = (_as_given(found, name, bound) for name, bound in ends)
    cut = found.cut if "near" in found.rule or found.rule.keys() & _SIZES else None
    if cut is not None and "near" in found.rule:
        at = f"score {cut.score:.4g} and nearer"
    else:
        if cut is not None:
            low, high = (cut.score, high) if found.largest else (low, cut.score)
        at = _between(low, high)
    return at + (f" ({cut.tied:,} tied there, {cut.taken:,} taken)" if cut is not None and cut.tied > 1 else "")


def _as_given(found: Any, name: str, bound: Any) -> Any:
    """Return a bound, or what it was given as, if that is beyond float64."""
    given = found.rule.get(name)
    # Of a JSON file, it may be anything.
    is_beyond = isinstance(given, int) and abs(given) >= _BEYOND and number(name, given) == bound
    return checks.said(given) if is_beyond else bound


def _between(low: Any, high: Any) -> str:
    low, high = (end if end is None or isinstance(end, str) else f"{end:.4g}" for end in (low, high))
    if low is not None and high is not None:
        return f"score from {low} to {high}"
    return f"score >= {low}" if low is not None else f"score <= {high}" if high is not None else ""

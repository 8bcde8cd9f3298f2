"""How the rows of a selection are chosen again: from files alone, by what ``dsdm.json`` tells."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dsdm import _native
from dsdm.selection.inputs import HeldScores
from dsdm.selection.told import NOISE, ON

_SIZES = ("k", "fraction", "tokens", "at_least", "per_group", "like", "short")
"""What became a number of rows, or one of each group, which is told in place of it."""
_MOST_GROUPS = 100_000
"""So many groups are told, with names of so many characters each."""
_MOST_NAME = 100


def told_again(
    scores: Any, rule: Mapping[str, Any], rows: int, seed: int | None, *, per_group: Mapping[Any, int] | None = None
) -> dict[str, Any] | None:
    """Return what chooses so many rows by a rule again: the files of the scores, and its arguments.

    With groups, `per_group` has how many rows of each were chosen, each of them counted once; `repeat` of a rule that
    names groups is told as a list with a number for each of these. None for scores that lie in no file, or were
    computed, and for more groups than a record has room for.
    """
    counts = per_group or {}
    if isinstance(rule.get("repeat"), Mapping):
        rule = {**rule, "repeat": [int(rule["repeat"][name]) for name in counts]}
    pairs = [[name, count] for name, count in counts.items()]
    if len(pairs) > _MOST_GROUPS or sum(len(str(name)) for name, _ in pairs) > _MOST_NAME * _MOST_GROUPS:
        return None
    opened = _opened_as(scores)
    if opened is None:
        return None
    arguments = arguments_of(rule, rows, seed) | ({} if per_group is None else {"per_group": pairs})
    return {"by": "choose", **opened, "arguments": arguments}


def _opened_as(scores: Any) -> dict[str, Any] | None:
    """Return the files of scores, and what opens them as the same vector or joins them to the same rows."""
    if isinstance(scores, HeldScores):
        by_id = scores.by_id
        if by_id is None or scores.ids is None:
            return None
        return {"scores": list(by_id.paths), "reading": {"column": by_id.column}, ON: by_id.on}
    opened = scores.opened_as() if isinstance(scores, _native.Scores) else None
    if opened is None:
        return None
    files, reading, first = opened
    told = {"scores": [str(file.absolute()) for file in files], "reading": reading}
    return told if first is None else {**told, "rows": first}


def arguments_of(rule: Mapping[str, Any], rows: int, seed: int | None) -> dict[str, Any]:
    """Return the arguments of a rule with the number of its rows, as JSON has them."""
    kept = {NOISE if name == "noise" else name: _told(value) for name, value in rule.items() if name not in _SIZES}
    return {**kept, "k": rows} if seed is None else {**kept, "k": rows, "seed": seed}


def _told(value: Any) -> Any:
    """Return an argument as JSON has it: an infinite one as a text, and numbers of numpy as plain ones."""
    if isinstance(value, tuple | list):
        return [_told(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value

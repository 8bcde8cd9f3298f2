"""How the rows of a selection are chosen again: from files alone, by what ``dsdm.json`` tells."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dsdm import _native
from dsdm.selection.told import NOISE

_SIZES = ("k", "fraction", "tokens", "at_least")
"""What became a number of rows, which is told in place of it."""


def told_again(scores: Any, rule: Mapping[str, Any], rows: int, seed: int | None) -> dict[str, Any] | None:
    """Return what chooses so many rows by a rule again: the files of the scores, and its arguments.

    None for scores that lie in no file, or were computed.
    """
    opened = scores.opened_as() if isinstance(scores, _native.Scores) else None
    if opened is None:
        return None
    files, reading, first = opened
    told: dict[str, Any] = {
        "by": "choose",
        "scores": [str(file.absolute()) for file in files],
        "reading": reading,
        "arguments": _arguments(rule, rows, seed),
    }
    return told if first is None else {**told, "rows": first}


def _arguments(rule: Mapping[str, Any], rows: int, seed: int | None) -> dict[str, Any]:
    """Return the arguments of a rule with the number of its rows, as JSON has them."""
    kept = {NOISE if name == "noise" else name: _told(value) for name, value in rule.items() if name not in _SIZES}
    return {**kept, "k": rows} if seed is None else {**kept, "k": rows, "seed": seed}


def _told(value: Any) -> Any:
    """Return an argument as JSON has it: an infinite one as a text, and numbers of numpy as plain ones."""
    if isinstance(value, tuple | list):
        return [_told(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value

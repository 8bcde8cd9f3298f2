"""Rows that a record tells how to choose, chosen again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm.selection.methods import prefix
from dsdm.selection.record.check import FUNCTIONS
from dsdm.selection.rules.apply import bounds_in_words
from dsdm.selection.rules.cut import Cut
from dsdm.selection.rules.told.rows import chosen_again

if TYPE_CHECKING:
    from dsdm.scores import Scores
    from dsdm.selection.ids.join import Rejoined


@dataclass(frozen=True)
class Again:
    """Rows that were chosen again."""

    rows: NDArray[np.int64]
    cut: Cut | None
    """Where they end, as far as scores tell it."""
    of: int | None
    """How many rows have a score in the files, where that is known: also those behind the first, of which these are."""
    within: str = ""
    """The bounds of the scores in words; nothing where there are none."""


def rows_again(
    by: str, selection: Mapping[str, Any], arguments: dict[str, Any], opened: "list[Scores | Rejoined]"
) -> Again:
    """Choose by a function that is known, by arguments that were looked at."""
    if by == "get_indices":
        rows: NDArray[np.int64] = FUNCTIONS[by](**arguments)
        return Again(rows, _cut_of_method(selection, arguments, opened), None)
    first: Any = opened[0]
    scores = prefix(first, selection.get("rows"), ", ".join(map(str, selection["scores"])))
    if by == "gumbel_top_k":
        return Again(FUNCTIONS[by](scores, **arguments), None, len(first))
    if by == "top_k" and "cut" not in selection:
        return Again(FUNCTIONS[by](scores, **arguments), None, len(first))
    found = chosen_again(scores, **arguments)
    return Again(found.indices, found.cut, len(first), bounds_in_words(found.rule))


def _cut_of_method(selection: Mapping[str, Any], arguments: dict[str, Any], opened: Sequence[Any]) -> Cut | None:
    """Return where the rows of a method end that takes the best of its scores, if that is told."""
    if "cut" not in selection or arguments.get("method") not in ("dsdm", "classifier"):
        return None
    parts = [prefix(scores, arguments.get("rows"), str(scores.paths[0])) for scores in opened]
    total = sum(parts[1:], parts[0])
    names = ("k", "order", "nan", "exclude", "threads")
    kept = {name: arguments[name] for name in names if arguments.get(name) is not None}
    return chosen_again(total if len(parts) == 1 else total / len(parts), **kept).cut

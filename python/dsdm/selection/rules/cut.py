"""Where the rows of a selection end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsdm.errors import FormatError

_MANY_TIED = 10
"""Of so many chosen rows, one that ties with rows that are not chosen is worth a warning."""


@dataclass(frozen=True)
class Cut:
    """Where the chosen rows end: the worst score that was chosen, and the rows that have it."""

    score: Any
    """The worst score that was chosen, as numpy has it."""
    tied: int
    """Rows that have this score and may be chosen."""
    taken: int
    """Those of them that were chosen: the lowest rows, or drawn ones."""

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it: the score as a text, since there is no infinity."""
        return {"score": repr(self.score.item()), "tied": self.tied, "taken": self.taken}


def are_many(taken: int, chosen: int) -> bool:
    """Return whether so many of the chosen rows that tie with others are worth a warning: more than a tenth."""
    return taken * _MANY_TIED > chosen


def cut_of(path: Path, cut: Any) -> Cut | None:
    """Return the cut of which a JSON file tells."""
    if cut is None:
        return None
    try:
        kind = _of_numbers(cut["dtype"], cut["score"])
        score = np.array([cut["score"]]).astype(kind)[0]
        return Cut(score, cut["tied"], cut["taken"])
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        message = f"{path}: cut is {cut!r:.200}, which is none ({error}); save the selection again"
        raise FormatError(message) from None


def _of_numbers(dtype: object, score: object) -> "np.dtype[Any]":
    """Return the type of a score, which is told as two texts."""
    kind = np.dtype(dtype) if isinstance(dtype, str) and isinstance(score, str) else None
    if kind is None or kind.kind not in "iufb":
        message = "a score is a text, with the name of a type of numbers"
        raise TypeError(message)
    return kind

"""The best rows of several score vectors in turn: :func:`round_robin`."""

from collections.abc import Container, Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from dsdm import _native, checks
from dsdm.checks import Nan
from dsdm.selection.ids.placed import placed_of_rows, placed_scores
from dsdm.selection.ids.slices import refuse_other_slices
from dsdm.selection.indices import top_k
from dsdm.selection.inputs import ScoresLike, refuse_other_rows
from dsdm.selection.rules.candidates import excluded_of
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.origin import corpora_of, corpus_of
from dsdm.shown import safe_messages

_SPARE = 64
"""Rows beyond its share that are looked at of each vector at first."""


@safe_messages
def round_robin(
    scores: Sequence[ScoresLike],
    k: SupportsIndex,
    *,
    largest: bool = True,
    nan: Nan = "raise",
    exclude: npt.ArrayLike | Selection | None = None,
    threads: int | None = None,
) -> Selection:
    """Choose rows from several score vectors in turn: each gives its best row that was not chosen yet.

    So RDS+ (Ivison et al. 2025) has one vector for each example of a target task, and every one of them is heard.

    Parameters
    ----------
    scores
        The vectors, each as for :func:`dsdm.top_k`, all of one length ``n``. The first begins.
    k
        How many rows, ``0 <= k <= n`` less those excluded or omitted.
    largest, nan, exclude, threads
        As for :func:`dsdm.top_k`, for each vector. Rows to exclude may be a :class:`Selection` as well.

    Returns
    -------
    Selection
        The rows in the order in which they were chosen. Ties within a vector go to the lower row.

    Raises
    ------
    ValueError
        If there is no vector, if their lengths differ or they are of other slices of files, or if fewer rows can be
        chosen.
    TypeError
        For one vector in place of a sequence of them.

    Notes
    -----
    Passes over each vector: one, or some more where others choose the same rows. Memory is proportional to `k`.

    Examples
    --------
    >>> import dsdm, numpy as np
    >>> one, other = np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 1.0, 2.0, 3.0])
    >>> dsdm.round_robin([one, other], 3).indices
    array([0, 3, 1])
    """
    if isinstance(scores, np.ndarray | _native.Scores) or not isinstance(scores, Sequence):
        message = f"scores are a {type(scores).__name__}; a list of vectors is needed, one for each that chooses"
        raise TypeError(message)
    count = checks.count_of(k)
    lengths = {len(vector) for vector in scores}
    if len(lengths) != 1:
        found = " and ".join(f"{length:,}" for length in sorted(lengths)) or "no"
        message = f"scores holds vectors of {found} rows; one vector or more, of one length, are needed"
        raise ValueError(message)
    n = lengths.pop()
    if count > n:
        message = f"k is {checks.said(count)}, and there are {n:,} rows; ask for at most as many"
        raise ValueError(message)
    refuse_other_slices("scores", scores)
    for vector in scores:
        refuse_other_rows("exclude", exclude, n, vector)
    excluded = excluded_of(exclude, None, n)
    given: Any = excluded.view(np.bool_) if excluded is not None and excluded.dtype == np.uint8 else excluded
    lists = [_Best(vector, count, len(scores), (largest, nan, given, threads)) for vector in scores]
    rows = _in_turn(lists, count)
    rows.flags.writeable = False
    return Selection(
        indices=rows,
        n=n,
        rule={"k": count, "vectors": len(scores), **({} if largest else {"largest": False})},
        what=f"round robin of {len(scores):,} score vectors",
        largest=largest,
        files=[file for vector in scores if isinstance(vector, _native.Scores) for file in vector.identities()],
        placed=tuple(dict.fromkeys(beside for vector in scores for beside in placed_scores(vector))),
        placed_rows=placed_of_rows(exclude=exclude),
        corpora=[*filter(None, (corpus_of("ids", vector) for vector in scores)), *corpora_of(exclude)],
    )


class _Best:
    """The best rows of a vector, of which more are looked at when they are needed."""

    def __init__(
        self,
        scores: ScoresLike,
        most: int,
        vectors: int,
        options: tuple[bool, Nan, Any, int | None],
    ) -> None:
        self._scores = scores
        self._most = most
        self._options = options
        self._rows = self._top(min(most, most // vectors + _SPARE))
        self._next = 0

    def _top(self, count: int) -> list[int]:
        largest, nan, exclude, threads = self._options
        rows = top_k(self._scores, count, largest=largest, nan=nan, exclude=exclude, threads=threads)
        return rows.tolist()

    def take(self, taken: Container[int]) -> int:
        """Return the best row that is not taken."""
        while True:
            if self._next == len(self._rows):
                # There are more: of so many rows as are wanted in all, the others took fewer.
                self._rows = self._top(min(self._most, 2 * len(self._rows)))
            row = self._rows[self._next]
            self._next += 1
            if row not in taken:
                return row


def _in_turn(lists: list[_Best], count: int) -> npt.NDArray[np.int64]:
    taken: dict[int, None] = {}
    while len(taken) < count:
        for one in lists[: count - len(taken)]:
            taken[one.take(taken)] = None
    return np.fromiter(taken, np.int64, len(taken))

"""Scores and a rule to a :class:`~dsdm.selection.rules.chosen.Selection`: :func:`choose`."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal, SupportsIndex

import numpy.typing as npt

from dsdm import checks
from dsdm.checks import Nan, Noise, Order
from dsdm.paths import PathLike
from dsdm.selection.inputs import ScoresLike
from dsdm.selection.record.named_rows import with_named_rows
from dsdm.selection.rules.apply import selected_and_tied
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.cut import are_many
from dsdm.selection.rules.groups.tied import Tied
from dsdm.selection.rules.rule import NullGroups, Rule, Short, Ties
from dsdm.selection.rules.sizes.budget import LazyLengths
from dsdm.shown import safe_messages


@safe_messages
def choose(  # noqa: PLR0913 - what those who select ask for
    scores: ScoresLike,
    *,
    k: SupportsIndex | None = None,
    fraction: float | None = None,
    tokens: SupportsIndex | None = None,
    lengths: ScoresLike | LazyLengths | None = None,
    at_least: bool = False,
    min_score: float | None = None,
    max_score: float | None = None,
    quantile: tuple[float, float] | None = None,
    near: float | None = None,
    groups: Any = None,
    per_group: Any = None,
    like: Mapping[Any, float] | Literal["equal", "proportional"] | None = None,
    short: Short = "error",
    null_groups: NullGroups = "error",
    repeat: SupportsIndex | Mapping[Any, SupportsIndex] = 1,
    replace: bool = False,
    largest: bool = True,
    ties: Ties = "row",
    gumbel: bool = False,
    temperature: float = 1.0,
    seed: SupportsIndex | None = None,
    noise: Noise = "philox",
    order: Order = "best_first",
    nan: Nan = "raise",
    exclude: npt.ArrayLike | Selection | PathLike | None = None,
    only: npt.ArrayLike | Selection | PathLike | None = None,
    threads: int | None = None,
) -> Selection:
    """Choose rows by a rule.

    Parameters
    ----------
    scores
        A :class:`dsdm.Scores`, or an array of shape ``(n,)`` or ``(n, 1)``, as for :func:`dsdm.top_k`.
    k, fraction, tokens
        How many rows: so many; a share of those that may be chosen, rounded down; as many of the best as have at most
        so many tokens together, by their `lengths`. One of them, or none where `min_score`, `max_score`, `quantile` or
        `per_group` says it.
    lengths
        The length of each row, a whole number: an array of shape ``(n,)``, a :class:`dsdm.Scores` of integers, or a
        column of the corpus by :meth:`dsdm.Shards.lengths`, of which the rows alone are read that may fit.
    at_least
        With `tokens`, the row that reaches the budget is chosen too: together they have at least so many.
    min_score, max_score
        Only rows with a score from the one to the other may be chosen, both included. They are compared as the
        numbers that they are: no float32 equals 0.1.
    quantile
        ``(low, high)``, shares from 0 to 1: only rows with a score from the one quantile of those that may be chosen to
        the other, both included. Between two scores it lies in proportion, in float64, as for ``numpy.quantile``; where
        float64 has no number between two integers, neither is taken for it.
    near
        Prefer scores near to this value, such as a median, to large ones; of each group, with `groups`.
    groups
        The group of each row, a whole number or a text: an array or a list of ``n``, a :class:`dsdm.Scores` of
        integers, or a column of the corpus by :meth:`dsdm.Shards.groups`. Where the last two lie is told in
        ``dsdm.json``, by which :func:`dsdm.verify` chooses again.
    per_group
        How many rows of each group: so many (an integer), or a share of its rows that may be chosen (a float,
        rounded down). One for all, or a mapping that names every group.
    like
        How `k` or `fraction` is divided among the groups: in the proportions of a mapping that names every group, in
        ``"equal"`` parts, or ``"proportional"`` to their rows that may be chosen; by largest remainder, where the
        first group in ascending order wins a tie. With `tokens`, the budget is divided, in proportion to their tokens.
    short
        Where a group has fewer rows, or tokens, than that: ``"error"`` lists such groups, ``"keep"`` takes all
        that they have, ``"fill"`` takes the rest from the others, in the same proportions:
        nothing of a group whose part is 0. Such groups are told in :attr:`Selection.short`.
    null_groups
        Where the group of a row is null: ``"error"``; ``"group"`` has all such rows as one group, which is named None,
        also in `per_group`, `like` and `repeat`, and comes last in the order of groups; ``"drop"`` chooses none of
        them, as if they were excluded.
    repeat
        How many copies of each chosen row, one copy of all rows after the other: one number, or a mapping that names
        every group, with at least 1 copy. `k`, `tokens` and quotas are those of one copy. With ``order="best_last"``
        all of it is the other way round: the last copy has every row.
    replace
        Draw `k` rows with replacement, in proportion to their scores, which are weights of at least 0: systematic
        resampling by `seed`, so that a row has the whole part of its expected number of copies, or one more.
    largest
        False prefers small scores.
    ties
        Of the rows that tie at the cut, ``"row"`` takes the lowest, ``"random"`` draws them: a row's place among them
        depends on `seed` and the row alone. Where more than a tenth of the chosen rows were chosen of more that tie, a
        warning says so; with `groups`, of more of their group, which have a cut each.
    gumbel, temperature, seed, noise
        Draw rows in proportion to ``exp(score / temperature)``, as :func:`dsdm.gumbel_top_k` does.
    only
        The rows that may be chosen, as `exclude` has those that may not: row numbers, one boolean for each row, or a
        :class:`Selection`; or the path of a ``.npy`` file of one of these, or of a directory that
        :func:`dsdm.materialize` wrote, whose rows are known by its own record (:func:`dsdm.written_rows`) and must be
        of as many rows. ``dsdm.json`` tells a path, by which :func:`dsdm.verify` chooses again.
    order, nan, exclude, threads
        As for :func:`dsdm.top_k`. Rows to exclude may be a :class:`Selection` or a path as well.

    Returns
    -------
    Selection
        The rows with how they were chosen. Best first means nearest first with `near`.

    Raises
    ------
    ValueError
        For a rule that says too little or too much, or asks for more rows than may be chosen; a score is NaN.
    TypeError
        For a value of another type.
    IndexError
        For a row to exclude, or to choose from, that there is not.

    Notes
    -----
    Passes over the scores: one, and one for the ties at the cut, which groups have where more than a tenth of the rows
    have the score of their group's cut; one more with `fraction` or `groups`; two or three for
    each end of `quantile`; where bounds alone say which rows, one, and one more for an order by scores; with `tokens`
    one for each time that more rows are needed than were guessed, which is seldom more than once. Memory beyond the
    scores is proportional to the chosen rows; 4 bytes a row with `groups`, and one with `only`; for quantiles, 32 MB.

    Examples
    --------
    >>> import dsdm, numpy as np
    >>> scores = np.array([0.5, 2.0, -1.0, 2.0, 1.5], dtype=np.float32)
    >>> dsdm.choose(scores, k=3)
    3 of 5 rows, score >= 1.5, top-k
    >>> dsdm.choose(scores, min_score=0.5, order="row").indices
    array([0, 1, 3, 4])
    >>> dsdm.choose(scores, tokens=50, lengths=np.array([10, 20, 30, 20, 40]))
    2 of 5 rows, score >= 2 (2 tied there, 2 taken), 40 tokens, top-k for at most 50 tokens
    >>> dsdm.choose(scores, k=2, near=0.4)
    2 of 5 rows, score 1.5 and nearer, nearest to 0.4
    >>> dsdm.choose(scores, groups=["a", "a", "b", "b", "b"], per_group=1).indices
    array([1, 3])
    """
    rule = Rule(**locals())
    found, tied = selected_and_tied(with_named_rows(rule))
    said = _ties_of_groups(rule, found, tied) if tied is not None else _ties_at_cut(rule, found)
    if said is not None:
        advice = "" if rule.near is not None else "; ties='random' has a seed draw them"
        message = f"{said}: those with the lowest row numbers were taken, which come from the front{advice}"
        # Of the line that called choose: choose, and what escapes the messages of its errors.
        warnings.warn(message, stacklevel=3)
    return found


def _ties_at_cut(rule: Rule, found: Selection) -> str | None:
    """Say that many of the chosen rows were chosen for lying in front of others that are as good, where they were."""
    cut = found.cut
    if cut is None or rule.ties != "row" or cut.taken == cut.tied:
        return None
    # Only groups have numbers of copies of their own, and no cut.
    chosen = len(found) // checks.count_of(rule.repeat, "repeat")
    if not are_many(cut.taken, chosen):
        return None
    return f"{cut.taken:,} of the {chosen:,} chosen rows have the score {cut.score:.4g}, at which {cut.tied:,} rows tie"


def _ties_of_groups(rule: Rule, found: Selection, tied: Tied) -> str:
    """Say how many of the chosen rows were chosen for lying in front of others of their group that are as good."""
    of_each = found.per_group or {}
    what = "score" if rule.near is None else "distance"
    return (
        f"{tied.taken:,} of the {sum(of_each.values()):,} chosen rows have the {what} at which their group is cut, in "
        f"{tied.groups:,} of {len(of_each):,} groups, where {tied.tied:,} rows tie"
    )

"""The best rows of each group: so many of each, shares of all, or within a part of a budget each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dsdm import checks
from dsdm.selection.rules.groups.budgets import rows_within_each, tokens_of
from dsdm.selection.rules.groups.drawn_ties import DrawnTies
from dsdm.selection.rules.groups.quotas import Groups, apportioned, met, share_of, sizes
from dsdm.selection.rules.ranked.ranking import Ranking, Rows, in_order
from dsdm.selection.rules.rule import Rule
from dsdm.selection.rules.sizes.budget import Lengths

BestOfGroups: TypeAlias = Callable[[NDArray[np.int64]], Rows]
"""Gives so many of the best rows of each group, best first over all groups."""


@dataclass(frozen=True)
class OfGroups:
    """The best rows of each group."""

    rows: Rows
    words: str
    """The rule in words."""
    tokens: int | None = None
    """Of a budget."""
    short: Mapping[Any, tuple[int, int]] = field(default_factory=dict)
    """What groups have that have less than was to be chosen of them, and how much that was."""


def of_groups(ranking: Ranking, groups: Groups, rule: Rule, best: BestOfGroups | None) -> OfGroups:
    """Return the best rows of each group. `best` ranks rows by something else than their scores or a draw."""
    counts = ranking.counts(groups.codes, len(groups))
    if rule.tokens is not None:
        return _of_tokens(ranking, groups, rule, counts, best)
    if rule.per_group is not None:
        quotas, weights = sizes("per_group", rule.per_group, groups, counts), None
        words = f"the best of {len(groups):,} groups"
    else:
        total = share_of("fraction", rule.fraction, int(counts.sum())) if rule.k is None else checks.count_of(rule.k)
        weights = _weights(rule.like, groups, counts)
        quotas = apportioned(total, weights)
        words = f"the {total:,} best of {len(groups):,} groups by shares"
    short = _short(groups, quotas, counts)
    quotas = met(quotas, counts, groups, rule.short, weights)
    if best is not None:
        return OfGroups(in_order(best(quotas), rule.order), words, short=short)
    if rule.ties == "row":
        return OfGroups(ranking.best_of_groups(groups.codes, quotas, rule.order), words, short=short)
    ties = DrawnTies(ranking, groups, ranking.best_of_groups(groups.codes, quotas, "best_first"))
    return OfGroups(in_order(ties.drawn(), rule.order), words, short=short)


def _short(groups: Groups, quotas: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[Any, tuple[int, int]]:
    """Return what groups have that have too little, and what was to be chosen of them."""
    lacking = np.flatnonzero(quotas > counts).tolist()
    return {groups.names[at]: (int(counts[at]), int(quotas[at])) for at in lacking}


def _of_tokens(
    ranking: Ranking, groups: Groups, rule: Rule, counts: NDArray[np.int64], best: BestOfGroups | None
) -> OfGroups:
    """Choose the best rows of each group that its part of the budget has room for."""
    budget = checks.count_of(rule.tokens, "tokens")
    lengths = Lengths(rule.lengths, ranking.n)
    there = tokens_of(ranking, groups, lengths)
    weights = _weights(rule.like, groups, there)
    parts = apportioned(budget, weights)
    # All is taken of a group that has less than its part, rows without tokens too: it keeps the part, which it can't
    # reach.
    budgets = np.where(parts > there, parts, met(parts, there, groups, rule.short, weights, what="tokens"))
    best = best or (lambda quotas: ranking.best_of_groups(groups.codes, quotas, "best_first"))
    rows = rows_within_each(best, groups, counts, lengths, budgets, at_least=rule.at_least)
    if rule.ties == "random":
        taken = np.bincount(groups.codes[rows], minlength=len(groups))
        # A budget ends with the first row that finds no room, or with the last that is taken.
        ties = DrawnTies(ranking, groups, best(taken if rule.at_least else np.minimum(taken + 1, counts)))
        rows = ties.drawn_within(lengths, budgets, at_least=rule.at_least)
    total = int(lengths.of(rows).sum())
    words = f"the best of {'at least' if rule.at_least else 'at most'} {budget:,} tokens of {len(groups):,} groups"
    return OfGroups(in_order(rows, rule.order), words, total, _short(groups, parts, there))


def _weights(like: Any, groups: Groups, there: NDArray[np.int64]) -> list[Any]:
    """Return the proportions of groups."""
    if isinstance(like, Mapping):
        return groups.by_name("like", like)
    # In proportion to nothing there is nothing to divide: what is asked for is then what each group lacks.
    return [1] * len(groups) if like == "equal" or not there.any() else there.tolist()

"""The best rows of each group: so many of each, shares of all, or within a part of a budget each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import checks
from dsdm.selection.rules.budget import Lengths
from dsdm.selection.rules.groups.budgets import rows_within_each, tokens_of
from dsdm.selection.rules.groups.quotas import Groups, apportioned, met, share_of, sizes
from dsdm.selection.rules.ranked.ranking import Ranking, Rows, in_order
from dsdm.selection.rules.rule import Rule
from dsdm.selection.seeds import word_of


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


def of_groups(ranking: Ranking, groups: Groups, rule: Rule) -> OfGroups:
    """Return the best rows of each group."""
    counts = ranking.counts(groups.codes, len(groups))
    if rule.tokens is not None:
        return _of_tokens(ranking, groups, rule, counts)
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
    if rule.ties == "row":
        return OfGroups(ranking.best_of_groups(groups.codes, quotas, rule.order), words, short=short)
    rows = _with_drawn_ties(ranking, groups, ranking.best_of_groups(groups.codes, quotas, "best_first"))
    return OfGroups(in_order(rows, rule.order), words, short=short)


def _short(groups: Groups, quotas: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[Any, tuple[int, int]]:
    """Return what groups have that have too little, and what was to be chosen of them."""
    lacking = np.flatnonzero(quotas > counts).tolist()
    return {groups.names[at]: (int(counts[at]), int(quotas[at])) for at in lacking}


def _of_tokens(ranking: Ranking, groups: Groups, rule: Rule, counts: NDArray[np.int64]) -> OfGroups:
    """Choose the best rows of each group that its part of the budget has room for."""
    budget = checks.count_of(rule.tokens, "tokens")
    lengths = Lengths(rule.lengths, ranking.n)
    there = tokens_of(ranking, groups, lengths)
    weights = _weights(rule.like, groups, there)
    parts = apportioned(budget, weights)
    budgets = met(parts, there, groups, rule.short, weights, what="tokens")
    rows = rows_within_each(ranking, groups, counts, lengths, budgets, at_least=rule.at_least)
    total = int(lengths.of(rows).sum())
    words = f"the best of {'at least' if rule.at_least else 'at most'} {budget:,} tokens of {len(groups):,} groups"
    return OfGroups(in_order(rows, rule.order), words, total, _short(groups, parts, there))


def _weights(like: Any, groups: Groups, there: NDArray[np.int64]) -> list[Any]:
    """Return the proportions of groups."""
    if isinstance(like, Mapping):
        return groups.by_name("like", like)
    return [1] * len(groups) if like == "equal" else there.tolist()


def _with_drawn_ties(ranking: Ranking, groups: Groups, rows: Rows) -> Rows:
    """Return the best rows of each group with those that tie at its cut drawn by a seed, best first."""
    values, codes = ranking.scores_of(rows), groups.codes[rows]
    worst = np.zeros(len(groups), values.dtype)
    # Rows come best first, so that the last of each group is what remains.
    worst[codes] = values
    at_cut = values == worst[codes]
    taken = np.bincount(codes[at_cut], minlength=len(groups)).astype(np.int64)
    out = np.ones(ranking.n, np.uint8)
    for some in ranking.candidates():
        of = groups.codes[some]
        out[some[(ranking.scores_of(some) == worst[of]) & (taken[of] > 0)]] = 0
    zeros = np.zeros(ranking.n, np.uint8), "int8"
    noise = replace(ranking, scores=zeros, excluded=out, bounds=(None, None), draw=(word_of(ranking.seed), 1.0))
    found = np.concatenate([rows[~at_cut], noise.best_of_groups(groups.codes, taken, "row")])
    _, places = np.unique(ranking.scores_of(found), return_inverse=True)
    return found[np.lexsort((found, -places if ranking.largest else places))]

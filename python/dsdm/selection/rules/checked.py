"""The numbers of a rule, looked at before anything is read: those that no scores could make right are refused."""

from collections.abc import Mapping
from typing import Any

from dsdm import checks
from dsdm.selection.rules.groups.quotas import check_size, share_of, weights_of
from dsdm.selection.rules.ranked.quantile import shares_of
from dsdm.selection.rules.rule import LEAVES_OUT, Rule, finite, number
from dsdm.selection.seeds import word_of


def check_numbers(rule: Rule) -> None:
    """Refuse numbers that are wrong in themselves.

    Raises
    ------
    ValueError
        For one that is out of range, or NaN.
    TypeError
        For what is no number.

    """
    for name in ("k", "tokens"):
        if getattr(rule, name) is not None:
            checks.count_of(getattr(rule, name), name)
    if rule.fraction is not None:
        share_of("fraction", rule.fraction, 0)
    _check_bounds(rule)
    if rule.near is not None:
        finite("near", rule.near)
    if rule.quantile is not None:
        shares_of(rule.quantile)
    if rule.draws and rule.seed is not None and (rule.noise == "philox" or not rule.gumbel):
        word_of(rule.seed)
    _check_of_groups(rule)


def _check_of_groups(rule: Rule) -> None:
    """Refuse sizes, shares and numbers of copies of groups that are wrong in themselves."""
    if rule.per_group is not None:
        for given in rule.per_group.values() if isinstance(rule.per_group, Mapping) else [rule.per_group]:
            check_size("per_group", given)
    if isinstance(rule.like, Mapping) and rule.like:
        weights_of(list(rule.like.values()))
    if isinstance(rule.repeat, Mapping):
        for name, copies in rule.repeat.items():
            _check_copies(name, copies)


def _check_copies(name: Any, copies: Any) -> None:
    if checks.count_of(copies, "repeat") < 1:
        message = f"repeat is {copies} for {name!r:.100}; a row is chosen once or more often: {LEAVES_OUT}"
        raise ValueError(message)


def _check_bounds(rule: Rule) -> None:
    ends = {"min_score": rule.min_score, "max_score": rule.max_score}
    bounds = {name: number(name, end) for name, end in ends.items() if end is not None}
    for name, bound in bounds.items():
        if bound != bound:  # noqa: PLR0124 - NaN
            message = f"{name} is NaN, which no score reaches or exceeds"
            raise ValueError(message)
    if len(bounds) > 1 and bounds["min_score"] > bounds["max_score"]:
        low, high = map(checks.said, ends.values())
        message = f"min_score is {low} and max_score is {high}: no score is at least the one and at most the other"
        raise ValueError(message)

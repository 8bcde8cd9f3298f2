"""`choose`: every rule against a plain program that sorts all rows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsdm.selection.rules.choose import choose
from dsdm.selection.rules.groups.quotas import apportioned
from tests.oracle.choosing import DOMAINS, LENGTHS, SCORES, VALID, N, best_first, in_order

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")


def ranked(scores, *, largest=True, low=-np.inf, high=np.inf, excluded=()):
    """Return all rows that may be chosen, best first."""
    valid = ~np.isnan(scores) & (scores >= low) & (scores <= high)
    valid[list(excluded)] = False
    return best_first(scores, np.flatnonzero(valid), largest=largest)


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("bounds", [{}, {"min_score": -3.5}, {"max_score": 17}, {"min_score": 0.1, "max_score": 30.0}])
def test_rows_are_those_of_a_sort(order, largest, bounds):
    expected = ranked(
        SCORES,
        largest=largest,
        low=bounds.get("min_score", -np.inf),
        high=bounds.get("max_score", np.inf),
        excluded=range(0, N, 13),
    )
    options = {"order": order, "largest": largest, "nan": "omit", "exclude": range(0, N, 13), **bounds}
    for size, count in (
        ({"k": 1000}, 1000),
        ({"fraction": 0.29}, int(Fraction("0.29") * len(expected))),
        *([({}, len(expected))] if bounds else []),
    ):
        chosen = choose(SCORES, **size, **options)
        assert chosen.indices.tolist() == in_order(expected[:count], order)
        worst = SCORES[expected[count - 1]]
        assert chosen.cut.score == worst
        assert chosen.cut.tied == (SCORES[expected] == worst).sum()
        assert chosen.cut.taken == (SCORES[expected[:count]] == worst).sum()
        assert (len(chosen), chosen.n) == (count, N)


@pytest.mark.parametrize("at_least", [False, True])
@pytest.mark.parametrize("budget", [0, 1, 700, 500_000, 20_000_000, int(LENGTHS[VALID].sum())])
def test_a_budget_takes_the_best_rows_that_it_has_room_for(budget, at_least):
    rows = ranked(SCORES)
    count = 0
    total = 0
    for row in rows:
        if (total >= budget) if at_least else (total + LENGTHS[row] > budget):
            break
        count, total = count + 1, total + int(LENGTHS[row])
    chosen = choose(SCORES, tokens=budget, lengths=LENGTHS, at_least=at_least, nan="omit")
    assert chosen.indices.tolist() == rows[:count].tolist()
    assert chosen.tokens == total


def test_a_budget_that_all_rows_do_not_reach():
    whole = int(LENGTHS[VALID].sum())
    assert len(choose(SCORES, tokens=whole + 1, lengths=LENGTHS, nan="omit")) == len(ranked(SCORES))
    with pytest.raises(ValueError, match=rf"tokens is {whole + 1:,}, and the 99,897 rows .* have {whole:,}"):
        choose(SCORES, tokens=whole + 1, lengths=LENGTHS, at_least=True, nan="omit")


def of_groups(quotas, order="best_first", **options):
    """Return the best rows of each group, by going through all rows."""
    left, rows = dict(quotas), []
    for row in ranked(SCORES, **options):
        if left[DOMAINS[row]] > 0:
            left[DOMAINS[row]] -= 1
            rows.append(row)
    return in_order(rows, order)


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
def test_groups_have_their_quotas(order):
    names, counts = np.unique(DOMAINS[VALID], return_counts=True)
    options = {"groups": DOMAINS.tolist(), "nan": "omit", "order": order}
    assert choose(SCORES, per_group=77, **options).indices.tolist() == of_groups(dict.fromkeys(names, 77), order)
    shares = {name: int(Fraction("0.1") * int(count)) for name, count in zip(names, counts, strict=True)}
    assert choose(SCORES, per_group=0.1, **options).indices.tolist() == of_groups(shares, order)
    mixed = dict(zip(names.tolist(), [5, 0, 1000, 0.5, 3], strict=True))
    quotas = {**mixed, names[3]: int(counts[3]) // 2}
    assert choose(SCORES, per_group=mixed, **options).indices.tolist() == of_groups(quotas, order)
    equal = choose(SCORES, k=1002, like="equal", **options)
    quotas = dict(zip(names, [201, 201, 200, 200, 200], strict=True))
    assert equal.indices.tolist() == of_groups(quotas, order)
    weights = dict(zip(names.tolist(), [0.5, 0, 0.25, 0.125, 0.125], strict=True))
    like = choose(SCORES, k=8, like=weights, **options)
    assert like.indices.tolist() == of_groups(dict(zip(names, [4, 0, 2, 1, 1], strict=True)), order)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 1000), min_size=1, max_size=9))
@settings(deadline=None)
def test_parts_are_within_one_of_their_share_and_add_up(total, weights):
    if not any(weights):
        return
    parts = apportioned(total, weights).tolist()
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1

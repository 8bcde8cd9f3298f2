"""Quantiles as bounds of a choice where float64 does not hold them: beyond 2^53, and of floats that lie far apart."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsdm import choose


@given(st.sampled_from([np.int64, np.uint64]), st.data())
@settings(deadline=None, max_examples=200)
def test_quantiles_of_integers_are_exact_beyond_2_53(dtype, data):
    ends = np.iinfo(dtype)
    near = [value + step for value in (ends.min, 0, 2**53, 2**60, ends.max) for step in range(-3, 4)]
    values = data.draw(
        st.lists(st.sampled_from([n for n in near if ends.min <= n <= ends.max]), min_size=1, max_size=9)
    )
    shares = sorted(data.draw(st.tuples(*[st.sampled_from([0, 0.1, 0.25, 0.3, 0.5, 0.9, 1])] * 2)))
    low, high = (exact_quantile(values, Fraction(repr(share))) for share in shares)
    chosen = choose(np.array(values, dtype), quantile=tuple(shares), order="row")
    assert chosen.indices.tolist() == [row for row, value in enumerate(values) if low <= value <= high]


def exact_quantile(values, share):
    ascending, place = sorted(map(Fraction, values)), share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (place - below)


def test_quantiles_between_floats_that_lie_far_apart_are_numbers():
    scores = np.array([-1.7e308, 1.7e308])
    assert choose(scores, quantile=(0.5, 1)).indices.tolist() == [1]
    assert choose(scores, quantile=(0, 0.5)).indices.tolist() == [0]
    assert choose(scores, quantile=(0.1, 0.9)).indices.tolist() == []


def test_no_score_between_two_neighbours_is_chosen_by_any_rule():
    scores = np.array([2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3])
    groups = np.array([0, 1, 0, 1])
    for options in (
        {},
        {"k": 0},
        {"fraction": 1},
        {"near": 2**53, "k": 0},
        {"near": 2**53, "fraction": 1},
        {"tokens": 9, "lengths": [1] * 4},
        {"groups": groups, "per_group": 1, "short": "keep"},
        {"gumbel": True, "seed": 1, "fraction": 1},
    ):
        assert choose(scores, quantile=(0.5, 0.5), **options).indices.tolist() == []
    with pytest.raises(ValueError, match="k is 1, and 0 rows that can be chosen have a score from"):
        choose(scores, quantile=(0.5, 0.5), k=1)
    assert str(choose(scores, quantile=(0.5, 0.5))).startswith("0 of 4 rows")
    assert choose(scores, quantile=(0.5, 1), order="row").indices.tolist() == [2, 3]

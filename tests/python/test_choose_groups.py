"""Groups of a choice by distances and with drawn ties, and groups of every type, against programs that sort."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsdm import _native, choose, gumbel_top_k
from tests.oracle.choosing import DOMAINS, LENGTHS, SCORES, VALID, N, in_order, near_first

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

NAMES = np.unique(DOMAINS)
QUOTAS = {"web": 700, "code": 1, "books": 0, "law": 300, "news": 20}


def within(rows, budget, *, at_least):
    """Return the first rows whose lengths add up to a budget."""
    if at_least and budget == 0:
        return rows[:0]
    ends = np.cumsum(LENGTHS[rows])
    return rows[: int(np.searchsorted(ends, budget, side="left" if at_least else "right")) + at_least]


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize("near", [0.5, -11, 100])
def test_the_nearest_rows_of_each_group(near, order):
    near_rows = near_first(SCORES, near, VALID.tolist())
    left, expected = dict(QUOTAS), []
    for row in near_rows:
        if left[DOMAINS[row]] > 0:
            left[DOMAINS[row]] -= 1
            expected.append(row)
    options = {"near": near, "nan": "omit", "groups": DOMAINS, "order": order}
    assert choose(SCORES, per_group=QUOTAS, **options).indices.tolist() == in_order(expected, order)
    some = [row for row in near_rows if -20 <= SCORES[row] <= 5]
    expected = [row for name in NAMES for row in [row for row in some if DOMAINS[row] == name][:200]]
    expected = [row for row in some if row in set(expected)]
    chosen = choose(SCORES, k=1000, like="equal", min_score=-20, max_score=5, **options)
    assert chosen.indices.tolist() == in_order(expected, order)


@pytest.mark.parametrize("at_least", [True, False])
def test_the_nearest_rows_of_each_group_within_a_budget(at_least):
    near_rows = np.array(near_first(SCORES, 3, VALID.tolist()))
    expected = [within(near_rows[DOMAINS[near_rows] == name], 100_000, at_least=at_least) for name in NAMES]
    options = {"tokens": 500_000, "lengths": LENGTHS, "groups": DOMAINS, "like": "equal", "at_least": at_least}
    chosen = choose(SCORES, near=3, nan="omit", order="row", **options)
    assert chosen.indices.tolist() == sorted(np.concatenate(expected).tolist())
    assert chosen.tokens == LENGTHS[chosen.indices].sum()


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("at_least", [True, False])
@pytest.mark.parametrize("like", [{"web": 1, "code": 5, "books": 0, "law": 2, "news": 2}, "equal", "proportional"])
def test_ties_at_the_budgets_of_groups_are_drawn(like, at_least, largest):
    place = np.empty(N, np.int64)
    place[gumbel_top_k(np.zeros(N, np.float32), N, seed=8)] = np.arange(N)
    ranked = VALID[np.lexsort((place[VALID], -SCORES[VALID] if largest else SCORES[VALID]))]
    there = {name: int(LENGTHS[VALID][DOMAINS[VALID] == name].sum()) for name in NAMES}
    weights = there if like == "proportional" else dict.fromkeys(NAMES, 1) if like == "equal" else like
    for budget in (0, sum(there.values())) if like == "proportional" else (0, 1000, 2_000_000):
        exact = {name: Fraction(budget * weights[name], sum(weights.values())) for name in NAMES}
        assert all(part.denominator == 1 for part in exact.values()), "no remainders to divide"
        parts = [within(ranked[DOMAINS[ranked] == name], int(exact[name]), at_least=at_least) for name in NAMES]
        chosen = choose(
            SCORES, tokens=budget, lengths=LENGTHS, groups=DOMAINS, like=like, at_least=at_least, nan="omit",
            largest=largest, ties="random", seed=8,
        )  # fmt: skip
        assert sorted(chosen.indices.tolist()) == sorted(np.concatenate(parts).tolist())
        key = SCORES[chosen.indices] * (-1 if largest else 1)
        assert (np.lexsort((chosen.indices, key)) == np.arange(len(chosen))).all()
        assert chosen.tokens == LENGTHS[chosen.indices].sum()


@given(
    st.sampled_from(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]),
    st.lists(st.integers(0, 2**64 - 1), max_size=50),
    st.integers(1, 2**12),
    st.sampled_from([1, 2, None]),
)
@settings(deadline=None, max_examples=300)
def test_codes_of_whole_numbers_are_those_of_a_sort(dtype, bits, most, threads):
    numbers = np.array(bits, np.uint64).astype(dtype) if most == 2**12 else np.array(bits, np.uint64) % most
    numbers = numbers.astype(dtype)
    found = _native.group_codes((numbers.view(np.uint8), dtype), threads)
    names, codes = np.unique(numbers, return_inverse=True)
    if found is None:
        assert int(names[-1]) - int(names[0]) >= 2**10
        return
    assert found[0] == names.tolist()
    assert found[1].tolist() == codes.tolist()


@pytest.mark.parametrize("shift", [1, 2**61])
@pytest.mark.parametrize(
    "type_", [pa.int8(), pa.int32(), pa.uint64(), pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_groups_of_every_type_choose_the_same_rows(type_, shift):
    """Numbers close to each other and far apart, in slices and in chunks, are one and the same groups."""
    codes = np.unique(DOMAINS, return_inverse=True)[1]
    numbers = codes.astype(np.uint64) * np.uint64(shift) if pa.types.is_uint64(type_) else codes
    values = pa.array(numbers if pa.types.is_integer(type_) else DOMAINS.tolist(), type_)
    padded = pa.concat_arrays([values[:3], values, values[:5]])[3:-5]
    expected = choose(SCORES, groups=DOMAINS, per_group=300, nan="omit")
    for groups in (values, padded, pa.chunked_array([values[:777], values[777:]])):
        assert choose(SCORES, groups=groups, per_group=300, nan="omit").indices.tolist() == expected.indices.tolist()


def test_groups_of_strided_and_swapped_numbers():
    codes = np.unique(DOMAINS, return_inverse=True)[1].astype(np.int32)
    expected = choose(SCORES, groups=codes, per_group=300, nan="omit").indices.tolist()
    for groups in (np.repeat(codes, 2)[::2], codes[::-1].copy()[::-1], codes.astype(">i4"), codes.tolist()):
        assert choose(SCORES, groups=groups, per_group=300, nan="omit").indices.tolist() == expected

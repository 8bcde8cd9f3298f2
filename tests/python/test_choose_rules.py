"""Nearness, quantiles, drawn ties, candidates and group budgets of `choose`, each against a plain program."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dsdm import gumbel_top_k, top_k
from dsdm.selection.rules.choose import choose
from tests.oracle.choosing import DOMAINS, LENGTHS, SCORES, VALID, N, best_first, in_order, near_first

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
VECTORS = st.sampled_from(INTEGERS + FLOATS).flatmap(
    lambda name: hnp.arrays(
        name, st.integers(1, 40), elements={"allow_nan": False, "allow_infinity": False} if name in FLOATS else None
    )
)


@given(VECTORS, st.data())
@settings(deadline=None, max_examples=300)
def test_the_nearest_rows_are_those_of_exact_distances(scores, data):
    value = data.draw(
        st.one_of(
            st.integers(-(2**65), 2**65),
            st.floats(-1e30, 1e30),
            st.sampled_from(scores.tolist()),
            st.sampled_from(scores.tolist()).map(lambda score: score / 2),
        )
    )
    k = data.draw(st.integers(0, len(scores)))
    is_float = scores.dtype.kind == "f"
    chosen = choose(scores, k=k, near=value)
    expected = near_first(scores, float(value) if is_float else value, range(len(scores)))[:k]
    assert chosen.indices.tolist() == expected
    if k:
        away = [abs(Fraction(score) - Fraction(float(value) if is_float else value)) for score in scores.tolist()]
        assert chosen.cut.tied == away.count(away[expected[-1]])
        assert chosen.cut.taken == [away[row] for row in expected].count(away[expected[-1]])


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 9e307, -(2.0**1020), 0.0])
def test_distances_that_float64_has_no_room_for(value):
    largest = np.finfo(np.float64).max
    scores = np.array([-largest, largest, -1.6e308, 1.6e308, 8.98846567431158e307, 0, 3, -(2.0**1023), np.inf, -np.inf])
    expected = near_first(scores[:8], value, range(8))
    for k in range(9):
        chosen = choose(scores, k=k, near=value, exclude=[8, 9])
        assert chosen.indices.tolist() == expected[:k]
    assert sorted(choose(scores, k=10, near=value).indices[8:].tolist()) == [8, 9]


def test_distance_to_the_median_within_bounds_and_a_budget():
    median = float(np.median(SCORES[VALID]))
    within = VALID[(SCORES[VALID] >= -20) & (SCORES[VALID] <= 5)]
    expected = near_first(SCORES, median, within.tolist())
    options = {"near": median, "min_score": -20, "max_score": 5, "nan": "omit"}
    assert choose(SCORES, k=3000, **options).indices.tolist() == expected[:3000]
    assert choose(SCORES, k=3000, order="row", **options).indices.tolist() == sorted(expected[:3000])
    assert choose(SCORES, fraction=0.25, **options).indices.tolist() == expected[: len(within) // 4]
    ends = np.cumsum(LENGTHS[expected])
    fitting = int(np.searchsorted(ends, 400_000, side="right"))
    chosen = choose(SCORES, tokens=400_000, lengths=LENGTHS, **options)
    assert chosen.indices.tolist() == expected[:fitting]
    assert chosen.tokens == ends[fitting - 1]
    far = choose(SCORES, k=5, near=100, min_score=-20, max_score=5, nan="omit")
    assert far.indices.tolist() == near_first(SCORES, 100, within.tolist())[:5]
    with pytest.raises(
        ValueError, match="k is 100000, and 99897 rows are valid: there are 100000 rows, 103 NaN and omitted"
    ):
        choose(SCORES, k=N, near=0, nan="omit")


@pytest.mark.parametrize("ends", [(0, 1), (0.25, 0.75), (0.1, 0.1), (0.999, 1.0), (0.3333, 0.66)])
def test_quantiles_are_those_of_numpy(ends):
    low, high = np.quantile(SCORES[VALID].astype(np.float64), ends)
    expected = VALID[(SCORES[VALID] >= low) & (SCORES[VALID] <= high)]
    chosen = choose(SCORES, quantile=ends, order="row", nan="omit")
    assert chosen.indices.tolist() == expected.tolist()
    best = choose(SCORES, k=min(70, len(expected)), quantile=ends, nan="omit")
    assert best.indices.tolist() == best_first(SCORES, expected)[: len(best)].tolist()


@given(VECTORS, st.data())
@settings(deadline=None, max_examples=200)
def test_each_place_among_ascending_scores_is_found(scores, data):
    ends = sorted(data.draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    place = [Fraction(repr(end)) * (len(scores) - 1) for end in ends]
    ascending = sorted(scores.tolist())

    def between(at):
        ends = ascending[int(at)], ascending[min(int(at) + 1, len(scores) - 1)]
        if isinstance(ends[0], int):
            return ends[0] + (ends[1] - ends[0]) * (at - int(at))
        return float(np.quantile(np.array(ends), float(at - int(at))))

    low, high = map(between, place)
    chosen = choose(scores, quantile=tuple(ends), order="row")
    expected = [row for row, score in enumerate(scores.tolist()) if low <= score <= high]
    assert chosen.indices.tolist() == expected


@given(
    st.integers(0, 2**64 - 1), st.sampled_from([np.float16(3), np.float32(1e30), 1e300, np.int8(-5), np.uint64(2**63)])
)
@settings(deadline=None, max_examples=60)
def test_drawn_ties_depend_on_the_seed_and_the_row_alone(seed, score):
    n, k = 3000, 200
    best, worst = np.array([score]) + np.array([score]).dtype.type(0), np.array([score])
    scores = np.repeat(worst, n)
    noise = gumbel_top_k(np.zeros(n, np.float32), n, seed=seed)
    chosen = choose(scores, k=k, ties="random", seed=seed)
    assert sorted(chosen.indices.tolist()) == sorted(noise[:k].tolist())
    assert chosen.seed == seed
    assert (chosen.cut.tied, chosen.cut.taken) == (n, k)
    again = choose(scores, k=k, ties="random", seed=seed, exclude=noise[:50])
    assert sorted(again.indices.tolist()) == sorted(noise[50 : 50 + k].tolist())
    assert best.dtype == worst.dtype


@pytest.mark.parametrize("score", [np.inf, -np.inf])
def test_infinite_ties_are_drawn_as_well(score):
    scores = np.full(1000, score, np.float32)
    scores[:3] = 0
    noise = gumbel_top_k(np.zeros(1000, np.float32), 1000, seed=5)
    noise = noise[noise >= 3].tolist()
    chosen = choose(scores, k=13, ties="random", seed=5, largest=score > 0)
    assert sorted(chosen.indices.tolist()) == sorted(noise[:13])


def drawn_order(seed):
    """Return the place of each row in the order of a draw."""
    place = np.empty(N, np.int64)
    place[gumbel_top_k(np.zeros(N, np.float32), N, seed=seed)] = np.arange(N)
    return place


@pytest.mark.parametrize("largest", [True, False])
def test_drawn_ties_of_a_sort_a_budget_and_groups(largest):
    place = drawn_order(11)
    key = -SCORES[VALID] if largest else SCORES[VALID]
    ranked = VALID[np.lexsort((place[VALID], key))]
    options = {"ties": "random", "seed": 11, "nan": "omit", "largest": largest}
    for k in (0, 1, 5000, len(VALID)):
        chosen = choose(SCORES, k=k, **options)
        assert sorted(chosen.indices.tolist()) == sorted(ranked[:k].tolist())
        key = SCORES[chosen.indices] * (-1 if largest else 1)
        assert (np.lexsort((chosen.indices, key)) == np.arange(k)).all(), "best first, and of equal ones the lower row"
    ends = np.cumsum(LENGTHS[ranked])
    for budget in (0, 1, 300, 123_456, 5_000_000, int(ends[-1])):
        fitting = int(np.searchsorted(ends, budget, side="right"))
        chosen = choose(SCORES, tokens=budget, lengths=LENGTHS, **options)
        assert sorted(chosen.indices.tolist()) == sorted(ranked[:fitting].tolist())
        assert chosen.tokens == LENGTHS[ranked[:fitting]].sum()
        reached = 0 if budget == 0 else int(np.searchsorted(ends, budget, side="left")) + 1
        chosen = choose(SCORES, tokens=budget, lengths=LENGTHS, at_least=True, **options)
        assert sorted(chosen.indices.tolist()) == sorted(ranked[:reached].tolist())
    quotas = {"web": 700, "code": 1, "books": 0, "law": 300, "news": 20}
    expected = np.concatenate([ranked[DOMAINS[ranked] == name][:count] for name, count in quotas.items()])
    chosen = choose(SCORES, groups=DOMAINS.tolist(), per_group=quotas, order="row", **options)
    assert chosen.indices.tolist() == sorted(expected.tolist())


def test_many_ties_at_the_cut_are_warned_of():
    labels = np.repeat(np.array([5, 4, 3], np.int8), [10, 100, 1000])
    with pytest.warns(
        UserWarning, match=r"90 of the 100 chosen rows have the score 4, at which 100 rows tie: those with the lowest"
    ):
        choose(labels, k=100)
    for quiet in ({"k": 110}, {"k": 11}, {"k": 100, "ties": "random"}, {"k": 10}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            choose(labels, **quiet)


def test_only_some_rows_may_be_chosen():
    some = np.random.default_rng(2).permutation(N)[:20_000]
    mask = np.zeros(N, np.bool_)
    mask[some] = True
    left = VALID[mask[VALID]]
    expected = best_first(SCORES, left)[:500].tolist()
    assert choose(SCORES, k=500, only=some, nan="omit").indices.tolist() == expected
    assert choose(SCORES, k=500, only=mask, nan="omit").indices.tolist() == expected
    first = choose(SCORES, k=30_000, nan="omit")
    assert choose(SCORES, k=500, only=first, nan="omit").indices.tolist() == first.indices[:500].tolist()
    assert choose(SCORES, k=500, exclude=first, nan="omit").indices.tolist() == (
        choose(SCORES, k=30_500, nan="omit").indices[30_000:].tolist()
    )
    both = choose(SCORES, k=500, only=first, exclude=first.indices[:100], nan="omit")
    assert both.indices.tolist() == first.indices[100:600].tolist()
    drawn = choose(SCORES, k=500, only=mask, gumbel=True, seed=3, nan="omit")
    assert drawn.indices.tolist() == gumbel_top_k(SCORES, 500, seed=3, exclude=~mask, nan="omit").tolist()


@pytest.mark.parametrize("at_least", [True, False])
@pytest.mark.parametrize(
    "like", ["equal", "proportional", {"web": 0.5, "code": 0.25, "books": 0.25, "law": 0, "news": 0}]
)
def test_a_budget_is_divided_among_groups(like, at_least):
    """As the scripts of QuRating and WebOrganizer do it: each group takes its best rows within its part."""
    names = np.unique(DOMAINS)
    tokens = {name: int(LENGTHS[VALID][DOMAINS[VALID] == name].sum()) for name in names}
    weights = tokens if like == "proportional" else dict.fromkeys(names, 1) if like == "equal" else like
    budget = 2_000_003
    whole = sum(Fraction(str(weight)) for weight in weights.values())
    exact = {name: budget * Fraction(str(weights[name])) / whole for name in names}
    parts = {name: int(part) for name, part in exact.items()}
    for name in sorted(names, key=lambda name: (parts[name] - exact[name], name))[: budget - sum(parts.values())]:
        parts[name] += 1
    expected = []
    for name in names:
        mine = best_first(SCORES, VALID[DOMAINS[VALID] == name])
        ends = np.cumsum(LENGTHS[mine])
        count = np.searchsorted(ends, parts[name], side="left" if at_least else "right")
        expected += mine[: count + (at_least and parts[name] > 0)].tolist()
    chosen = choose(
        SCORES, tokens=budget, lengths=LENGTHS, groups=DOMAINS, like=like, at_least=at_least, nan="omit", order="row"
    )
    assert chosen.indices.tolist() == sorted(expected)
    assert chosen.tokens == LENGTHS[expected].sum()


def test_groups_with_too_few_tokens():
    scores = np.array([3, 2, 1, 0], np.float32)
    options = {"lengths": np.array([10, 10, 10, 50]), "groups": ["a", "a", "a", "b"], "like": "equal"}
    with pytest.raises(ValueError, match=r"1 of 2 groups have fewer tokens than .*'a' \(30 of 40\)"):
        choose(scores, tokens=80, **options)
    assert choose(scores, tokens=80, short="keep", **options).indices.tolist() == [0, 1, 2]
    assert choose(scores, tokens=80, short="fill", **options).indices.tolist() == [0, 1, 2, 3]


WRONG = {
    "nothing": ({}, ValueError, "nothing says how many rows"),
    "two sizes": ({"k": 1, "fraction": 0.5}, ValueError, "k and fraction are given"),
    "near alone": ({"near": 1, "min_score": 0}, ValueError, "near is given, which means something with k"),
    "near and a draw": ({"near": 1, "k": 1, "gumbel": True}, ValueError, "near and gumbel=True are given"),
    "near NaN": ({"near": float("nan"), "k": 1}, ValueError, "near is nan; a finite number"),
    "near text": ({"near": "1", "k": 1}, TypeError, "near is '1'; a number"),
    "near smallest": ({"near": 1, "k": 1, "nan": "smallest"}, ValueError, "near and nan='smallest' are given"),
    "quantile of one": ({"quantile": 0.5}, TypeError, r"two shares are needed: \(low, high\)"),
    "quantile beyond": ({"quantile": (0, 1.5)}, ValueError, "quantile has the share 1.5"),
    "quantile turned": ({"quantile": (0.6, 0.5)}, ValueError, "the lower share comes first"),
    "quantile of none": ({"quantile": (0, 1), "min_score": 9}, ValueError, "no row may be chosen"),
    "ties of no kind": ({"k": 1, "ties": "last"}, ValueError, 'ties is "last"; it is one of "row", "random"'),
    "ties of a draw": ({"k": 1, "ties": "random", "gumbel": True}, ValueError, "ties='random' and gumbel=True"),
    "seed of nothing": (
        {"k": 1, "seed": 1},
        ValueError,
        "seed is given, which means something with gumbel=True, replace=True or ties",
    ),
    "like of no kind": ({"k": 1, "groups": [1, 1, 1], "like": "some"}, ValueError, 'like is "some"; it is one of'),
    "mask too short": ({"k": 1, "only": [True]}, ValueError, "only is a mask of 1 rows, and there are 3 scores"),
    "no such row": ({"k": 1, "only": [0, 3]}, IndexError, r"only\[1\] is 3, and there are 3 scores: rows are 0 to 2"),
    "only text": ({"k": 1, "only": ["a"]}, TypeError, "only holds"),
    "group missing": ({"groups": ["a", None, "b"], "per_group": 1}, ValueError, r"groups\[1\] is null"),
    "groups of two kinds": ({"groups": [1, "a", 2], "per_group": 1}, TypeError, r"groups\[1\] is 'a', and others are"),
    "groups of kinds": (
        {"groups": ["a", "b", 2], "per_group": 1},
        TypeError,
        r"groups\[2\] is 2, and others are such as",
    ),
    "large groups": (
        {"groups": [2**64, 1, 2], "per_group": 1},
        TypeError,
        "groups are whole numbers for which 64 bits",
    ),
    "groups of shares": (
        {"groups": [0.5, 1, 2], "per_group": 1},
        TypeError,
        "groups are double; whole numbers or texts",
    ),
    "groups in rows": (
        {"groups": np.zeros((3, 1), int), "per_group": 1},
        ValueError,
        r"groups have shape \(3, 1\); one",
    ),
    "groups of letters": (
        {"groups": "abc", "per_group": 1},
        TypeError,
        r"groups are a str; an array or a list .*: of a column of a corpus, dsdm.open_shards\(corpus\).groups\(.abc.\)",
    ),
    "share of a text": (
        {"groups": [1, 1, 2], "per_group": "x"},
        TypeError,
        "per_group has 'x'; a whole number of rows",
    ),
    "fraction of a text": ({"fraction": "x"}, TypeError, "fraction is 'x'; a number is needed"),
    "too many tokens": ({"tokens": 2**63, "lengths": [1, 1, 1]}, ValueError, "tokens is 9223.*; .* below 2\\^63"),
    "drawn NaN": ({"k": 1, "ties": "random", "nan": "largest"}, ValueError, "ties='random' and nan='largest'"),
    "more than some": ({"k": 3, "only": [0, 1]}, ValueError, "of which 1 are excluded; k can be at most 2"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_says_so(what):
    options, error, said = WRONG[what]
    with pytest.raises(error, match=said):
        choose(np.array([1, 2, 3], np.float32), **options)


def test_a_selection_of_other_rows_is_refused():
    other = choose(np.arange(4, dtype=np.float32), k=2)
    for name in ("only", "exclude"):
        with pytest.raises(ValueError, match=f"{name} is a selection from 4 rows, and there are 3 scores"):
            choose(np.arange(3, dtype=np.float32), k=1, **{name: other})


def test_quantiles_between_infinities_are_no_numbers():
    scores = np.array([1, 2, 3, np.inf, -np.inf])
    with pytest.raises(
        ValueError, match=r"the quantile 0\.1 lies between the scores -inf and 1\.0, where there is none"
    ):
        choose(scores, quantile=(0.1, 0.9))
    assert choose(scores, quantile=(0.25, 0.75), order="row").indices.tolist() == [0, 1, 2]
    assert choose(scores, quantile=(0, 1), order="row").indices.tolist() == [0, 1, 2, 3, 4]


def test_nothing_is_chosen_of_nothing():
    none = np.zeros(0)
    for options in (
        {"k": 0},
        {"fraction": 0.5},
        {"tokens": 3, "lengths": []},
        {"groups": [], "per_group": 1},
        {"min_score": 0},
    ):
        assert choose(none, **options).indices.tolist() == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("whole", [2**110, 10**30, 10**35, 2**126 + 1, 2**127 - 1, 2**127, -(10**37), 10**38])
def test_whole_numbers_that_are_large_are_bounds_as_they_are(whole, dtype):
    nearest = dtype(float(whole))
    scores = np.array([np.nextafter(nearest, -np.inf), nearest, np.nextafter(nearest, np.inf), 0], dtype)
    exact = [int(score) for score in scores.tolist()]
    for name, holds in (("min_score", lambda score: score >= whole), ("max_score", lambda score: score <= whole)):
        expected = [row for row, score in enumerate(exact) if holds(score)]
        assert choose(scores, order="row", **{name: whole}).indices.tolist() == expected
    assert choose(scores, k=1, near=whole).indices.tolist() == [1]


@pytest.mark.parametrize("order", ["best_first", "best_last", "row"])
@pytest.mark.parametrize(
    "options", [{"nan": "smallest"}, {"nan": "largest"}, {"nan": "omit", "gumbel": True, "seed": 3}]
)
def test_budgets_of_groups_come_in_the_order_of_the_ranking(options, order):
    """Best first is by the draw where there is one, and NaN is where it is said to be."""
    if "gumbel" in options:
        ranked = gumbel_top_k(SCORES, len(VALID), **{name: options[name] for name in ("seed", "nan")})
    else:
        ranked = top_k(SCORES, N, **options)
    names = np.unique(DOMAINS)
    left = dict.fromkeys(names, 20_000)
    expected = []
    for row in ranked.tolist():
        name = DOMAINS[row]
        if LENGTHS[row] <= left[name]:
            expected.append(row)
            left[name] -= LENGTHS[row]
        else:
            left[name] = -1
    budget = 20_000 * len(names)
    chosen = choose(SCORES, tokens=budget, lengths=LENGTHS, groups=DOMAINS, like="equal", order=order, **options)
    assert chosen.indices.tolist() == in_order(expected, order)


def test_a_budget_far_beyond_what_there_is():
    lengths = np.full(5000, 2**50)
    lengths[:4999] = 0
    options = {"lengths": lengths, "groups": np.zeros(5000, np.int64), "like": "equal"}
    assert len(choose(np.arange(5000.0), tokens=2**50, **options)) == 5000

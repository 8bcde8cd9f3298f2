"""Cuts, from which the rows of any part of the scores follow, against numpy and against whole selections."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import _native
from dsdm.selection.inputs import engine_scores
from tests.oracle.sorting import DTYPES, oracle, vector

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

N = 5000
ALL = (2**64 - 1, 2**64 - 1)
AT_MOST = False
PLAIN = ("row", "omit", None, (None, None))
CUTS = st.lists(st.integers(0, N), max_size=5).map(lambda cuts: [0, *sorted(cuts), N])


def stored(values):
    """Return values as scores in a file that nothing else uses."""
    path = Path(tempfile.mkdtemp()) / "scores.npy"
    np.save(path, values)
    return dsdm.open_scores(path)


TIED = stored(np.random.default_rng(1).integers(0, 9, N).astype(np.float32))
LENGTHS = np.random.default_rng(2).integers(0, 50, N)
GROUPS = (np.arange(N) * 7 % 11 % 4).astype(np.uint32)


def check(cuts, expected, ends, *, scores=TIED, rank=True, options=PLAIN):
    """Fail unless cuts mean these rows, of the whole and of each part by its own scores alone."""
    counts = _native.counts_of_cut((scores, rank), options, cuts, np.array(ends[1:], np.uint64), None)
    for (start, stop), count in zip(pairwise(ends), counts.tolist(), strict=True):
        mine = np.sort(expected[(expected >= start) & (expected < stop)])
        assert count == len(mine)
        run = _native.rows_of_cut((scores, rank), options, cuts, start, stop, 2)
        np.testing.assert_array_equal(run, mine)
        assert run.dtype == np.int64
        if start < stop:
            groups, of_each = cuts if cuts is not None and isinstance(cuts[1], list) else (None, None)
            here = cuts if groups is None else ((groups[0][start:stop].copy(), groups[1]), of_each)
            part = (scores.slice(start, stop), rank)
            np.testing.assert_array_equal(_native.rows_of_cut(part, options, here, start, stop, None), mine)


@settings(max_examples=60, deadline=None)
@given(
    ends=CUTS,
    k=st.integers(0, N),
    largest=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    kind=st.sampled_from(["random", "ties", "special"]),
)
def test_the_cut_of_the_best_rows(ends, k, largest, dtype, kind):
    values = vector(kind, dtype, N)
    scores = stored(values)
    cut = _native.cut_of((scores, largest), k, PLAIN, None)
    expected = oracle(values, k, largest=largest)
    assert (cut is None) == (k == 0)
    assert cut is None or cut[1] == expected[-1]
    check(cut, expected, ends, scores=scores, rank=largest)
    # The same by an array in memory.
    assert _native.cut_of((engine_scores(values), largest), k, PLAIN, 1) == cut


@settings(max_examples=40, deadline=None)
@given(ends=CUTS, k=st.integers(0, N), seed=st.integers(0, 2**64 - 1), temperature=st.sampled_from([0.01, 1.0, 30.0]))
def test_the_cut_of_a_draw(ends, k, seed, temperature):
    rank = (seed, temperature)
    cut = _native.cut_of((TIED, rank), k, PLAIN, None)
    check(cut, dsdm.gumbel_top_k(TIED, k, seed=seed, temperature=temperature), ends, rank=rank)


@settings(max_examples=40, deadline=None)
@given(ends=CUTS, k=st.integers(0, N), seed=st.integers(0, 2**64 - 1))
def test_the_cut_of_a_sample(ends, k, seed):
    cut = _native.cut_of((0, N, seed), k, PLAIN, None)
    expected = np.sort(dsdm.sample(N, k, seed=seed))
    for start, stop in pairwise(ends):
        mine = expected[(expected >= start) & (expected < stop)]
        np.testing.assert_array_equal(_native.rows_of_cut((0, N, seed), PLAIN, cut, start, stop, None), mine)
        # A machine that knows its own rows alone.
        np.testing.assert_array_equal(_native.rows_of_cut((start, stop, seed), PLAIN, cut, start, stop, None), mine)


@settings(max_examples=40, deadline=None)
@given(ends=CUTS, k=st.integers(0, N // 2), near=st.integers(-1, 40).map(lambda n: n / 4))
def test_the_cut_of_the_nearest_rows(ends, k, near):
    distances = np.abs(np.asarray(TIED).astype(np.float64) - near)
    cut = _native.cut_of((TIED, (near,)), k, PLAIN, None)
    check(cut, np.argsort(distances, kind="stable")[:k], ends, rank=(near,))


@settings(max_examples=60, deadline=None)
@given(ends=CUTS, budget=st.integers(0, 200_000), at_least=st.booleans(), largest=st.booleans())
def test_the_cut_of_a_budget(ends, budget, at_least, largest):
    if at_least and budget > LENGTHS.sum():
        with pytest.raises(ValueError, match=rf"tokens is {budget}, and the {N} rows that can be chosen have"):
            _native.cut_of_weight((TIED, largest), engine_scores(LENGTHS), budget, at_least, PLAIN, None)
        return
    rule = {"tokens": budget, "lengths": LENGTHS, "at_least": at_least, "largest": largest}
    best = oracle(np.asarray(TIED), N, largest=largest)
    sums = np.cumsum(LENGTHS[best])
    taken = int(np.searchsorted(sums, budget, side="left")) + (budget > 0) if at_least else int((sums <= budget).sum())
    taken = 0 if at_least and budget == 0 else taken
    cut, total = _native.cut_of_weight((TIED, largest), engine_scores(LENGTHS), budget, at_least, PLAIN, None)
    assert total == LENGTHS[best[:taken]].sum()
    assert (None if cut is None else cut[1]) == (best[taken - 1] if taken else None)
    check(cut, best[:taken], ends, rank=largest)
    if budget:
        chosen = dsdm.choose(TIED, **{name: value for name, value in rule.items() if name != "at_least"})
        assert at_least or set(chosen.indices.tolist()) == set(best[:taken].tolist())


@settings(max_examples=40, deadline=None)
@given(
    ends=CUTS, parts=st.lists(st.integers(0, 400), min_size=4, max_size=4), draw=st.booleans(), seed=st.integers(0, 99)
)
def test_the_cuts_of_groups(ends, parts, draw, seed):
    rank = (seed, 1.0) if draw else True
    quotas = np.array(parts, np.uint64)
    cuts = _native.cuts_of_groups((TIED, rank), (GROUPS, 4), quotas, PLAIN, None)
    expected = _native.best_of_groups(TIED, rank, (GROUPS, 4), quotas, PLAIN, None)
    check(((GROUPS, 4), cuts), expected, ends, rank=rank)
    budgets = quotas * np.uint64(20)
    found = _native.cuts_of_group_weights((TIED, rank), (GROUPS, 4), engine_scores(LENGTHS), budgets, AT_MOST, PLAIN, 2)
    order = _native.best_of_groups(
        TIED, rank, (GROUPS, 4), np.bincount(GROUPS, minlength=4).astype(np.uint64), ("best_first", *PLAIN[1:]), None
    )
    for group, (cut, total) in enumerate(found):
        rows = order[GROUPS[order] == group]
        sums = np.cumsum(LENGTHS[rows])
        taken = int((sums <= int(budgets[group])).sum())
        assert (None if cut is None else cut[1]) == (rows[taken - 1] if taken else None)
        assert total == (sums[taken - 1] if taken else 0)


@settings(max_examples=40, deadline=None)
@given(ends=CUTS, k=st.integers(1, 1500), by_mask=st.booleans(), seed=st.none() | st.integers(0, 99))
def test_excluded_rows_and_bounds_are_those_of_the_whole(ends, k, by_mask, seed):
    excluded = np.arange(0, N, 3)
    mask = np.zeros(N, np.uint8)
    mask[excluded] = 1
    rank = True if seed is None else (seed, 2.0)

    def options(start, stop):
        return ("row", "raise", mask[start:stop].copy() if by_mask else excluded, (1, 7.5))

    cut = _native.cut_of((TIED, rank), k, options(0, N), None)
    allowed = {"exclude": excluded, "min_score": 1, "max_score": 7.5}
    drawn = {} if seed is None else {"gumbel": True, "temperature": 2.0, "seed": seed}
    expected = np.sort(dsdm.choose(TIED, k=k, **allowed, **drawn).indices)
    for start, stop in pairwise(ends):
        if start < stop:
            part = (TIED.slice(start, stop), rank)
            found = _native.rows_of_cut(part, options(start, stop), cut, start, stop, None)
            np.testing.assert_array_equal(found, expected[(expected >= start) & (expected < stop)])


def test_cuts_that_mean_no_row_and_all_rows():
    everything = np.arange(N)
    check(None, everything[:0], [0, 10, N])
    check(ALL, everything, [0, 10, 10, N])
    bounded = ("row", "omit", None, (3, None))
    check(ALL, np.flatnonzero(np.asarray(TIED) >= 3), [0, 2000, N], options=bounded)


def test_rows_that_the_scores_do_not_have_are_refused():
    part = (TIED.slice(100, 200), True)
    for start, stop in ((0, 100), (99, 150), (150, 201)):
        with pytest.raises(IndexError, match="the scores are those of rows 100 to 200"):
            _native.rows_of_cut(part, PLAIN, ALL, start, stop, None)
    with pytest.raises(IndexError, match="do not ascend"):
        _native.counts_of_cut(part, PLAIN, ALL, np.array([50, 200], np.uint64), None)
    with pytest.raises(IndexError, match=r"exclude\[0\] is -1"):
        _native.cut_of(part, 1, ("row", "raise", np.array([-1]), (None, None)), None)
    with pytest.raises(ValueError, match='draw with noise="philox"'):
        _native.cut_of((TIED, ((1, 1), 1.0)), 1, PLAIN, None)
    with pytest.raises(ValueError, match=r"lengths\[1\d\d\] is -3"):
        _native.cut_of_weight(part, engine_scores(np.full(100, -3)), 5, AT_MOST, PLAIN, None)

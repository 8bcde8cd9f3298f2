"""Draws of slices: each row has the noise that it has in the whole, so that parts together draw what the whole does."""

import pickle
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm

N = 3000


def stored(values, name="scores.npy"):
    """Return values as scores in a file that nothing else uses."""
    path = Path(tempfile.mkdtemp()) / name
    np.save(path, values)
    return dsdm.open_scores(path)


def parts_of(cuts):
    ends = [0, *sorted(cuts), N]
    return [(a, b) for a, b in pairwise(ends) if a < b]


CUTS = st.lists(st.integers(0, N), max_size=5).map(parts_of)
RANDOM = np.random.default_rng(5)
NORMAL = RANDOM.standard_normal(N).astype(np.float32)
TIED = RANDOM.integers(0, 4, N).astype(np.float64)
INFINITE = np.where(RANDOM.random(N) < 0.3, np.inf, TIED)
OF_FILES = {name: stored(values) for name, values in (("normal", NORMAL), ("tied", TIED), ("infinite", INFINITE))}
EXPRESSIONS = {
    "files": OF_FILES["normal"],
    "z-score": OF_FILES["normal"].zscore(),
    "sum": OF_FILES["normal"] + 0.5 * OF_FILES["tied"],
    "with an array": OF_FILES["normal"] + np.arange(N) / N,
    "array first": np.arange(N) / N - OF_FILES["normal"],
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("temperature", [1e-3, 0.7, 40.0])
@settings(max_examples=15, deadline=None)
@given(parts=CUTS, seed=st.integers(0, 2**64 - 1), k=st.integers(0, N))
def test_parts_draw_what_the_whole_draws(name, temperature, parts, seed, k):
    whole = EXPRESSIONS[name]
    draw = dsdm.gumbel_top_k(whole, k, seed=seed, temperature=temperature)
    found = []
    for a, b in parts:
        part = whole.slice(a, b)
        assert part.first_row == a
        mine = draw[(draw >= a) & (draw < b)]
        # Best first: the rows of the whole's draw that lie in the part, in its order.
        drawn = dsdm.gumbel_top_k(part, len(mine), seed=seed, temperature=temperature)
        np.testing.assert_array_equal(drawn + a, mine)
        found.append(drawn + a)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.sort(draw))


@pytest.mark.parametrize("name", ["tied", "infinite"])
@pytest.mark.parametrize("largest", [True, False])
@settings(max_examples=20, deadline=None)
@given(parts=CUTS, seed=st.integers(0, 2**64 - 1), k=st.integers(1, N))
def test_parts_draw_the_ties_of_the_whole(name, largest, parts, seed, k):
    whole = OF_FILES[name]
    chosen = dsdm.choose(whole, k=k, largest=largest, ties="random", seed=seed, order="row").indices
    for a, b in parts:
        mine = chosen[(chosen >= a) & (chosen < b)] - a
        if len(mine):
            part = dsdm.choose(whole.slice(a, b), k=len(mine), largest=largest, ties="random", seed=seed, order="row")
            np.testing.assert_array_equal(part.indices, mine)


@settings(max_examples=20, deadline=None)
@given(parts=CUTS, seed=st.integers(0, 2**64 - 1), each=st.integers(1, 250))
def test_parts_draw_the_ties_of_groups_of_the_whole(parts, seed, each):
    whole, groups = OF_FILES["tied"], np.arange(N) * 7 % 11 % 4
    every = np.arange(4)
    per = dict.fromkeys(every.tolist(), each)
    chosen = dsdm.choose(whole, groups=groups, per_group=per, ties="random", seed=seed, order="row").indices
    for a, b in parts:
        mine, here = chosen[(chosen >= a) & (chosen < b)] - a, groups[a:b]
        counts = {int(g): int((here[mine] == g).sum()) for g in np.unique(here)}
        if len(mine):
            rule = {"groups": here, "per_group": counts, "ties": "random", "seed": seed, "order": "row"}
            np.testing.assert_array_equal(dsdm.choose(whole.slice(a, b), **rule).indices, mine)


@settings(max_examples=20, deadline=None)
@given(parts=CUTS, seed=st.integers(0, 2**64 - 1), budget=st.integers(1, 40_000))
def test_parts_draw_the_ties_within_a_budget_of_the_whole(parts, seed, budget):
    whole, lengths = OF_FILES["tied"], np.arange(N) % 23
    chosen = dsdm.choose(whole, tokens=budget, lengths=lengths, ties="random", seed=seed, order="row").indices
    for a, b in parts:
        mine = chosen[(chosen >= a) & (chosen < b)] - a
        tokens = int(lengths[a:b][mine].sum())
        if tokens:
            rule = {"tokens": tokens, "lengths": lengths[a:b], "ties": "random", "seed": seed, "order": "row"}
            # A row of no tokens behind the last one that the whole takes has room in the part.
            with_length = dsdm.choose(whole.slice(a, b), **rule).indices
            np.testing.assert_array_equal(with_length[lengths[a:b][with_length] > 0], mine[lengths[a:b][mine] > 0])


def test_a_sample_of_a_slice_has_the_bits_of_its_rows_in_the_whole():
    ids = stored(np.arange(N)[::-1].copy())
    drawn = dsdm.sample(ids, N, seed=3)
    for a, b in ((0, 10), (500, N), (1023, 2049)):
        part = np.asarray(ids)[a:b]
        np.testing.assert_array_equal(dsdm.sample(ids.slice(a, b), b - a, seed=3), drawn[np.isin(drawn, part)])
    # The rows of a number of rows are the whole.
    np.testing.assert_array_equal(dsdm.sample(N, N, seed=3), np.arange(N)[::-1][drawn])


def test_the_noise_of_numpy_is_that_of_as_many_rows():
    part = OF_FILES["normal"].slice(700, 1900)
    keys = NORMAL[700:1900].astype(np.float64) + np.random.default_rng(4).gumbel(size=1200)
    drawn = dsdm.gumbel_top_k(part, 300, seed=4, noise="numpy")
    np.testing.assert_array_equal(drawn, np.argsort(-keys, kind="stable")[:300])


def test_first_rows_are_those_of_vectors_in_files_that_agree():
    whole, other = OF_FILES["normal"], OF_FILES["tied"]
    part = whole.slice(100, 200)
    values = np.arange(100.0)
    for scores, first in (
        (whole, 0),
        (part, 100),
        (part.slice(10, 60), 110),
        (part.slice(0, 50), 100),
        (part.zscore(), 100),
        (whole.zscore().slice(100, 200), 100),
        (-part, 100),
        (2 * part + 1, 100),
        (part + values, 100),
        (values / (part + 5), 100),
        (part + other.slice(100, 200), 100),
        (part + other.slice(200, 300), 0),
        (part + other.slice(0, 100), 0),
        ((part + other.slice(200, 300)).slice(7, 9), 7),
        ((whole.slice(0, N - 1) + other.slice(1, N)).slice(30, 40), 30),
    ):
        assert scores.first_row == first
        assert pickle.loads(pickle.dumps(scores)).first_row == first  # noqa: S301 - made here


def test_an_array_beside_a_slice_is_of_the_rows_of_the_slice():
    whole, values = OF_FILES["normal"], RANDOM.standard_normal(100)
    part = dsdm.gumbel_top_k(whole.slice(100, 200) + values, 100, seed=1)
    everywhere = np.zeros(N)
    everywhere[100:200] = values
    draw = dsdm.gumbel_top_k(whole + everywhere, N, seed=1)
    np.testing.assert_array_equal(part + 100, draw[(draw >= 100) & (draw < 200)])


@pytest.mark.parametrize("rule", [{"gumbel": True}, {"ties": "random"}])
@pytest.mark.parametrize("first", [0, 40])
def test_what_was_chosen_of_a_slice_is_verified(tmp_path, monkeypatch, rule, first):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"row": np.arange(500)}), "corpus.parquet")
    np.save("scores.npy", TIED)
    scores = dsdm.open_scores("scores.npy").slice(first, first + 500)
    chosen = dsdm.choose(scores, k=100, seed=6, **rule)
    dsdm.materialize("corpus.parquet", chosen, "out")
    # The first rows of files are told of with what chooses them again; others are told of by their numbers.
    assert dsdm.verify("out").selection == (first == 0)

"""Selections of slices of scores that are excluded, or alone chosen of, or combined: by the rows of the files."""

import re

import numpy as np
import pytest

import dsdm

N = 60


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {name: np.random.default_rng(at).normal(size=N) for at, name in enumerate(("a", "b"))}
    for name, held in values.items():
        np.save(f"{name}.npy", held)
    return values


def best_of(held, start, stop, k, *, without=(), alone=None):
    """Return the best rows of a slice, by their numbers in the file, best first."""
    rows = [row for row in range(start, stop) if row not in without and (alone is None or row in alone)]
    return sorted(rows, key=lambda row: (-held[row], row))[:k]


def calls(scores, given, k):
    return {
        "exclude": lambda: dsdm.choose(scores, k=k, exclude=given).indices,
        "only": lambda: dsdm.choose(scores, k=k, only=given).indices,
        "top_k": lambda: dsdm.top_k(scores, k, exclude=given),
        "round_robin": lambda: dsdm.round_robin([scores], k, exclude=given).indices,
        "gumbel": lambda: dsdm.gumbel_top_k(scores, k, seed=1, exclude=given),
    }


@pytest.mark.parametrize("seed", range(120))
def test_rows_are_those_of_the_file_or_it_is_an_error(files, seed, tmp_path):
    """A slice begins anywhere, of the same file or another, of its scores or what is computed of them."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(5, 30))
    starts = [int(start) for start in rng.integers(0, N - size, 2)]
    starts[1] = starts[0] if rng.random() < 0.3 else starts[1]
    names = [str(name) for name in rng.choice(["a", "a", "b"], 2)]
    stops = [start + size for start in starts]
    stops[1] = N if rng.random() < 0.2 else stops[1]
    opened = [dsdm.open_scores(f"{name}.npy") for name in names]
    computed = [vector * 2 if rng.random() < 0.3 else vector for vector in opened]
    first, second = (vector.slice(start, stop) for vector, start, stop in zip(computed, starts, stops, strict=True))
    given = dsdm.choose(first, k=3)
    taken = best_of(files[names[0]], starts[0], stops[0], 3)
    assert (given.indices + starts[0]).tolist() == taken
    if rng.random() < 0.3:
        given.save(tmp_path / "given.npy")
        given = dsdm.Selection.load(tmp_path / "given.npy")
    own = {"without": taken, "alone": None}
    for name, call in calls(second, given, 2).items():
        asked = {"without": (), "alone": taken} if name == "only" else own
        expected = best_of(files[names[1]], starts[1], stops[1], 2, **asked)
        try:
            found = (call() + starts[1]).tolist()
        except ValueError as error:
            assert starts[0] != starts[1] or len(first) != len(second)
            advised = re.search(r"selection\.indices \+ (\d+)", str(error))
            if advised and name != "gumbel":
                moved = calls(second, given.indices + int(advised[1]), 2)[name]
                assert (moved() + starts[1]).tolist() == expected
            continue
        assert starts[0] == starts[1]
        assert name == "gumbel" or found == expected
        assert name == "only" or not set(found) & set(taken)


@pytest.mark.parametrize("combine", ["union", "intersection", "difference"])
def test_selections_of_other_slices_are_not_combined(combine):
    scores = dsdm.open_scores("a.npy")
    first, second = dsdm.choose(scores.slice(0, 20), k=3), dsdm.choose(scores.slice(20, 40), k=3)
    with pytest.raises(
        ValueError, match=rf"{combine} takes a selection of rows 20 to 39 of .*, and the rows here are 0 to 19 of"
    ):
        getattr(first, combine)(second)
    again = dsdm.choose(scores.slice(0, 20), k=5)
    assert getattr(first, combine)(again).n == 20


def test_all_scores_of_a_shard_may_be_those_of_a_slice(files):
    """A slice of the scores of all shards, and the file of one of these."""
    np.save("shard.npy", files["b"][20:40])
    chosen = dsdm.choose(dsdm.open_scores("a.npy").slice(20, 40), k=3)
    found = dsdm.choose(dsdm.open_scores("shard.npy"), k=2, exclude=chosen).indices + 20
    assert found.tolist() == best_of(files["b"], 20, 40, 2, without=(chosen.indices + 20).tolist())
    with pytest.raises(ValueError, match=r"exclude is a selection .* selection\.indices \+ 20"):
        dsdm.choose(dsdm.open_scores("a.npy"), k=2, exclude=chosen)


def test_vectors_that_choose_in_turn_are_of_the_same_rows(files):
    one, other = dsdm.open_scores("a.npy"), dsdm.open_scores("b.npy")
    message = r"scores\[2\] has rows 20 to 39 of .*b\.npy, and scores\[0\] rows 0 to 19 of .*a\.npy: .*numpy\.asarray"
    with pytest.raises(ValueError, match=message):
        dsdm.round_robin([one.slice(0, 20), other.slice(0, 20), other.slice(20, 40)], 4)
    with pytest.raises(ValueError, match=r"scores\[1\] has rows 0 to 19 of .*a\.npy, and scores\[0\] rows 5 to 24 of"):
        dsdm.round_robin([one.slice(5, 25), one.slice(0, 20)], 4)
    with pytest.raises(ValueError, match=r"scores\[2\] has rows 7 to 26 of .*a\.npy, and scores\[1\] rows 0 to 19 of"):
        dsdm.round_robin([np.arange(20.0), one.slice(0, 20) * 2, one.slice(7, 27)], 4)
    first, second = files["a"][20:40], files["b"][20:40]
    found = dsdm.round_robin([one.slice(20, 40), other.slice(20, 40)], 2).indices.tolist()
    best = int(first.argmax())
    assert found == [best, best_of(second, 0, 20, 1, without=[best])[0]]
    values = [np.asarray(one.slice(0, 20)), np.asarray(one.slice(20, 40))]
    assert dsdm.round_robin(values, 1).indices.tolist() == [int(files["a"][:20].argmax())]


def test_rows_below_a_number_are_drawn_without_a_selection_of_rows_that_begin_at_it(files):
    scores = dsdm.open_scores("a.npy")
    given = dsdm.choose(scores.slice(20, 40), k=5)
    for draw in (
        lambda exclude: dsdm.sample(20, 15, seed=1, exclude=exclude),
        lambda exclude: dsdm.get_indices("random", 15, rows=20, seed=1, exclude=exclude),
    ):
        with pytest.raises(ValueError, match=r"exclude is a selection of rows 20 to 39 of .*selection\.indices \+ 20"):
            draw(given)
        assert sorted(draw(given.indices).tolist()) == sorted(set(range(20)) - set(given.indices.tolist()))
    first = dsdm.choose(scores.slice(0, 20), k=5)
    drawn = dsdm.sample(20, 15, seed=1, exclude=first)
    assert sorted(drawn.tolist()) == sorted(set(range(20)) - set(best_of(files["a"], 0, 20, 5)))

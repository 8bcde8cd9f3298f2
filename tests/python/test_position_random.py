"""Random corpora and scores with ids under other names, nulls and doubles: against a plain reading of lists."""

import itertools
import re
import warnings
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

ROWS = 40
HERE = ("id", "uid", "page_url")
"""The names of ids in the rows."""
THERE = ("doc_id", "key", "link", "parent_id")
"""Those beside the scores; of one, the name says nothing."""


def ids_of(rng, at):
    """Draw ids that share none with those of other columns, as texts or numbers."""
    found = [int(number) for number in 100 * rng.permutation(3 * ROWS)[:ROWS] + at]
    return found if rng.random() < 0.25 else [f"{'abc'[at]}{number}" for number in found]


def with_holes(rng, ids):
    """Make some ids null, and others double, as often as not."""
    ids = list(ids)
    for _ in range(int(rng.integers(0, 5)) if rng.random() < 0.5 else 0):
        one, other = rng.integers(0, ROWS, 2)
        ids[one] = None if rng.random() < 0.5 else ids[other]
    return ids


def moved(rng, ids):
    """Lay ids in the same order, in another, a few elsewhere, or one place further."""
    how = rng.choice(["same", "same", "any", "two", "turned", "others"])
    ids = list(ids)
    if how == "any":
        return [ids[row] for row in rng.permutation(ROWS)]
    if how == "two":
        one, other = rng.choice(ROWS, 2, replace=False)
        ids[one], ids[other] = ids[other], ids[one]
    if how == "turned":
        return ids[1:] + ids[:1]
    if how == "others":
        return [f"other {row}" for row in range(ROWS)]
    return ids


def tables(rng):
    """Return the columns of the rows, and those beside the scores."""
    here = {name: with_holes(rng, ids_of(rng, at)) for at, name in enumerate(HERE[: rng.integers(1, 4)])}
    names = rng.choice(THERE, rng.integers(1, 4), replace=False)
    there = {str(name): with_holes(rng, moved(rng, here[rng.choice(list(here))])) for name in names}
    if rng.random() < 0.2:
        there = {name: [str(one) if isinstance(one, int) else one for one in ids] for name, ids in there.items()}
    return here, there


def as_text(ids):
    return [None if one is None else str(one) for one in ids]


def elsewhere(here, there):
    """Return the rows whose id is there once on either side, and at another place, with these places."""
    here, there = as_text(here), as_text(there)
    once = [{one for one, times in Counter(ids).items() if times == 1 and one is not None} for ids in (here, there)]
    places = {row: here.index(there[row]) for row in range(ROWS) if there[row] in once[0] & once[1]}
    return {row: place for row, place in places.items() if row != place}


def at_their_places(here, there):
    """Return the rows that these columns name as those of their places; none of columns that differ anywhere."""
    here, there = as_text(here), as_text(there)
    if any(one != other and None not in (one, other) for one, other in zip(here, there, strict=True)):
        return set()
    counted = [Counter(ids) for ids in (here, there)]
    named = [row for row in range(ROWS) if there[row] == here[row] is not None]
    return {row for row in named if {times[here[row]] for times in counted} == {1}}


def compared(here, there):
    """Yield the pairs of columns that may hold the same ids, with whether one of them holds numbers."""
    for (other, own), (name, ids) in itertools.product(there.items(), here.items()):
        numbers = [all(isinstance(one, int | None) for one in column) for column in (ids, own)]
        if other != "link" or not numbers[1]:
            yield name, other, any(numbers)


def expected(here, there):
    """Return which pairs say that scores are those of other rows where no pair says otherwise, by what they hold."""
    pairs = list(compared(here, there))
    settled = set().union(*(at_their_places(here[name], there[other]) for name, other, _ in pairs))
    left = {False: {}, True: {}}
    for name, other, is_number in pairs:
        wrong = {row: at for row, at in elsewhere(here[name], there[other]).items() if row not in settled}
        if wrong:
            left[is_number][name, other] = wrong
    return left


def agree(pairs):
    """Return whether the first of several pairs says of each other what that says."""
    first, *others = pairs.values()
    both = [(first.keys() & one.keys(), one) for one in others]
    return all(rows and all(first[row] == one[row] for row in rows) for rows, one in both)


def told(there, pairs, name, other):
    """Return what is said of the first row of a pair that is elsewhere."""
    row, place = min(pairs[name, other].items())
    return rf"{other!r} has '?{there[other][row]}'? in row {row}, which the rows have as {name!r} in row {place}\b"


@pytest.mark.parametrize("seed", range(200))
def test_ids_that_are_there_once_are_never_passed_over(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(seed)
    here, there = tables(rng)
    scores = rng.normal(size=ROWS)
    pq.write_table(pa.table({"n": range(ROWS), **here}), "c.parquet")
    pq.write_table(pa.table({**there, "score": scores}), "s.parquet")
    left = expected(here, there)
    chosen = dsdm.choose(dsdm.open_scores("s.parquet", column="score"), k=5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            taken = dsdm.open_shards("c.parquet").take(chosen)["n"].to_pylist()
            said, refused = "".join(str(one.message) for one in caught), False
        except ValueError as error:
            said, refused, taken = str(error), True, None
    assert refused == bool(left[False]), (here, there, said)
    pairs = left[False] or left[True]
    assert bool(said) == bool(pairs), (here, there, said)
    assert taken in (None, np.argsort(-scores, kind="stable")[:5].tolist())
    if not pairs:
        return
    if agree(pairs):
        advised = [f"on=({name!r}, {other!r})" in said for name, other in pairs]
        assert any(advised), said
    else:
        assert "on=(" not in said
        assert "cannot be told" in said
        for name, other in list(pairs)[:3]:
            assert re.search(told(there, pairs, name, other), said), said
    assert re.search(told(there, pairs, *next(iter(pairs))), said), said
    # Whoever says that they lie alike takes them.
    by_position = dsdm.choose(np.asarray(dsdm.open_scores("s.parquet", column="score")), k=5)
    assert dsdm.open_shards("c.parquet").take(by_position)["n"].to_pylist() == np.argsort(-scores)[:5].tolist()

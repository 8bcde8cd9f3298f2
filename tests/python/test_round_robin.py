"""`round_robin`: several score vectors choose in turn, as a plain program does it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm


def in_turn(vectors, k, allowed, *, largest):
    """Return rows, one of each vector in turn, by going through all of them."""
    ranked = [sorted(allowed, key=lambda row: ((-1 if largest else 1) * vector[row], row)) for vector in vectors]
    chosen = []
    while len(chosen) < k:
        for rows in ranked:
            if len(chosen) < k:
                chosen.append(next(row for row in rows if row not in chosen))
    return chosen


@given(st.integers(1, 5), st.integers(1, 60), st.booleans(), st.data())
@settings(deadline=None, max_examples=150)
def test_each_vector_gives_its_best_row_in_turn(number, n, largest, data):
    vectors = [
        np.array(data.draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), np.int8) for _ in range(number)
    ]
    excluded = data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1))
    allowed = [row for row in range(n) if row not in excluded]
    k = data.draw(st.integers(0, len(allowed)))
    chosen = dsdm.round_robin(vectors, k, largest=largest, exclude=np.array(sorted(excluded), np.int64))
    assert chosen.indices.tolist() == in_turn(vectors, k, allowed, largest=largest)
    assert chosen.n == n


def test_vectors_that_agree_are_looked_at_again():
    same = np.arange(3000.0)
    chosen = dsdm.round_robin([same] * 7, 2500)
    assert chosen.indices.tolist() == list(range(2999, 499, -1))
    assert repr(chosen) == "2,500 of 3,000 rows, round robin of 7 score vectors"
    rest = dsdm.round_robin([same, -same], 4, exclude=chosen)
    assert rest.indices.tolist() == [499, 0, 498, 1]


@pytest.mark.parametrize(
    ("scores", "k", "error", "said"),
    [
        (np.zeros(3), 1, TypeError, "scores are a ndarray; a list of vectors"),
        ([], 1, ValueError, "vectors of no rows"),
        ([np.zeros(3), np.zeros(4)], 1, ValueError, "vectors of 3 and 4 rows"),
        ([np.zeros(3)], 4, ValueError, "k is 4, and there are 3 rows"),
        ([np.zeros(3)], -1, ValueError, "k is -1"),
        ([np.array([1, np.nan])], 1, ValueError, "NaN"),
    ],
)
def test_what_cannot_be_says_so(scores, k, error, said):
    with pytest.raises(error, match=said):
        dsdm.round_robin(scores, k)

"""Expressions that use a part of themselves more than once: computed once, and to the bits of numpy."""

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm

ROWS = 3000  # more than are computed at once
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]
DTYPES = ["float16", "float32", "float64", "int32", "uint8", "int64"]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """Vectors of several types, as scores and as numpy computes with them."""
    folder, rng = tmp_path_factory.mktemp("vectors"), np.random.default_rng(1)
    found = []
    for dtype in DTYPES:
        values = rng.integers(1, 100, ROWS).astype(dtype)
        np.save(folder / f"{dtype}.npy", values)
        wide = np.float32 if dtype in ("float16", "float32") else np.float64
        found.append((dsdm.open_scores(folder / f"{dtype}.npy"), values.astype(wide)))
    return found


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_expression_has_the_bits_of_numpy(vectors, data):
    """Each step takes any of the vectors before it, so that most are used more than once."""
    pairs = list(vectors)
    pick = st.integers(0, 10**6)
    for _ in range(data.draw(st.integers(1, 12))):
        ours, theirs = pairs[data.draw(pick) % len(pairs)]
        kind = data.draw(st.sampled_from(["vector", "number", "negated"]))
        with np.errstate(all="ignore"):
            if kind == "negated":
                pairs.append((-ours, -theirs))
                continue
            operate = data.draw(st.sampled_from(OPERATORS))
            if kind == "number":
                number = data.draw(st.sampled_from([0.5, 3.0, -1.25]))
                pairs.append((operate(ours, number), operate(theirs, theirs.dtype.type(number))))
            else:
                other, others = pairs[data.draw(pick) % len(pairs)]
                pairs.append((operate(ours, other), operate(theirs, others)))
    ours, theirs = pairs[-1]
    start = data.draw(st.integers(0, ROWS - 1))
    for found, expected in ((np.array(ours), theirs), (np.array(ours.slice(start, ROWS)), theirs[start:])):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(ours[[ROWS - 1, start]], theirs[[ROWS - 1, start]])


def test_doublings_take_as_many_steps_as_there_are(vectors):
    """Were each operand computed by itself, this would take 2^150 steps."""
    ours, theirs = vectors[2]
    scores = ours
    for _ in range(150):
        scores = scores + scores
    np.testing.assert_array_equal(np.array(scores), theirs * 2.0**150)
    np.testing.assert_array_equal(np.array(scores.zscore()), np.array(ours.zscore()))
    top = dsdm.top_k(scores, 5)
    np.testing.assert_array_equal(top, dsdm.top_k(ours, 5))
    assert scores.paths == ours.paths
    assert scores[7] == theirs[7] * 2.0**150


def test_slices_of_one_expression_beside_each_other(vectors):
    ours, theirs = vectors[1]
    whole = ours * 3
    both = whole.slice(0, 1500) - whole.slice(1500, 3000) + whole.slice(1, 1501)
    np.testing.assert_array_equal(np.array(both), theirs[:1500] * 3 - theirs[1500:] * 3 + theirs[1:1501] * 3)


def test_operations_are_counted_once_each(vectors):
    scores = vectors[2][0]
    for _ in range(99):
        scores = scores + 1
    scores = scores + scores
    assert scores[0] == 2 * (vectors[2][1][0] + 99)
    for _ in range(100):
        scores = scores + 1
    with pytest.raises(ValueError, match="an expression of more than 200 operations over scores"):
        scores + 1

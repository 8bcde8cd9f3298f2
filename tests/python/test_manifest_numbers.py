"""Numbers in ``dsdm.json``: kept as they were given, whatever their size and digits."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dsdm

TABLE = pa.table({"a": [1, 2, 3]})
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**300), 2**300), st.integers(-5, 5)
)


@given(numbers=st.lists(NUMBERS, min_size=1, max_size=8))
@example(numbers=[1.318429627239649e-08, 2**200, 2**64, -0.0, 5e-324, 1e16, 1.0, 1e22, 0.1])
@settings(max_examples=40, deadline=None)
def test_any_number_comes_back_and_the_output_verifies(new_in_memory, numbers):
    out = new_in_memory() / "out"
    told = {"numbers": numbers, "nested": {str(place): number for place, number in enumerate(numbers)}}
    dsdm.materialize(TABLE, [2, 0], out, selection=told, progress=False)
    dsdm.verify(out)
    found = json.loads((out / "dsdm.json").read_text())["selection"]["chosen"]
    for ours, given_ in ((found["numbers"], numbers), (list(found["nested"].values()), numbers)):
        assert [(type(number), repr(number)) for number in ours] == [(type(number), repr(number)) for number in given_]


@pytest.mark.parametrize("seed", [2**64, 2**127, 7])
def test_a_seed_of_numpy_of_any_size_is_drawn_again_by_verify(tmp_path, seed):
    np.save(tmp_path / "scores.npy", np.arange(3, dtype=np.float32))
    scores = dsdm.open_scores(tmp_path / "scores.npy")
    arguments = {"k": 2, "seed": seed, "noise": "numpy"}
    chosen = dsdm.gumbel_top_k(scores, **arguments)
    told = {"by": "gumbel_top_k", "scores": [str(tmp_path / "scores.npy")], "arguments": arguments}
    dsdm.materialize(TABLE, chosen, tmp_path / "out", selection=told, progress=False)
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection
    assert json.loads((tmp_path / "out" / "dsdm.json").read_text())["selection"]["chosen"]["arguments"]["seed"] == seed


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_hold_is_refused_when_it_is_given(tmp_path, number):
    with pytest.raises(ValueError, match="selection"):
        dsdm.materialize(TABLE, [0], tmp_path / "out", selection={"x": [number]}, progress=False)
    assert list(tmp_path.iterdir()) == []

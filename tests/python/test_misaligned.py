"""Arrays whose values lie on any byte, as fields of packed records do, are taken like their copies."""

import numpy as np
import pyarrow as pa
import pytest

import dsdm
import dsdm.dataset

ROWS = np.array([3, 1, 2])
SCORES = np.arange(10, dtype=np.float32)
TABLE = pa.table({"a": range(10)})


def shifted(array):
    """Return the values one byte behind where the processor wants them, one after the other."""
    data = np.zeros(array.nbytes + 1, np.uint8)
    data[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return data[1:].view(array.dtype)


def packed(array):
    """Return the values as a field of records of 9 bytes, or of one byte more than a value has."""
    records = np.empty(len(array), dtype=[("x", "i1"), ("value", array.dtype)])
    records["value"] = array
    return records["value"]


def one(array):
    """Return values of which numpy says that each is one run, as there is one."""
    return packed(array[:1])


@pytest.fixture
def calls(tmp_path):
    np.save(tmp_path / "s.npy", SCORES)
    opened = dsdm.open_scores(tmp_path / "s.npy")
    return {
        "top_k": lambda lay: dsdm.top_k(lay(SCORES), 1),
        "exclude": lambda lay: dsdm.top_k(SCORES, 3, exclude=lay(ROWS + 6)),
        "exclude of a draw": lambda lay: dsdm.gumbel_top_k(SCORES, 3, seed=1, exclude=lay(ROWS)),
        "exclude of a sample": lambda lay: dsdm.sample(10, 3, seed=1, exclude=lay(ROWS)),
        "population": lambda lay: dsdm.sample(lay(ROWS), 1, seed=1),
        "scores[rows]": lambda lay: opened[lay(ROWS)],
        "take": lambda lay: dsdm.open_shards(TABLE).take(lay(ROWS))["a"].to_pylist(),
        "shards[rows]": lambda lay: dsdm.open_shards(TABLE)[lay(ROWS)],
        "select": lambda lay: dsdm.select(TABLE, lay(ROWS))["a"][:],
        "lazy": lambda lay: dsdm.dataset.open_dataset(TABLE).select(lay(ROWS))["a"][:],
        "plan": lambda lay: dsdm.plan(TABLE, lay(ROWS)).rows,
        "materialize": lambda lay: written(tmp_path, lay(ROWS), None),
        "added scores": lambda lay: written(tmp_path, ROWS, lay(SCORES) if len(lay(SCORES)) == len(TABLE) else None),
    }


def written(folder, rows, scores):
    dsdm.materialize(TABLE, rows, folder / "out", scores=scores, overwrite=True, progress=False)
    return dsdm.open_shards(folder / "out")[:]


@pytest.mark.parametrize("lay", [shifted, packed, one])
def test_values_may_lie_on_any_byte(calls, lay):
    for name, call in calls.items():
        found = call(lay)
        assert str(found) == str(call(lambda array: lay(array).copy())), name

"""`.npy` files that are no vector of scores are refused, with what to do that loses nothing."""

import numpy as np
import pytest

import dsdm
from dsdm import errors


@pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 1), (0,), (0, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_vectors_and_columns_are_read(tmp_path, shape, order):
    values = np.asarray(np.arange(np.prod(shape)).reshape(shape), order=order)
    np.save(tmp_path / "a.npy", values)
    assert dsdm.open_scores(tmp_path / "a.npy")[:].tolist() == values.ravel().tolist()


@pytest.mark.parametrize("shape", [(1, 6), (2, 3), (1, 0), (), (1, 1, 1), (6, 1, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_other_shapes_are_refused(tmp_path, shape, order):
    np.save(tmp_path / "a.npy", np.zeros(shape, order=order))
    advice = {(1, 6): r"array\[0\]", (2, 3): "column=0 to column=2", (1, 0): "no values"}.get(shape, "save one number")
    with pytest.raises(errors.SchemaError, match=rf"shape: the array has shape .*one score per row.*{advice}"):
        dsdm.open_scores(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "values",
    [
        np.array([1 + 2j]),
        np.array([1 + 2j], np.complex64),
        np.array(["1", "2"]),
        np.array([b"1"]),
        np.array([1], "M8[s]"),
        np.array([1], "m8[s]"),
        np.array([(1, 2)], [("a", "f4"), ("b", "f4")]),
    ],
)
def test_no_conversion_that_loses_something_is_advised(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(errors.FormatError, match=r"a\.npy") as refused:
        dsdm.open_scores(tmp_path / "a.npy")
    assert "astype" not in str(refused.value)

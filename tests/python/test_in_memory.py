"""Scores in memory, of whatever holds them: the right rows or a refusal that says what to give, and never others."""

import math
import re
import sys
from types import SimpleNamespace

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dsdm
from dsdm import arrays
from dsdm.selection.inputs import engine_scores
from tests.corpora.vectors import DTYPES, values

VALUES = [1.0, 5.0, 2.0, 5.0, -3.0]
DATA = datasets.Dataset.from_dict({"s": VALUES, "m": [{"x": value} for value in VALUES], "t": list("abcde")})


class ByArray:
    """What has `__array__` alone."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __array__(self, dtype=None, copy=None):
        return self.array


class ByDlpack:
    """What speaks DLPack alone, from memory or from another device."""

    def __init__(self, array, device=1):
        self.array, self.device = array, device

    def __len__(self):
        return len(self.array)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device, 0


class ByArrow:
    """What has Arrow's C interface for an array alone."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __arrow_c_array__(self, requested_schema=None):
        return self.array.__arrow_c_array__(requested_schema)


class ByArrowStream(ByArrow):
    """What has the one for a stream of them."""

    def __getattribute__(self, name):
        if name == "__arrow_c_array__":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.array.__arrow_c_stream__(requested_schema)


CHUNKED = pa.chunked_array([VALUES[:2], [], VALUES[2:]])
HELD = {
    "a list": VALUES,
    "a tuple": tuple(VALUES),
    "a list of numpy": [np.float32(value) for value in VALUES],
    "whole and not": [1, 5.0, 2, 5.0, -3],
    "a Series": pd.Series(VALUES),
    "a Series that may have nulls": pd.Series(VALUES, dtype="Float64"),
    "a Series of integers that may": pd.Series(VALUES, dtype="Int64"),
    "a Series of Arrow": pd.Series(VALUES, dtype="double[pyarrow]"),
    "a Series of categories": pd.Series(VALUES).astype("category"),
    "an Index": pd.Index(VALUES),
    "Arrow": pa.array(VALUES),
    "Arrow, cut": pa.array([9.0, *VALUES, 9.0])[1:-1],
    "Arrow, half": pa.array(np.array(VALUES, "f2")),
    "Arrow in chunks": CHUNKED,
    "Arrow's interface": ByArrow(pa.array(VALUES)),
    "Arrow's stream": ByArrowStream(CHUNKED),
    "a column": DATA["s"],
    "a column of some rows": DATA.select([4, 0, 1, 2, 3]).select([1, 2, 3, 4, 0])["s"],
    "a column as numpy": DATA.with_format("numpy")["s"],
    "a column of a struct": DATA["m"]["x"],
    "__array__": ByArray(np.array(VALUES)),
    "DLPack": ByDlpack(np.array(VALUES)),
    "a buffer": memoryview(np.array(VALUES)),
    "big-endian": np.array(VALUES, ">f4"),
    "backwards": np.array(VALUES[::-1])[::-1],
    "strided": np.repeat(np.array(VALUES), 3)[::3],
    "a matrix of a column": np.array(VALUES)[:, None],
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_what_holds_scores_chooses_as_their_array(held):
    array = np.array(VALUES)
    assert dsdm.top_k(held, 3).tolist() == dsdm.top_k(array, 3).tolist() == [1, 3, 2]
    assert dsdm.gumbel_top_k(held, 3, seed=1).tolist() == dsdm.gumbel_top_k(array, 3, seed=1).tolist()
    assert dsdm.choose(held, min_score=2, order="row").indices.tolist() == [1, 2, 3]
    assert dsdm.round_robin([held, array], 2).indices.tolist() == dsdm.round_robin([array, array], 2).indices.tolist()


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_what_holds_scores_is_computed_with_as_their_array(held, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(1, 6))
    scores, expected = dsdm.open_scores(tmp_path / "s.npy"), np.array(VALUES)
    assert np.asarray(scores - held).tolist() == (np.arange(1, 6) - expected).tolist()
    assert np.asarray(held / scores).tolist() == (expected / np.arange(1, 6)).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_stays_what_it_is_and_lies_where_it_lay(dtype):
    array = values(dtype, 1000)
    array = array[~np.isnan(array)]
    for held in (pa.array(array), pd.Series(array), ByArray(array), ByDlpack(array), memoryview(array)):
        found = arrays.numbers("scores", held)
        assert (found.dtype, found.tobytes()) == (array.dtype, array.tobytes())
        assert np.shares_memory(found, held.to_numpy() if hasattr(held, "to_numpy") else array)
        taken, name = engine_scores(held)
        assert (name, np.shares_memory(taken, found)) == (array.dtype.name, True)


@given(st.lists(st.one_of(st.integers(-(2**66), 2**66), st.integers(0, 3), st.floats()), min_size=1, max_size=6))
def test_a_list_is_all_of_its_numbers_or_an_error(numbers):
    try:
        found = arrays.numbers("scores", numbers)
    except ValueError:
        whole = [number for number in numbers if isinstance(number, int)]
        is_long = min(whole) < -(2**63) or max(whole) >= (2**63 if min(whole) < 0 else 2**64)
        assert is_long if len(whole) == len(numbers) else any(int(float(number)) != number for number in whole)
        return
    for one, other in zip(found.tolist(), numbers, strict=True):
        assert one == other or (math.isnan(one) and math.isnan(other))
    assert found.dtype in (np.float64, np.int64, np.uint64)


def stand_in(**about):
    """Return a module in the place of torch, and a tensor of it."""

    class Tensor:
        device, layout, is_quantized, dtype = SimpleNamespace(type="cpu"), "strided", False, "float32"
        requires_grad = True
        array = np.array(VALUES, "f4")

        def __len__(self):
            return len(self.array)

        def detach(self):
            self.requires_grad = False
            return self

        def resolve_neg(self):
            return self

        def float(self):
            return self

        def numpy(self):
            if self.requires_grad or self.dtype == "float8":
                message = "cannot be an array"
                raise RuntimeError(message)
            return self.array

    tensor = Tensor()
    vars(tensor).update(about)
    return SimpleNamespace(Tensor=Tensor, strided="strided", bfloat16="bfloat16"), tensor


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, None),
        ({"dtype": "bfloat16"}, None),
        ({"device": SimpleNamespace(type="cuda")}, r"scores is a tensor on .*; give scores\.cpu\(\)"),
        ({"layout": "sparse"}, r"give scores\.to_dense\(\)"),
        ({"is_quantized": True}, r"give scores\.dequantize\(\)"),
        ({"dtype": "float8"}, r"a tensor of float8, which numpy does not have; give scores\.float\(\)"),
    ],
)
def test_a_tensor_is_read_where_it_lies_or_told_how(monkeypatch, about, said):
    module, tensor = stand_in(**about)
    monkeypatch.setitem(sys.modules, "torch", module)
    if said is None:
        assert dsdm.top_k(tensor, 2).tolist() == [1, 3]
        return
    with pytest.raises(TypeError, match=said):
        dsdm.top_k(tensor, 2)


REFUSED = {
    "labels": (pd.Series(VALUES, index=[4, 3, 2, 1, 0]), ValueError, r"position 0 is .*4.*; give scores\.to_numpy\(\)"),
    "some rows": (pd.Series(VALUES)[1:], ValueError, "Series whose labels are not 0, 1, 2 and so on"),
    "names": (pd.Series(VALUES, index=list("abcde")), ValueError, "that at position 0 is 'a'"),
    "nulls of pandas": (pd.Series([1, None], dtype="Int64"), TypeError, r"1 nulls, .*scores\.fillna"),
    "nulls of Arrow": (pa.array([1, None]), TypeError, r"1 nulls, .*scores\.fill_null"),
    "nulls behind Arrow": (ByArrow(pa.array([1, None])), TypeError, "1 nulls"),
    "objects": (np.array([1.0, None], object), TypeError, r"scores\[1\] is None, which is no value"),
    "numbers as objects": (np.array([1.0, 2], object), TypeError, "holds Python objects"),
    "texts": (np.array(["1.5"]), TypeError, r"holds <U3; .*astype\('float64'\) if they are numbers"),
    "a list of texts": ([1.0, "a"], TypeError, r"scores\[1\] is 'a', which is no number"),
    "None": ([1.0, None], TypeError, r"scores\[1\] is None, .*or NaN"),
    "True": ([1.0, True], TypeError, r"scores\[1\] is True, .*as 0 and 1"),
    "booleans": (np.array([True]), TypeError, r"holds bool; .*astype\('uint8'\)"),
    "booleans of Arrow": (pa.array([True]), TypeError, r"pyarrow\.compute\.cast\(scores, 'uint8'\)"),
    "decimals": (pa.array([1]).cast(pa.decimal128(30, 2)), TypeError, "decimal128.*; numbers are needed"),
    "complex": (np.array([1j]), TypeError, "holds complex128"),
    "longdouble": (np.array([1], np.longdouble), TypeError, "which may round"),
    "times": (np.array([1], "M8[s]"), TypeError, "holds datetime64"),
    "records": (np.zeros(2, [("a", "f4")]), TypeError, "give one field of them"),
    "masked": (np.ma.array(VALUES, mask=[0, 1, 0, 0, 0]), TypeError, "masked array"),
    "two dimensions": (np.eye(2), ValueError, r"shape \(2, 2\)"),
    "lists of lists": ([[1.0], [2.0]], TypeError, "one number per row is needed"),
    "longdouble in a list": ([1, np.longdouble(2)], TypeError, r"scores\[1\] is .*2\.0.*, which is no number"),
    "rounded": ([2**53 + 1, 0.5], ValueError, r"scores\[0\] is 9007199254740993, which float64 does not hold"),
    "long": ([2**64], ValueError, "for which 64 bits have no room"),
    "longer": ([10**400, 1], ValueError, "for which 64 bits have no room"),
    "a frame": (pd.DataFrame({"s": VALUES}), TypeError, r"DataFrame; one column of it is needed: scores\[name\]"),
    "a table": (pa.table({"s": VALUES}), TypeError, r"table; one column of it is needed: scores\[name\]"),
    "a column of texts": (DATA["t"], TypeError, "holds string; numbers are needed"),
    "another device": (ByDlpack(np.array(VALUES), 2), TypeError, r"on another device \(2, 0\); copy it"),
    "a mapping": ({0: 1.0}, TypeError, "scores is a dict; a dsdm.Scores, a numpy array"),
    "a set": ({1.0}, TypeError, "scores is a set"),
    "a number": (1.5, TypeError, "scores is a float"),
    "a path": ("s.npy", TypeError, r"dsdm\.open_scores\(path\)"),
}


@pytest.mark.parametrize(("held", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_numpy_would_take_for_others_is_refused(held, kind, said):
    for call in (lambda: dsdm.top_k(held, 1), lambda: dsdm.choose(held, k=1)):
        with pytest.raises(kind, match=said) as caught:
            call()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(("held", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_as_scores_is_refused_beside_them(held, kind, said, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(len(held) if hasattr(held, "__len__") else 1))
    scores = dsdm.open_scores(tmp_path / "s.npy")
    if isinstance(held, float):
        assert (scores + held)[:].tolist() == [held]
        return
    ours = not isinstance(held, dict | set | str)
    with pytest.raises(kind, match=said.replace("scores", "operand") if ours else "unsupported operand"):
        scores + held


@pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")
def test_lengths_groups_populations_and_masks_are_held_by_the_same():
    scores, lengths, flags = np.array(VALUES), [3, 1, 4, 1, 5], np.array([True, False, True, False, True])
    expected = dsdm.choose(scores, tokens=6, lengths=np.array(lengths)).indices.tolist()
    groups = dsdm.choose(scores, groups=np.array(lengths), per_group=1, order="row").indices.tolist()
    for held in (pd.Series(lengths), pa.chunked_array([lengths]), ByDlpack(np.array(lengths)), tuple(lengths)):
        assert dsdm.choose(scores, tokens=6, lengths=held).indices.tolist() == expected
        assert dsdm.choose(scores, groups=held, per_group=1, order="row").indices.tolist() == groups
        assert set(dsdm.sample(held, 5, seed=1)) == set(lengths)
    for held in (pd.Series(flags), pa.array(flags), flags.tolist()):
        assert dsdm.top_k(scores, 2, exclude=held).tolist() == [1, 3]
    backwards = {"index": [4, 3, 2, 1, 0]}
    for call in (
        lambda: dsdm.choose(scores, tokens=6, lengths=pd.Series(lengths, **backwards)),
        lambda: dsdm.choose(scores, groups=pd.Series(lengths, **backwards), per_group=1),
        lambda: dsdm.top_k(scores, 2, exclude=pd.Series(flags, **backwards)),
        lambda: dsdm.choose(scores, k=2, only=pd.Series(flags, **backwards)),
    ):
        with pytest.raises(ValueError, match=r"(lengths|groups|exclude|only) is a Series whose labels are not"):
            call()
    assert dsdm.top_k(scores, 2, exclude=pd.Series([0, 2], index=[7, 8])).tolist() == [1, 3]
    table = pa.table({"id": [3, 1, 2]})
    filtered = pd.DataFrame({"id": [1, 2, 3], "s": [0.1, 0.2, 0.3]}).iloc[::-1]
    aligned = dsdm.align((filtered["id"], filtered["s"]), table, on="id")
    assert np.asarray(aligned.scores).tolist() == [0.3, 0.1, 0.2]


def test_advice_for_numbers_of_another_kind_works():
    for held in (np.array([True, False]), pd.Series([True, False]), np.array(["1.5", "0"])):
        with pytest.raises(TypeError) as caught:
            dsdm.top_k(held, 1)
        (advice,) = re.findall(r"numpy\.asarray\(scores\)\.astype\('\w+'\)", str(caught.value))
        made = eval(advice, {"numpy": np, "scores": held})  # noqa: S307 - our own text
        assert dsdm.top_k(made, 1).tolist() == [0]

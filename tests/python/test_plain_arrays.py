"""Arrays that say of some values that they are none are refused, wherever an array is taken; and what is no array."""

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.dataset import open_dataset

TABLE = pa.table({"n": range(3)})
SCORES = np.arange(3.0)
ROWS = {
    "masked": np.ma.masked_array([1, 2], [0, 1]),
    "masked without a mask": np.ma.masked_array([1, 2]),
    "a masked value in a list": [1, np.ma.masked],
    "nulls": pa.array([1, None]),
    "nulls in chunks": pa.chunked_array([[1], [None]]),
    "nulls of pandas": pd.Series([1, None], dtype="Int64"),
}
VALUES = {
    "masked": np.ma.masked_array(SCORES, [0, 1, 0]),
    "nulls": pa.array([1.0, None, 2.0]),
    "nulls of pandas, beside a number that floats round": pd.Series([1, None, 2**53 + 1], dtype="Int64"),
    "nulls of pandas in floats": pd.array([1.0, None, 2.0], dtype="Float64"),
    "nulls of pandas in Arrow": pd.Series([1.0, None, 2.0], dtype="float64[pyarrow]"),
    "nulls of pandas in objects": pd.Series([1.0, pd.NA, 2.0], dtype=object),
    "a masked value in a list": [1.0, np.ma.masked, 2.0],
}

TAKE_ROWS = {
    "take": lambda rows, _: dsdm.open_shards(TABLE).take(rows),
    "shards": lambda rows, _: dsdm.open_shards(TABLE)[rows],
    "shards.select": lambda rows, _: dsdm.open_shards(TABLE).select(rows),
    "select": lambda rows, _: dsdm.select(TABLE, rows),
    "materialize": lambda rows, out: dsdm.materialize(TABLE, rows, out),
    "plan": lambda rows, _: dsdm.plan(TABLE, rows),
    "exclude of top_k": lambda rows, _: dsdm.top_k(SCORES, 1, exclude=rows),
    "exclude of gumbel_top_k": lambda rows, _: dsdm.gumbel_top_k(SCORES, 1, exclude=rows),
    "exclude of sample": lambda rows, _: dsdm.sample(3, 1, exclude=rows),
    "exclude of get_indices": lambda rows, _: dsdm.get_indices("random", 1, rows=3, exclude=rows),
}


@pytest.mark.parametrize("call", TAKE_ROWS)
@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_none_are_not_taken(tmp_path, call, rows):
    with pytest.raises(TypeError, match=r"masked array|masked value|nulls"):
        TAKE_ROWS[call](ROWS[rows], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", ROWS)
def test_nor_by_a_lazy_dataset(tmp_path, rows):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    with pytest.raises(TypeError, match=r"masked array|masked value|nulls"):
        open_dataset(tmp_path / "a.parquet").select(ROWS[rows])


@pytest.mark.parametrize("rows", ROWS)
def test_nor_by_scores(tmp_path, rows):
    np.save(tmp_path / "s.npy", SCORES)
    with pytest.raises(TypeError, match=r"masked array|masked value|nulls"):
        dsdm.open_scores(tmp_path / "s.npy")[ROWS[rows]]


@pytest.mark.parametrize("values", VALUES)
def test_scores_that_are_none_are_not_written(tmp_path, values):
    for scores in (VALUES[values], {"s": VALUES[values]}):
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises(TypeError, match=r"scores(='s')?(\[1\])? (is|has).*(mask|null|no value)"):
                call(TABLE, [1], tmp_path / "out", scores=scores)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", [dsdm.top_k, dsdm.gumbel_top_k, dsdm.sample])
def test_nor_selected_by(call):
    with pytest.raises(TypeError, match="masked array"):
        call(np.ma.masked_array([1, 2, 3], [0, 1, 0]), 1)


def test_scores_of_another_shape_are_told_by_their_own(tmp_path):
    for shape, hint in (((3, 1), r"\[:, 0\]"), ((3, 2), "for each row$")):
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises(ValueError, match=rf"has the shape \({shape[0]}, {shape[1]}\);.*{hint}"):
                call(TABLE, [1, 2], tmp_path / "out", scores=np.zeros(shape))


@pytest.mark.parametrize(
    "what",
    [
        np.zeros(3),
        np.ma.zeros(3),
        None,
        3,
        datasets.Dataset.from_dict({"s": [1.0]}),
        pa.table({"s": [1.0]}),
        [1.0, 2.0],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_file_of_scores_is_told_where_it_goes(what):
    with pytest.raises(TypeError, match=rf"paths of their files, and this is a {type(what).__name__}; top_k"):
        dsdm.open_scores(what)


@pytest.mark.usefixtures("tmp_path")
def test_a_method_goes_alone(run):
    for arguments in (
        ["materialize", "c.parquet", "out", "--by", "random", "--by", "dsdm", "-k", 1],
        ["indices", "random", "dsdm", "-k", 1, "-o", "rows.npy"],
        ["indices", "s.npy", "dsdm", "-k", 1, "-o", "rows.npy"],
    ):
        code, _, errors = run(*arguments)
        assert code == 2
        assert "is a method, which goes alone" in " ".join(errors.replace("│", " ").split())


class Labelled:
    """A column of pandas: what is asked of it by a number is looked up among its labels."""

    def __init__(self, values, labels):
        self.values, self.labels = np.asarray(values), list(labels)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __getitem__(self, labels):
        return self.values[[self.labels.index(label) for label in labels]]


def test_scores_with_labels_are_taken_as_they_lie(tmp_path):
    column = Labelled([3.0, 1.0, 2.0], [2, 0, 1])
    for number, scores in enumerate((column, {"scores": column})):
        dsdm.materialize(TABLE, [2, 0], tmp_path / str(number), scores=scores)
        assert datasets.load_from_disk(tmp_path / str(number))["scores"][:] == [2.0, 3.0]


def test_indices_with_labels_are_taken_as_they_lie(tmp_path):
    dsdm.materialize(TABLE, Labelled([2, 0], [1, 0]), tmp_path / "out", row_ids="row")
    assert datasets.load_from_disk(tmp_path / "out")["row"][:] == [2, 0]
    assert dsdm.top_k(SCORES, 1, exclude=Labelled([2, 1], [5, 6])).tolist() == [0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None, 3.0], r"\[1\] is None, which is no number"),
        (np.array([1, 2, 3], object), "holds Python objects .* numbers are needed"),
        (np.ones(3) * 2j, "holds complex128"),
        (np.array([1, 2, 3], "M8[s]"), r"holds datetime64"),
        (np.array([1, 2, 3], "m8[s]"), r"holds timedelta64"),
        (np.array(["1", "2", "3"]), "holds <U1"),
        (np.array([b"1", b"2", b"3"]), r"holds \|S1"),
        ([2**70] * 3, "for which 64 bits have no room"),
        ([True, False, True], r"\[0\] is True, which is no number"),
        (np.ones(3, np.longdouble), "holds"),
        (np.zeros(3, [("a", "f4")]), "holds"),
        (pa.array(["a", "b", "c"]), "holds string; numbers are needed"),
    ],
    ids=str,
)
def test_scores_that_are_no_numbers_are_refused(tmp_path, values, message):
    for scores in (values, {"s": values}):
        for call in (dsdm.materialize, dsdm.plan):
            with pytest.raises((TypeError, ValueError), match=message):
                call(TABLE, [1], tmp_path / "out", scores=scores)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [pa.array([0.5, 1.5, 2.5]), pa.chunked_array([[0.5], [1.5, 2.5]]), [0.5, 1.5, 2.5]])
def test_scores_of_arrow_and_lists_are_written(tmp_path, values):
    dsdm.materialize(TABLE, [2, 0], tmp_path / "out", scores=values)
    assert datasets.load_from_disk(tmp_path / "out")["scores"][:] == [2.5, 0.5]


def test_bytes_that_may_be_a_mask_are_no_row_numbers(tmp_path):
    mask = np.array([1, 0, 1], np.uint8)
    for call in (dsdm.materialize, dsdm.plan):
        with pytest.raises(ValueError, match=r"indices holds 3 values of uint8, all 0 or 1: a mask, or .*flatnonzero"):
            call(TABLE, mask, tmp_path / "out")
    with pytest.raises(ValueError, match=r"exclude holds 3 values of uint8, all 0 or 1"):
        dsdm.top_k(SCORES, 1, exclude=mask)
    assert dsdm.top_k(SCORES, 1, exclude=mask.astype(bool)).tolist() == [1]
    assert dsdm.top_k(SCORES, 1, exclude=mask.astype(np.int64)).tolist() == [2]
    assert dsdm.top_k(SCORES, 1, exclude=np.array([2, 1], np.uint8)).tolist() == [0]
    with pytest.raises(TypeError, match=r"exclude\[0\] is True, among numbers"):
        dsdm.top_k(SCORES, 1, exclude=[True, 2])
    with pytest.raises(TypeError, match=r"indices\[1\] is False, among numbers"):
        dsdm.materialize(TABLE, [1, False], tmp_path / "out")

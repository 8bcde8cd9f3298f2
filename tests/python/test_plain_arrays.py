"""Arrays that say of some values that they are none are refused, wherever an array is taken; and what is no array."""

import datasets
import numpy as np
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
}
VALUES = {
    "masked": np.ma.masked_array(SCORES, [0, 1, 0]),
    "nulls": pa.array([1.0, None, 2.0]),
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
            with pytest.raises(TypeError, match=r"scores(='s')? (is|has).*(mask|null)"):
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

"""Row numbers, scores, outputs and seeds that make no sense, by the rows of the list of what is withstood."""

import errno

import datasets
import numpy as np
import pytest
from datasets.table import InMemoryTable

import dsdm
from dsdm import open_shards
from dsdm.dataset import open_dataset
from tests.corpora.damaged import ROWS, put, saved, stream_of, table_of


def uses(tmp_path):
    path = put(tmp_path / "a.arrow", stream_of(table_of()))
    return [
        lambda rows: dsdm.materialize(path, rows, tmp_path / "out"),
        lambda rows: dsdm.select(path, rows),
        lambda rows: open_shards(path).take(rows),
        lambda rows: open_dataset(path).select(rows),
        lambda rows: dsdm.select(open_dataset(path).select(range(ROWS)), rows),
    ]


@pytest.mark.parametrize(
    ("rows", "position", "value"),
    [([0, 90], 1, 90), ([-1], 0, -1), (np.array([5, 2**62]), 1, 2**62), ([3, -90], 1, -90)],
)
def test_65_a_row_that_is_not_there(tmp_path, rows, position, value):
    for use in uses(tmp_path):
        with pytest.raises(
            IndexError, match=rf"index {value} at position {position} is out of range: there are 90 rows, 0 to 89"
        ):
            use(rows)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.arrow"]


def test_65_a_row_of_no_rows(tmp_path):
    empty = table_of().slice(0, 0)
    for source in (empty, datasets.Dataset(InMemoryTable(table_of())).select([])):
        with pytest.raises(IndexError, match="index 0 at position 0 is out of range: there are no rows"):
            dsdm.select(source, [0])
        with pytest.raises(IndexError, match="index 0 at position 0 is out of range: there are no rows"):
            dsdm.materialize(source, [0], tmp_path / "out")


def test_66_repeated_rows_are_kept(tmp_path):
    materialize, select, take, lazily, mapped = uses(tmp_path)
    rows = [4, 4, 0, 4]
    materialize(rows)
    expected = table_of().take(rows).to_pylist()
    assert datasets.load_from_disk(str(tmp_path / "out")).to_list() == expected
    assert take(rows).to_pylist() == expected
    for use in (select, lazily, mapped):
        assert use(rows).to_list() == expected


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        ([0.0, 1.0], TypeError, "whole numbers and are float64"),
        (np.array([1], np.float32), TypeError, "float32"),
        ([2**63], IndexError, "index 9223372036854775808 at position 0 is out of range"),
        ([1, 2**70], IndexError, "index 1180591620717411303424 at position 1 is out of range"),
        ([-(2**70), 0.5], TypeError, "whole numbers"),
        (np.array([1, 2**63 + 5], np.uint64), IndexError, "index 9223372036854775813 at position 1"),
        (np.ones(ROWS, bool), TypeError, "bool; .*flatnonzero"),
        ([True, False], TypeError, "bool; .*flatnonzero"),
        ([[1, 2]], ValueError, r"one dimension and have the shape \(1, 2\)"),
        (7, TypeError, "row numbers, and are int"),
        ("123", TypeError, "row numbers, and are str"),
        (["1"], TypeError, "whole numbers"),
        ([None], TypeError, "whole numbers"),
        ([1, None], TypeError, "whole numbers"),
        ({1: 2}, TypeError, "row numbers, and are dict"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "datetime64"),
        (np.array(5), ValueError, r"one dimension and have the shape \(\)"),
    ],
)
def test_67_indices_that_are_no_row_numbers(tmp_path, rows, kind, message):
    for use in uses(tmp_path):
        with pytest.raises(kind, match=message):
            use(rows)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.arrow"]


def test_72_scores_of_another_length(tmp_path):
    with pytest.raises(ValueError, match=r"the scores 'scores' have 89 values and the source has 90 rows"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", scores=np.ones(89))
    with pytest.raises(ValueError, match=r"the scores 'b' have 91 values and the source has 90 rows"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", scores={"a": np.ones(90), "b": [0.5] * 91})
    assert list(tmp_path.iterdir()) == []


def test_74_an_output_that_is_there_or_is_the_source(tmp_path):
    folder = saved(tmp_path / "saved")
    with pytest.raises(FileExistsError) as caught:
        dsdm.materialize(table_of(), [0], folder)
    assert caught.value.errno == errno.EEXIST
    assert caught.value.filename == str(folder)
    with pytest.raises(ValueError, match=rf"{folder}: the output would replace the source {folder}"):
        dsdm.materialize(folder, [0], folder, overwrite=True)


@pytest.mark.parametrize(
    ("seed", "kind", "message"),
    [
        (1.5, TypeError, r"seed .* 1\.5"),
        ("7", TypeError, "seed .* '7'"),
        (True, TypeError, "seed .* True"),
        (-1, ValueError, "seed is -1"),
    ],
)
def test_75_a_seed_that_is_none(tmp_path, seed, kind, message):
    with pytest.raises(kind, match=message):
        dsdm.materialize(table_of(), [0], tmp_path / "out", row_order="shuffle", seed=seed)
    with pytest.raises(ValueError, match="seed=3 belongs to row_order='shuffle', and row_order is 'row'"):
        dsdm.materialize(table_of(), [0], tmp_path / "out", row_order="row", seed=3)
    assert list(tmp_path.iterdir()) == []

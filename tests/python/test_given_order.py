"""Files that are named one by one, in another order than that of their names: the command says so, and takes them so.

The oracle sorts the names as text, and by their numbers, with `sorted` alone.
"""

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsdm.paths.order import other_order


def dsdm(*arguments):
    command = [sys.executable, "-m", "dsdm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603


@pytest.fixture
def parts(tmp_path):
    """Make three shards, of which each row tells its number, and the scores of each."""
    for part in (1, 2, 10):
        rows = np.arange(10 * part, 10 * part + 5)
        pq.write_table(pa.table({"row": rows}), tmp_path / f"part-{part}.parquet")
        np.save(tmp_path / f"part-{part}.npy", rows.astype(np.float32))
    np.save(tmp_path / "scores.npy", np.arange(15, dtype=np.float32))
    return tmp_path


@pytest.mark.parametrize(
    ("order", "said"),
    [
        pytest.param((2, 1, 10), "part-1.parquet comes behind {0}/part-2.parquet, and not by name", id="by neither"),
        pytest.param((1, 10, 2), "part-2.parquet comes behind {0}/part-10.parquet, and not by number", id="by name"),
        pytest.param((1, 2, 10), "part-10.parquet comes behind {0}/part-2.parquet, and not by name", id="by number"),
        pytest.param((1, 2), None, id="by both"),
    ],
)
def test_shards_in_an_order_of_their_own_are_told(parts, order, said):
    files = [parts / f"part-{part}.parquet" for part in order]
    scores = parts / "few.npy"
    np.save(scores, np.arange(5 * len(order), dtype=np.float32))
    ended = dsdm("materialize", *files, parts / "out", "--by", scores, "-k", 3)
    if said is None:
        assert "order" not in ended.stderr
    else:
        assert f"the shards are in the order given, in which {parts}/{said.format(parts)}" in ended.stderr
    written = [row for file in sorted((parts / "out").glob("*.arrow")) for row in rows_of(file)]
    last = order[-1]
    assert written == [10 * last + 4, 10 * last + 3, 10 * last + 2]


def rows_of(file):
    with pa.ipc.open_stream(file) as reader:
        return reader.read_all()["row"].to_pylist()


def test_score_files_in_an_order_of_their_own_are_told(parts):
    files = [parts / f"part-{part}.npy" for part in (10, 2)]
    ended = dsdm("indices", *files, "-k", 2, "-o", parts / "rows.npy")
    # 104 is the largest of both, in the file that was given first.
    assert np.load(parts / "rows.npy").tolist() == [4, 3]
    assert f"the score files are in the order given, in which {files[1]} comes behind {files[0]}" in ended.stderr
    assert "not by number" in ended.stderr


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 120)), min_size=1, max_size=5, unique=True))
def test_an_order_is_told_where_sorted_has_another(parts):
    names = [f"{letter}/{number}.npy" for letter, number in parts]

    def number(name):
        return [int(piece) if piece.isdigit() else piece for piece in re.split("([0-9]+)", name)]

    by_number = sorted(names, key=number)
    by_name = sorted(names, key=lambda name: name.removesuffix("npy"))
    found = other_order(names)
    assert (found is None) == (names == by_name == by_number)
    if found is not None:
        one, other, _ = found
        assert names.index(other) == names.index(one) + 1

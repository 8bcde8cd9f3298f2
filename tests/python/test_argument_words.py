"""Arguments that cannot be: named in words, whatever type they are checked in."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

SCORES = np.arange(10.0)
TABLE = pa.table({"a": [1, 2, 3]})
HUGE = 2**70

CASES = {
    "k": lambda _, huge: dsdm.top_k(SCORES, huge),
    "seed": lambda _, huge: dsdm.sample(10, 2, seed=huge),
    "threads": lambda _, huge: dsdm.top_k(SCORES, 2, threads=huge),
    "population": lambda _, huge: dsdm.sample(huge, 2),
    "rows": lambda _, huge: dsdm.get_indices("random", 2, rows=huge),
    "num_shards": lambda out, huge: dsdm.materialize(TABLE, [0], out, num_shards=huge, progress=False),
    "max_shard_size": lambda out, huge: dsdm.materialize(TABLE, [0], out, max_shard_size=huge, progress=False),
    "memory_limit": lambda out, huge: dsdm.materialize(TABLE, [0], out, memory_limit=huge, progress=False),
    "threads ": lambda out, huge: dsdm.verify(out, threads=huge),
}


@pytest.mark.parametrize("name", CASES)
def test_a_number_of_more_than_64_bits_is_named(tmp_path, name):
    with pytest.raises(ValueError, match=rf"^{name.strip()} is {HUGE}"):
        CASES[name](tmp_path / "out", HUGE)


@pytest.mark.parametrize("name", ["k", "seed", "threads", "population", "rows"])
def test_a_number_that_is_not_whole_or_negative_is_named(tmp_path, name):
    with pytest.raises(TypeError, match=rf"^{name} is 1.5; a whole number is needed"):
        CASES[name](tmp_path / "out", 1.5)
    with pytest.raises(ValueError, match=rf"^{name} is -1"):
        CASES[name](tmp_path / "out", -1)


def test_paths_of_bytes_are_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(TABLE, "a.parquet")
    np.save("s.npy", SCORES)
    assert len(dsdm.open_shards(b"a.parquet")) == 3
    assert len(dsdm.open_shards([b"a.parquet", b"a.parquet"])) == 6
    assert len(dsdm.open_shards(b"*.parquet")) == 3
    assert len(dsdm.open_scores(b"s.npy")) == len(dsdm.open_scores([b"s.npy"])) == 10
    assert dsdm.materialize(b"a.parquet", [0], b"out", progress=False).rows == 1
    assert dsdm.plan(b"a.parquet", [0], b"other").rows == 1
    assert dsdm.verify(os.fsencode(tmp_path / "out")).rows == 1

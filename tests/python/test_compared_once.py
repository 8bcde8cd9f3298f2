"""Ids of the rows are compared once in a call, however often what is told names the same files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.rows.told import corpora
from dsdm.selection.ids import position

N = 200
IDS = [f"doc {row}" for row in range(N)]
SCORES = np.random.default_rng(3).normal(size=N)


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Count how often a column is compared with one of the rows."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS, "text": IDS}), "c.parquet")
    pq.write_table(pa.table({"id": IDS, "domain": ["a", "b"] * (N // 2)}), "meta.parquet")
    pq.write_table(pa.table({"id": IDS, "score": SCORES}), "s.parquet")
    found = []
    for module in (corpora, position):

        def call(*arguments, own=module._compare):
            found.append(1)
            return own(*arguments)

        monkeypatch.setattr(module, "_compare", call)
    return found


def by_groups(scores):
    return dsdm.choose(scores, groups=dsdm.open_shards("meta.parquet").groups("domain"), per_group=3)


def test_ids_are_compared_once_for_each_list_of_files(counted):
    chosen = by_groups(SCORES)
    dsdm.materialize("c.parquet", chosen, "out", format="parquet", card=True)
    assert len(counted) == 1
    chosen = by_groups(dsdm.open_scores("s.parquet", column="score"))
    dsdm.materialize("c.parquet", chosen, "two", format="parquet", card=True)
    assert len(counted) == 3
    shards = dsdm.open_shards("c.parquet")
    shards.take(chosen)
    shards.take(chosen)
    assert len(counted) == 5


def test_a_file_that_was_written_to_is_compared_again(counted):
    shards, scores = dsdm.open_shards("c.parquet"), dsdm.open_scores("s.parquet", column="score")
    dsdm.materialize(shards, [1], "out", scores=scores)
    dsdm.materialize(shards, [1], "out", scores=scores, overwrite=True)
    assert len(counted) == 1
    pq.write_table(pa.table({"id": IDS[::-1], "score": SCORES}), "s.parquet")
    with pytest.raises(ValueError, match="'id' has 'doc 199' in row 0"):
        dsdm.materialize(shards, [1], "out", scores=dsdm.open_scores("s.parquet", column="score"), overwrite=True)
    assert len(counted) == 2

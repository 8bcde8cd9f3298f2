"""Shards that others took the place of: what is told of a file by its name is never told of the rows of another."""

import pickle
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import _native, errors, selections

pytestmark = pytest.mark.disk

ROWS = 1000
FORMS = ("parquet", "arrow")


def put(path, first):
    """Put a file in the place of another, as an atomic save does."""
    table = pa.table({"id": range(first, first + ROWS)})
    new = Path(f"new{path.suffix}")
    if path.suffix == ".parquet":
        pq.write_table(table, new)
    else:
        with pa.ipc.new_stream(new, table.schema) as writer:
            writer.write_table(table, max_chunksize=100)
    new.replace(path)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(params=FORMS)
def shard(request):
    path = Path(f"shard.{request.param}")
    put(path, 0)
    return path


def doubled(row):
    return {"y": 2 * row["id"]}


def rows_of(dataset):
    yield from dataset


@pytest.mark.parametrize("selected", [False, True])
def test_a_lazy_dataset_is_not_pickled_by_the_name_of_another_file(shard, selected):
    dataset = selections.get_candidate_dataset(path=str(shard))
    dataset = dataset.select([3, 1]) if selected else dataset
    put(shard, 5000)
    assert dataset[0]["id"] == (3 if selected else 0), "an open file stays what it was"
    with pytest.raises(errors.SourceChangedError, match=shard.name):
        pickle.dumps(dataset)
    with pytest.raises(errors.SourceChangedError, match=shard.name):
        dataset.map(doubled, num_proc=2, load_from_cache_file=False)
    assert dataset.map(doubled)["y"][0] == (6 if selected else 0)


def test_a_pickle_opens_no_file_that_was_put_there_meanwhile(shard, monkeypatch):
    # It has the name of the class as text, by which another process finds it.
    dataset, shards = selections.get_candidate_dataset(path=str(shard)), dsdm.open_shards(shard)
    pickled = pickle.dumps(dataset), pickle.dumps(shards)

    class Late:
        """What opens files just after another was put in the place of one."""

        @staticmethod
        def open(*args, **kwargs):
            put(shard, 5000)
            return _native.Corpus.open(*args, **kwargs)

    monkeypatch.setattr("dsdm.hf.corpus_table.Corpus", Late)
    monkeypatch.setattr("dsdm.rows.sources.Corpus", Late)
    for text in pickled:
        with pytest.raises(errors.SourceChangedError, match=shard.name):
            pickle.loads(text)  # noqa: S301 - made above
        put(shard, 0)


def test_selected_rows_have_no_fingerprint_of_another_file(shard):
    shards = dsdm.open_shards(shard)
    put(shard, 5000)
    with pytest.raises(errors.SourceChangedError, match=shard.name):
        dsdm.select(shards, [3, 1, 2])
    with pytest.raises(errors.SourceChangedError, match=shard.name):
        dsdm.dataset.open_dataset(shards)
    chosen = dsdm.select(shard, [3, 1, 2])
    again = datasets.Dataset.from_generator(rows_of, gen_kwargs={"dataset": chosen}, cache_dir="cache")
    assert again["id"][:] == [5003, 5001, 5002]

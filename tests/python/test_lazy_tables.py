"""Tables of shards that are read where they lie: cut, joined, read row by row; and what files tell beside rows."""

import json
import os

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable

import dsdm
from dsdm.dataset import open_dataset, open_shards
from dsdm.errors import SourceChangedError
from dsdm.hf.corpus_table import CorpusTable
from dsdm.hf.runs import RUN_BYTES, in_runs

ROWS = 50
TABLE = pa.table(
    {
        "id": range(ROWS),
        "text": [f"row {row}" for row in range(ROWS)],
        "label": [row % 3 for row in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(params=["parquet", "arrow", "packed"])
def folder(request, tmp_path):
    """Give a folder of two shards: Parquet, Arrow, and Arrow that is compressed."""
    (tmp_path / "corpus").mkdir()
    for index, part in enumerate([TABLE.slice(0, 30), TABLE.slice(30)]):
        path = tmp_path / "corpus" / f"part-{index}.{'parquet' if request.param == 'parquet' else 'arrow'}"
        if request.param == "parquet":
            pq.write_table(part, path, row_group_size=8)
            continue
        options = pa.ipc.IpcWriteOptions(compression="lz4" if request.param == "packed" else None)
        with pa.ipc.new_stream(path, part.schema, options=options) as writer:
            writer.write_table(part, max_chunksize=8)
    return tmp_path / "corpus"


def plain():
    return datasets.Dataset(InMemoryTable(TABLE))


# --- cut ---


def test_a_run_of_rows_is_cut_out_without_a_read(folder):
    dataset, expected = open_dataset(folder), plain()
    for start, stop in [(5, 45), (3, 30), (10, 20), (0, 7), (2, 2)]:
        dataset, expected = dataset.select(range(start, stop)), expected.select(range(start, stop))
        assert isinstance(dataset.data, CorpusTable)
        assert dataset._indices is None
        assert len(dataset) == len(dataset.data) == len(expected)
        assert dataset[:] == expected[:]
        assert list(dataset) == list(expected)
        assert dataset.data.table.to_pydict() == expected.data.table.to_pydict()


@pytest.mark.parametrize("rows", [[4], [4, 0, 4], range(3, 9), []])
def test_rows_of_a_run_are_those_of_the_run(folder, rows, tmp_path):
    dataset, expected = open_dataset(folder).select(range(7, 40)), plain().select(range(7, 40))
    found, wanted = dataset.select(rows), expected.select(rows)
    assert found[:] == wanted[:]
    assert list(found) == list(wanted)
    assert dsdm.open_shards(found).take(np.arange(len(found)))["id"].to_pylist() == wanted["id"][:]
    found.save_to_disk(tmp_path / "out")
    assert datasets.load_from_disk(str(tmp_path / "out"))[:] == wanted[:]
    assert dsdm.select(dataset, list(rows))["id"][:] == wanted["id"][:]


def test_columns_in_another_order_keep_their_values(folder):
    table = open_dataset(folder).data
    two = table.select(["id", "label"])
    schema = pa.schema([two.schema.field("label"), two.schema.field("id")])
    found = two.cast(schema)
    assert isinstance(found, CorpusTable)
    assert found.table.to_pydict() == TABLE.select(["label", "id"]).to_pydict()


def test_a_table_without_columns_is_as_of_datasets(folder):
    dataset, expected = open_dataset(folder), plain()
    for remove in (lambda each: each.select_columns([]), lambda each: each.remove_columns(each.column_names)):
        found, wanted = remove(dataset), remove(expected)
        assert found.column_names == []
        assert found.features == wanted.features
        assert len(found) == len(wanted)
        assert found[:] == wanted[:] == {}


# --- joined ---

SCORES = np.arange(ROWS) / 4
JOINS = {
    "add_column": lambda dataset: dataset.add_column("score", SCORES),
    "concatenate_datasets": lambda dataset: datasets.concatenate_datasets(
        [dataset, datasets.Dataset.from_dict({"score": SCORES})], axis=1
    ),
    "concatenate_datasets, first": lambda dataset: datasets.concatenate_datasets(
        [datasets.Dataset.from_dict({"score": SCORES}), dataset], axis=1
    ),
    "of its own": lambda dataset: datasets.concatenate_datasets(
        [dataset, dataset.select_columns(["id"]).rename_column("id", "score")], axis=1
    ),
}
AFTER = {
    "a column": lambda dataset: dataset["score"][:],
    "a value": lambda dataset: dataset["score"][7],
    "another column": lambda dataset: dataset["text"][3:5],
    "select_columns": lambda dataset: dataset.select_columns(["score", "id"])[:],
    "select_columns, one side": lambda dataset: dataset.select_columns(["text"])[:],
    "remove_columns": lambda dataset: dataset.remove_columns(["text", "label"])[:],
    "remove_columns, a side": lambda dataset: dataset.remove_columns(["score"])[:],
    "rename_column": lambda dataset: dataset.rename_column("score", "quality")[:],
    "sort": lambda dataset: dataset.sort("score", reverse=True)[:],
    "select": lambda dataset: dataset.select([9, 1])[:],
    "a run": lambda dataset: dataset.select(range(25, 35))[:],
    "a run of a side": lambda dataset: dataset.select_columns(["score"]).select(range(25, 35))[:],
    "rows": list,
    "filter": lambda dataset: dataset.filter(lambda row: row["score"] > 5)[:],
    "map": lambda dataset: dataset.map(lambda row: {"more": row["score"] + row["id"]})[:],
    "with another": lambda dataset: datasets.concatenate_datasets([dataset, dataset.select([3])])[:],
    "to_pandas": lambda dataset: dataset.to_pandas().to_dict(),
    "shard": lambda dataset: dataset.shard(3, 1)[:],
    "flatten_indices": lambda dataset: dataset.select([9, 1]).flatten_indices()[:],
}


# datasets 5.2 sorts with an option that pyarrow 25 deprecated.
@pytest.mark.filterwarnings("ignore:Specifying null_placement:FutureWarning")
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("join", JOINS)
def test_a_table_that_was_joined_is_as_of_datasets(folder, join, after):
    assert AFTER[after](JOINS[join](open_dataset(folder))) == AFTER[after](JOINS[join](plain()))


@pytest.mark.parametrize("join", JOINS)
def test_what_was_joined_is_saved(folder, join, tmp_path):
    JOINS[join](open_dataset(folder)).save_to_disk(tmp_path / "out")
    assert datasets.load_from_disk(str(tmp_path / "out"))[:] == JOINS[join](plain())[:]


# --- read row by row ---


def test_every_row_and_every_run(folder):
    dataset, expected = open_dataset(folder), plain()
    order = np.random.default_rng(0).permutation(ROWS).tolist()
    assert [dataset[row] for row in order] == [expected[row] for row in order]
    assert [dataset["text"][row] for row in order] == [expected["text"][row] for row in order]
    for length in (1, 3, 20, 70):
        table = dataset.data
        for start in range(0, ROWS, length):
            assert table.fast_slice(start, length).to_pydict() == TABLE.slice(start, length).to_pydict()
    with pytest.raises(IndexError, match="the offset is -1"):
        table.fast_slice(-1, 2)


def test_a_row_of_a_file_that_changed_is_an_error(folder):
    dataset = open_dataset(folder)
    first = min(folder.iterdir())
    assert dataset[30] == plain()[30]  # by which the width of rows is known
    os.utime(first, ns=(0, 0))
    with pytest.raises(SourceChangedError, match=first.name):
        dataset[29]
    assert dataset[30] == plain()[30]


def test_rows_that_follow_one_another_are_unpacked_together(tmp_path):
    count = 3000
    pq.write_table(pa.table({"id": range(count)}), tmp_path / "a.parquet")
    table = open_dataset(tmp_path / "a.parquet").data
    calls = []

    class Counting:
        in_place, nbytes = False, table.corpus.nbytes

        def __len__(self):
            return count

        @property
        def schema(self):
            return table.corpus.schema

        def run(self, start, stop):
            calls.append(stop - start)
            return table.corpus.run(start, stop)

    counted = CorpusTable(Counting(), table.files)
    assert [counted.fast_slice(row, 1)["id"][0].as_py() for row in range(count)] == list(range(count))
    assert len(calls) < 6
    assert sum(calls) == count


def test_runs_take_no_more_memory_for_rows_that_are_long():
    """Rows of a byte come before rows of 64 kB."""
    sizes = [1] * 1000 + [1 << 16] * 2000
    values = pa.table({"text": ["a" * size for size in sizes]})
    runs = []
    for run in in_runs(len(values), lambda start, stop: values.slice(start, stop - start), sum(sizes) / len(sizes)):
        assert run.equals(values.slice(sum(runs), len(run)))
        assert run.nbytes <= 2 * RUN_BYTES
        runs.append(len(run))
    assert sum(runs) == len(values)
    assert runs[:3] == [16, 64, 256]
    assert runs[-2] <= RUN_BYTES >> 16
    assert list(in_runs(0, None, 1)) == []


def test_shards_are_iterated_in_few_reads(folder, monkeypatch):
    shards = open_shards(folder)
    runs = []
    run = type(shards)._run
    monkeypatch.setattr(type(shards), "_run", lambda self, *rows: (runs.append(rows), run(self, *rows))[1])
    assert list(shards) == list(plain())
    assert runs == [(0, 16), (16, 50)]
    assert list(open_shards(plain().select([9, 3, 9]))) == list(plain().select([9, 3, 9]))
    assert next(iter(shards)) == plain()[0]


@pytest.mark.parametrize(
    "key", [[-1, 0], np.array([-50, 49]), range(3, 0, -1), slice(-5, None), slice(40, 10, -7), (2, -2), [], -1, 7]
)
def test_rows_of_shards_are_asked_for_as_of_datasets(folder, key):
    assert open_shards(folder)[key] == plain()[key]


def test_rows_of_shards_that_are_not_there(folder):
    shards = open_shards(folder)
    for key, row in [([0, 50], 50), ([-51], -51), (np.array([3, -60]), -60)]:
        with pytest.raises(IndexError, match=f"index {row} at position"):
            shards[key]
    for key in ([True] * ROWS, np.zeros(ROWS, bool)):
        with pytest.raises(TypeError, match=r"bool.*flatnonzero"):
            shards[key]
    with pytest.raises(TypeError, match="are bool"):
        shards[True]


# --- told ---


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (["train-00000-of-00002", "train-00001-of-00002"], "train"),
        (["a", "b"], "train"),
        (["validation-00000-of-00001"], "validation"),
        (["my_dev_set"], "validation"),
        (["squad.test.1"], "test"),
        (["latest"], "train"),
        (["data/shuffled-00000-of-00001"], "shuffled"),
        (["shuffled-00000-of-00001"], "train"),
    ],
)
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_the_split_is_that_of_load_dataset(tmp_path, names, split, suffix):
    root = tmp_path / "corpus"
    files = []
    for name in names:
        path = root / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == "parquet":
            pq.write_table(TABLE, path)
        else:
            with pa.ipc.new_stream(path, TABLE.schema) as writer:
                writer.write_table(TABLE)
        files.append(str(path))
    if suffix == "parquet":
        assert list(datasets.load_dataset(str(root), cache_dir=tmp_path / "loaded")) == [split]
    dataset = open_dataset(root)
    assert dataset.split == datasets.NamedSplit(split)
    assert dataset.select([1, 0]).split == dataset.split
    assert dataset.map(lambda row: row).split == dataset.split
    assert open_dataset(files).split == dataset.split


def test_a_saved_dataset_is_what_load_from_disk_gives(tmp_path):
    saved = datasets.Dataset(InMemoryTable(TABLE), info=datasets.DatasetInfo(description="rows"), split="dev")
    saved.set_format("numpy", columns=["id"], output_all_columns=True)
    saved.save_to_disk(tmp_path / "saved", num_shards=2)
    loaded, dataset = datasets.load_from_disk(str(tmp_path / "saved")), open_dataset(tmp_path / "saved")
    assert isinstance(dataset.data, CorpusTable)
    assert dataset.format == loaded.format
    assert dataset.split == loaded.split == "dev"
    assert dataset.info == loaded.info
    assert repr(dataset[3]) == repr(loaded[3])
    # The columns of its format are not all there.
    assert open_dataset(tmp_path / "saved", columns=["text"]).format["type"] is None


@pytest.mark.parametrize(
    ("options", "shards"), [({"num_proc": 2}, 2), ({"num_proc": 1}, 1), ({}, 1), ({"num_proc": 2, "num_shards": 3}, 3)]
)
def test_as_many_shards_as_datasets_saves(folder, tmp_path, options, shards):
    open_dataset(folder).save_to_disk(tmp_path / "out", **options)
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    assert len(state["_data_files"]) == shards
    assert datasets.load_from_disk(str(tmp_path / "out"))[:] == plain()[:]

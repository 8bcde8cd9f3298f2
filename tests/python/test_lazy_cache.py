"""What datasets makes of a lazy dataset is in its cache, is found there again, and never lies among the shards."""

import os
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable, MemoryMappedTable

import dsdm
from dsdm.dataset import open_dataset
from dsdm.hf.corpus_table import CorpusTable

pytestmark = [
    pytest.mark.disk,
    # datasets 5.2 sorts with an option that pyarrow 25 deprecated.
    pytest.mark.filterwarnings("ignore:Specifying null_placement:FutureWarning"),
]

ROWS = 50
TABLE = pa.table(
    {
        "id": range(ROWS),
        "text": [f"row {row}" for row in range(ROWS)],
        "label": [row % 3 for row in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(params=["parquet", "arrow"])
def folder(request, tmp_path):
    """Give a folder of two shards."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for index, part in enumerate([TABLE.slice(0, 30), TABLE.slice(30)]):
        path = folder / f"train-{index:05}-of-00002.{request.param}"
        if request.param == "parquet":
            pq.write_table(part, path, row_group_size=8)
        else:
            with pa.ipc.new_stream(path, part.schema) as writer:
                writer.write_table(part, max_chunksize=8)
    return folder


def plain():
    return datasets.Dataset(InMemoryTable(TABLE))


class Counted:
    """A function that leaves a line in a file each time it is called, for `map` to call."""

    def __init__(self, path):
        self.path = path

    @property
    def calls(self):
        return len(self.path.read_text()) if self.path.exists() else 0

    def __call__(self, batch):
        with self.path.open("a") as file:
            file.write(".")
        return {"twice": [2 * row for row in batch["id"]]}


CASES = {
    "all": lambda dataset: dataset,
    "a selection": lambda dataset: dataset.select([9, 40, 9, 3]),
    "a run": lambda dataset: dataset.select(range(20, 40)),
    "a filter": lambda dataset: dataset.filter(lambda row: row["id"] % 3 == 0),
    "sorted": lambda dataset: dataset.sort("text", reverse=True),
    "shuffled": lambda dataset: dataset.shuffle(seed=5),
    "with a column": lambda dataset: dataset.add_column("score", np.arange(len(dataset)) / 2),
    "with a row": lambda dataset: dataset.add_item({"id": 99, "text": "more", "label": 0}),
    "renamed": lambda dataset: dataset.rename_column("label", "class"),
    "fewer columns": lambda dataset: dataset.remove_columns("text"),
    "flat": lambda dataset: dataset.select([4, 1, 4]).flatten_indices(),
    "with another": lambda dataset: datasets.concatenate_datasets([dataset, dataset.select([3, 1])]),
    "beside another": lambda dataset: datasets.concatenate_datasets(
        [dataset, dataset.select_columns(["label"]).rename_column("label", "class")], axis=1
    ),
    "interleaved": lambda dataset: datasets.interleave_datasets([dataset, dataset.select(range(9))]),
    "a split": lambda dataset: dataset.train_test_split(0.3, seed=1)["train"],
}


@pytest.mark.parametrize("case", CASES)
def test_a_map_is_in_the_cache_and_found_there(folder, cache, tmp_path, case):
    before = sorted(folder.iterdir())
    counted = Counted(tmp_path / "calls")
    mapped = CASES[case](open_dataset(folder)).map(counted, batched=True, batch_size=10)
    calls = counted.calls
    assert calls > 0
    again = CASES[case](open_dataset(folder)).map(counted, batched=True, batch_size=10)
    assert counted.calls == calls
    expected = CASES[case](plain()).map(Counted(tmp_path / "other"), batched=True, batch_size=10)
    for found in (mapped, again):
        assert found[:] == expected[:]
        assert isinstance(found.data, MemoryMappedTable)
        assert [cache in Path(file["filename"]).parents for file in found.cache_files] == [True]
    assert sorted(folder.iterdir()) == before
    with counted.path.open() as file:
        assert file.read() == "." * calls


def test_a_map_of_other_rows_is_not_that_in_the_cache(folder, tmp_path):
    first = open_dataset(folder)
    assert first.map(Counted(tmp_path / "calls"), batched=True)["twice"][:3] == [0, 2, 4]
    path = min(folder.iterdir())
    state = path.stat()
    changed = TABLE.slice(0, 30).set_column(0, "id", pa.array(range(100, 130)))
    if path.suffix == ".parquet":
        pq.write_table(changed, path, row_group_size=8)
    else:
        with pa.ipc.new_stream(path, changed.schema) as writer:
            writer.write_table(changed, max_chunksize=8)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    second = open_dataset(folder)
    assert second.map(Counted(tmp_path / "calls"), batched=True)["twice"][:3] == [200, 202, 204]


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_processes_share_the_work_and_the_cache(folder, tmp_path, processes):
    counted = Counted(tmp_path / "calls")
    mapped = open_dataset(folder).map(counted, batched=True, batch_size=10, num_proc=processes)
    assert mapped["twice"][:] == [2 * row for row in range(ROWS)]
    assert len(mapped.cache_files) == processes
    calls = counted.calls
    assert open_dataset(folder).map(counted, batched=True, batch_size=10, num_proc=processes)["twice"][7] == 14
    assert counted.calls == calls


def test_a_filter_is_of_indices_in_the_cache(folder, cache, tmp_path):
    calls = tmp_path / "calls"

    def odd(row):
        with calls.open("a") as file:
            file.write(".")
        return row["id"] % 2 == 1

    for _ in range(2):
        found = open_dataset(folder).filter(odd)
        assert found["id"][:] == list(range(1, ROWS, 2))
        assert isinstance(found.data, CorpusTable)
        assert isinstance(found._indices, MemoryMappedTable)
        assert Path(found.cache_files[-1]["filename"]).parent.parent == cache / "dsdm"
    assert calls.read_text() == "." * ROWS


@pytest.mark.parametrize("operation", ["shuffle", "sort", "train_test_split"])
def test_indices_are_in_the_cache_and_found_there(folder, monkeypatch, operation):
    def run():
        dataset = open_dataset(folder)
        if operation == "shuffle":
            return dataset.shuffle(seed=3)
        return dataset.sort("text") if operation == "sort" else dataset.train_test_split(0.5, seed=1)["test"]

    first = run()
    assert isinstance(first._indices, MemoryMappedTable)
    monkeypatch.setattr("dsdm.hf.lazy.LazyDataset.select", None)
    again = run()
    assert again[:] == first[:]
    assert again._fingerprint == first._fingerprint
    assert type(again) is type(first)


def test_the_shards_are_the_files_of_the_dataset(folder):
    dataset = open_dataset(folder)
    shards = sorted(str(path) for path in folder.iterdir())
    assert dataset.cache_files == [{"filename": shard} for shard in shards]
    assert dataset.add_column("score", np.zeros(ROWS)).cache_files == dataset.cache_files


def test_a_cache_that_cannot_be_written_to_is_no_error_where_nothing_is_written(folder, cache):
    cache.write_text("not a folder")
    dataset = open_dataset(folder)
    joined = datasets.concatenate_datasets([dataset, dataset.select([3, 1])])
    assert joined["id"][:] == [*range(ROWS), 3, 1]
    assert len(joined.cache_files) == 2
    with pytest.raises(OSError, match="cache"):
        joined.map(lambda row: row)


def test_cleaning_up_leaves_the_shards_and_what_is_in_use(folder, tmp_path):
    shards = sorted(folder.iterdir())
    # A shard may have a name such as those in the cache.
    shards[0].rename(folder / f"cache-train-00000-of-00002{shards[0].suffix}")
    files = sorted(folder.iterdir())
    dataset = open_dataset([str(file) for file in files])
    assert dataset.cleanup_cache_files() == 0
    dataset.map(Counted(tmp_path / "calls"), batched=True)
    shuffled = dataset.shuffle(seed=1)
    assert shuffled.cleanup_cache_files() == 1
    assert sorted(shuffled["id"][:]) == list(range(ROWS))
    assert dataset.cleanup_cache_files() == 1
    assert sorted(folder.iterdir()) == files


def test_without_caching_nothing_is_found_again(folder, cache, tmp_path):
    counted = Counted(tmp_path / "calls")
    datasets.disable_caching()
    try:
        for calls in (1, 2):
            assert open_dataset(folder).map(counted, batched=True)["twice"][:] == [2 * row for row in range(ROWS)]
            assert counted.calls == calls
    finally:
        datasets.enable_caching()
    assert not cache.exists()


def test_indices_are_written_where_they_are_asked_for(folder, tmp_path):
    dataset = open_dataset(folder)
    path = str(tmp_path / "some" / "indices.arrow")
    selected = dataset.select([7, 3, 7], indices_cache_file_name=path)
    assert selected["id"][:] == [7, 3, 7]
    assert selected.cache_files[-1] == {"filename": path}
    assert MemoryMappedTable.from_file(path).column("indices").to_pylist() == [7, 3, 7]
    assert list((tmp_path / "some").iterdir()) == [Path(path)]
    of_it = selected.select([2, 1], indices_cache_file_name=str(tmp_path / "more.arrow"))
    assert of_it["id"][:] == [7, 3]
    assert MemoryMappedTable.from_file(str(tmp_path / "more.arrow")).column("indices").to_pylist() == [7, 3]
    with pytest.raises(ValueError, match=r"keep_in_memory= and indices_cache_file_name= are both given"):
        dataset.select([1, 0], keep_in_memory=True, indices_cache_file_name=path)


def test_flat_rows_are_written_once(folder, monkeypatch):
    flat = open_dataset(folder).select([9, 2, 9]).flatten_indices()
    assert flat["id"][:] == [9, 2, 9]
    assert isinstance(flat.data, MemoryMappedTable)
    monkeypatch.setattr("dsdm.hf.lazy.write_rows", None)
    again = open_dataset(folder).select([9, 2, 9]).flatten_indices()
    assert again[:] == flat[:]
    assert again._fingerprint == flat._fingerprint
    monkeypatch.undo()
    other = open_dataset(folder).select([9, 3, 9]).flatten_indices()
    assert other["id"][:] == [9, 3, 9]


def test_the_values_of_a_column_do_not_stand_in_for_flat_rows(folder):
    selected = open_dataset(folder).select([9, 2, 9])
    assert selected.unique("text") == ["row 9", "row 2"]
    assert selected.flatten_indices()[:] == plain().select([9, 2, 9])[:]
    ordered = selected.sort("text")
    assert ordered[:] == plain().select([9, 2, 9]).sort("text")[:]


@pytest.mark.parametrize("rows", [[3, 1, 0], list(range(ROWS))[::-1], [5] * ROWS, list(range(10, 20))])
def test_values_are_of_the_rows_selected(folder, rows):
    found = open_dataset(folder).select(rows).unique("id")
    assert sorted(found) == sorted(set(rows))
    if len(set(rows)) == len(rows):
        assert found == plain().select(rows).unique("id")


# --- dsdm.select ---


@pytest.mark.parametrize("kind", ["files", "dataset", "table", "memory"])
def test_equal_selections_have_equal_fingerprints(folder, kind):
    def source():
        return {"files": folder, "dataset": plain(), "table": TABLE, "memory": folder}[kind]

    limit = 1 if kind == "memory" else None

    def fingerprint(rows, **options):
        return dsdm.select(source(), rows, memory_limit=limit, **options)._fingerprint

    first = fingerprint([5, 3])
    assert fingerprint(np.array([5, 3], np.uint8)) == first
    assert len({first, fingerprint([3, 5]), fingerprint([5]), fingerprint([5, 3], columns=["id"])}) == 4
    if kind in {"files", "memory"}:
        assert first == dsdm.select(folder, [5, 3])._fingerprint


def test_a_table_of_other_values_has_another_fingerprint():
    changed = TABLE.set_column(1, "text", pa.array(["a"] * ROWS))
    renamed = TABLE.rename_columns(["id", "text", "class"])
    cut = pa.concat_tables([TABLE.slice(0, 7), TABLE.slice(7)])
    of = {id(table): dsdm.select(table, [5, 3])._fingerprint for table in (TABLE, changed, renamed)}
    assert len(set(of.values())) == 3
    assert dsdm.select(cut, [5, 3])._fingerprint == of[id(TABLE)]


def test_indices_have_the_permissions_of_other_files_and_no_file_of_a_thread_has_others(folder, tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        # It is that of the process, also for files that other threads make meanwhile.
        monkeypatch.setattr(os, "umask", None)
        open_dataset(folder).select([5, 3], indices_cache_file_name=str(tmp_path / "indices.arrow"))
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert (tmp_path / "indices.arrow").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

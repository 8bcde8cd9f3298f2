"""Opened shards against pyarrow and datasets: where they are looked for, what they hold, rows by number."""

import signal
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.table import InMemoryTable
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors, open_shards
from dsdm.rows.row_numbers import interruptibly

ROWS = 100


def table_of(rows=ROWS, start=0):
    numbers = range(start, start + rows)
    ids = [[number, number + 1] for number in numbers]
    return pa.table({"id": list(numbers), "ids": pa.array(ids, pa.list_(pa.uint16())), "text": list(map(str, numbers))})


def as_dataset(table):
    return datasets.Dataset(InMemoryTable(table))


def write_arrow(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=30)
    return path


def write_parquet(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def write_both(folder):
    """Write three shards, numbered in another order than that of their names, and give them by name."""
    made = [write_parquet(folder / f"{name}.parquet", table_of(10, 10 * i)) for i, name in enumerate("cab")]
    return sorted(made), made


def ids(shards):
    return shards[:]["id"]


@pytest.fixture
def shards(tmp_path):
    return open_shards(write_parquet(tmp_path / "a.parquet", table_of()))


# --- where shards are looked for ---


def test_a_folder_and_a_glob_are_sorted_and_a_list_is_as_given(tmp_path):
    by_name, made = write_both(tmp_path)
    expected = [*range(10, 30), *range(10)]
    for source in (tmp_path, str(tmp_path), str(tmp_path / "*.parquet"), str(tmp_path / "[abc].*"), by_name):
        opened = open_shards(source)
        assert ids(opened) == expected
        assert opened.files == tuple(map(str, by_name))
    assert ids(open_shards(made)) == list(range(30))
    assert ids(open_shards([made[1], str(made[1])])) == [*range(10, 20), *range(10, 20)]
    assert ids(open_shards(tuple(made[:1]))) == list(range(10))


def test_a_glob_looks_into_folders_below_and_skips_folders(tmp_path):
    write_parquet(tmp_path / "en" / "deep" / "b.parquet", table_of(3, 3))
    write_parquet(tmp_path / "en" / "a.parquet", table_of(3))
    (tmp_path / "en" / "c.parquet").mkdir()
    assert ids(open_shards(str(tmp_path / "**" / "*.parquet"))) == list(range(6))
    assert ids(open_shards(tmp_path)) == list(range(6))


def test_a_name_with_the_signs_of_a_glob_is_a_name_where_there_is_one(tmp_path):
    odd = write_parquet(tmp_path / "a[1]*.parquet", table_of(3))
    write_parquet(tmp_path / "a1.parquet", table_of(5))
    assert len(open_shards(odd)) == 3
    assert len(open_shards(str(tmp_path / "a[1].parquet"))) == 5


def test_hidden_files_and_those_of_caches_are_no_shards(tmp_path):
    write_arrow(tmp_path / "c4-train.arrow", table_of(4))
    for name in ("cache-0123456789abcdef.arrow", "cache-0123456789abcdef_00000_of_00004.arrow", ".hidden/a.arrow"):
        write_arrow(tmp_path / name, table_of(5))
    (tmp_path / "dataset_info.json").write_text("{}")
    assert open_shards(tmp_path).files == (str(tmp_path / "c4-train.arrow"),)


def test_a_save_to_disk_folder_is_read_in_the_order_of_its_state(tmp_path):
    as_dataset(table_of()).save_to_disk(tmp_path / "saved", num_shards=3)
    write_arrow(tmp_path / "saved" / "data-00000-of-00009.arrow", table_of(5))
    opened = open_shards(tmp_path / "saved")
    assert len(opened.files) == 3
    assert ids(opened) == list(range(ROWS))


def test_a_hub_cache_folder_is_read_at_its_main_revision(tmp_path):
    for index, revision in enumerate(["aaa", "bbb"]):
        for rank in range(2):
            blob = write_parquet(tmp_path / "blobs" / f"{revision}{rank}", table_of(5, 100 * index + 5 * rank))
            link = tmp_path / "snapshots" / revision / "data" / f"train-{rank:05}-of-00002.parquet"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blob)
    with pytest.raises(FileNotFoundError, match="2 snapshots and no refs/main") as caught:
        open_shards(tmp_path)
    assert caught.value.filename == str(tmp_path / "snapshots")
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / "main").write_text("bbb\n")
    assert ids(open_shards(tmp_path)) == list(range(100, 110))
    (tmp_path / "refs" / "main").unlink()
    for link in (tmp_path / "snapshots" / "bbb" / "data").iterdir():
        link.unlink()
    (tmp_path / "snapshots" / "bbb" / "data").rmdir()
    (tmp_path / "snapshots" / "bbb").rmdir()
    assert ids(open_shards(tmp_path)) == list(range(10))


def test_a_datasets_cache_folder_is_read(tmp_path):
    folder = tmp_path / "allenai___c4" / "en" / "0.0.0" / "1588ec454efa1a09f29cd18ddd04fe05fc8653a2"
    for rank in range(2):
        write_arrow(folder / f"c4-train-{rank:05}-of-00002.arrow", table_of(5, 5 * rank))
    write_arrow(folder / "cache-0123456789abcdef.arrow", table_of(9))
    (folder / "dataset_info.json").write_text("{}")
    for source in (folder, tmp_path):
        assert ids(open_shards(source)) == list(range(10))


def test_datasets_and_tables_are_shards(tmp_path):
    table = table_of()
    as_dataset(table).save_to_disk(tmp_path / "saved", num_shards=2)
    dataset = datasets.load_from_disk(str(tmp_path / "saved"))
    backwards = list(range(ROWS))[::-1]
    for source, expected in [
        (table, range(ROWS)),
        (table.slice(7, 20), range(7, 27)),
        (dataset, range(ROWS)),
        (dataset.select(backwards), backwards),
        (datasets.concatenate_datasets([dataset, dataset.select([5])]), [*range(ROWS), 5]),
        (open_shards(dataset.select(backwards)), backwards),
    ]:
        assert ids(open_shards(source)) == list(expected)
        assert open_shards(source, columns=["text", "id"])[0] == {"text": str(expected[0]), "id": expected[0]}
    assert open_shards(table).files == ()
    assert len(open_shards(dataset).files) == 2


def test_what_is_no_source_is_told_what_is(tmp_path):
    with pytest.raises(TypeError, match=r"a directory, a glob, a list .*datasets.Dataset.*not from dict"):
        open_shards({"id": [1]})
    with pytest.raises(TypeError, match=r"DatasetDict; choose one of its splits: 'train', 'test'"):
        open_shards(datasets.DatasetDict({"train": as_dataset(table_of()), "test": as_dataset(table_of())}))
    with pytest.raises(ValueError, match="list of shards is empty"):
        open_shards([])
    datasets.DatasetDict({"train": as_dataset(table_of())}).save_to_disk(tmp_path / "dict")
    with pytest.raises(IsADirectoryError, match=r"DatasetDict; name one of its splits \(.*train\)"):
        open_shards(tmp_path / "dict")
    with pytest.raises(FileNotFoundError, match=r"no file matches this glob") as caught:
        open_shards(str(tmp_path / "*.lance"))
    assert caught.value.filename == str(tmp_path / "*.lance")
    with pytest.raises(FileNotFoundError) as caught:
        open_shards(tmp_path / "no.arrow")
    assert caught.value.filename == str(tmp_path / "no.arrow")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \*\.arrow, \*\.parquet or \*\.jsonl .* no state\.json") as caught:
        open_shards(tmp_path / "empty")
    assert caught.value.filename == str(tmp_path / "empty")


def test_folders_of_two_splits_or_two_formats_are_no_one_table(tmp_path):
    for split in ("train", "validation"):
        write_parquet(tmp_path / "data" / f"{split}-00000-of-00001-0123456789abcdef.parquet", table_of(3))
    with pytest.raises(ValueError, match=r"splits \['train', 'validation'\]; choose one by a glob"):
        open_shards(tmp_path)
    write_arrow(tmp_path / "data" / "train.arrow", table_of(3))
    with pytest.raises(ValueError, match=r"\.parquet and .*train\.arrow are of two formats, .*; choose by a glob"):
        open_shards(tmp_path)
    assert len(open_shards(str(tmp_path / "data" / "train-*"))) == 3


def test_shards_of_both_formats_in_a_list_are_one_table(tmp_path):
    first, last = write_arrow(tmp_path / "a.arrow", table_of(5)), write_parquet(tmp_path / "b", table_of(5, 5))
    assert ids(open_shards([first, last])) == list(range(10))


def test_columns_of_shards_are_found_by_name(tmp_path):
    """The order of the columns may differ from shard to shard; with columns=, so may what else there is."""
    first = write_parquet(tmp_path / "a.parquet", table_of(5))
    turned = write_parquet(tmp_path / "b.parquet", table_of(5, 5).select(["text", "ids", "id"]))
    opened = open_shards([first, turned])
    assert opened.column_names == ["id", "ids", "text"]
    assert opened[:] == as_dataset(table_of(10))[:]
    more = write_arrow(tmp_path / "c.arrow", table_of(5, 10).append_column("more", pa.array([1] * 5)))
    assert open_shards([more, first], columns=["text"])[4:6] == {"text": ["14", "0"]}


# --- what they hold ---


def test_what_shards_say_of_themselves(tmp_path, shards):
    table = table_of()
    assert len(shards) == ROWS
    assert shards.column_names == table.column_names
    assert shards.schema.equals(table.schema)
    assert shards.features == as_dataset(table).features
    assert shards.files == (str(tmp_path / "a.parquet"),)
    size = f"{table.nbytes / 1000:.1f} kB"
    assert repr(shards) == f"Shards('{tmp_path / 'a.parquet'}': 100 rows of id, ids, text, about {size})"
    assert repr(open_shards(table)).startswith("Shards('table': 100 rows of id, ids, text, about ")
    assert repr(open_shards([tmp_path / "a.parquet"] * 2)).startswith("Shards('2 files': 200 rows of ")


def test_features_are_those_in_the_metadata(tmp_path):
    features = datasets.Features({"label": datasets.ClassLabel(names=["no", "yes"])})
    dataset = datasets.Dataset.from_dict({"label": [0, 1, 1]}, features=features)
    dataset.to_parquet(tmp_path / "a.parquet")
    dataset.save_to_disk(tmp_path / "saved")
    for source in (dataset, tmp_path / "a.parquet", tmp_path / "saved"):
        assert open_shards(source).features == features


def test_rows_by_number_slice_and_list(shards):
    expected = as_dataset(table_of())
    assert shards[0] == expected[0]
    assert shards[-1] == expected[-1]
    assert shards[np.int64(42)] == expected[42]
    assert shards[np.uint8(7)] == expected[7]
    assert shards[[5, 3, 5]] == expected[[5, 3, 5]]
    assert shards[np.array([99, 0])] == expected[[99, 0]]
    assert shards[range(4, 8)] == expected[range(4, 8)]
    assert shards[[]] == {"id": [], "ids": [], "text": []}
    for row in (ROWS, -ROWS - 1, 1 << 70):
        with pytest.raises(IndexError, match=rf"row {row} is out of range: there are 100 rows"):
            shards[row]
    with pytest.raises(TypeError, match="float64"):
        shards[[0.5]]
    with pytest.raises(TypeError, match="str"):
        shards["text"]


def test_iterating_gives_every_row_and_ends(shards):
    assert [row["id"] for row in shards] == list(range(ROWS))


@given(st.slices(ROWS))
@settings(max_examples=40, deadline=None)
def test_slices_are_those_of_a_list(in_memory, taken):
    assert in_memory[taken]["id"] == list(range(ROWS))[taken]


@pytest.fixture(scope="module")
def in_memory():
    return open_shards(table_of())


@pytest.mark.parametrize("memory_limit", [None, 1, "1kB", "1 GiB"])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_take_gives_the_rows_as_a_table(tmp_path, shards, threads, memory_limit):
    table = table_of()
    saved = open_shards(write_arrow(tmp_path / "a.arrow", table))
    for rows in (np.arange(0), np.arange(ROWS), np.random.default_rng(0).integers(0, ROWS, 2500)):
        for opened in (shards, saved, open_shards(table)):
            taken = opened.take(rows, memory_limit=memory_limit, threads=threads)
            assert isinstance(taken, pa.Table)
            taken.validate(full=True)
            assert taken.combine_chunks().equals(table.take(rows).combine_chunks())


def test_take_follows_a_mapping():
    dataset = as_dataset(table_of()).select([9, 8, 7])
    assert open_shards(dataset).take([2, 0]).column("id").to_pylist() == [7, 9]


@pytest.mark.parametrize("indices", [[3, 1, 3], (3, 1, 3), np.array([3, 1, 3], np.uint8), iter([3, 1, 3])])
def test_indices_may_be_whatever_has_whole_numbers(shards, indices):
    assert shards.take(indices).column("id").to_pylist() == [3, 1, 3]


def test_indices_may_be_arrow_pandas_or_objects(shards):
    numbers = pa.array([3, 1])
    for indices in (numbers, pa.chunked_array([numbers]), numbers.to_pandas(), np.array([3, 1], dtype=object)):
        assert shards.take(indices).column("id").to_pylist() == [3, 1]


# --- rows as a dataset ---


def test_select_is_in_memory_while_it_fits(shards):
    rows = [5, 3, 5]
    for selected in (shards.select(rows), dsdm.select(table_of(), rows), shards.select(rows, memory_limit="1MB")):
        assert isinstance(selected, datasets.Dataset)
        assert selected.cache_files == []
        assert selected._indices is None
        assert selected[:] == as_dataset(table_of())[rows]
    assert dsdm.select(shards, rows, columns=["text"])[:] == {"text": ["5", "3", "5"]}


def test_select_is_a_file_in_the_cache_where_it_does_not_fit(tmp_path, monkeypatch, shards):
    cache = tmp_path / "cache"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
    rows = np.random.default_rng(1).permutation(ROWS)
    first = shards.select(rows, memory_limit="1kB")
    assert first[:] == as_dataset(table_of())[rows]
    assert first.features == shards.features
    assert first._indices is None
    (file,) = (entry["filename"] for entry in first.cache_files)
    assert file.startswith(str(cache / "dsdm"))
    again = shards.select(rows, memory_limit="1kB")
    assert again.cache_files == first.cache_files
    assert len(list((cache / "dsdm").iterdir())) == 1
    other = dsdm.select(shards, rows[:50], memory_limit=1, columns=["id"])
    assert other["id"][:] == rows[:50].tolist()
    assert len(list((cache / "dsdm").iterdir())) == 2


# Killed by itself when the first shard is on the disk and nothing has its name yet.
KILLED = """
import datasets, os, signal, sys, threading, time
from pathlib import Path
import dsdm

def kill_when_written():
    begun = time.monotonic()
    written = lambda: [file.stat().st_size for file in Path(sys.argv[2]).glob("dsdm/.*/output/*.arrow*")]
    while time.monotonic() < begun + 60 and not any(written()):
        pass
    os.kill(os.getpid(), signal.SIGKILL)

datasets.config.HF_DATASETS_CACHE = sys.argv[2]
threading.Thread(target=kill_when_written).start()
dsdm.select(sys.argv[1], range(200_000), memory_limit=1, threads=1)
time.sleep(60)
"""


def test_what_a_killed_select_left_in_the_cache_is_removed_by_the_next(tmp_path, monkeypatch):
    path = write_arrow(tmp_path / "a.arrow", pa.table({"id": range(200_000)}))
    cache = tmp_path / "cache"
    ran = subprocess.run([sys.executable, "-c", KILLED, path, cache], check=False)  # noqa: S603
    assert ran.returncode == -signal.SIGKILL
    (left,) = (cache / "dsdm").iterdir()
    assert left.name.startswith(".selection.dsdm-")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
    selected = dsdm.select(path, [3, 1], memory_limit=1)
    assert selected["id"][:] == [3, 1]
    (kept,) = (cache / "dsdm").iterdir()
    assert [entry["filename"] for entry in selected.cache_files] == [str(kept / "data-00000-of-00001.arrow")]


def test_two_selections_have_two_fingerprints(shards):
    assert shards.select([1])._fingerprint != shards.select([2])._fingerprint


def test_select_of_nothing(tmp_path, monkeypatch, shards):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    nothing = shards.select([])
    assert len(nothing) == 0
    assert nothing.features == shards.features


def test_names_of_columns_that_are_none_are_refused(shards, tmp_path):
    with pytest.raises(ValueError, match=r'no column "no"; the columns are \["id", "ids", "text"\]'):
        open_shards(tmp_path / "a.parquet", columns=["no"])
    with pytest.raises(errors.SchemaError, match="row_ids= adds a column 'id'"):
        dsdm.materialize(shards, [0], tmp_path / "out", row_ids="id")


def test_where_no_thread_can_be_started_the_calling_one_works(monkeypatch):
    def refuse(_):
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr("threading.Thread.start", refuse)
    assert interruptibly(lambda: 7, 1 << 30) == 7

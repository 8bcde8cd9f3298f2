"""Lazy datasets in other processes and on disk, each beside the plain dataset of the same rows."""

import json
import pickle
import warnings
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.arrow_dataset import DatasetTransformationNotAllowedError

import dsdm
from dsdm.dataset import open_dataset
from tests.corpora import lazily
from tests.corpora.lazily import ROWS, alike, plain_dataset

folder = pytest.fixture(lazily.folder, scope="module")
lazy = pytest.fixture(
    lazily.lazy, params=["parquet", "a.arrow", "saved", "dataset", "table", "parquet by pread", "a.arrow by pread"]
)
_cache_of_its_own = pytest.fixture(lazily._cache_of_its_own, autouse=True)

# --- other processes ---


@pytest.mark.parametrize("selected", [False, True])
def test_a_pickle_opens_the_files_again(lazy, selected):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select([7, 7, 2]), expected.select([7, 7, 2])
    lazy, expected = (dataset.rename_column("id", "row").remove_columns("ids") for dataset in (lazy, expected))
    found = pickle.loads(pickle.dumps(lazy))  # noqa: S301
    alike(found, expected)
    assert type(found) is type(lazy)
    assert found._fingerprint == lazy._fingerprint


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("selected", [False, True])
def test_a_pickle_of_files_that_changed_is_refused_when_it_is_made_and_when_it_is_opened(tmp_path, form, selected):
    path = tmp_path / f"a.{form}"

    def write(start):
        table = pa.table({"n": range(start, start + 9)})
        if form == "parquet":
            pq.write_table(table, path)
        else:
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)

    write(0)
    lazy = open_dataset(str(path))
    lazy = lazy.select([3, 5]) if selected else lazy
    kept = pickle.dumps(lazy)
    assert pickle.loads(kept)[0] == {"n": 3 if selected else 0}  # noqa: S301
    write(100)
    with pytest.raises(dsdm.SourceChangedError, match="not as it was when the dataset was pickled"):
        pickle.loads(kept)  # noqa: S301
    with pytest.raises(dsdm.SourceChangedError, match="changed"):
        pickle.dumps(lazy)


def test_a_pickle_of_files_is_small(folder):
    assert len(pickle.dumps(open_dataset(folder / "parquet"))) < 4000


def test_map_on_two_processes(folder):
    lazy = open_dataset(folder / "parquet").select(range(ROWS)[::-1])
    with warnings.catch_warnings():
        # Python 3.12 warns of forks in a process that has threads, as that of the tests may.
        warnings.simplefilter("ignore", DeprecationWarning)
        doubled = lazy.map(lambda row: {"twice": 2 * row["id"]}, num_proc=2)
        even = lazy.filter(lambda row: row["id"] % 2 == 0, num_proc=2)
    assert doubled["twice"][:] == [2 * row for row in range(ROWS)[::-1]]
    assert even["id"][:] == list(range(ROWS - 2, -1, -2))


# --- what is written ---


@pytest.mark.parametrize("selected", [False, True])
def test_save_to_disk_is_that_of_datasets(lazy, selected, tmp_path):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select([8, 1, 8]), expected.select([8, 1, 8])
    expected._split = lazy.split
    for name, dataset in (("lazy", lazy), ("plain", expected)):
        dataset.info.description = "a corpus"
        dataset.info.license = "MIT"
        dataset.set_format("numpy", columns=["id"])
        dataset.save_to_disk(tmp_path / name, num_shards=2)
    found, theirs = (datasets.load_from_disk(str(tmp_path / name)) for name in ("lazy", "plain"))
    alike(found, theirs)
    assert found.info.description == theirs.info.description == "a corpus"
    assert found.info.license == "MIT"
    assert found.split == theirs.split
    ours, states = ({path.name for path in (tmp_path / name).iterdir()} for name in ("lazy", "plain"))
    assert ours == states | {"dsdm.json"}
    ours, theirs = (json.loads((tmp_path / name / "state.json").read_text()) for name in ("lazy", "plain"))
    assert ours.pop("_fingerprint") != theirs.pop("_fingerprint")
    assert ours == theirs


def test_save_to_disk_keeps_the_split_and_replaces_a_dataset(folder, tmp_path):
    lazy = open_dataset(folder / "parquet")
    split = datasets.Dataset(lazy.data, info=lazy.info, split="train", fingerprint="a" * 16)
    for rows in ([1], [2, 3]):
        open_dataset(split).select(rows).save_to_disk(tmp_path / "out", max_shard_size="1GB")
        found = datasets.load_from_disk(str(tmp_path / "out"))
        assert found["id"][:] == rows
        assert str(found.split) == "train"


def test_save_to_disk_of_two_processes_and_of_a_text_path(folder, tmp_path):
    lazy = open_dataset(folder / "parquet").select([5, 4, 3])
    lazy.save_to_disk(str(tmp_path / "out"), num_proc=2)
    assert datasets.load_from_disk(str(tmp_path / "out"))["id"][:] == [5, 4, 3]


def test_save_to_disk_over_its_source_is_refused(folder):
    before = {path.name: path.read_bytes() for path in (folder / "saved").iterdir()}
    saved = datasets.load_from_disk(str(folder / "saved"))
    lazy = open_dataset(folder / "saved")
    for source in (lazy, open_dataset(saved), open_dataset(datasets.concatenate_datasets([lazy, lazy.select([0])]))):
        with pytest.raises(ValueError, match=r"the output would .*source"):
            source.select([1]).save_to_disk(folder / "saved")
    pictures = lazy.select_columns(["turn"]).rename_column("turn", "image")
    pictures.info.features["image"] = datasets.Image(decode=False)
    with pytest.raises(ValueError, match=r"the output would replace the source"):
        pictures.save_to_disk(folder / "saved")
    assert {path.name: path.read_bytes() for path in (folder / "saved").iterdir()} == before


def test_save_to_disk_refuses_what_datasets_refuses(folder, tmp_path, monkeypatch):
    lazy = open_dataset(folder / "parquet")
    with pytest.raises(ValueError, match=r"max_shard_size='1GB' and num_shards=2 are both given"):
        lazy.save_to_disk(tmp_path / "out", max_shard_size="1GB", num_shards=2)
    monkeypatch.setattr(type(lazy), "list_indexes", lambda _: ["ids"])
    with pytest.raises(ValueError, match=r"a search index is attached.*drop_index"):
        lazy.save_to_disk(tmp_path / "out")
    with pytest.raises(DatasetTransformationNotAllowedError, match=r"a search index is attached.*drop_index"):
        lazy.select([0])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("selected", [False, True])
def test_to_parquet_is_that_of_datasets(lazy, selected, tmp_path):
    expected = plain_dataset()
    if selected:
        lazy, expected = lazy.select([8, 1, 8]), expected.select([8, 1, 8])
    assert lazy.to_parquet(tmp_path / "lazy.parquet") == expected.to_parquet(tmp_path / "plain.parquet")
    found, theirs = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("lazy", "plain"))
    assert found.equals(theirs)
    assert datasets.Features.from_arrow_schema(found.schema) == expected.features
    with (tmp_path / "open.parquet").open("wb") as file:
        lazy.to_parquet(file)
    assert pq.read_table(tmp_path / "open.parquet").equals(theirs)


@pytest.mark.parametrize("options", [{}, {"keep_in_memory": True}, {"new_fingerprint": "b" * 16}, {"num_proc": 1}])
def test_flatten_indices_is_that_of_datasets(lazy, options):
    rows = [8, 1, 8]
    selected = lazy.select(rows).with_format("numpy", columns=["id"])
    flat = selected.flatten_indices(**options)
    assert flat._indices is None
    alike(flat, plain_dataset().select(rows).with_format("numpy", columns=["id"]).flatten_indices())
    assert flat._fingerprint == options.get("new_fingerprint", selected.flatten_indices()._fingerprint)
    in_cache = selected.cache_files and not options.get("keep_in_memory")
    assert [Path(file["filename"]).parent.parent for file in flat.cache_files] == (
        [Path(datasets.config.HF_DATASETS_CACHE) / "dsdm"] if in_cache else []
    )


def test_flatten_indices_goes_to_the_cache_where_memory_is_short(tmp_path, monkeypatch):
    monkeypatch.setattr("dsdm.hf.lazy.default_memory_limit", lambda: 100)
    flat = open_dataset(plain_dataset()).select([8, 1, 8]).flatten_indices()
    alike(flat, plain_dataset().select([8, 1, 8]))
    assert all(file["filename"].startswith(str(tmp_path / "cache")) for file in flat.cache_files)
    assert flat.cache_files


def test_what_needs_all_rows_in_memory_says_so_where_they_do_not_fit(folder, monkeypatch):
    monkeypatch.setattr("dsdm.hf.corpus_table.default_memory_limit", lambda: 100)
    lazy = open_dataset(folder / "parquet")
    with pytest.raises(MemoryError, match=r"all 60 rows in memory, about .* and 200 B are free.*flatten_indices"):
        lazy.add_column("more", list(range(ROWS)))
    assert lazy.select([1]).flatten_indices().add_column("more", [5])[0]["more"] == 5


def test_more_shards_than_rows_are_as_many_as_rows_here_where_datasets_takes_them(tmp_path):
    """dsdm.materialize refuses them; what stands in for a dataset does not."""
    lazy = open_dataset(pa.table({"n": range(4)})).select([3, 1])
    lazy.save_to_disk(tmp_path / "out", num_shards=5)
    assert datasets.load_from_disk(str(tmp_path / "out"))["n"][:] == [3, 1]

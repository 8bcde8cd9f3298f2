"""Fixtures that the tests of datasets ask for, and the lazy class in place of the datasets that they make.

`DSDM_SUITE` says in place of what: "plain" leaves datasets as they are, "adopted" gives them the lazy class,
"arrow" and "parquet" write them as shards, which are opened.
"""

import csv
import json
import os
import sqlite3
import sys
import tempfile
from functools import wraps
from itertools import count, pairwise
from pathlib import Path

import datasets
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

from dsdm.dataset import open_dataset

KIND = os.environ.get("DSDM_SUITE", "plain")
SHARDS = 3
MADE_BY = ["from_dict", "from_list", "from_pandas"]
HELPERS = ["_create_dummy_dataset", "_to"]
_number = count()


def substitute(dataset, folder, shards=SHARDS):
    """Give the rows of a dataset as a lazy one; a dataset without rows or columns has no shards."""
    if KIND == "plain" or type(dataset) is not Dataset:
        return dataset
    if KIND == "adopted" or not dataset.num_rows or not dataset.num_columns:
        return open_dataset(dataset)
    table = dataset.with_format("arrow")[:]
    table = table.replace_schema_metadata(dataset.data.schema.metadata)
    where = Path(folder) / f"shards{next(_number)}"
    where.mkdir()
    bounds = np.linspace(0, len(table), min(shards, len(table)) + 1).astype(int).tolist()
    for shard, (start, end) in enumerate(pairwise(bounds)):
        _write(table.slice(start, end - start), where / f"part-{shard}.{KIND}")
    lazy = open_dataset(where)
    # What shards do not say; the split of a dataset that is made from rows is none.
    lazy.info.update(dataset.info)
    lazy._split = dataset.split
    lazy.set_format(**dataset.format)
    return lazy


def _write(table, path):
    if KIND == "parquet":
        pq.write_table(table, path, row_group_size=7)
        return
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=9)


@pytest.fixture(scope="session", autouse=True)
def _substitutes(tmp_path_factory):
    """Have the makers of datasets give lazy ones where a test calls them, and not where datasets does."""
    folder = tmp_path_factory.mktemp("substitutes")
    with pytest.MonkeyPatch.context() as patch:
        for name in MADE_BY:
            patch.setattr(Dataset, name, classmethod(_where_a_test_calls(getattr(Dataset, name), folder)))
        yield folder


def _where_a_test_calls(make, folder):
    @wraps(make)
    def made(_, *args, **kwargs):
        dataset = make(*args, **kwargs)
        caller = sys._getframe(1)
        # The helper makes it in memory, and what is to be on the disk goes through another.
        if not caller.f_globals["__name__"].endswith("test_arrow_dataset") or caller.f_code.co_name in HELPERS:
            return dataset
        return substitute(dataset, folder)

    return made


def pytest_collection_modifyitems(items):
    """Have the helpers of the test class give lazy datasets: over shards where they are to be on the disk."""
    folder = tempfile.mkdtemp()
    for owner in {item.cls for item in items if item.cls is not None and hasattr(item.cls, "_to")}:
        for helper in HELPERS:
            setattr(owner, helper, _helping(getattr(owner, helper), folder))


def _helping(helper, folder):
    def helped(self, in_memory, tmp_dir, *args, **kwargs):
        made = helper(self, in_memory, tmp_dir, *args, **kwargs)
        many = made if isinstance(made, list | tuple) else [made]
        # One file in place of one, as tests count them.
        lazy = [_in_memory(each) if in_memory else substitute(each, folder, 1) for each in many]
        return tuple(lazy) if many is made else lazy[0]

    return helped


def _in_memory(dataset):
    return dataset if KIND == "plain" or type(dataset) is not Dataset else open_dataset(dataset)


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setattr("datasets.config.HF_CACHE_HOME", cache)
        patch.setattr("datasets.config.HF_DATASETS_CACHE", cache / "datasets")
        datasets.disable_progress_bars()
        yield


# --- fixtures ---

COLUMNS = {"col_1": ["0", "1", "2", "3"], "col_2": [0, 1, 2, 3], "col_3": [0.0, 1.0, 2.0, 3.0]}
ROWS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


@pytest.fixture
def dataset(_substitutes):
    labels = datasets.Sequence(ClassLabel(names=["negative", "positive"]))
    answers = datasets.Sequence({"text": Value("string"), "answer_start": Value("int32")})
    features = {"tokens": datasets.Sequence(Value("string")), "labels": labels, "answers": answers}
    features["id"] = Value("int64")
    row = {"tokens": ["a", "b"], "labels": [1, 0], "answers": {"text": ["c"], "answer_start": [7]}}
    rows = {name: [value] * 10 for name, value in row.items()} | {"id": list(range(10))}
    return substitute(Dataset.from_dict(rows, features=Features(features)), _substitutes)


@pytest.fixture
def arrow_file(tmp_path, dataset):
    dataset.map(cache_file_name=str(tmp_path / "file.arrow"))
    return str(tmp_path / "file.arrow")


@pytest.fixture
def dataset_dict():
    return COLUMNS


@pytest.fixture
def arrow_path(tmp_path):
    with pa.ipc.new_stream(tmp_path / "dataset.arrow", pa.table(COLUMNS).schema) as writer:
        writer.write_table(pa.table(COLUMNS))
    return str(tmp_path / "dataset.arrow")


@pytest.fixture
def parquet_path(tmp_path):
    pq.write_table(pa.table(COLUMNS), tmp_path / "dataset.parquet")
    return str(tmp_path / "dataset.parquet")


@pytest.fixture
def csv_path(tmp_path):
    with (tmp_path / "dataset.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(row.values() for row in ROWS)])
    return str(tmp_path / "dataset.csv")


@pytest.fixture
def jsonl_path(tmp_path):
    (tmp_path / "dataset.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    return str(tmp_path / "dataset.jsonl")


@pytest.fixture
def jsonl_str_path(tmp_path):
    rows = [{**row, "col_1": f"s{row['col_1']}"} for row in ROWS]
    (tmp_path / "dataset-str.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(tmp_path / "dataset-str.jsonl")


@pytest.fixture
def text_path(tmp_path):
    (tmp_path / "dataset.txt").write_text("0\n1\n2\n3\n")
    return str(tmp_path / "dataset.txt")


@pytest.fixture
def sqlite_path(tmp_path):
    path = str(tmp_path / "dataset.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE dataset(col_1 text, col_2 int, col_3 real)")
        connection.executemany("INSERT INTO dataset VALUES (?, ?, ?)", [tuple(row.values()) for row in ROWS])
    return path


@pytest.fixture
def set_sqlalchemy_silence_uber_warning(monkeypatch):
    monkeypatch.setenv("SQLALCHEMY_SILENCE_UBER_WARNING", "1")


@pytest.fixture
def image_file(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "image.jpg"
    image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)).save(path)
    return str(path)


@pytest.fixture
def data_generator():
    return lambda: iter(ROWS)


@pytest.fixture
def offline_parquet_uploads(tmp_path):
    return tmp_path


class _MockFileSystem(DirFileSystem):
    """A folder under a protocol of its own."""

    protocol = "mock"
    folder = ""

    def __init__(self, **_):
        super().__init__(path=self.folder, fs=LocalFileSystem(auto_mkdir=True))

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("mock://")


@pytest.fixture
def mockfs(tmp_path, monkeypatch):
    monkeypatch.setattr(_MockFileSystem, "folder", str(tmp_path))
    fsspec.register_implementation("mock", _MockFileSystem, clobber=True)
    return _MockFileSystem(skip_instance_cache=True)

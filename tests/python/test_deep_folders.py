"""Folders that lie deep in each other: read up to a limit, and beyond it an error that names them."""

import errno
import os
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.paths.deep import MOST_DEEP
from dsdm.selections import get_candidate_dataset

pytestmark = pytest.mark.disk


def deep(folder, depth, name="a"):
    """Make folders in each other, by their names alone: their path is longer than a path may be."""
    folder.mkdir(exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=opened)
        below = os.open(name, os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        opened = below
    return opened


def put(opened, tmp_path, name):
    """Put a file into the innermost folder."""
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=opened), "wb") as file:
        file.write((tmp_path / name).read_bytes())
    os.close(opened)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(10.0))
    pq.write_table(pa.table({"n": np.arange(10)}), tmp_path / "c.parquet")
    yield tmp_path
    # Python's own way to remove folders goes into them by calling itself.
    subprocess.run(["rm", "-rf", tmp_path / "deep"], check=True)  # noqa: S603, S607


def searches(folder):
    yield dsdm.open_shards, folder
    yield dsdm.open_scores, folder
    yield dsdm.open_shards, f"{folder}/**/*.parquet"
    yield dsdm.open_scores, f"{folder}/**/*.npy"
    yield (lambda path: get_candidate_dataset(path=path, data_files="**/*.parquet")), str(folder)


@pytest.mark.parametrize(("depth", "name"), [(30, "n" * 200), (MOST_DEEP + 1, "a"), (2000, "a")])
def test_folders_that_lie_too_deep_are_an_error_that_names_them(files, depth, name):
    folder = files / "deep"
    put(deep(folder, depth, name), files, "c.parquet")
    for search, what in searches(folder):
        with pytest.raises(OSError, match=r"deeper in each other than 100, which is the limit") as refused:
            search(what)
        assert (refused.value.errno, refused.value.filename) == (errno.ENAMETOOLONG, str(folder))
        assert "name the directory that holds the files" in str(refused.value)
        assert len(str(refused.value)) < 1000
    if depth <= MOST_DEEP + 1:
        return
    mark = folder / name / "dataset_info.json"
    mark.write_text("{}")
    with pytest.raises(OSError, match="deeper in each other than 100"):
        dsdm.open_shards(folder)


def test_folders_within_the_limit_are_read(files):
    for name, open_ in (("c.parquet", dsdm.open_shards), ("s.npy", dsdm.open_scores)):
        folder = files / f"deep-{name}"
        put(deep(folder, MOST_DEEP), files, name)
        assert len(open_(folder)) == 10
        assert len(open_(f"{folder}/**/*{name[1:]}")) == 10


def test_a_glob_of_many_parts_and_one_into_names_that_are_left_out(files):
    for pattern in ("/".join("*" * 3000), "/".join("*" * (MOST_DEEP + 3))):
        with pytest.raises(OSError, match="deeper in each other than 100"):
            dsdm.open_shards(f"{files}/{pattern}")
    (files / "deep").mkdir()
    os.close(deep(files / "deep" / "_left", 1500))
    shutil.copy(files / "c.parquet", files / "deep")
    try:
        assert len(dsdm.open_shards(f"{files}/deep/**/*.parquet")) == 10
    except OSError as refused:
        assert "deeper in each other than 100" in str(refused)  # noqa: PT017 - as Python's own glob goes down


@pytest.mark.parametrize("name", ["a", "_a"])
def test_verify_ends_alike(files, name):
    folder = files / "deep"
    dsdm.materialize(files / "c.parquet", [1], folder, progress=False)
    assert dsdm.verify(folder).rows == 1
    os.close(deep(folder, 2000, name))
    with pytest.raises(OSError, match="deeper in each other than 100") as refused:
        dsdm.verify(folder)
    assert refused.value.filename == str(folder)

"""The reference of a hub cache folder: a small file that names a folder beside it, and nothing else."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors


@pytest.fixture
def hub(tmp_path):
    """Give a hub cache folder with two snapshots, and rows of somebody else beside it."""
    folder = tmp_path / "hub"
    for name, first in (("aaa", 0), ("bbb", 10)):
        (folder / "snapshots" / name).mkdir(parents=True)
        pq.write_table(pa.table({"id": range(first, first + 10)}), folder / "snapshots" / name / "x.parquet")
    (folder / "refs").mkdir()
    (tmp_path / "other").mkdir()
    pq.write_table(pa.table({"id": range(90, 95)}), tmp_path / "other" / "x.parquet")
    return folder


def test_a_reference_names_its_snapshot(hub):
    for text in ("bbb", "bbb\n", " bbb \r\n"):
        (hub / "refs" / "main").write_text(text)
        assert dsdm.open_shards(hub)[0]["id"] == 10


def test_a_reference_that_names_no_folder_of_the_snapshots_is_refused(hub):
    (hub / "snapshots" / "file").write_text("no folder")
    outside = str(hub.parent / "other")
    elsewhere = ("..", "../../other", "aaa/../bbb", outside, "aaa/", "./aaa")
    for text in ("", " \n", ".", *elsewhere, "file", "ccc", "a\0", "aaa\nbbb"):
        (hub / "refs" / "main").write_text(text)
        with pytest.raises(errors.FormatError, match="refs/main: it names the revision"):
            dsdm.open_shards(hub)


@pytest.mark.parametrize("kind", ["pipe", "device", "long", "bytes", "folder"])
def test_a_reference_is_a_small_regular_file_of_text(hub, kind):
    place = hub / "refs" / "main"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    else:
        place.write_bytes({"long": b"aaa" + b" " * 5000, "bytes": b"\xffaaa"}[kind])
    with pytest.raises((errors.FormatError, IsADirectoryError), match="refs/main") as caught:
        dsdm.open_shards(hub)
    assert str(place) in str(caught.value)


def test_a_reference_that_leads_nowhere_is_not_passed_over(hub):
    (hub / "refs" / "main").symlink_to("nothing")
    with pytest.raises(FileNotFoundError, match="refs/main"):
        dsdm.open_shards(hub)
    Path(hub / "refs" / "main").unlink()
    with pytest.raises(FileNotFoundError, match="2 snapshots and no refs/main"):
        dsdm.open_shards(hub)

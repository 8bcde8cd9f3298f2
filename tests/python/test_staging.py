"""The folder beside an output in which it is made, where others can write beside it as well, and what it is called."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.cli.files import write_untold
from dsdm.hf.lazy_cache import place_in_cache

pytestmark = pytest.mark.disk

TABLE = pa.table({"a": [1, 2, 3]})
STAGING = ".out.dsdm-unfinished"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def victim(tmp_path):
    """Give a folder that is nobody's output, and fail if it is touched."""
    folder = tmp_path / "victim"
    (folder / "sub").mkdir(parents=True)
    (folder / "thesis.tex").write_text("years")
    yield folder
    assert names(folder) == ["sub", "thesis.tex"]
    assert (folder / "thesis.tex").read_text() == "years"


def test_a_link_in_its_place_is_not_followed(tmp_path, victim):
    (tmp_path / STAGING).symlink_to(victim)
    with pytest.raises(FileExistsError, match=rf"a link to {victim}, which is not followed.*remove it") as caught:
        dsdm.materialize(TABLE, [0], tmp_path / "out")
    assert caught.value.filename == str(tmp_path / STAGING)
    assert names(tmp_path) == [STAGING, "victim"]


@pytest.mark.parametrize("name", ["pid", "journal", "plan.json", "output", "replaced"])
def test_a_link_in_it_is_not_followed(tmp_path, victim, name):
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / name).symlink_to(victim if name in {"output", "replaced"} else victim / "thesis.tex")
    with pytest.raises(FileExistsError, match=r"a link to .*, which is not followed"):
        dsdm.materialize(TABLE, [0], tmp_path / "out")


def test_one_into_which_others_can_write_is_refused(tmp_path):
    (tmp_path / STAGING).mkdir()
    (tmp_path / STAGING / "theirs").write_text("theirs")
    (tmp_path / STAGING).chmod(0o777)
    with pytest.raises(PermissionError, match=r"can be written to by others .*777.*choose another output") as caught:
        dsdm.materialize(TABLE, [0], tmp_path / "out", resume=False)
    assert caught.value.filename == str(tmp_path / STAGING)
    assert (tmp_path / STAGING / "theirs").read_text() == "theirs"


def test_a_file_in_its_place_is_told(tmp_path):
    (tmp_path / STAGING).write_text("")
    with pytest.raises(FileExistsError, match="there is a file; see who made it"):
        dsdm.materialize(TABLE, [0], tmp_path / "out")


def is_refused(entry, out, **options):
    with pytest.raises(FileExistsError, match=r"no run of dsdm made.*move it elsewhere, or choose another") as caught:
        dsdm.materialize(TABLE, [0], out, **options)
    assert caught.value.filename == str(entry)


def test_a_folder_of_its_name_that_no_run_made_is_not_touched(tmp_path, victim):
    place = victim.rename(tmp_path / STAGING)
    for resume in (True, False):
        is_refused(place / "sub", tmp_path / "out", resume=resume)
    assert names(tmp_path) == [STAGING]
    place.rename(victim)


def test_a_folder_of_the_name_of_a_dead_run_that_no_run_made_stays(tmp_path, victim):
    place = victim.rename(tmp_path / ".out.dsdm-1-1")
    dsdm.materialize(TABLE, [0], tmp_path / "out")
    assert names(tmp_path) == [place.name, "out"]
    place.rename(victim)


@pytest.mark.parametrize("entry", ["thesis.tex", "pid/a.tex", "output/thesis.tex", "output/data/a/b", "replaced/b"])
def test_a_file_among_those_of_a_run_is_named_and_nothing_is_touched(tmp_path, entry):
    place = tmp_path / STAGING
    (place / "output" / "data").mkdir(parents=True)
    (place / "made-by-dsdm").touch()
    (place / "output" / "dsdm.json").touch()
    (place / entry).parent.mkdir(exist_ok=True, parents=True)
    (place / entry).write_text("years")
    foreign = {"pid/a.tex": "pid", "output/data/a/b": "output/data/a"}.get(entry, entry)
    is_refused(place / foreign, tmp_path / "out")
    assert (place / entry).read_text() == "years"
    assert (place / "output" / "dsdm.json").exists()
    (place / entry).rename(tmp_path / "moved")
    for folder in {(place / entry).parent} - {place, place / "output"}:
        folder.rmdir()
    dsdm.materialize(TABLE, [0], tmp_path / "out")
    assert names(tmp_path) == ["moved", "out"]


def test_a_source_in_it_is_refused_and_stays(tmp_path):
    (tmp_path / STAGING).mkdir()
    source = tmp_path / STAGING / "c.parquet"
    pq.write_table(TABLE, source)
    (tmp_path / "link.parquet").symlink_to(source)
    for path in (source, tmp_path / "link.parquet"):
        with pytest.raises(ValueError, match=r"c.parquet lies in the directory of this output's unfinished files"):
            dsdm.materialize(path, [0], tmp_path / "out")
    assert pq.read_table(source) == TABLE


@pytest.mark.parametrize("name", [".x.dsdm-unfinished", ".x.dsdm-12-3", ".x.dsdm-unfinished/output"])
def test_an_output_is_not_called_as_what_is_unfinished(tmp_path, name):
    with pytest.raises(ValueError, match=r"the name .x.dsdm-\S+ is that of a directory of unfinished output"):
        dsdm.materialize(TABLE, [0], tmp_path / name)
    assert names(tmp_path) == []


def test_a_link_above_the_output_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    dsdm.materialize(TABLE, [2, 0], tmp_path / "link" / "out")
    assert dsdm.verify(tmp_path / "real" / "out").rows == 2
    assert names(tmp_path / "real") == ["out"]


def test_an_output_that_is_a_link_is_not_replaced(tmp_path):
    dsdm.materialize(TABLE, [0], tmp_path / "other")
    (tmp_path / "out").symlink_to(tmp_path / "other")
    with pytest.raises(ValueError, match="is none but a file or a link; remove it"):
        dsdm.materialize(TABLE, [1], tmp_path / "out", overwrite=True)
    assert dsdm.verify(tmp_path / "other").rows == 1
    assert (tmp_path / "out").is_symlink()


@pytest.mark.parametrize("length", [240, 255])
def test_names_may_be_as_long_as_the_file_system_takes(tmp_path, length):
    for _ in range(2):
        dsdm.materialize(TABLE, [0], tmp_path / ("n" * length), overwrite=True)
    assert [len(name) for name in names(tmp_path)] == [length]


WRITER = """
import sys, dsdm, pyarrow as pa
sys.stdin.readline()
try:
    dsdm.materialize(pa.table({"a": list(range(1000))}), range(1000), sys.argv[1])
except FileExistsError:
    sys.exit(17)
except OSError as error:
    sys.exit(error.errno)
"""


def test_of_four_that_write_at_once_one_does_and_nothing_else_is_left(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out")]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(4)]  # noqa: S603
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    codes = sorted(run.wait() for run in runs)
    for run in runs:
        run.stdin.close()
    assert codes[0] == 0
    assert set(codes[1:]) <= {16, 17}
    assert names(tmp_path) == ["out"]


FORKED = """
import os, sys, dsdm
def fork(done):
    if done and not os.fork():
        sys.stdin.readline()
        os._exit(0)
    if done:
        os._exit(3)
class Bar:
    __enter__ = lambda self: fork
    __exit__ = lambda *_: None
import dsdm.rows.materializing, pyarrow as pa
dsdm.rows.materializing.bar = lambda *_, **__: Bar()
dsdm.materialize(pa.table({"a": range(100000)}), range(100000), sys.argv[1], num_shards=2000, memory_limit=1)
"""


def test_a_process_that_ended_is_not_told_to_write(tmp_path):
    command = [sys.executable, "-c", FORKED, str(tmp_path / "out")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603
    assert parent.wait() == 3
    with pytest.raises(OSError, match=rf"process {parent.pid}, which wrote it .*: by a process that it forked"):
        dsdm.materialize(TABLE, [0], tmp_path / "out")
    parent.stdin.close()


def test_row_numbers_are_not_written_through_a_link_and_may_have_a_long_name(tmp_path, monkeypatch):
    (tmp_path / "bashrc").write_text("export A=1")
    out = tmp_path / f"{'n' * 251}.npy"
    out.symlink_to(tmp_path / "bashrc")
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    write_untold(out, np.arange(3))
    assert not out.is_symlink()
    assert np.load(out).tolist() == [0, 1, 2]
    (tmp_path / ".dsdm-guessed").symlink_to(tmp_path / "bashrc")
    with pytest.raises(FileExistsError):
        write_untold(tmp_path / "rows.npy", np.arange(3))
    assert (tmp_path / "bashrc").read_text() == "export A=1"


def test_the_list_of_shards_in_the_cache_is_not_written_through_a_link(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    place = Path(place_in_cache(["a.parquet"]))
    assert place.read_text() == "a.parquet\n"
    place.unlink()
    place.symlink_to(tmp_path / "not-there")
    assert place_in_cache(["a.parquet"]) == str(place)
    assert not (tmp_path / "not-there").exists()

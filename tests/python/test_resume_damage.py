"""Damage to what an interrupted run left: it is found, and what it belongs to is made again or refused."""

import errno
import json
import os
import shutil
import zlib

import numpy as np
import pytest

from dsdm import errors
from dsdm.checks import FORMATS
from tests.corpora import unfinished
from tests.corpora.unfinished import LONG, ROWS, SHARDS, SMALL, contents, leave, staging, write

pytestmark = pytest.mark.disk

source = pytest.fixture(unfinished.source, scope="module")
corpus = pytest.fixture(unfinished.corpus)


def test_a_torn_line_of_the_journal_is_ignored(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    journal = staging(out) / "journal"
    journal.write_bytes(journal.read_bytes()[:-9])
    assert write(corpus, out).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["cut", "gone", "wrong line"])
def test_a_shard_that_is_not_as_it_was_noted_is_made_again(corpus, tmp_path, damage):
    out = tmp_path / "out"
    leave(corpus, out)
    shard = sorted((staging(out) / "output").glob("*.arrow"))[1]
    journal = staging(out) / "journal"
    if damage == "cut":
        os.truncate(shard, shard.stat().st_size - 1)
    elif damage == "gone":
        shard.unlink()
    else:
        journal.write_bytes(journal.read_bytes().replace(b'"rows":500', b'"rows":501', 1))
    assert write(corpus, out).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


STRANGE = {
    "other rows": {"rows": 501},
    "a number that no shard has": {"shard": SHARDS},
    "the number of another shard": {"shard": 5},
    "no file": {"files": []},
    "a file elsewhere": {"files": [{"name": "../plan.json"}]},
}


@pytest.mark.parametrize("change", STRANGE)
@pytest.mark.parametrize("verify", [False, True])
def test_a_line_of_the_journal_that_no_run_writes_is_as_one_that_is_not_there(corpus, tmp_path, change, verify):
    out = tmp_path / "out"
    leave(corpus, out)
    journal = staging(out) / "journal"
    first, *others = journal.read_text().splitlines()
    entry = json.loads(first.partition(" ")[2])
    entry["done"] |= STRANGE[change]
    for file in entry["done"]["files"]:
        plan = (staging(out) / "plan.json").read_bytes()
        if file["name"] == "../plan.json":
            file |= {"bytes": len(plan), "crc32": f"{zlib.crc32(plan):08x}"}
    text = json.dumps(entry, separators=(",", ":"))
    journal.write_text("\n".join([f"{zlib.crc32(text.encode()):08x} {text}", *others, ""]))
    assert write(corpus, out, verify=verify).kept == SMALL - 1
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


CRAFTED = {
    "shard of another": {"shard": 3},
    "shard beyond": {"shard": 39},
    "shard beyond all": {"shard": 2**63},
    "no rows": {"rows": 0},
    "no files": {"files": []},
    "above": "../../foreign",
    "absolute": "/foreign",
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("change", CRAFTED.values(), ids=CRAFTED)
def test_a_line_that_the_plan_does_not_make_is_not_gone_by(corpus, tmp_path, form, change):
    out = tmp_path / "out"
    leave(corpus, out, format=form)
    journal = staging(out) / "journal"
    told = [json.loads(line.partition(" ")[2]) for line in journal.read_text().splitlines()]
    done = told[1]["done"]
    if isinstance(change, str):
        (file,) = done["files"][:1]
        foreign = tmp_path / "foreign"
        shutil.copy(staging(out) / "output" / file["name"], foreign)
        change = {"files": [{**file, "name": str(foreign) if change.startswith("/") else change}]}
    done.update(change)
    texts = [json.dumps(entry, separators=(",", ":")) for entry in told]
    journal.write_text("".join(f"{zlib.crc32(text.encode()):08x} {text}\n" for text in texts))
    assert write(corpus, out, format=form).kept == SMALL - 1
    write(corpus, tmp_path / "whole", format=form)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("form", FORMATS)
def test_a_flipped_byte_is_found_when_asked_and_its_shard_made_again(corpus, tmp_path, form):
    out = tmp_path / "out"
    leave(corpus, out, format=form)
    shard = max((staging(out) / "output").rglob("*-00001-of-00006.*"))
    flip(shard, shard.stat().st_size // 2)
    assert write(corpus, out, format=form, verify=True).kept == SMALL - 1
    write(corpus, tmp_path / "whole", format=form)
    assert contents(out) == contents(tmp_path / "whole")


def flip(path, at):
    """Put a file with another byte in the place of one, of another time: a clock may give both of them the same."""
    bytes_ = bytearray(path.read_bytes())
    bytes_[at] ^= 1
    changed = path.with_name(f"{path.name}.changed")
    changed.write_bytes(bytes_)
    os.utime(changed, ns=(1, 1))
    changed.replace(path)


def test_a_plan_that_cannot_be_read_is_started_over(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    (staging(out) / "plan.json").write_text("{")
    assert write(corpus, out).kept == 0


@pytest.mark.parametrize("name", ["plan.json", "journal"])
def test_a_plan_and_a_journal_have_a_size(corpus, tmp_path, name):
    """What is beyond it is told and stays; the plan goes where the call says that nothing of it is needed."""
    out = tmp_path / "out"
    leave(corpus, out)
    os.truncate(staging(out) / name, (64 << 20) + 1)
    before = sorted(path.name for path in staging(out).rglob("*"))
    for options in ({}, {"row_order": "shuffle"}):
        with pytest.raises(errors.FormatError, match=rf"{name}: it has 67108865 bytes, .* at most 67108864 are read"):
            write(corpus, out, **options)
    assert sorted(path.name for path in staging(out).rglob("*")) == before
    if name == "journal":
        # It tells whether an output is there, or what an output replaced, which nobody else knows.
        with pytest.raises(errors.FormatError, match="journal: it has 67108865 bytes"):
            write(corpus, out, resume=False)
        shutil.rmtree(staging(out))
    assert write(corpus, out, resume=False).kept == 0
    assert not staging(out).exists()


def test_the_folder_of_a_run_that_is_deleted_ends_it(corpus, tmp_path, monkeypatch):
    out = tmp_path / "out"

    class Bar:
        def __enter__(self):
            return self

        def __call__(self, _done):
            shutil.rmtree(staging(out), ignore_errors=True)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: Bar())
    rows = np.random.default_rng(3).integers(0, ROWS, 300_000)
    with pytest.raises(OSError, match=r"No such file") as caught:
        write(corpus, out, rows, num_shards=100, memory_limit=1)
    assert caught.value.errno == errno.ENOENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.parquet"]


def test_an_output_that_cannot_get_its_name_tells_where_it_lies(corpus, tmp_path, monkeypatch):
    """Another takes the name meanwhile, once rows are written: the bar moves a few times a second."""
    out = tmp_path / "out"

    class Bar:
        def __enter__(self):
            return self

        def __call__(self, done):
            if done:
                out.mkdir(exist_ok=True)

        def __exit__(self, *_):
            return None

    with monkeypatch.context() as patched:
        patched.setattr("dsdm.rows.materializing.bar", lambda *_, **__: Bar())
        with pytest.raises(FileExistsError, match="giving the finished output its name") as caught:
            write(corpus, out, LONG, format="parquet")
    kept = f"{SHARDS} shards are finished and kept in {staging(out)}; the same call continues from there"
    assert caught.value.__notes__ == [kept]
    out.rmdir()
    assert write(corpus, out, LONG, format="parquet").kept == SHARDS

"""Interrupted runs: continued by the same call to the same bytes, refused by another, and never half a dataset."""

import errno
import io
import json
import os
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.checks import FORMATS
from dsdm.rows import progress
from tests.corpora import unfinished
from tests.corpora.unfinished import (
    CHOSEN,
    LIMIT,
    ROWS,
    SHARDS,
    SMALL,
    child,
    contents,
    leave,
    lines,
    not_loadable,
    staging,
    write,
)

pytestmark = pytest.mark.disk

source = pytest.fixture(unfinished.source, scope="module")
corpus = pytest.fixture(unfinished.corpus)

# --- the same call goes on ---


@pytest.mark.parametrize("form", FORMATS)
def test_what_fails_keeps_its_finished_shards_and_says_so(corpus, tmp_path, form):
    write(corpus, tmp_path / "whole", format=form)
    out = tmp_path / "out"
    number, path, message, notes = leave(corpus, out, format=form)
    assert number == errno.EFBIG
    assert path.startswith(str(staging(out)))
    assert "writing" in message
    assert notes == [f"3 shards are finished and kept in {staging(out)}; the same call continues from there"]
    not_loadable(staging(out))
    inodes = {file.name: file.stat().st_ino for file in staging(out).rglob("*00*.*")}
    report = write(corpus, out, format=form, threads=2, memory_limit="1GB")
    assert (report.kept, report.shards, report.rows) == (SMALL, SHARDS, len(CHOSEN))
    assert "6 shards (3 of them kept from an interrupted run)" in str(report)
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()
    # They are the files that were there.
    kept = {file.name for file in out.rglob("*00*.*") if inodes.get(file.name) == file.stat().st_ino}
    assert len([name for name in kept if not name.endswith((".offsets.npy", ".index", ".idx"))]) == SMALL


@pytest.mark.parametrize("form", FORMATS)
def test_killed_again_and_again_a_run_ends_with_the_same_bytes(source, tmp_path, form):
    options = {"format": form, "num_shards": 24, "memory_limit": 1}
    write(source, tmp_path / "whole", **options)
    out = tmp_path / "out"
    kills = 0
    for finished in (0, 1, 3, 6, 10, 15, 20):
        process = child(source, out, **options)
        deadline = time.monotonic() + 60
        while process.poll() is None and lines(out) <= finished and time.monotonic() < deadline:
            time.sleep(0.0002)
        process.kill()
        process.communicate()
        if out.exists():
            break
        kills += 1
        not_loadable(staging(out))
    if not out.exists():
        assert write(source, out, **options).kept > 0
    assert kills > 0
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()


def test_an_overwrite_goes_on_and_leaves_what_was_there_until_its_end(corpus, tmp_path):
    out = tmp_path / "out"
    write(corpus, out, [1, 2, 3], num_shards=1)
    before = contents(out)
    leave(corpus, out, overwrite=True)
    assert contents(out) == before
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(corpus, out)
    assert write(corpus, out, overwrite=True).kept == SMALL
    write(corpus, tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")
    assert not staging(out).exists()


# --- another call does not ---


def changed_source(corpus, out):
    os.utime(corpus, ns=(0, 123_456_789))
    write(corpus, out)


def replaced_source(corpus, out):
    state = corpus.stat()
    corpus.rename(corpus.with_name("old"))
    corpus.write_bytes(corpus.with_name("old").read_bytes())
    os.utime(corpus, ns=(state.st_atime_ns, state.st_mtime_ns))
    write(corpus, out)


def longer_source(corpus, out):
    pq.write_table(pa.concat_tables([pq.read_table(corpus)] * 2), corpus)
    write(corpus, out)


DIFFERENT = {
    "source": (changed_source, r"sources\[0\] \(.*corpus.parquet\), modified_ns: .* had \d+, and .* has 123456789;"),
    "replaced": (replaced_source, r"sources\[0\] \(.*corpus.parquet\), inode: .* had \d+, and this call has \d+;"),
    "longer": (longer_source, r"sources\[0\] \(.*corpus.parquet\), bytes: .* had \d+, and this call has \d+;"),
    "rows": (
        lambda corpus, out: write(corpus, out, CHOSEN[::-1]),
        r"rows: the interrupted run .* had other rows than this call, or the same in another order;",
    ),
    "fewer rows": (lambda corpus, out: write(corpus, out, CHOSEN[:9]), r"rows: .* had 3000, and this call has 9;"),
    "format": (lambda corpus, out: write(corpus, out, format="tokens"), r'format: .* had "arrow", and .* has "tokens"'),
    "layout": (lambda corpus, out: write(corpus, out, format="bin"), r'format: .* had "arrow", and .* has "bin"'),
    "shards": (lambda corpus, out: write(corpus, out, num_shards=4), r"shards: .* had 6 of 3000 .* has 4 of 3000 rows"),
    "order": (
        lambda corpus, out: write(corpus, out, row_order="row"),
        r'order: .* had "given", and this call has "row"',
    ),
    "row ids": (lambda corpus, out: write(corpus, out, row_ids="id"), r"number of columns: .* had 1, and .* has 2"),
    "scores": (
        lambda corpus, out: write(corpus, out, scores=np.ones(ROWS)),
        r"number of columns: .* had 1, and this call has 2",
    ),
    "schema": (
        lambda corpus, out: write(corpus, out, schema="union"),
        r'schema: .* had nothing, and this call has "union"',
    ),
}


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_old_dataset_that_was_put_aside_when_a_run_was_killed_goes_back(corpus, tmp_path, overwrite):
    """Where names cannot be exchanged, there is a moment in which neither has the name."""
    out = tmp_path / "out"
    write(corpus, out, CHOSEN[:10])
    old = contents(out)
    staging(out).mkdir()
    (staging(out) / "made-by-dsdm").touch()
    out.rename(staging(out) / "replaced")
    if overwrite:
        assert write(corpus, out, overwrite=True).rows == len(CHOSEN)
        assert dsdm.verify(out).rows == len(CHOSEN)
    else:
        with pytest.raises(FileExistsError, match="making the output directory, which is there already"):
            write(corpus, out)
        assert contents(out) == old
    assert not staging(out).exists()


def test_an_old_dataset_that_was_put_aside_is_not_lost_to_another(corpus, tmp_path):
    out = tmp_path / "out"
    write(corpus, out, CHOSEN[:10])
    old = contents(out)
    write(corpus, tmp_path / "mine", CHOSEN[:5], num_shards=5)
    mine = contents(tmp_path / "mine")
    staging(out).mkdir()
    (staging(out) / "made-by-dsdm").touch()
    out.rename(staging(out) / "replaced")
    (tmp_path / "mine").rename(out)
    with pytest.raises(ValueError, match=r"put the dataset that was here aside, in .*replaced, and another is here"):
        write(corpus, out, overwrite=True)
    assert contents(staging(out) / "replaced") == old
    assert contents(out) == mine


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_call_is_told_what_differs_and_can_start_over(corpus, tmp_path, what):
    call, message = DIFFERENT[what]
    out = tmp_path / "out"
    leave(corpus, out)
    before = contents(staging(out))
    with pytest.raises(errors.ResumeMismatchError, match=message) as caught:
        call(corpus, out)
    assert str(caught.value).startswith(str(staging(out)))
    assert "3 of its 6 shards are finished" in str(caught.value)
    assert "resume=False to remove it and start over" in str(caught.value)
    after = contents(staging(out))
    assert after | {"pid": b""} == before | {"pid": b""}
    report = write(corpus, out, [5, 3], num_shards=1, resume=False)
    assert (report.kept, report.rows) == (0, 2)
    assert not staging(out).exists()


def test_the_same_scores_go_on_and_others_do_not(corpus, tmp_path):
    out = tmp_path / "out"
    # The scores come from a file, as the child must have the same.
    scores = np.random.default_rng(2).normal(size=ROWS).astype(np.float32)
    leave(corpus, out, row_ids="id")
    left = json.loads((staging(out) / "plan.json").read_text())["fields"]["added columns"]
    assert list(left) == ["id"]
    with pytest.raises(errors.ResumeMismatchError, match="columns"):
        write(corpus, out, scores={"id": scores})
    assert write(corpus, out, row_ids="id").kept == SMALL


def test_a_table_in_memory_is_never_continued(corpus, tmp_path):
    out = tmp_path / "out"
    leave(corpus, out)
    table = pq.read_table(corpus)
    with pytest.raises(errors.ResumeMismatchError, match="number of sources"):
        write(table, out)
    assert write(table, out, resume=False).kept == 0


def test_what_has_no_finished_shard_is_no_hindrance(corpus, tmp_path):
    out = tmp_path / "out"
    told, _ = child(corpus, out, limit=LIMIT, rows=CHOSEN[2000:]).communicate()
    assert told == ""  # an exception without a note is not what the child prints
    assert not staging(out).exists()
    process = child(corpus, out, memory_limit=1, num_shards=1)
    while not (staging(out) / "plan.json").exists() and process.poll() is None:
        time.sleep(0.0002)
    process.kill()
    process.communicate()
    assert write(corpus, out, [1], num_shards=1, overwrite=True).rows == 1
    assert not staging(out).exists()


# --- the command ---


def test_the_command_goes_on_too(run, corpus, tmp_path):
    out = tmp_path / "out"
    np.save(tmp_path / "rows.npy", CHOSEN)
    leave(corpus, out)
    options = ["--indices", "rows.npy", "--num-shards", SHARDS]
    code, _, wrong = run("materialize", corpus, "out", "--indices", "rows.npy", "--num-shards", 5)
    assert code == 1
    assert "shards: " in wrong
    assert "--no-resume" in wrong
    code, told, _ = run("materialize", corpus, "out", *options, "--verify")
    assert code == 0
    assert "(3 of them kept from an interrupted run)" in told
    code, told, _ = run("materialize", corpus, "out", *options, "--overwrite", "--no-resume")
    assert (code, "kept" in told) == (0, False)


def test_an_interrupt_of_the_command_says_how_to_go_on(run, corpus, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        error = KeyboardInterrupt()
        error.add_note("2 shards are finished")
        raise error

    monkeypatch.setattr("dsdm.materialize", interrupted)
    np.save(tmp_path / "rows.npy", CHOSEN)
    code, _, wrong = run("materialize", corpus, "out", "--indices", "rows.npy")
    assert (code, wrong.splitlines()[1:]) == (130, ["dsdm: 2 shards are finished", "dsdm: interrupted"])


def test_a_bar_counts_what_was_kept_and_not_as_speed(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    now = iter([10.0, 10.0, 12.0])
    monkeypatch.setattr("dsdm.rows.progress.time.perf_counter", lambda: next(now))
    with progress.bar(1000, 1_000_000, shown=True) as bar:
        bar(2 * 400)
        assert (bar._bar.n, bar._bar.initial) == (400, 400)
        bar(2 * 500)
        assert bar._bar.n == 500
        assert "50.0 MB/s" in str(bar._bar)
    assert "1.00k/1.00k" in shown.getvalue()

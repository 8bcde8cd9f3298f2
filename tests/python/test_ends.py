"""How a command ends that is interrupted, by Ctrl-C or SIGTERM, and what is said on the way."""

import gzip
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import types
from contextlib import nullcontext

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.rows import progress

pytestmark = pytest.mark.disk

ROWS = 8_000
COMMAND = ("materialize", "c.parquet", "out", "-i", "rows.npy", "--memory-limit", "1", "--num-shards")


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"n": np.arange(ROWS)}), "c.parquet")
    np.save("rows.npy", np.arange(ROWS)[::-1])


def ending(monkeypatch, at, number):
    """Have the process get a signal as soon as so many rows are written."""

    def told(done):
        if done // 2 >= at:
            os.kill(os.getpid(), number)

    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: nullcontext(told))


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize(
    ("number", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "ended by SIGTERM")]
)
def test_a_signal_ends_the_command_and_what_is_kept_is_said(run, monkeypatch, number, code, word):
    with monkeypatch.context() as patch:
        ending(patch, 1, getattr(signal, number))
        # A run is asked how far it is every 50 ms: a fast disk has few shards written before, or all of them.
        for shards in (40, 400, ROWS):
            found, said, errors = run(*COMMAND, shards)
            if not os.path.lexists("out"):
                break
            shutil.rmtree("out")
    *_, kept, last = errors.splitlines()
    assert (found, said, last) == (code, "", f"dsdm: {word}")
    assert "finished and kept in" in kept or "no shard is finished, and nothing is kept" in kept
    assert not os.path.lexists("out")
    # Whoever runs the command has the handler that was there.
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert run(*COMMAND, shards)[0] == 0
    assert dsdm.open_shards("out")[:]["n"] == list(range(ROWS))[::-1]


@pytest.mark.usefixtures("corpus")
def test_an_interrupt_says_what_an_earlier_run_left(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for left, note in ((None, "no shard is finished, and nothing is kept"), ({}, "what an earlier run left is kept")):
        with monkeypatch.context() as patch:
            patch.setattr("dsdm.rows.told.kept.unfinished", lambda _, left=left: left)
            patch.setattr("dsdm.rows.materializing.open_request", interrupted)
            with pytest.raises(KeyboardInterrupt) as ended:
                dsdm.materialize("c.parquet", [0], "out")
        assert [one.startswith(note) for one in ended.value.__notes__] == [True]
        # Why nothing is.
        assert [" are filled together and finished near the end; " in one for one in ended.value.__notes__] == [
            left is None
        ]


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("earlier", [False, True])
def test_an_interrupt_behind_the_last_step_says_that_all_is_there(run, monkeypatch, earlier):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    if earlier:
        dsdm.materialize("c.parquet", [1], "out")
    with monkeypatch.context() as patch:
        patch.setattr("dsdm.rows.materializing._log", interrupted)
        found, said, errors = run("materialize", "c.parquet", "out", "-i", "rows.npy", *["--overwrite"] * earlier)
    assert (found, said) == (130, "")
    kept, last = errors.splitlines()[-2:]
    assert last == "dsdm: interrupted"
    assert kept.endswith("all rows are written, and out is whole")
    assert dsdm.verify("out").rows == ROWS


@pytest.mark.usefixtures("corpus")
def test_an_interrupt_before_rows_are_written_says_so_too(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    np.save("s.npy", np.arange(ROWS))
    monkeypatch.setattr("dsdm.choose", interrupted)
    code, _, errors = run("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3)
    assert code == 130
    assert errors.splitlines() == [
        "dsdm: rows were being chosen, and nothing is kept; the same call begins anew",
        "dsdm: interrupted",
    ]


WAITING = """
import signal, sys, time
{before}
import dsdm, dsdm.cli
def wait(*_, **__):
    print("ready", flush=True)
    time.sleep(60)
dsdm.verify = wait
sys.argv = ["dsdm", "verify", "."]
dsdm.cli.main()
"""


@pytest.mark.parametrize(
    ("before", "code", "said"),
    [
        ("", 143, "dsdm: ended by SIGTERM\n"),
        ("def end(*_): sys.exit(7)\nsignal.signal(signal.SIGTERM, end)", 7, ""),
    ],
)
def test_a_process_ends_by_sigterm_as_shells_expect(before, code, said):
    command = [sys.executable, "-c", WAITING.format(before=before)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, said)


def test_the_log_has_a_line_every_ten_seconds(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr("dsdm.rows.progress.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: False, closed=False))
    with caplog.at_level(logging.INFO, "dsdm"), progress.bar(1000, 1_000_000, shown=None) as told:
        for second in range(36):
            now[0] = 100.0 + second
            # 200 rows were kept of an earlier run; 10 a second are written.
            told(2 * (200 + 10 * second))
    assert caplog.messages == [
        "300 of 1,000 rows, 10.0 MB/s, about 70 s left",
        "400 of 1,000 rows, 10.0 MB/s, about 60 s left",
        "500 of 1,000 rows, 10.0 MB/s, about 50 s left",
    ]
    for shown, level in ((False, logging.INFO), (None, logging.WARNING)):
        with caplog.at_level(level, "dsdm"), progress.bar(1000, 1, shown=shown) as told:
            assert told is None


@pytest.fixture(params=["gz", "zst"])
def endless(request, tmp_path):
    """A small file of JSON lines that takes hours to unpack."""
    lines = b'{"text": "again"}\n' * (1 << 20)
    packed = gzip.compress(lines, 9) if request.param == "gz" else pa.Codec("zstd").compress(lines, asbytes=True)
    path = tmp_path / f"endless.jsonl.{request.param}"
    path.write_bytes(packed * ((64 << 20) // len(packed)))
    return path


def test_a_look_at_json_lines_is_told_of_and_ends_at_once(endless, monkeypatch):
    seen = []

    def told(done):
        seen.append(done)
        if done > 1 << 20:
            os.kill(os.getpid(), signal.SIGINT)

    def opening(*, shown):
        asked.append(shown)
        return nullcontext(told)

    asked = []
    monkeypatch.setattr("dsdm.rows.sources.opening", opening)
    for call in (
        lambda: dsdm.open_shards(endless),
        lambda: dsdm.materialize(endless, [0], endless.parent / "out", progress=False),
    ):
        seen.clear()
        with pytest.raises(KeyboardInterrupt):
            call()
        assert seen == sorted(seen)
        # It was called no more once the process had the signal.
        assert sum(done > 1 << 20 for done in seen) == 1
    assert asked == [None, False]


def test_the_log_has_a_line_of_json_lines_every_ten_seconds(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr("dsdm.rows.progress.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: False, closed=False))
    with caplog.at_level(logging.INFO, "dsdm"), progress.opening(shown=None) as told:
        for second in range(26):
            now[0] = 100.0 + second
            told(second * 5_000_000)
    assert caplog.messages == [
        "50.0 MB of JSON lines were looked at, 5.0 MB/s",
        "100.0 MB of JSON lines were looked at, 5.0 MB/s",
    ]
    for shown, level in ((False, logging.INFO), (None, logging.WARNING)):
        with caplog.at_level(level, "dsdm"), progress.opening(shown=shown) as told:
            assert told is None


def test_a_terminal_has_a_count_of_the_bytes_of_json_lines(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", shown)
    with progress.opening(shown=None) as told:
        told._bar.start_t -= 2
        told(3_000_000)
    assert "JSON lines: 3.00MB" in shown.getvalue()


@pytest.mark.parametrize(
    ("config", "is_shown"), [({"IPKernelApp": {}}, True), ({"TerminalIPythonApp": {}}, False), (None, False)]
)
def test_a_notebook_has_a_bar(monkeypatch, config, is_shown):
    shell = None if config is None else types.SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress, "_Bar", lambda *_: nullcontext("a bar"))
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: False, closed=False))
    with progress.bar(10, 1, shown=None) as told:
        assert told == ("a bar" if is_shown else None)
    with progress.bar(10, 1, shown=False) as told:
        assert told is None

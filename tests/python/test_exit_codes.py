"""What the command ends with, as the guide and `dsdm --help` say it."""

import os
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.disk

COMMANDS = ("demo", "fetch", "scores", "indices", "materialize", "verify")


@pytest.fixture(autouse=True)
def _files(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(10.0))
    pq.write_table(pa.table({"n": np.arange(10)}), tmp_path / "c.parquet")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["indices", "s.npy", "-o", "o.npy", "-k", 3, "-k", 3], "-k"),
        (["indices", "s.npy", "-o", "o.npy", "-k", 3, "--count", 4], "--count"),
        (["indices", "s.npy", "-o", "o.npy", "--min-score", 3, "--min-score=2"], "--min-score"),
        (["materialize", "c.parquet", "o", "--by", "s.npy", "-k", 1, "--exclude", "a", "--exclude", "b"], "--exclude"),
        (["materialize", "c.parquet", "o", "--by", "s.npy", "-k", 1, "--only", "a", "--only", "b"], "--only"),
        (["bench", "rules", "--rows", 2_000, "--rows", 3_000], "--rows"),
    ],
)
def test_of_two_values_none_is_guessed(run, tmp_path, arguments, named):
    code, _, errors = run(*arguments)
    said = " ".join(errors.split())
    assert code == 2
    assert re.search(rf"{named}\b.* is given more than once; give it once", said)
    assert ("union" in said) == (named in ("--exclude", "--only"))
    assert not (tmp_path / "o.npy").exists()


def test_what_may_be_said_twice_may_be(run):
    code, said, _ = run("scores", "s.npy", "--json", "--json")
    assert (code, said[0]) == (0, "{")
    code, _, errors = run("materialize", "c.parquet", "o", "--by", "s.npy", "--by", "s.npy", "-k", 3)
    assert (code, "scores of 20 rows" in errors or "20" in errors) == (1, True)
    code, _, errors = run("indices", "s.npy", "-o", "o.npy", "--tokens", "2.5", "--row-tokens", 1)
    assert (code, "--tokens is '2.5', which is no whole number" in " ".join(errors.split())) == (2, True)


def test_they_are_told_in_both_places(run):
    code, said, _ = run("--help")
    guide = (ROOT / "docs" / "guide" / "command-line.md").read_text("utf-8")
    assert code == 0
    for text in (
        "0 done",
        "1 an error of files, data or the machine",
        "2 wrong usage",
        "130 interrupted by Ctrl-C, 143 by SIGTERM",
    ):
        assert text in " ".join(said.split())
    assert "3 damage that verify found" in " ".join(said.split())
    told = dict(re.findall(r"^\| (\d+) \| (.*) \|$", guide, re.MULTILINE))
    assert list(told) == ["0", "1", "2", "3", "130", "143", "141"]
    assert told["1"].startswith("an error of files, data or the machine")
    assert (told["3"], told["130"]) == ("`verify` found damage", "Ctrl-C interrupted it")


def test_0_where_all_was_done(run):
    for command in COMMANDS:
        assert run(command, "--help")[0] == 0
    assert run("--version")[0] == 0
    assert run("scores", "s.npy")[0] == 0
    assert run("indices", "s.npy", "-k", 3, "-o", "rows.npy")[0] == 0
    assert run("materialize", "c.parquet", "out", "-i", "rows.npy", "--dry-run")[0] == 0
    assert run("materialize", "c.parquet", "out", "-i", "rows.npy")[0] == 0
    assert run("verify", "out")[0] == 0


def test_1_for_an_error_which_is_one_line(run):
    for arguments in (
        ("demo", "taken"),
        ("scores", "none.npy"),
        ("indices", "s.npy", "-k", 11, "-o", "rows.npy"),
        ("indices", "none.npy", "-k", 1, "-o", "rows.npy"),
        ("materialize", "c.parquet", "taken", "-i", "s.npy"),
        ("verify", "taken"),
    ):
        code, said, errors = run(*arguments)
        assert (code, said) == (1, ""), arguments
        assert errors.startswith("dsdm: ")
        assert errors.count("\n") == 1


def test_2_for_wrong_usage(run):
    for arguments in (
        (),
        ("nothing",),
        ("--nothing",),
        ("scores",),
        ("demo", "--rows", 1),
        ("fetch", "--nothing"),
        ("indices", "s.npy", "-k", "many", "-o", "rows.npy"),
        ("indices", "s.npy", "-o", "rows.npy"),
        ("materialize", "c.parquet", "out"),
        ("verify",),
        # Values of options that are wrong in themselves.
        ("fetch", "dsdm/squda.pt"),
        ("indices", "dsdm", "-k", 5, "-o", "rows.npy"),
        ("indices", "dsdm", "-k", 5, "-t", "squd", "-o", "rows.npy"),
        ("indices", "random", "-k", 5, "-t", "squad", "-o", "rows.npy"),
        ("indices", "s.npy", "-k", -1, "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--threads", 0, "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--rows", -3, "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--gumbel", "--seed", -1, "-o", "rows.npy"),
        ("indices", "s.npy", "-k", 3, "--gumbel", "--temperature", 0, "-o", "rows.npy"),
        ("verify", "taken", "--threads", 0),
        *[
            ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3, *options)
            for options in (
                ("--threads", 0),
                ("--memory-limit", "10QB"),
                ("--max-shard-size", "much"),
                ("--num-shards", 0),
                ("--num-shards", 2, "--max-shard-size", "1MB"),
                ("--shuffle-seed", 3),
                ("--shuffle-seed", -3, "--row-order", "shuffle"),
                ("--verify", "--no-resume"),
            )
        ],
    ):
        code, out, errors = run(*arguments)
        assert (code, out) == (2, ""), (arguments, errors)
        assert not re.search(r"\b(threads|num_shards|memory_limit|seed|target)=", errors), errors


def test_3_where_verify_finds_damage(run, tmp_path):
    def flipped(path):
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 1
        path.write_bytes(whole)

    changes = {
        "flipped": lambda out: flipped(next(out.rglob("*.arrow"))),
        "cut": lambda out: os.truncate(next(out.rglob("*.arrow")), 20),
        "missing": lambda out: next(out.rglob("*.arrow")).unlink(),
        "manifest": lambda out: flipped(out / "dsdm.json"),
        "state": lambda out: (out / "state.json").unlink(),
        "stray": lambda out: (out / "data-1.arrow").write_bytes(b"ARROW1"),
        "source": lambda _: flipped(tmp_path / "c.parquet"),
    }
    for name, change in changes.items():
        assert run("materialize", "c.parquet", name, "--by", "s.npy", "-k", 3)[0] == 0
        assert run("verify", name)[0] == 0
        change(tmp_path / name)
        code, said, errors = run("verify", name)
        assert (code, said, errors.count("\n")) == (3, "", 1), name
    # No directory of dsdm is damaged by that.
    for name in ("taken", "gone", "s.npy"):
        assert run("verify", name)[0] == 1


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        ("dsdm.demo.run", ("demo",)),
        ("dsdm.reference.fetch.fetch", ("fetch",)),
        ("dsdm.scores.open_leniently", ("scores", "s.npy")),
        ("dsdm.choose", ("indices", "s.npy", "-k", 3, "-o", "rows.npy")),
        ("dsdm.materialize", ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3)),
        ("dsdm.open_shards", ("materialize", "c.parquet", "out", "--by", "s.npy", "-k", 3)),
        ("dsdm.verify", ("verify", "out")),
    ],
)
def test_130_where_it_was_interrupted(run_entry, monkeypatch, where, arguments):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    assert run_entry(*arguments) == 130


@pytest.fixture
def run_entry(tmp_path, monkeypatch):
    """Run what the script `dsdm` runs, and give the exit code."""
    from dsdm.__main__ import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["dsdm", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    return call


def apart(cwd, *arguments, **streams):
    """Run the command in a process of its own: its exit code, and what it said on stderr."""
    command = [sys.executable, "-m", "dsdm", *arguments]
    ran = subprocess.run(command, cwd=cwd, stderr=subprocess.PIPE, text=True, check=False, **streams)  # noqa: S603
    return ran.returncode, ran.stderr


def test_141_where_nobody_reads(tmp_path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as unread:
        assert apart(tmp_path, "scores", "s.npy", stdout=unread) == (141, "")


def test_a_full_stdout_is_called_so(tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        code, errors = apart(tmp_path, "scores", "s.npy", stdout=full)
    assert (code, errors) == (1, "dsdm: standard output: No space left on device\n")


def test_rows_are_said_to_be_selected_once_their_file_is_written(tmp_path):
    (tmp_path / "readonly").mkdir()
    (tmp_path / "readonly" / "rows.npy").mkdir()
    code, errors = apart(tmp_path, "indices", "s.npy", "-k", "3", "-o", "readonly/rows.npy", "--overwrite")
    assert code == 1
    assert "selected" not in errors
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        command = [sys.executable, "-m", "dsdm", "indices", "s.npy", "-k", "3", "-o", "rows.npy"]
        subprocess.run(command, cwd=tmp_path, stderr=full, check=False)  # noqa: S603
    assert np.load(tmp_path / "rows.npy").tolist() == [9, 8, 7]


def test_closed_streams_are_no_error(tmp_path):
    command = 'exec "$0" -m dsdm "$@" >&- 2>&-'
    for arguments in (["scores", "s.npy"], ["indices", "s.npy", "-k", "3", "-o", "rows.npy"]):
        ran = subprocess.run(["sh", "-c", command, sys.executable, *arguments], cwd=tmp_path, check=False)  # noqa: S603, S607
        assert ran.returncode == 0, arguments
    assert np.load(tmp_path / "rows.npy").tolist() == [9, 8, 7]


def test_completion_is_that_of_the_shell_that_is_named(tmp_path):
    shown = {}
    for shell in ("bash", "zsh", "fish", "powershell"):
        for arguments in (["--show-completion", shell], [f"--show-completion={shell}"]):
            command = [sys.executable, "-m", "dsdm", *arguments]
            ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603
            shown.setdefault(shell, set()).add(ran.stdout)
    marks = {"bash": "COMPREPLY=", "zsh": "#compdef", "fish": "complete --command", "powershell": "Register-Argument"}
    assert all(len(texts) == 1 for texts in shown.values())
    for shell, (text,) in shown.items():
        assert [name for name, mark in marks.items() if mark in text] == [shell]
    assert apart(tmp_path, "--show-completion", "tcsh")[0] == 2

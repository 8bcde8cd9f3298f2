"""What `make` says of steps that take long."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "progress.py"
CARGO = """   Compiling one v1.0.0
       Dirty two v1.0.0: new
   Compiling two v1.0.0
     Running `rustc two`
       Fresh three v1.0.0
"""
WAITS = """
import pathlib, sys, time
print("its own", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
"""
FAILS = f"""
import sys
print({CARGO!r} + "error: it is wrong\\n  at 1:1", flush=True)
print("why", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def progressed(*arguments, **options):
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # noqa: S603


def test_crates_are_counted_when_cargo_tells_of_them(tool):
    said = tool["Said"]("compiling", lambda: 7)
    assert said.progress(9.9) == "compiling: 10 s"
    said.take(["    Updating crates.io index\n", "\n"])
    assert said.progress(20) == "compiling: 20 s"
    said.take(CARGO.splitlines(keepends=True))
    assert said.progress(80) == "compiling: 3 of 7 crates begun, three the latest, 1 min 20 s"
    said.take(["     Running `CARGO=x rustc --crate-name build_script_build build.rs`\n"])
    assert ", three the latest, " in said.progress(80)
    said.take(["     Running `CARGO=x rustc --crate-name one --edition=2024`\n"])
    assert ", one the latest, " in said.progress(80)
    said = tool["Said"]("compiling", lambda: None)
    said.take(line.replace("Compiling", "\x1b[1m\x1b[92mCompiling\x1b[0m") for line in CARGO.splitlines(keepends=True))
    assert said.progress(80) == "compiling: 3 crates begun, three the latest, 1 min 20 s"


def test_crates_are_those_that_cargo_knows_of_for_the_library(tool, monkeypatch):
    monkeypatch.chdir(ROOT)
    locked = len(re.findall(r"^\[\[package\]\]$", (ROOT / "Cargo.lock").read_text(), re.MULTILINE))
    assert 1 < tool["crates"]("") < tool["crates"]("python") < locked  # what tests and other systems need is not built
    assert tool["crates"]("no-such-feature") is None


def test_a_command_that_takes_long_is_told_of_while_it_runs(tmp_path):
    go = tmp_path / "go"
    command = [sys.executable, TOOL, "waiting", "--every", "0.05", "--", sys.executable, "-c", WAITS, go]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603
        assert re.fullmatch(r"waiting: \d+ s\n", running.stdout.readline())
        go.touch()  # until then it runs, so that the line was no last one
        rest, errors = running.communicate()
    assert (running.returncode, errors) == (0, "")
    assert all(line.startswith("waiting: ") for line in rest.splitlines())


def test_a_command_that_is_done_at_once_says_nothing():
    done = progressed("brief", "--", sys.executable, "-c", "print('its own')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_a_command_that_fails_said_is_printed_but_for_the_crates():
    done = progressed("compiling", "--", sys.executable, "-c", FAILS)
    assert (done.returncode, done.stdout) == (3, "")
    lines = done.stderr.splitlines()
    assert lines == ["error: it is wrong", "  at 1:1", "why", f"compiling: {sys.executable} ended with 3"]


def test_a_command_that_is_not_there_is_told():
    done = progressed("brief", "--", "no-such-command")
    assert done.returncode != 0
    assert "no-such-command" in done.stderr.splitlines()[-1]

"""What the environment sets, and Ctrl-C before the command has begun."""

import os
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

INTERRUPTED = """
import runpy, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
runpy.run_module("dsdm", run_name="__main__")
"""


@pytest.mark.parametrize("value", ["0", "false", "no", "off", "", "2", "FALSE"])
def test_debug_is_off_unless_it_says_yes(run, monkeypatch, value):
    monkeypatch.setenv("DSDM_DEBUG", value)
    code, _, errors = run("scores", "none.npy")
    assert (code, errors.startswith("dsdm: none.npy")) == (1, True), errors


@pytest.mark.parametrize("value", ["1", "true", "YES"])
def test_debug_is_on_where_it_does(value, tmp_path):
    command = [sys.executable, "-m", "dsdm", "scores", "none.npy"]
    done = subprocess.run(  # noqa: S603
        command, env={"DSDM_DEBUG": value}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("value", ["0", "many", "1.5", "-1", b"\xff"])
def test_a_number_of_threads_that_is_none_is_named(tmp_path, value):
    np.save(tmp_path / "s.npy", np.zeros(9))
    command = [sys.executable, "-m", "dsdm", "indices", "s.npy", "-k", "1", "-o", "rows.npy"]
    done = subprocess.run(  # noqa: S603
        command, env={"DSDM_NUM_THREADS": value}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dsdm: DSDM_NUM_THREADS is")


@pytest.mark.parametrize("module", ["typer", "dsdm.cli", "dsdm.cli.commands", "dsdm.cli.bench"])
def test_ctrl_c_while_the_command_is_imported_ends_it_as_later(module):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (130, "")


def test_the_command_is_what_catches_it():
    (command,) = entry_points(group="console_scripts", name="dsdm")
    assert command.value == "dsdm.__main__:main"
    assert command.load().__module__ == "dsdm.__main__"
    assert dsdm.__version__


def test_a_process_without_an_stderr_writes_all_the_same(tmp_path):
    """As a daemon has it, or a shell that was told `2>&-`."""
    code = (
        "import sys, pyarrow, dsdm\n"
        "for name, stream in (('none', None), ('closed', open('/dev/null')), ('other', object())):\n"
        "    if name == 'closed': stream.close()\n"
        "    sys.stderr = stream\n"
        "    for progress in (None, True):\n"
        "        dsdm.materialize(pyarrow.table({'n': [1, 2]}), [0], f'{name}-{progress}', progress=progress)\n"
        "sys.stderr = None\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)  # noqa: S603
    assert ran.returncode == 0
    assert len(list(tmp_path.iterdir())) == 6


def test_row_numbers_are_read_from_no_pipe_and_written_over_no_link(tmp_path):
    os.mkfifo(tmp_path / "p.npy")
    (tmp_path / "link.npy").symlink_to("nowhere.npy")
    pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.arange(3.0))

    def run(*command):
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dsdm", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return ran.returncode, ran.stderr

    for command in (
        ("materialize", "c.parquet", "out", "--indices", "p.npy"),
        ("indices", "s.npy", "-k", "1", "-o", "x.npy", "--exclude", "p.npy"),
    ):
        code, said = run(*command)
        assert code == 1
        assert "this is no file" in said
    assert run("indices", "s.npy", "-k", "1", "-o", "link.npy")[0] == 1
    assert run("indices", "s.npy", "-k", "1", "-o", "p.npy", "--overwrite")[0] == 1
    assert (tmp_path / "link.npy").is_symlink()
    assert (tmp_path / "p.npy").is_fifo()

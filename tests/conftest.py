"""What tests share: the reference's data folder in small, the folder that `dsdm demo` makes, and the command."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures"

# A shell has what it starts in the background ignore Ctrl-C, which tests send to themselves and to their processes.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nothing_of_the_user(monkeypatch, tmp_path_factory):
    """Tests see neither the user's data folder nor the caches of others."""
    monkeypatch.delenv("DSDM_DATA_DIR", raising=False)
    monkeypatch.delenv("DSDM_DATA_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def upstream_mini():
    """The reference's data folder with 5,003 rows."""
    return FIXTURES / "upstream-mini" / "data"


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A folder in which `dsdm demo` was run, with everything that it makes in `demo/`."""
    from dsdm.demo import run

    folder = tmp_path_factory.mktemp("work")
    run(folder / "demo", 400)
    return folder


@pytest.fixture(scope="session")
def bench_corpus(tmp_path_factory):
    """A folder in which `dsdm bench gather` has made its corpus of 403 rows."""
    from dsdm_bench.gather.corpus.files import Corpus

    folder = tmp_path_factory.mktemp("corpus")
    Corpus(folder, 403, 2).files("arrow")
    return folder


@pytest.fixture(scope="session")
def memory_folder():
    """A folder in memory, where there is room: for many small files that wait for no disk then."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own in there
    there = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 1 << 29
    with tempfile.TemporaryDirectory(prefix="dsdm-", dir=shared if there else None) as folder:
        yield Path(folder)


@pytest.fixture
def memory_path(memory_folder):
    """A folder of a test's own in `memory_folder`."""
    folder = Path(tempfile.mkdtemp(dir=memory_folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def format_runs(memory_folder):
    """A folder in which dsdm was run over formats and options, by `tests.formats.runs`."""
    folder = memory_folder / "formats"
    folder.mkdir()
    command = [sys.executable, "-W", "ignore", "-m", "tests.formats.runs", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run the command in the test's folder, and give exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DSDM_DEBUG", raising=False)

    def call(*arguments):
        capfd.readouterr()
        from dsdm.cli import main

        monkeypatch.setattr(sys, "argv", ["dsdm", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return code if isinstance(code, int) else int(code is not None), *capfd.readouterr()

    return call

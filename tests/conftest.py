"""What tests share: the reference's data folder in small, the folder that `dsdm demo` makes, and the command."""

import os
import re
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

FILES = sorted((Path(__file__).parent / "python").glob("test_*.py"))


def pytest_addoption(parser):
    parser.addoption("--part", default="1/1", help="one of so many parts of tests/, cut between files: 2/4")


def part_of(path, parts):
    """Tell the part that a file is in. Neighbours are together, as they share what is made for them."""
    return 1 + FILES.index(path) * parts // len(FILES) if path in FILES else 1


def pytest_ignore_collect(collection_path, config):
    part, parts = map(int, config.getoption("part").split("/"))
    if not 1 <= part <= parts:
        message = f"--part={part}/{parts}: there is no such part"
        raise pytest.UsageError(message)
    return True if collection_path.suffix == ".py" and part_of(collection_path, parts) != part else None


@pytest.fixture(scope="session")
def memory_folder():
    """A folder in memory, where there is room: for many small files that wait for no disk then."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own in there
    there = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 1 << 29
    place = shared if there else None
    with tempfile.TemporaryDirectory(prefix="dsdm-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def new_in_memory(memory_folder):
    """Give a new folder in `memory_folder` with each call."""
    return lambda: Path(tempfile.mkdtemp(dir=memory_folder))


@pytest.fixture
def memory_path(new_in_memory):
    """A folder of a test's own in `memory_folder`."""
    folder = new_in_memory()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def disk_folder(tmp_path_factory):
    """A folder on the disk."""
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def tmp_path(request, memory_folder, disk_folder):
    """A folder of the test's own, in which its name is. It is in memory, or on the disk for tests with that mark.

    Most tests would wait for the disk for longer than they run. With --basetemp=… all are on the disk, and stay there.
    (pytest's own folders are numbered by a look at the names of all others.)
    """
    kept = request.config.option.basetemp is not None
    on_disk = kept or request.node.get_closest_marker("disk") is not None
    folder = Path(tempfile.mkdtemp(dir=disk_folder if on_disk else memory_folder))
    own = folder / re.sub(r"\W", "_", request.node.name)[:30]
    own.mkdir()
    yield own
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_of_the_user(monkeypatch, new_in_memory):
    """Tests see neither the user's data folder nor the caches of others."""
    monkeypatch.delenv("DSDM_DATA_DIR", raising=False)
    monkeypatch.delenv("DSDM_DATA_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(new_in_memory()))


@pytest.fixture(scope="session")
def upstream_mini():
    """The reference's data folder with 5,003 rows."""
    return FIXTURES / "upstream-mini" / "data"


@pytest.fixture(scope="session")
def demo(new_in_memory):
    """A folder in which `dsdm demo` was run, with everything that it makes in `demo/`.

    It is beside those of tests: the way from an output to a file is told where both have more above them than the root.
    """
    from dsdm.demo import run

    folder = new_in_memory()
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

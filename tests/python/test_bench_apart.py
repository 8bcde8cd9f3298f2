"""`dsdm bench` loads the benchmark when it measures; nothing else of dsdm loads any of it."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

COMMANDS = ["demo", "fetch", "scores", "indices", "materialize", "verify", "bench", "bench select", "bench gather"]
RUNS = {
    "demo": ["made", "--rows", "200"],
    "fetch": ["dsdm/squad.pt", "--data-dir", "data", "--url", "http://localhost:1/"],
    "scores": ["s.npy"],
    "indices": ["s.npy", "-k", "3", "-o", "rows.npy"],
    "materialize": ["c.parquet", "out", "--by", "s.npy", "-k", "3"],
    "verify": ["verified"],
}
TELL = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with scores, a corpus, and rows that were written."""
    import dsdm

    made = tmp_path_factory.mktemp("apart")
    np.save(made / "s.npy", np.arange(20.0))
    pq.write_table(pa.table({"n": range(20)}), made / "c.parquet")
    dsdm.materialize(made / "c.parquet", [3, 1], made / "verified", progress=False)
    return made


def loaded(code, folder, returned=0):
    """Run code in a fresh process, and return the modules that are loaded at its end."""
    command = [sys.executable, "-c", f"{TELL}\n{code}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == returned, done.stderr[-1000:]
    modules = done.stderr.splitlines()[-1].split()
    assert "dsdm._native" in modules
    return modules


def of_the_benchmark(modules):
    return [name for name in modules if name.split(".")[0] == "dsdm_bench"]


def command(*arguments):
    return f"from dsdm.cli import main\nsys.argv = {['dsdm', *arguments]!r}\nmain()"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_help_loads_it(folder, name):
    assert of_the_benchmark(loaded(command(*name.split(), "--help"), folder)) == []


@pytest.mark.parametrize("name", RUNS)
def test_no_other_command_loads_it(folder, name):
    returned = 1 if name == "fetch" else 0  # nobody is there to download from
    assert of_the_benchmark(loaded(command(name, *RUNS[name]), folder, returned)) == []


def test_no_public_name_loads_it(folder):
    code = (
        "import dsdm\nfor name in dsdm.__all__: getattr(dsdm, name)\nimport dsdm.selections, dsdm.utils, dsdm.reference"
    )
    assert of_the_benchmark(loaded(code, folder)) == []


def test_dsdm_bench_loads_the_subject_that_it_measures(folder):
    for subject, other in (("select", "gather"), ("gather", "select")):
        refused = command("bench", subject, "--plot", "chart.pdf")  # before anything is measured
        found = of_the_benchmark(loaded(refused, folder, 1))
        assert {"dsdm_bench", f"dsdm_bench.{subject}"} <= set(found)
        assert f"dsdm_bench.{other}" not in found

"""Tables of measurements go into the pages as they were measured: times, ratios, what is drawn, and where."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("tools/figures.py", "docs/performance.md", "README.md")
FIGURES = runpy.run_path(str(ROOT / "tools" / "figures.py"))
PARTS = sorted({table.name for table in FIGURES["TABLES"].values()})


@pytest.fixture
def tree(tmp_path):
    """Return a copy of what a table is written into."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def a_system(name, took, **more):
    told = {"system": name, "library": name.split()[0].rstrip(","), "version": "1", "times": [took], "seconds": took}
    told |= {"passes": None, "ratio": None, "memory": None, "memory_limit": None, "limit": None}
    return told | {"answer": "", "problem": "", "note": ""} | more


def a_job(job, k=6_350_000, **more):
    systems = [
        a_system("dsdm", 0.5, memory=2_000_000, passes=2.5),
        a_system("dsdm, opening the file", 0.75),
        a_system("numpy filter", 8.0),
        a_system("polars filter", 1.25),
        a_system("duckdb limit", None, problem="failed"),
    ]
    unit = {"name": "numpy.max", "seconds": 0.2, "bytes": 40}
    told = {"job": job, "title": f"{job}: {k:,} of 9", "rows": 9_000_000, "k": k, "unit": unit, "against": "dsdm"}
    return told | {"systems": systems} | more


JOBS = {
    "select": [a_job("top-k", 100_000), a_job("top-k"), a_job("cold", systems=[a_system("preads", 0.5, ratio=1.5)])],
    "rules": [a_job("threshold"), a_job("budget")],
    "gather": [
        a_job(f"{source}-10-random-memory-warm", source=source, percent=10, order="random", output="memory", cold=False)
        for source in ("arrow", "parquet")
    ],
    "whole": [a_job("budget"), a_job("share")],
}


def written(tree, part, jobs=None, profile="release"):
    """Run the tool on a report of jobs."""
    machine = {"threads": 2, "processor": "AMD Test", "profile": profile}
    report = {"date": "2026-01-31T10:00:00", "machine": machine, "versions": {"dsdm": "1", "lance": None}}
    (tree / "report.json").write_text(json.dumps(report | {"jobs": JOBS[part] if jobs is None else jobs}))
    command = [sys.executable, tree / "tools" / "figures.py", part, tree / "report.json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def table(tree, name):
    page = (tree / "docs" / "performance.md").read_text()
    return page.split(f"<!-- table: {name} -->\n", 1)[1].split("<!-- end of table -->", 1)[0].strip()


def test_a_table_has_each_job_with_its_best_peer_first(tree):
    done = written(tree, "rules")
    assert (done.returncode, done.stderr) == (0, "")
    lines = table(tree, "rules").splitlines()
    told = "500 ms, 2.5 passes; opening the file 750 ms | 2.0 MB | polars filter 1.25 s, 2.5 x | numpy filter 8 s, 16 x"
    assert lines[2:4] == [f"| {job}, 6,350,000 of 9 | {told} |" for job in ("threshold", "budget")]
    assert "Measured on 2026-01-31 on 2 threads of an AMD Test, with dsdm 1." in lines
    assert "rules-dark.svg" in lines[-1]
    assert {path.name for path in (tree / "docs" / "figures").iterdir()} == {"rules.svg", "rules-dark.svg"}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_of_the_table_stays_and_a_second_run_changes_nothing(tree, part):
    before = (tree / "docs" / "performance.md").read_text()
    names = [name for name, table in FIGURES["TABLES"].items() if table.name == part]
    assert written(tree, part).returncode == 0
    once = (tree / "docs" / "performance.md").read_text(), (tree / "README.md").read_text()
    assert written(tree, part).returncode == 0
    assert once == ((tree / "docs" / "performance.md").read_text(), (tree / "README.md").read_text())
    for name in names:
        assert table(tree, name) != ""
    for name in FIGURES["TABLES"].keys() - names:
        part_before = before.split(f"<!-- table: {name} -->\n", 1)[1].split("<!-- end of table -->", 1)[0].strip()
        assert table(tree, name) == part_before


def test_times_of_dsdm_alone_have_their_ratios(tree):
    assert written(tree, "select").returncode == 0
    assert "| cold, 6,350,000 of 9 | preads 500 ms (1.50 x) |" in table(tree, "alone").splitlines()
    assert "cold" not in table(tree, "select")


def test_the_ratios_of_the_readme_are_those_of_the_report(tree):
    assert written(tree, "select").returncode == 0
    assert written(tree, "gather").returncode == 0
    readme = (tree / "README.md").read_text()
    assert (
        "| the best 6,350,000 of 9,000,000 scores | 500 ms | polars filter: 1.25 s, 2.5 x <!-- ratio: select --> |"
        in readme.splitlines()
    )
    for name in FIGURES["HEADLINES"]:
        assert readme.count(f"<!-- ratio: {name} -->") == 1


@pytest.mark.parametrize(
    ("part", "jobs", "profile", "said"),
    [
        ("rules", None, "demo", "compiled by the profile demo"),
        ("rules", [a_job("threshold")], "release", "no job for the chart of the table 'rules'"),
        ("rules", [a_job("budget", systems=[a_system("dsdm", 1.0)])], "release", "no other was measured"),
        ("rules", [a_job("budget", systems=[a_system("numpy", 1.0)])], "release", "dsdm was measured"),
        ("all", [], "release", "usage: figures.py gather|rules|select|whole REPORT.json"),
    ],
)
def test_a_report_that_has_not_what_is_shown_changes_no_page(tree, part, jobs, profile, said):
    done = written(tree, part, jobs, profile)
    assert done.returncode == 1
    assert said in done.stderr
    assert (tree / "docs" / "performance.md").read_text() == (ROOT / "docs" / "performance.md").read_text()
    assert not (tree / "docs" / "figures").exists()

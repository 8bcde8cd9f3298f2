"""`dsdm bench gather`: right rows, wrong ones caught, and nothing left behind."""

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pytest

from dsdm_bench import gather
from dsdm_bench.gather import measure, places, systems
from dsdm_bench.gather.corpus import shards
from dsdm_bench.gather.settings import ROW_BYTES, Case, GatherSettings
from dsdm_bench.gather.systems import LIBRARIES, System
from dsdm_bench.harness import machine
from dsdm_bench.harness.errors import WrongAnswerError

ROWS = 403  # as `bench_corpus` has
SUBSET = 40  # 10 %

RECIPES = """
import os, time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc


def write(task, change):
    whole = pa.concat_tables(ipc.open_stream(file).read_all() for file in task["files"])
    rows = change(whole.take(np.load(task["indices"])))
    with ipc.new_stream(str(Path(task["out"]) / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)


def right(task):
    write(task, lambda rows: rows)


def reversed_rows(task):
    write(task, lambda rows: rows.take(np.arange(len(rows))[::-1].copy()))


def refuses(task):
    raise ValueError("no\\nsuch rows")


def dies(task):
    os._exit(3)


def waits(task):
    Path(os.environ["STARTED"]).write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path, monkeypatch, bench_corpus):
    """The least of everything, in folders of the test's own."""
    monkeypatch.setattr("dsdm_bench.harness.contest._SETTLE", 0)
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(places, "_MEMORY", tmp_path / "memory")
    shutil.copytree(bench_corpus, tmp_path / "data")
    return GatherSettings(cases=(Case(),), rows=ROWS, repeats=1, budget=0, folder=tmp_path / "data", peers=())


@pytest.fixture
def with_systems(tmp_path, monkeypatch):
    """Let these recipes be the systems, beside dsdm."""
    path = tmp_path / "recipes.py"
    path.write_text(RECIPES)

    def put(*recipes, **options):
        ours = [one for one in systems.SYSTEMS if one.library == "dsdm"]
        theirs = [
            System(name=one, library="pyarrow", source="arrow", recipe=one, recipes=path, **options) for one in recipes
        ]
        monkeypatch.setattr(systems, "SYSTEMS", [*ours, *theirs])

    return put


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("source", ["arrow", "parquet"])
def test_every_system_gives_the_rows(settings, source):
    (result,) = gather.run(replace(settings, cases=(Case(source=source),), peers=None))
    installed = {name for name in LIBRARIES if machine.is_installed(name) and (name != "lance" or source == "arrow")}
    assert {one.library for one in result.systems} == installed | {"dsdm"}
    assert (result.rows, result.k, result.source) == (ROWS, SUBSET, source)
    for one in result.systems:
        assert not one.problem
        assert one.answer == "the rows asked for, in " + ("order" if one.ordered else "another order")
        assert one.ordered or "not in the order asked" in one.note
        assert len(one.times) == 1
        assert one.speed == pytest.approx(SUBSET * ROW_BYTES / one.seconds)
        assert one.memory > 0
        # From Parquet the whole process counts.
        assert (one.seconds > one.started) or source == "arrow"


def test_every_case(settings):
    others = cycle([(0.1, "random"), (50, "sorted"), (50, "random"), (0.1, "sorted"), (100, "random")])
    cases = tuple(
        Case(source=source, percent=percent, order=order, output=output, cold=cold)
        for (source, output, cold), (percent, order) in zip(
            product(("arrow", "parquet"), ("memory", "disk"), (False, True)), others, strict=False
        )
    )
    results = gather.run(replace(settings, cases=cases))
    assert [one.job for one in results] == [case.name for case in cases]
    assert len({case.name for case in cases}) == len({case.title for case in cases}) == len(cases)
    for result in results:
        (ours,) = result.systems
        assert ours.answer.startswith("the rows asked for, in order")
        assert ours.ratio == 1
        assert result.k == {0.1: 1, 50: 202, 100: ROWS}[result.percent]
        # What a folder is on may not be able to read past the page cache.
        assert result.cold or result.unit.seconds > 0


def test_rows_are_the_same_in_each_order():
    given, ascending = (measure.choose(ROWS, Case(order=order)) for order in ("random", "sorted"))
    assert (np.sort(given) == ascending).all()
    assert (given != ascending).any()
    assert len(np.unique(given)) == SUBSET


def test_a_wrong_order_is_named_and_has_no_time(settings, with_systems, capsys):
    with_systems("right", "reversed_rows")
    with pytest.raises(WrongAnswerError, match=r"Arrow, 10 %, .*: reversed_rows: WRONG: 40 rows are not those asked"):
        gather.run(replace(settings, peers=("pyarrow",)))
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if "reversed_rows" in line).split()[1] == "WRONG:"
    assert "the rows asked for, in order" in next(line for line in lines if line.strip().startswith("right"))


def test_another_order_is_said_where_none_is_promised(settings, with_systems):
    with_systems("reversed_rows", ordered=False)
    (result,) = gather.run(replace(settings, peers=("pyarrow",)))
    assert result.systems[1].answer == "the rows asked for, in another order"


def test_a_peer_that_dies_is_named_and_the_others_are_measured(settings, with_systems, capsys):
    with_systems("refuses", "dies", "right")
    (result,) = gather.run(replace(settings, peers=("pyarrow",)))
    problems = {one.system: one.problem for one in result.systems if one.problem}
    assert problems == {
        "refuses": "failed: RuntimeError: ValueError: no such rows",
        "dies": "failed: ChildError: its process ended with code 3",
    }
    assert result.systems[3].seconds
    assert "failed: ChildError" in capsys.readouterr().out


def test_dsdm_must_not_die(settings, with_systems, monkeypatch):
    with_systems()
    monkeypatch.setattr(systems, "SYSTEMS", [replace(one, recipe="none") for one in systems.SYSTEMS])
    with pytest.raises(WrongAnswerError, match="dsdm: failed: ChildError"):
        gather.run(settings)


def test_what_is_not_installed_is_named(settings, monkeypatch, capsys):
    there = machine.is_installed
    monkeypatch.setattr(machine, "is_installed", lambda name: name in ("dsdm", "pyarrow") and there(name))
    (result,) = gather.run(replace(settings, peers=None))
    assert {one.library for one in result.systems} == {"dsdm", "pyarrow"}
    assert "not installed, so not compared with: datasets, polars, duckdb, lance\n" in capsys.readouterr().out


def test_processes_are_another_system_where_there_are_threads():
    for threads, count in ((1, 0), (2, 1)):
        found = systems.systems_for(Case(), ("datasets",), threads)
        assert sum(one.processes for one in found) == count


def test_json_and_chart(run, settings, tmp_path):
    options = ["--rows", ROWS, "--runs", 2, "--data", settings.folder, "--peers", "none", "--source", "arrow"]
    chosen = ["--density", 1, "--density", 20, "--order", "sorted"]
    code, out, errors = run("bench", "gather", *options, *chosen, "--json", "gather.json", "--plot", "gather.svg")
    assert code == 0, errors
    assert out.count("sorted order, output in memory, warm: ") == 2
    charts = list(tmp_path.glob("gather-*.svg"))
    assert len(charts) == 4
    assert all(chart.read_bytes().startswith(b"<?xml") for chart in charts)
    report = json.loads((tmp_path / "gather.json").read_text())
    assert report.keys() == {
        *("date", "machine", "versions", "missing", "rows", "shards", "row_tokens", "dtype", "repeats"),
        *("budget", "jobs"),
    }
    assert (report["rows"], report["shards"], report["repeats"]) == (ROWS, 8, 2)
    assert report["machine"]["outputs"].keys() == {"memory"}
    assert report["versions"].keys() == {"dsdm", *LIBRARIES}
    assert [job["job"] for job in report["jobs"]] == ["arrow-1-sorted-memory-warm", "arrow-20-sorted-memory-warm"]
    job = report["jobs"][0]
    assert job.keys() == {
        *("job", "title", "rows", "k", "unit", "against", "systems", "source", "percent", "order", "output", "cold"),
    }
    assert job["unit"].keys() == {"name", "seconds", "bytes"}
    assert job["unit"]["bytes"] == job["k"] * ROW_BYTES
    (ours,) = job["systems"]
    assert ours.keys() >= {"system", "library", "version", "times", "seconds", "passes", "ratio", "memory", "answer"}
    assert ours.keys() >= {"speed", "started", "read", "ordered", "problem", "note"}
    assert len(ours["times"]) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--source", "csv"], "--source is csv; it is arrow or parquet"),
        (["--order", "any"], "--order is any; it is random or sorted"),
        (["--output", "tape"], "--output is tape; it is memory or disk"),
        (["--density", 0], "--density is 0 %; it is above 0 and at most 100"),
        (["--density", 101], "--density is 101 %"),
        (["--peers", "torch"], "--peers names torch; they are datasets,"),
        (["--rows", 3], "is not from 20 to"),
    ],
)
def test_wrong_usage(run, arguments, named):
    code, out, errors = run("bench", "gather", *arguments)
    assert (code, out) == (2, "")
    assert named in " ".join(errors.split())


def test_what_is_measured_where_some_is_named(monkeypatch, run):
    asked = []
    monkeypatch.setattr(gather, "run", lambda settings, **_: asked.append(settings))
    assert run("bench", "gather")[0] == 0
    assert run("bench", "gather", "--cold", "--density", 1, "--density", 1)[0] == 0
    assert run("bench", "gather", "--warm", "--cold", "--source", "parquet", "--peers", "polars")[0] == 0
    assert [one.cases for one in asked] == [
        gather.USUAL,
        (Case(percent=1, cold=True), Case(source="parquet", percent=1, cold=True)),
        (Case(source="parquet"), Case(source="parquet", cold=True)),
    ]
    assert asked[0].rows == 8 * 243_489
    assert (asked[0].peers, asked[2].peers) == (None, ("polars",))


def test_a_chart_that_cannot_be_is_refused_first(run, tmp_path):
    code, out, errors = run("bench", "gather", "--plot", "chart.pdf")
    assert (code, out, left(tmp_path)) == (1, "", [])
    assert "a chart is a .png or .svg file" in errors


def test_too_little_room_is_said_before_anything_is_made(run, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    monkeypatch.setattr(places, "_MEMORY", tmp_path)
    for output, why in (("memory", "the largest output in memory"), ("disk", "a corpus of 9,000 rows")):
        code, out, errors = run("bench", "gather", "--rows", 9000, "--output", output)
        assert (code, out) == (1, "")
        assert f"are needed for {why}" in errors
        assert "1.0 MB are free" in errors
        assert list(tmp_path.iterdir()) == []


def test_only_what_was_made_is_removed(settings, tmp_path, monkeypatch):
    before = left(settings.folder)
    gather.run(settings)
    assert left(settings.folder) == before
    other = replace(settings, rows=ROWS + 8, keep=True, cases=(Case(source="parquet"),))
    gather.run(other)
    kept = left(settings.folder)
    assert len(kept) == len(before) + 9
    # The Arrow cache is made for this run alone.
    gather.run(replace(other, keep=False, cases=(Case(),)))
    assert left(settings.folder) == kept
    monkeypatch.chdir(tmp_path / "memory")
    gather.run(replace(settings, folder=None, cases=(Case(source="parquet"),)))
    assert list((tmp_path / "memory").iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_process_and_leaves_nothing(settings, with_systems, monkeypatch, tmp_path, end):
    with_systems("waits")
    monkeypatch.setenv("STARTED", str(tmp_path / "started"))
    before = left(settings.folder)

    def interrupt():
        while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), end)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt if end == signal.SIGINT else SystemExit):
        gather.run(replace(settings, peers=("pyarrow",)))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text()), 0)
    assert left(settings.folder) == before
    assert list((tmp_path / "memory").iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_interrupt_while_shards_are_made_leaves_nothing(settings, monkeypatch, tmp_path):
    class Interrupted(shards._Stoppable):
        def write(self, piece):
            if self._file.name.endswith("train-00002-of-00008.parquet"):
                raise KeyboardInterrupt
            return super().write(piece)

    monkeypatch.setattr(shards, "_Stoppable", Interrupted)
    before = left(settings.folder)
    with pytest.raises(KeyboardInterrupt):
        gather.run(replace(settings, rows=ROWS + 1, keep=True))
    assert left(settings.folder) == before
    assert list((tmp_path / "memory").iterdir()) == []

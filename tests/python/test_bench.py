"""`dsdm bench select`: right answers, wrong ones caught, and what it writes."""

import json
import statistics
import tempfile
from dataclasses import replace

import numpy as np
import pytest

from dsdm_bench import select as bench
from dsdm_bench.harness import contest, machine, page_cache
from dsdm_bench.harness.contest import Contestant, alternate
from dsdm_bench.harness.errors import ChildError, WrongAnswerError
from dsdm_bench.harness.processes.memory import peak
from dsdm_bench.harness.results import Measured
from dsdm_bench.select import oracle, peers
from dsdm_bench.select.answers import Promise, check
from dsdm_bench.select.jobs import billion
from dsdm_bench.select.jobs.adverse import VECTORS
from dsdm_bench.select.oracle import Expected, expected, largest
from dsdm_bench.select.score_files import mapped
from dsdm_bench.select.settings import SelectSettings
from dsdm_bench.select.tasks import Operation, Task
from dsdm_bench.select.vectors import Vectors, normal

ROWS = 20_000


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    """Nothing here spins, and no time matters."""
    monkeypatch.setattr("dsdm_bench.harness.contest._SETTLE", 0)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The least of everything, in a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(billion, "ROWS", 50_000)
    return SelectSettings(jobs=("top-k",), rows=ROWS, repeats=1, memory=False)


@pytest.fixture
def replaced(monkeypatch):
    """Let a peer run something else."""

    def put(name, run):
        changed = [replace(one, prepare=lambda _: run) if one.name == name else one for one in peers.PEERS]
        assert changed != peers.PEERS
        monkeypatch.setattr(peers, "PEERS", changed)

    return put


@pytest.mark.parametrize("job", bench.JOBS)
def test_every_answer_is_right(settings, job):
    results = bench.run(replace(settings, jobs=(job,)))
    assert results
    for result in results:
        assert result.job == job
        for one in result.systems:
            assert not one.problem
            assert one.answer or job == "startup"
            assert len(one.times) in {1, 3}
        assert result.unit is None or result.unit.seconds > 0


def test_nothing_is_left_and_every_peer_takes_part(settings, tmp_path):
    (result,) = bench.run(replace(settings, jobs=("mean",)))
    installed = {name for name in (*peers.LIBRARIES, "dsdm") if name == "reference" or machine.is_installed(name)}
    assert {one.library for one in result.systems} == installed
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_the_references_and_their_shares(settings):
    whole = SelectSettings(jobs=())
    assert whole.sizes == (100_000, 6_350_000, 54_237_186)
    assert whole.drawn == (25_400_000,)
    assert settings.sizes == (9, 585, 5000)
    asked = replace(settings, k=(3, 7))
    assert asked.sizes == asked.drawn == (3, 7)


def test_a_wrong_answer_is_named_and_has_no_time(settings, replaced, capsys):
    replaced("numpy filter", lambda: np.arange(4))
    with pytest.raises(WrongAnswerError, match=r"top_k, k = 4: numpy filter: WRONG: .* rows are others"):
        bench.run(replace(settings, k=(4,), peers=("numpy",)))
    line = next(line for line in capsys.readouterr().out.splitlines() if "numpy filter" in line)
    assert line.split()[2] == "WRONG:"


def test_a_peer_that_dies_is_named_and_the_others_are_measured(settings, replaced, capsys):
    def die():
        raise MemoryError

    replaced("numpy filter", die)
    (result,) = bench.run(replace(settings, k=(4,), peers=("numpy",)))
    problems = {one.system: one.problem for one in result.systems if one.problem}
    assert problems == {"numpy filter": "failed: MemoryError"}
    assert "failed: MemoryError" in capsys.readouterr().out


def test_dsdm_must_not_die(settings, replaced):
    def die():
        raise MemoryError

    replaced("dsdm", die)
    with pytest.raises(WrongAnswerError, match="dsdm: failed: MemoryError"):
        bench.run(replace(settings, k=(4,), peers=()))


def test_what_is_not_installed_is_named(settings, monkeypatch, capsys):
    monkeypatch.setattr(machine, "is_installed", lambda name: name not in ("torch", "polars"))
    monkeypatch.setattr(machine, "version", lambda _: "1.0")
    monkeypatch.setattr(
        peers, "PEERS", [one for one in peers.PEERS if one.library in ("dsdm", "polars", "torch", "numpy")]
    )
    (result,) = bench.run(replace(settings, k=(4,)))
    assert {one.library for one in result.systems} == {"dsdm", "numpy"}
    assert "not installed, so not compared with: torch, polars\n" in capsys.readouterr().out


def test_memory_is_measured_in_other_processes(settings):
    results = bench.run(replace(settings, jobs=("mean", "sample"), peers=("numpy",), memory=True))
    for result in results:
        assert all(one.memory is not None for one in result.systems)
        assert result.systems[0].memory < result.systems[0].memory_limit
    assert results[0].systems[0].memory_limit == 64_000_000 + 32 * 9
    assert results[1].systems[0].memory_limit == 512_000_000


def test_the_peak_holds_the_result_and_not_the_map(tmp_path):
    def taken(name, task):
        return peak("dsdm_bench.select.child", name, task.to_json())

    path = Vectors(tmp_path, 2_000_000).path("a")
    drawing = Task(Operation.sample, (path,), 2_000_000, 1_000_000, 1)
    assert 7_500_000 < taken("numpy choice", drawing) < 60_000_000
    best = Task(Operation.top_k, (path,), 2_000_000, 10, 1)
    assert taken("dsdm", best) < 6_000_000
    with pytest.raises(ChildError, match="ended with code 1"):
        taken("dsdm", replace(best, paths=(tmp_path / "none.pt",)))


def test_json_and_chart(run, tmp_path):
    options = ["--rows", ROWS, "--repeats", 2, "--no-memory", "--peers", "numpy", "-k", 7]
    for chart, magic in (("chart.svg", b"<?xml"), ("chart.png", b"\x89PNG")):
        code, out, errors = run("bench", "top-k", "startup", *options, "--json", "bench.json", "--plot", chart)
        assert (code, out.count("top_k, k = 7")) == (0, 1)
        assert "numpy filter" in errors
        name = chart.replace(".", "-top-k-7.")
        drawn = [tmp_path / name, tmp_path / name.replace(".", "-dark.")]
        assert all(one.read_bytes().startswith(magic) and one.stat().st_size < 30_000 for one in drawn)
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report) == {
        *("date", "machine", "versions", "missing", "rows", "dtype", "repeats", "budget", "jobs"),
    }
    assert set(report["machine"]) == {
        *("processor", "processors", "threads", "memory", "disk", "system", "python", "profile", "load"),
    }
    top, start = report["jobs"]
    assert (top["job"], top["rows"], top["k"], start["job"]) == ("top-k", ROWS, 7, "startup")
    assert set(top["unit"]) == {"name", "seconds", "bytes"}
    ours = top["systems"][0]
    assert set(ours) == set(Measured.__dataclass_fields__)
    assert len(ours["times"]) == 6
    assert ours["seconds"] == pytest.approx(statistics.median(ours["times"]))
    assert ours["passes"] == pytest.approx(ours["seconds"] / top["unit"]["seconds"])
    assert (ours["ratio"], ours["answer"]) == (1.0, "exact rows in order")


def test_a_chart_that_cannot_be_is_refused_first(run):
    code, out, errors = run("bench", "--rows", ROWS, "--plot", "chart.pdf")
    assert (code, out) == (1, "")
    assert "a chart is a .png or .svg file" in errors


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["topk"], "topk: no such job; they are top-k, mean,"),
        (["--peers", "numpy,jax"], "--peers names jax; they are numpy,"),
        (["-k", 30, "--rows", 20], "-k is 30, and there are 20 rows"),
    ],
)
def test_wrong_usage(run, arguments, named):
    code, out, errors = run("bench", *arguments)
    assert (code, out) == (2, "")
    assert named in " ".join(errors.split())


def test_the_subject_is_select_where_none_is_named(run):
    options = ["top-k", "--rows", ROWS, "--repeats", 1, "--no-memory", "--peers", "none", "-k", 5]
    for named in ([], ["select"]):
        code, out, _ = run("bench", *named, *options)
        assert code == 0
        assert "dsdm, opening the file" in out
        assert "numpy filter" not in out
    code, out, _ = run("bench", "select", "--help")
    assert code == 0
    assert "dsdm bench select --rows 20_000_000" in out
    *names, last = bench.JOBS
    assert f"{', '.join(names)} or {last}; by default" in " ".join(out.split())


def test_vectors_are_kept_and_used_again(settings, tmp_path):
    folder = tmp_path / "vectors"
    kept = replace(settings, k=(4,), peers=(), folder=folder, keep=True)
    bench.run(kept)
    (path,) = folder.iterdir()
    before = path.stat()
    bench.run(replace(kept, keep=False))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    np.testing.assert_array_equal(mapped(path), normal(ROWS, "a"))
    path.unlink()
    bench.run(replace(kept, keep=False))
    assert list(folder.iterdir()) == []


def test_an_interrupt_leaves_nothing(settings, replaced, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    replaced("dsdm", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run(settings)
    assert list(tmp_path.iterdir()) == []


def test_runs_are_in_turns_and_slow_ones_are_not_repeated(monkeypatch):
    clock, ran = [0.0], []
    monkeypatch.setattr(contest.time, "perf_counter", lambda: clock[0])

    def taking(name, took):
        def run():
            ran.append(name)
            clock[0] += took

        return Contestant(name, run, lambda _: "right")

    contestants = [taking("a", 1.0), taking("slow", 3.0), taking("b", 2.0)]
    alternate(contestants, 2, budget=2.5)
    assert "".join(name[0] for name in ran) == "asbabab"
    assert [one.times for one in contestants] == [[1.0, 1.0], [3.0], [2.0, 2.0]]
    # A brief one runs four times in a turn, and the first is not counted; but not where something is done before it.
    ran.clear()
    contestants = [taking("a", 0.5), taking("b", 1.5), taking("c", 0.5)]
    contestants[2].setup = lambda: ran.append("-")
    alternate(contestants, 2, budget=2.5)
    assert "".join(ran) == "ab-caaaab-caaaab-c"
    assert [one.times for one in contestants] == [[0.5] * 6, [1.5, 1.5], [0.5, 0.5]]


def test_noise_is_that_of_the_authors():
    """The known answers that are published with Random123 (`kat_vectors`, philox4x32 10)."""
    counter, seed = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], 0x299F31D0_A4093822
    words = oracle._encrypted([np.array([word], np.uint64) for word in counter], seed)
    assert [int(word[0]) for word in words] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("k", [1, 100, 999, 1000])
def test_blocks_do_not_change_what_is_largest(monkeypatch, name, k):
    monkeypatch.setattr(oracle, "_MANY", 64)
    values = VECTORS[name](1000, k)
    np.testing.assert_array_equal(largest(values, k), np.argsort(-values, kind="stable")[:k])
    monkeypatch.setattr(oracle, "_MANY", 10_000)
    np.testing.assert_array_equal(largest(values, k), np.argsort(-values, kind="stable")[:k])


@pytest.fixture
def task(tmp_path):
    return Task(Operation.gumbel, (Vectors(tmp_path, ROWS).path("a"),), ROWS, 500, 1)


def test_wrong_rows_are_found(task):
    right = expected(task)
    rows = right.rows.copy()
    assert check(Promise.rows, task, right, rows[::-1]) == "exact rows"
    wrong = {
        "in place of 500 row numbers": rows[:-1],
        "float64 of shape": rows.astype(np.float64),
        "more than once": np.append(rows[:-1], rows[0]),
        "rows from -1 to": np.append(rows[:-1], -1),
        "of 20,000": np.append(rows[:-1], ROWS),
    }
    for message, found in wrong.items():
        with pytest.raises(WrongAnswerError, match=message):
            check(Promise.values, task, right, found)
    other = np.append(rows[:-1], np.setdiff1d(np.arange(ROWS), rows)[0])
    uniform = np.random.default_rng(0).choice(ROWS, 500, replace=False)
    for promise, found in (
        (Promise.order, rows[::-1]),
        (Promise.close, rows[::-1]),
        (Promise.rows, other),
        (Promise.values, other),
        (Promise.draw, uniform),
    ):
        with pytest.raises(WrongAnswerError):
            check(promise, task, right, found)


def test_ties_may_go_to_any_row_unless_more_is_promised(task):
    keys = np.zeros(ROWS, np.float32)
    right = Expected(largest(keys, 500), keys)
    last = np.arange(ROWS - 500, ROWS)
    assert check(Promise.values, task, right, last) == "rows of the right values"
    with pytest.raises(WrongAnswerError, match="500 rows are others"):
        check(Promise.rows, task, right, last)


def test_dropping_a_file_from_the_cache_keeps_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 10_000)
    page_cache.drop(path)
    assert path.read_bytes() == b"abc" * 10_000

"""`dsdm bench rules`: right answers, wrong ones caught, and what it writes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dsdm_bench import rules as bench
from dsdm_bench.harness import machine
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.rules import inputs, oracle, peers

SETTINGS = bench.RuleSettings(rows=6_000, groups=50, repeats=1)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("dsdm_bench.harness.contest._SETTLE", 0)


def test_every_answer_is_right():
    results = bench.run(SETTINGS)
    assert [result.job for result in results] == list(bench.JOBS)
    libraries = {"dsdm", *filter(machine.is_installed, bench.LIBRARIES)}
    for result in results:
        assert {one.system for one in result.systems} == libraries
        assert {one.answer for one in result.systems} == {"same rows"}
        assert result.k > 100
        assert result.unit.bytes == 24_000 * (1 if result.job == "threshold" else 2)


def test_the_oracle_is_a_loop_over_rows():
    made = inputs.make(SETTINGS)
    assert len(np.unique(made.scores)) < len(made.scores)
    ranked = sorted(range(made.rows), key=lambda row: (-float(made.scores[row]), row))
    taken, total = [], 0
    for row in ranked:
        total += int(made.lengths[row])
        if total > made.tokens:
            break
        taken.append(row)
    assert oracle.RIGHT["budget"](made).tolist() == taken
    counts, chosen = dict.fromkeys(range(50), 0), []
    for row in ranked:
        group = int(made.groups[row])
        if counts[group] < made.quota:
            counts[group] += 1
            chosen.append(row)
    assert oracle.RIGHT["quotas"](made).tolist() == sorted(chosen)
    assert set(counts.values()) == {made.quota}
    above = [row for row in range(made.rows) if made.scores[row] >= np.float32(made.least)]
    assert oracle.RIGHT["threshold"](made).tolist() == above


@pytest.mark.parametrize("job", bench.JOBS)
def test_a_wrong_answer_is_caught(monkeypatch, job):
    real = peers.with_numpy

    def wrong(made, threads):
        calls = real(made, threads)
        return {**calls, job: lambda: calls[job]()[:-1]}

    monkeypatch.setitem(peers.SYSTEMS, "numpy", wrong)
    with pytest.raises(WrongAnswerError, match=f"{job}: .* numpy: WRONG: "):
        bench.run(replace(SETTINGS, jobs=(job,), peers=("numpy",)))


def test_the_command(run, tmp_path):
    options = ["--rows", 4_000, "--groups", 20, "--repeats", 1, "--peers", "numpy"]
    code, out, _ = run("bench", "rules", "quotas", "budget", *options, "--json", "r.json", "--plot", "r.svg")
    assert code == 0
    assert "quotas: 200 of 4,000 rows" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert [job["job"] for job in report["jobs"]] == ["budget", "quotas"]
    assert len(list(tmp_path.glob("r-*.svg"))) == 4
    for wrong, said in ((["speed"], "no such job; they are threshold"), (["--groups", 5_000], "need twice as many")):
        code, _, errors = run("bench", "rules", *options, *wrong)
        assert (code, said in " ".join(errors.split())) == (2, True)

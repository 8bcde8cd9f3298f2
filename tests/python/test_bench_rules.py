"""`dsdm bench rules`: right answers, wrong ones caught, and what it writes."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsdm_bench import rules as bench
from dsdm_bench.harness import machine
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.rules import inputs, oracle, peers

SETTINGS = bench.RuleSettings(rows=6_000, groups=50, repeats=1, memory=False)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("dsdm_bench.harness.contest._SETTLE", 0)


def test_every_answer_is_right():
    results = bench.run(SETTINGS)
    assert [result.job for result in results] == list(bench.JOBS)
    libraries = {"dsdm", *filter(machine.is_installed, bench.LIBRARIES)}
    for result in results:
        assert {one.system for one in result.systems} == libraries
        right = "same rows above the cut, as many of the tied" if result.job == "ties" else "same rows"
        assert {one.answer for one in result.systems} == {right}
        assert result.k > 100
        assert result.unit.bytes == 24_000 * (2 if result.job in {"budget", "quotas", "like", "lengths"} else 1)


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


def test_the_oracle_of_values_and_shares_is_a_loop_over_rows():
    made = inputs.make(SETTINGS)
    exact = [Fraction(float(score)) for score in made.scores]
    nearest = sorted(range(made.rows), key=lambda row: (abs(exact[row] - Fraction(made.value)), row))[: made.k]
    assert oracle.RIGHT["near"](made).tolist() == oracle.RIGHT["near-fraction"](made).tolist() == nearest
    ordered, bounds = sorted(exact), []
    for quantile in made.quantiles:
        place = Fraction(repr(quantile)) * (made.rows - 1)
        left, right = ordered[int(place)], ordered[int(place) + 1]
        bounds.append(left + (right - left) * (place - int(place)))
    between = [row for row in range(made.rows) if bounds[0] <= exact[row] <= bounds[1]]
    assert oracle.RIGHT["quantile"](made).tolist() == between
    ranked = sorted(range(made.rows), key=lambda row: (-exact[row], row))
    weights = [int((made.groups == group).sum()) * (1 + group % 3) for group in range(50)]
    parts = [Fraction(made.k * weight, sum(weights)) for weight in weights]
    quotas = [int(part) for part in parts]
    for group in sorted(range(50), key=lambda group: (quotas[group] - parts[group], group))[: made.k - sum(quotas)]:
        quotas[group] += 1
    chosen = [
        row for group in range(50) for row in [row for row in ranked if made.groups[row] == group][: quotas[group]]
    ]
    assert oracle.RIGHT["like"](made).tolist() == sorted(chosen)
    assert len(chosen) == made.k


def test_the_oracle_of_texts_and_ties_is_a_loop_over_rows():
    made = inputs.make(SETTINGS)
    ranked = sorted(range(made.rows), key=lambda row: (-float(made.scores[row]), row))
    taken, total = [], 0
    for row in ranked:
        total += len(made.texts[row].as_py())
        if total > made.text_budget:
            break
        taken.append(row)
    assert oracle.RIGHT["lengths"](made).tolist() == taken
    labels = [round(float(score)) for score in made.scores]
    assert made.labels.tolist() == labels
    best = sorted(range(made.rows), key=lambda row: (-labels[row], row))[: made.k]
    assert oracle.RIGHT["ties"](made).tolist() == sorted(best)
    assert inputs.make(replace(SETTINGS, jobs=("ties",))).texts is None


def test_ties_that_are_not_drawn_are_caught():
    made = inputs.make(SETTINGS)
    labels, right = made.labels, oracle.RIGHT["ties"](made)
    cut = labels[right].min()
    better, ties = np.flatnonzero(labels > cut), np.flatnonzero(labels == cut)
    drawn = np.sort(np.random.default_rng(5).permutation(ties)[: made.k - len(better)])
    good = np.concatenate([better, drawn])
    assert oracle.check("ties", made, right, good) == "same rows above the cut, as many of the tied"
    lower = np.flatnonzero(labels < cut)[:1]
    wrong = {
        "from the first half": [right, np.concatenate([better, ties[-len(drawn) :]])],
        "rows in place of": [good[:-1], np.append(good[:-1], good[0])],
        "not all of the": [np.append(good[:-1], lower), np.append(good[1:], np.setdiff1d(ties, drawn)[:1])],
    }
    for said, answers in wrong.items():
        for rows in answers:
            with pytest.raises(WrongAnswerError, match=said):
                oracle.check("ties", made, right, rows)


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
    options = ["--rows", 4_000, "--repeats", 1, "--peers", "numpy"]
    few = [*options, "--groups", 20, "--no-memory"]
    code, out, _ = run("bench", "rules", "quotas", "budget", *few, "--json", "r.json", "--plot", "r.svg")
    assert code == 0
    assert "quotas: 200 of 4,000 rows" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert [job["job"] for job in report["jobs"]] == ["budget", "quotas"]
    assert len(list(tmp_path.glob("r-*.svg"))) == 4
    for wrong, said in ((["speed"], "no such job; they are threshold"), (["--groups", 5_000], "need twice as many")):
        code, _, errors = run("bench", "rules", *options, *wrong)
        assert (code, said in " ".join(errors.split())) == (2, True)


def test_the_memory_of_each_is_measured_in_a_process_of_its_own():
    """Rows alone take 8 bytes for each of a twentieth of them; the inputs, which are there before, don't count."""
    settings = replace(SETTINGS, rows=2_000_000, jobs=("quantile",), peers=("numpy",), memory=True)
    (result,) = bench.run(settings)
    memory = {one.system: one.memory for one in result.systems}
    assert all(8 * result.k <= taken for taken in memory.values()), memory
    assert memory["dsdm"] < 60_000_000, memory


def test_a_process_that_ends_is_told(monkeypatch, capsys):
    monkeypatch.setattr("dsdm_bench.harness.processes.memory.sys.executable", "false")
    settings = replace(SETTINGS, jobs=("threshold",), peers=(), memory=True)
    (result,) = bench.run(settings)
    assert result.systems[0].note == "memory: its process ended with code 1"
    assert "memory: its process ended with code 1" in capsys.readouterr().out

"""`dsdm bench whole`: right rows, wrong ones caught, and peers that are not at hand named."""

import json

import numpy as np
import pytest

from dsdm_bench import whole as bench
from dsdm_bench.harness import machine
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.whole import corpus, outputs

ROWS = 2_000
# What QuRating's script does with the same options, without what it does beside.
SCRIPT = """
import sys

import numpy as np
from datasets import load_from_disk

source, out, *options = sys.argv[1:]
told = dict(zip(options[::2], options[1::2], strict=True))
print("Loading")
whole = load_from_disk(source)
ranked = np.argsort(-np.array(whole[told["--metric_field"]], np.float32))
total, taken = 0, []
for row in ranked:
    if total >= int(told["--tokens"]):
        break
    total += whole[int(row)][told["--seq_len_field"]]
    taken.append(int(row))
whole.select(sorted(taken)CUT).save_to_disk(f"{out}/0-1")
"""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("dsdm_bench.harness.contest._SETTLE", 0)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A function that writes a script in place of QuRating's, which `cut` has leave rows out."""
    monkeypatch.setattr(machine, "is_installed", lambda name: name != "data_juicer")
    version = machine.version_of
    monkeypatch.setattr(machine, "version_of", lambda name: version(name) if name in ("dsdm", "datasets") else "0")

    def make(cut=""):
        path = tmp_path / "select_subset.py"
        path.write_text(SCRIPT.replace("CUT", cut))
        return path

    return make


def test_every_answer_is_right(tmp_path, script):
    settings = bench.WholeSettings(rows=ROWS, repeats=1, folder=tmp_path, script=script())
    budget, share = bench.run(settings)
    assert [one.system for one in budget.systems] == ["dsdm", "QuRating select_subset.py"]
    assert [one.system for one in share.systems] == ["dsdm"]
    for result in (budget, share):
        assert {one.answer for one in result.systems} == {"the right rows, in order"}
        assert all(one.seconds > 0 and one.memory > 0 for one in result.systems)
    assert share.k == ROWS // 5
    assert not list(tmp_path.glob("dsdm-bench-*"))


@pytest.mark.parametrize("cut", ["[:-1]", "[::-1]"])
def test_a_wrong_answer_is_caught(tmp_path, script, cut):
    settings = bench.WholeSettings(rows=200, repeats=1, folder=tmp_path, script=script(cut), jobs=("budget",))
    with pytest.raises(WrongAnswerError, match=r"QuRating .*WRONG: .* in another order"):
        bench.run(settings)


def test_a_script_that_fails_is_told_and_the_others_are_measured(tmp_path, script):
    path = script()
    path.write_text("raise SystemExit(3)")
    settings = bench.WholeSettings(rows=200, repeats=1, folder=tmp_path, script=path, jobs=("budget",))
    (result,) = bench.run(settings)
    ours, theirs = result.systems
    assert ours.seconds > 0
    assert theirs.seconds is None
    assert "exit status 3" in theirs.problem


def test_the_oracle_is_a_loop_over_rows(tmp_path):
    from datasets import load_from_disk

    rows = corpus.make(300, tmp_path / "corpus")
    assert len(np.unique(rows.scores)) == 300
    saved = load_from_disk(str(tmp_path / "corpus"))
    assert saved["score"][:] == rows.scores.tolist()
    assert [len(text) for text in saved["text"]] == [4 * length for length in saved["length"]]
    ranked = sorted(range(300), key=lambda row: -saved["score"][row])
    total, taken = 0, []
    for row in ranked:
        taken.append(row)
        total += saved["length"][row]
        if total >= rows.tokens:
            break
    assert outputs.right("budget", rows).tolist() == sorted(taken)
    assert outputs.right("share", rows).tolist() == ranked[:60]


def test_nothing_saved_is_no_answer(tmp_path):
    with pytest.raises(WrongAnswerError, match="no dataset was saved"):
        outputs.check(tmp_path, np.arange(3))


def test_the_command(run, tmp_path):
    options = ["--rows", 500, "--runs", 1, "--data", tmp_path]
    code, out, errors = run("bench", "whole", "share", *options, "--json", "w.json", "--plot", "w.svg")
    assert code == 0, errors
    assert "a share of the rows, best first: 100 of 500" in out
    if not machine.is_installed("data_juicer"):
        assert "does not take part: data-juicer selector: data_juicer is not installed" in out
    (job,) = json.loads((tmp_path / "w.json").read_text())["jobs"]
    assert (job["job"], job["k"]) == ("share", 100)
    assert len(list(tmp_path.glob("w-*.svg"))) == 2
    for wrong, said in (
        (["speed"], "no such job; they are budget and share"),
        (["--qurating", "no.py"], "--qurating is no.py, which is no file"),
        (["--runs", 0], "--runs"),
    ):
        code, _, errors = run("bench", "whole", *options, *wrong)
        assert (code, said in " ".join(errors.split())) == (2, True), errors

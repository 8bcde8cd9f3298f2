"""Interrupted runs whose rows were drawn or shuffled without a seed go on with the seed that they had."""

import errno
import json
import subprocess
import sys

import numpy as np
import pytest

from dsdm import errors
from tests.corpora import unfinished
from tests.corpora.unfinished import CHOSEN, LIMIT, ROWS, SHARDS, contents, leave, lines, staging, write

pytestmark = pytest.mark.disk

source = pytest.fixture(unfinished.source, scope="module")
corpus = pytest.fixture(unfinished.corpus)


def test_a_run_without_a_seed_goes_on_with_that_of_the_interrupted(corpus, tmp_path):
    out = tmp_path / "out"
    rows = CHOSEN[:1500]
    # Small shards, of which the manifest names so many that it is what the limit cuts.
    number, path, *_ = leave(corpus, out, row_order="shuffle", rows=rows, num_shards=170)
    assert (number, path) == (errno.EFBIG, str(staging(out) / "output" / "dsdm.json"))
    finished = lines(out)
    seed = json.loads((staging(out) / "plan.json").read_text())["fields"]["seed"]
    with pytest.raises(errors.ResumeMismatchError, match=rf"seed: .* had {seed}, and this call has 7"):
        write(corpus, out, rows, row_order="shuffle", num_shards=170, seed=7)
    with pytest.raises(errors.ResumeMismatchError, match=r"rows: the interrupted run .* had other rows than"):
        write(corpus, out, rows[::-1], row_order="shuffle", num_shards=170, seed=seed)
    report = write(corpus, out, rows, row_order="shuffle", num_shards=170)
    assert (report.seed, report.kept) == (seed, finished)
    write(corpus, tmp_path / "whole", rows, row_order="shuffle", num_shards=170, seed=seed)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", [None, "7", True, -1, 1.5])
def test_a_plan_whose_seed_is_damaged_is_not_gone_on_with(corpus, tmp_path, damage):
    out = tmp_path / "out"
    rows = CHOSEN[:1500]
    leave(corpus, out, row_order="shuffle", rows=rows, num_shards=170)
    path = staging(out) / "plan.json"
    plan = json.loads(path.read_text())
    plan["fields"].pop("seed")
    plan["fields"].update({} if damage is None else {"seed": damage})
    path.write_text(json.dumps(plan))
    with pytest.raises(errors.ResumeMismatchError, match=r"seed: .* had .*, and this call has \d+;.*resume=False"):
        write(corpus, out, rows, row_order="shuffle", num_shards=170)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from dsdm.cli import main
main()
"""

BIG = ["corpus.parquet", "out", "-k", "3000", "--row-order", "row", "--num-shards", str(SHARDS)]
DRAWS = {
    "scores": ["--by", "scores.npy", "--gumbel", "--temperature", "3"],
    "random": ["--by", "random"],
    "dsir": ["--by", "dsir", "--target", "squad", "--data-dir", "data"],
    "semdedup": ["--by", "semdedup", "--data-dir", "data"],
    "rule": ["--by", "scores.npy", "--gumbel", "--min-score", "0.1"],
    "rule of a method": ["--by", "dsir", "--target", "squad", "--data-dir", "data", "--max-score", "0.9"],
    "ties": ["--by", "same.npy", "--ties", "random"],
    "groups": ["--by", "same.npy", "--ties", "random", "--groups", "groups.npy", "--like", "equal"],
}


def drawable(folder):
    from dsdm.demo.torch_file import write_tensor

    (folder / "data" / "dsir").mkdir(parents=True)
    np.save(folder / "scores.npy", np.arange(ROWS, dtype=np.float32) / ROWS)
    np.save(folder / "same.npy", np.zeros(ROWS, np.float32))
    np.save(folder / "groups.npy", np.arange(ROWS) % 3)
    write_tensor(folder / "data" / "dsir" / "squad.pt", np.arange(ROWS, dtype=np.float32) / ROWS)
    write_tensor(folder / "data" / "sdd.pt", np.arange(ROWS, dtype=np.int64))


def leave_by_command(folder, *options):
    command = [sys.executable, "-c", LIMITED, str(LIMIT), "materialize", *BIG, "--threads", "1", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1, done.stderr
    assert "finished and kept" in done.stderr
    return int(done.stderr.split("drawn with seed ")[1].split()[0])


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("draw", DRAWS)
def test_a_draw_without_a_seed_goes_on_with_that_of_the_interrupted(run, tmp_path, draw):
    drawable(tmp_path)
    options = DRAWS[draw]
    seed = leave_by_command(tmp_path, *options)
    left = contents(staging(tmp_path / "out"))
    code, _, wrong = run("materialize", *BIG, *options, "--seed", seed + 1)
    assert code == 1
    assert "seed of the draw: the interrupted run that left this directory" in wrong
    assert f"had {seed}, and this call has {seed + 1};" in wrong
    np.save(tmp_path / "rows.npy", np.arange(3000))
    code, _, wrong = run("materialize", "corpus.parquet", "out", "-i", "rows.npy", *BIG[4:])
    assert code == 1
    assert f"had other rows than this call, or the same in another order, and drew them with seed {seed};" in wrong
    assert contents(staging(tmp_path / "out")) | {"pid": b""} == left | {"pid": b""}
    code, told, wrong = run("materialize", *BIG, *options)
    assert (code, f"drawn with seed {seed}\n" in wrong) == (0, True), wrong
    assert "of them kept from an interrupted run)" in told
    out = ["corpus.parquet", "whole", *BIG[2:]]
    assert run("materialize", *out, *options, "--seed", seed)[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("corpus")
def test_another_draw_than_that_of_the_interrupted_has_a_seed_of_its_own(run, tmp_path):
    drawable(tmp_path)
    seed = leave_by_command(tmp_path, *DRAWS["scores"])
    for other in (["--by", "scores.npy", "--gumbel"], DRAWS["random"], [*DRAWS["scores"], "--no-resume"]):
        _, _, told = run("materialize", *BIG, *other)
        assert "drawn with seed" in told
        assert f"drawn with seed {seed}\n" not in told


@pytest.mark.usefixtures("corpus")
def test_a_plan_whose_draw_is_damaged_is_told_to_differ(run, tmp_path):
    drawable(tmp_path)
    leave_by_command(tmp_path, *DRAWS["random"])
    path = staging(tmp_path / "out") / "plan.json"
    for damage in (None, 7, [], {}, {"by": 3}, {"arguments": 3}, {"arguments": {"seed": True}}):
        plan = json.loads(path.read_text())
        plan["fields"]["chosen"] = damage
        path.write_text(json.dumps(plan))
        code, _, wrong = run("materialize", *BIG, *DRAWS["random"])
        assert (code, "had other rows than this call" in wrong) == (1, True), wrong

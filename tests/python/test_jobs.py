"""Jobs: what units make and what they are put together to is what one process writes, byte for byte."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.jobs.place import job_of
from dsdm.jobs.ranks import rank_and_world

N = 5_000


def tree(folder):
    """Return every file below a directory with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def beside(folder):
    """Return the names of everything beside an output, which is what was left."""
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.fixture
def place(memory_path, monkeypatch):
    """Return a directory with a corpus of five Parquet files of several row groups, and scores beside it."""
    rng = np.random.default_rng(7)
    (memory_path / "corpus").mkdir()
    cuts = [0, 1_200, 1_201, 3_000, 4_400, N]
    for number, (start, end) in enumerate(pairwise(cuts)):
        rows = range(start, end)
        table = pa.table(
            {
                "id": pa.array([f"row-{row}" for row in rows]),
                "input_ids": pa.array([[row % 251, row % 7] for row in rows], pa.list_(pa.uint16())),
                "text": pa.array(["word " * (row % 40) for row in rows]),
            }
        )
        pq.write_table(table, memory_path / "corpus" / f"part-{number:05}.parquet", row_group_size=400)
    np.save(memory_path / "scores.npy", rng.integers(0, 900, N).astype(np.float32))
    monkeypatch.chdir(memory_path)
    return memory_path


FORMATS = [
    {"format": "arrow"},
    {"format": "parquet"},
    {"format": "jsonl"},
    {"format": "tokens"},
    {"format": "megatron", "columns": ["input_ids"]},
    {"format": "parquet", "card": True, "split": "validation"},
    {"format": "arrow", "row_ids": "row", "columns": ["text"]},
]


@pytest.mark.parametrize("order", ["row", "best_first", "shuffle"])
@pytest.mark.parametrize("options", FORMATS, ids=lambda options: "-".join(map(str, options.values())))
def test_a_job_makes_what_one_process_writes(place, order, options):
    options = {**options, "num_shards": 6, "progress": False}
    out = place / "made" / "best"
    job = dsdm.plan_job(
        "corpus", "scores.npy", out=out, k=900, order=order, shuffle_seed=5 if order == "shuffle" else None, **options
    )
    assert (job.units, job.rows, job.status().missing) == (6, 900, [0, 1, 2, 3, 4, 5])
    # By two processes in turn, with a unit that both are asked for.
    assert job.run([4, 0]) == [0, 4]
    assert dsdm.open_job(out).run(rank=1, world=2) == [1, 3, 5]
    assert job.run([0, 2]) == [2]
    report = job.finalize()
    assert beside(out) == ["best"]
    (place / "one").mkdir()
    scores = dsdm.open_scores("scores.npy")
    chosen = dsdm.choose(scores, k=900, order="best_first" if order == "best_first" else "row")
    how = {"row_order": "shuffle", "seed": 5} if order == "shuffle" else {}
    written = dsdm.materialize("corpus", chosen, place / "one" / "best", **how, **options)
    assert tree(out) == tree(place / "one" / "best")
    assert (report.rows, report.shards, report.bytes, report.fingerprint, report.seed) == (
        900,
        6,
        written.bytes,
        written.fingerprint,
        written.seed,
    )
    assert dsdm.verify(out).selection
    assert job.status().finalized
    assert job.finalize().fingerprint == written.fingerprint


RULES = [
    {"min_score": 600},
    {"fraction": 0.1, "ties": "random", "seed": 3},
    {"k": 300, "gumbel": True, "temperature": 90.0, "seed": 9},
    {"tokens": 1_000, "lengths": np.arange(N) % 5},
    {"groups": np.arange(N) % 3, "per_group": 50},
    {"k": 100, "repeat": 3},
    {"k": 200, "near": 455.0},
]


@pytest.mark.parametrize("rule", RULES, ids="-".join)
def test_every_rule_makes_what_one_process_writes(place, rule):
    job = dsdm.plan_job("corpus", "scores.npy", out="made/best", max_shard_size=4_000, progress=False, **rule)
    assert job.units > 2
    job.run(progress=False)
    job.finalize()
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), order="row", **rule)
    dsdm.materialize("corpus", chosen, "one/best", max_shard_size=4_000, progress=False)
    assert tree(place / "made" / "best") == tree(place / "one" / "best")


def test_columns_of_scores_are_added_from_files_and_from_memory(place):
    scores = dsdm.open_scores("scores.npy")
    added = {"own": scores, "half": scores / 2, "other": np.arange(N) * 0.5}
    selection = dsdm.choose(scores, k=500)
    job = dsdm.plan_job("corpus", selection, out="made/best", order="given", added_scores=added, num_shards=3)
    job.run(progress=False)
    job.finalize()
    dsdm.materialize("corpus", selection, "one/best", scores=added, num_shards=3, progress=False)
    assert tree(place / "made" / "best") == tree(place / "one" / "best")


def test_the_same_plan_again_is_the_same_job_and_another_is_refused(place):
    arguments = {"out": "best", "k": 100, "num_shards": 2}
    dsdm.plan_job("corpus", "scores.npy", **arguments).run([0], progress=False)
    again = dsdm.plan_job("corpus", "scores.npy", **arguments)
    assert again.status().missing == [1]
    with pytest.raises(FileExistsError, match=r"another job of .*best is planned there, of 100 rows in 2 units"):
        dsdm.plan_job("corpus", "scores.npy", **{**arguments, "k": 101})
    assert again.status().missing == [1]
    assert beside(place / "best") == [".best.dsdm-job", "corpus", "scores.npy"]


@pytest.mark.usefixtures("place")
def test_a_job_that_is_not_finished_is_not_put_together():
    job = dsdm.plan_job("corpus", "scores.npy", out="best", k=100, num_shards=5)
    job.run([0, 1, 2], progress=False)
    before = tree(job_of("best"))
    with pytest.raises(dsdm.JobNotFinishedError, match=r"best: not finished: \[3, 4\]"):
        job.finalize()
    assert tree(job_of("best")) == before
    assert not Path("best").exists()
    for units in ([5], [0, 7]):
        with pytest.raises(IndexError, match=r"there is no unit [57]: the job has 5 units, from 0 on"):
            job.run(units)
    with pytest.raises(ValueError, match="units and rank and world are given"):
        job.run([1], rank=0, world=2)
    with pytest.raises(FileNotFoundError, match=r"there is no job of .*other; plan one"):
        dsdm.open_job("other")


def test_what_can_be_no_job_is_refused_before_anything_is_written(place):
    table = pa.table({"n": range(10)})
    scores = np.arange(10.0)
    selection = dsdm.choose(np.arange(N), k=3)
    for arguments, error, said in [
        ((table, scores), ValueError, "a job reads files"),
        (("corpus", scores), ValueError, "10"),
        (("corpus", "scores.npy"), TypeError, "no argument fraktion; fraction is one"),
        (("corpus", selection), ValueError, "k is given, and the rows are a Selection"),
        (("corpus", selection), ValueError, "order='best_first' is for scores"),
        (("corpus", "scores.npy"), ValueError, "order='given' is for a Selection"),
        (("corpus", "scores.npy"), ValueError, "shuffle_seed=3 belongs to order='shuffle'"),
    ]:
        more = {
            "no argument": {"fraktion": 0.1},
            "order='best": {"order": "best_first"},
            "order='giv": {"order": "given", "k": 3},
            "shuffle_s": {"k": 3, "shuffle_seed": 3},
        }
        given = next((value for begins, value in more.items() if said.startswith(begins)), {"k": 3})
        with pytest.raises(error, match=said):
            dsdm.plan_job(*arguments, out="best", **given)
    assert beside(place / "best") == ["corpus", "scores.npy"]


def test_a_source_that_changed_since_the_plan_is_named(place):
    job = dsdm.plan_job("corpus", "scores.npy", out="best", k=2_000, num_shards=4)
    job.run([0], progress=False)
    path = place / "corpus" / "part-00004.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, len(table) - 1), path)
    with pytest.raises(dsdm.SourceChangedError, match=r"part-00004\.parquet"):
        job.run(progress=False)
    assert 3 in job.status().missing
    assert job.run([1], progress=False) == [1] or 1 not in job.status().missing


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["plan.json", "parts.json", "rows.npy", "units/00001.json"])
def test_a_damaged_file_of_a_job_is_found(name):
    job = dsdm.plan_job("corpus", "scores.npy", out="best", k=300, num_shards=3)
    job.run([1], progress=False)
    path = job_of("best") / name
    whole = path.read_bytes()
    # In the last unit, which is not made yet, or in the note.
    middle = len(whole) * 5 // 6
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises((ValueError, OSError, KeyError)):  # noqa: PT012 - whichever of the steps looks at it
        found = dsdm.open_job("best")
        found.run(progress=False)
        found.finalize()
    assert not Path("best").exists()
    path.write_bytes(whole)
    found = dsdm.open_job("best")
    found.run(progress=False)
    assert found.finalize().rows == 300


@pytest.mark.usefixtures("place")
def test_another_release_or_layout_of_the_plan_is_refused():
    dsdm.plan_job("corpus", "scores.npy", out="best", k=300, num_shards=3)
    path = job_of("best") / "plan.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "job": 2}))
    with pytest.raises(dsdm.FormatError, match="job is 2, and this dsdm reads 1"):
        dsdm.open_job("best")


def test_processes_that_run_at_once_make_one_output(place):
    dsdm.plan_job("corpus", "scores.npy", out="made/best", k=2_000, num_shards=12, format="parquet")
    run = "import dsdm; dsdm.open_job('made/best').run(progress=False)"
    started = [subprocess.Popen([sys.executable, "-c", run]) for _ in range(3)]  # noqa: S603
    assert [process.wait() for process in started] == [0, 0, 0]
    job = dsdm.open_job("made/best")
    report = job.finalize()
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), k=2_000, order="row")
    written = dsdm.materialize("corpus", chosen, "one/best", num_shards=12, format="parquet", progress=False)
    assert report.fingerprint == written.fingerprint
    assert tree(place / "made" / "best") == tree(place / "one" / "best")


RANKS = [
    ({}, (0, 1)),
    ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "10"}, (7, 10)),
    ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "5"}, (2, 4)),
    (
        {
            "SLURM_ARRAY_TASK_ID": "9",
            "SLURM_ARRAY_TASK_COUNT": "4",
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_STEP": "4",
        },
        (2, 4),
    ),
    ({"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}, (3, 8)),
    ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, (0, 2)),
    ({"RANK": "1", "WORLD_SIZE": "2"}, (1, 2)),
    ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "10", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (7, 10)),
    ({"SGE_TASK_ID": "3", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "5", "SGE_TASK_STEPSIZE": "2"}, (1, 3)),
]


@pytest.mark.parametrize(
    ("environ", "expected"), RANKS, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_the_environment_tells_the_rank(environ, expected):
    assert rank_and_world(None, None, environ) == expected
    assert rank_and_world(1, 3, environ) == (1, 3)


@pytest.mark.parametrize(
    ("environ", "given", "said"),
    [
        (
            {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "3"},
            (None, None),
            "not all of a range",
        ),
        (
            {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2", "RANK": "0", "WORLD_SIZE": "4"},
            (None, None),
            "say which is meant",
        ),
        ({"RANK": "x", "WORLD_SIZE": "4"}, (None, None), "RANK is 'x'"),
        ({}, (1, None), "rank is given without world"),
        ({}, (None, 1), "world is given without rank"),
        ({}, (2, 2), "rank is 2 of world 2"),
        ({}, (0, 0), "rank is 0 of world 0"),
    ],
    ids=str,
)
def test_a_rank_that_cannot_be_is_refused(environ, given, said):
    with pytest.raises(ValueError, match=said):
        rank_and_world(*given, environ)


def test_the_command_plans_runs_and_puts_together(place):
    def dsdm_job(*arguments, code=0, **environ):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dsdm", "job", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environ},
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    planned = json.loads(
        dsdm_job("plan", "corpus", "best", "--by", "scores.npy", "-k", "400", "--num-shards", "4", "--json")
    )
    assert planned == {"out": "best", "units": 4, "missing": [0, 1, 2, 3], "rows": 400, "finalized": False}
    assert "0 of 4 units made" in dsdm_job("status", "best")
    assert json.loads(dsdm_job("run", "best", "--rank", "1", "--world", "2", "--json"))["made"] == [1, 3]
    assert "not finished: [0, 2]" in dsdm_job("finalize", "best", code=1)
    dsdm_job("run", "best", SLURM_ARRAY_TASK_ID="0", SLURM_ARRAY_TASK_COUNT="2")
    assert "400 rows in 4 shards" in dsdm_job("finalize", "best")
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), k=400)
    dsdm.materialize("corpus", chosen, "one/best", num_shards=4, row_order="row", progress=False)
    assert {name for name in tree(place / "best") if name != "dsdm.json"} == {
        name for name in tree(place / "one" / "best") if name != "dsdm.json"
    }
    assert "there is no job of" in dsdm_job("status", "best", code=1)

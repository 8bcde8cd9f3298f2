"""Jobs whose processes are killed and frozen at any moment: nothing is lost, and the bytes are those of one process."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.jobs.place import job_of

N = 60_000
UNITS = 24
KILLS = int(os.environ.get("DSDM_KILLS", "12"))
"""Of each kind; `make cluster` has more."""

RUN = "import dsdm; job = dsdm.open_job('made/best'); print('ready', flush=True); job.run(progress=False, threads=1)"
FINALIZE = "import dsdm; job = dsdm.open_job('made/best'); print('ready', flush=True); job.finalize()"


AT_ONCE = FINALIZE.replace("; job.finalize()", "; input(); job.finalize()")
"""Begins when it is told to."""


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def place(memory_path, monkeypatch):
    """Return a directory with a corpus, scores, and what one process writes of it."""
    monkeypatch.chdir(memory_path)
    rng = np.random.default_rng(3)
    (memory_path / "corpus").mkdir()
    for number in range(6):
        rows = range(number * N // 6, (number + 1) * N // 6)
        table = pa.table({"id": rows, "text": [f"{row} " * (row % 30) for row in rows]})
        pq.write_table(table, memory_path / "corpus" / f"part-{number:05}.parquet", row_group_size=2_000)
    np.save("scores.npy", rng.standard_normal(N))
    chosen = dsdm.choose(dsdm.open_scores("scores.npy"), k=N // 2, order="row")
    dsdm.materialize("corpus", chosen, "one/best", num_shards=UNITS, format="parquet", progress=False)
    return memory_path


def planned():
    return dsdm.plan_job("corpus", "scores.npy", out="made/best", k=N // 2, num_shards=UNITS, format="parquet")


def started(code):
    """Start a process, and wait until it is about to begin its work."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603
    assert process.stdout.readline() == b"ready\n", process.stderr.read()
    return process


def ended(process):
    process.communicate()
    return process.returncode


def seconds_of_a_run(place):
    """Return how long all units take one process, and leave no job."""
    job = planned()
    process = started(RUN)
    begun = time.perf_counter()
    assert ended(process) == 0
    took = time.perf_counter() - begun
    job.finalize()
    assert tree(place / "made" / "best") == tree(place / "one" / "best")
    for path in sorted((place / "made" / "best").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (place / "made" / "best").rmdir()
    return took


def test_processes_that_are_killed_cost_their_unit_alone(place):
    took, rng = seconds_of_a_run(place), random.Random(1)  # noqa: S311
    job = planned()
    left, kills = UNITS, 0
    while kills < KILLS:
        process = started(RUN)
        time.sleep(rng.random() * took / 4)
        process.kill()
        kills += ended(process) == -signal.SIGKILL
        assert len(job.status().missing) <= left, "what was noted stays"
        left = len(job.status().missing)
        if not left:
            # Some of what is made is lost: its note alone, or the note and its shard.
            for unit in rng.sample(range(UNITS), UNITS // 2):
                (job_of("made/best") / "units" / f"{unit:05}.json").unlink()
            left = len(job.status().missing)
    job.run(progress=False)
    job.finalize()
    assert tree(place / "made" / "best") == tree(place / "one" / "best")
    assert sorted(path.name for path in (place / "made").iterdir()) == ["best"]


def test_a_finalize_that_is_killed_is_called_again(place):
    rng = random.Random(2)  # noqa: S311
    took = 0.0
    for number in range(KILLS):
        job = planned()
        job.run(progress=False)
        process = started(FINALIZE)
        begun = time.perf_counter()
        if number:
            time.sleep(rng.random() * took)
            process.kill()
        ended(process)
        took = took or time.perf_counter() - begun
        if job_of("made/best").exists():
            dsdm.open_job("made/best").finalize()
        assert tree(place / "made" / "best") == tree(place / "one" / "best"), number
        assert sorted(path.name for path in (place / "made").iterdir()) == ["best"], number
        for path in sorted((place / "made" / "best").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (place / "made" / "best").rmdir()


def test_a_process_that_was_frozen_touches_no_output(place):
    took, rng = seconds_of_a_run(place), random.Random(3)  # noqa: S311
    for number in range(max(KILLS // 4, 2)):
        job = planned()
        process = started(RUN)
        time.sleep(rng.random() * took)
        process.send_signal(signal.SIGSTOP)
        job.run(progress=False)
        job.finalize()
        before = tree(place / "made" / "best")
        assert before == tree(place / "one" / "best"), number
        process.send_signal(signal.SIGCONT)
        ended(process)
        assert tree(place / "made" / "best") == before, number
        for path in sorted((place / "made").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()


def test_two_finalizes_at_once_make_one_output(place):
    for _ in range(max(KILLS // 4, 2)):
        planned().run(progress=False)
        both = [started(AT_ONCE), started(AT_ONCE)]
        for process in both:
            process.stdin.write(b"\n")
            process.stdin.flush()
        codes = [ended(process) for process in both]
        assert 0 in codes
        assert tree(place / "made" / "best") == tree(place / "one" / "best")
        assert sorted(path.name for path in (place / "made").iterdir()) == ["best"]
        for path in sorted((place / "made" / "best").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (place / "made" / "best").rmdir()

"""``dsdm job submit``: what Slurm is handed, and what a machine without Slurm says; units on Ray without one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
import dsdm.ray
from dsdm.jobs import slurm


@pytest.fixture
def job(memory_path, monkeypatch):
    """Return a planned job of seven units."""
    monkeypatch.chdir(memory_path)
    pq.write_table(pa.table({"n": range(700)}), "rows.parquet")
    return dsdm.plan_job("rows.parquet", np.arange(700.0), out="best of all", k=70, num_shards=7)


def run_job(*arguments, code=0, **environ):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "dsdm", "job", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def array(script, tasks):
    """Run the script of an array as Slurm does, a task at a time."""
    for task in range(tasks):
        environ = {**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(tasks)}
        subprocess.run(["/bin/bash", "-c", script], check=True, env=environ, capture_output=True)  # noqa: S603


@pytest.mark.parametrize("tasks", [None, 1, 3])
def test_the_scripts_make_the_output(job, tasks):
    found = slurm.scripts(job, slurm.Resources(), tasks=tasks)
    array(found.units, tasks or 7)
    assert job.status().missing == []
    subprocess.run(["/bin/bash", "-c", found.finalize], check=True, capture_output=True)  # noqa: S603
    assert dsdm.verify("best of all").rows == 70


def test_what_is_asked_for_goes_to_both(job):
    resources = slurm.Resources("fast", "acct", "1:00:00", "8G", 4, ["--qos=low"])
    found = slurm.scripts(job, resources)
    for script in (found.units, found.finalize):
        lines = script.splitlines()
        assert lines[0] == "#!/bin/bash"
        for told in ("--partition=fast", "--account=acct", "--time=1:00:00", "--mem=8G", "--qos=low", "--ntasks=1"):
            assert f"#SBATCH {told}" in lines
    assert "#SBATCH --array=0-6" in found.units
    assert "#SBATCH --requeue" in found.units
    assert "--threads 4" in found.units
    assert "#SBATCH --cpus-per-task=1" in found.finalize
    for tasks in (0, 8):
        with pytest.raises(ValueError, match=f"tasks is {tasks}, and the job has 7 units"):
            slurm.scripts(job, resources, tasks=tasks)


def test_the_command_prints_and_submits(job, memory_path):
    printed = run_job("submit", "best of all", "--slurm", "--print", "--partition", "fast")
    assert printed.count("#SBATCH --partition=fast") == 2
    assert "dependency=afterok" in printed
    assert "--slurm" in run_job("submit", "best of all", code=2)
    nothing = memory_path / "empty"
    nothing.mkdir()
    assert "sbatch: it is not on this machine" in run_job("submit", "best of all", "--slurm", code=1, PATH=str(nothing))
    # One that keeps what it is given and answers as Slurm does.
    told = Path("bin/sbatch")
    told.parent.mkdir()
    told.write_text('#!/bin/sh\nn=$(ls "$0".* 2>/dev/null | wc -l)\n(echo "$@"; cat) > "$0.$n"\necho "4$n;cluster"\n')
    told.chmod(told.stat().st_mode | stat.S_IXUSR)
    said = run_job("submit", "best of all", "--slurm", PATH=f"{memory_path / 'bin'}:{os.environ['PATH']}")
    assert "array 40 makes the units, and 41 puts them together" in said
    first, second = (Path(f"bin/sbatch.{number}").read_text().splitlines() for number in (0, 1))
    assert first[0] == "--parsable"
    assert second[0] == "--parsable --dependency=afterok:40 --kill-on-invalid-dep=yes"
    assert job.status().missing == list(range(7))


class LocalRay:
    """Ray's face, with tasks that are run when they are waited for; the first of some units are lost for ever."""

    def __init__(self, lost):
        self.lost, self.asked, self.cancelled = set(lost), [], []

    def remote(self, **_options):
        ray = self

        class Task:
            def __init__(self, function):
                self.function = function

            def options(self, name):
                self.name = name
                return self

            def remote(self, out, unit, *rest):
                ray.asked.append((self.name, unit))
                is_lost = unit in ray.lost
                ray.lost.discard(unit)
                return len(ray.asked), None if is_lost else lambda: self.function(out, unit, *rest)

        return Task

    def wait(self, tasks, num_returns, timeout):
        assert (num_returns, timeout) == (1, 1.0)
        ready = [task for task in tasks if task[1] is not None]
        return ready[:1], ready[1:]

    def get(self, task):
        return task[1]()

    def cancel(self, task, force):
        assert not force
        self.cancelled.append(task)


def test_units_on_ray_are_asked_for_again_when_they_do_not_come(job, monkeypatch):
    job.run([2], progress=False)
    ray = LocalRay(lost=[1, 5])
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert dsdm.ray.run(job, hedge_after=1e-9, progress=False) == [0, 1, 3, 4, 5, 6]
    assert sorted(unit for _, unit in ray.asked) == [0, 1, 1, 3, 4, 5, 5, 6]
    assert len(ray.cancelled) == 2
    assert job.finalize().rows == 70
    with pytest.raises(ValueError, match="hedge_after is 0"):
        dsdm.ray.run(job, hedge_after=0)

"""A job on Slurm: an array of tasks that make its units, and one that puts them together once all are done."""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dsdm.jobs.job import Job
from dsdm.jobs.place import job_of

MOST_TASKS = 1_000
"""Tasks of an array: by default Slurm allows numbers up to this one."""


@dataclass(frozen=True)
class Resources:
    """What each task asks of Slurm; what is not given is what the cluster gives by itself."""

    partition: str | None = None
    account: str | None = None
    time: str | None = None
    memory: str | None = None
    cpus: int = 1
    more: list[str] = field(default_factory=list)
    """Other options of sbatch, such as ``--qos=low``."""

    def directives(self) -> list[str]:
        """Return the options of sbatch."""
        named = {
            "partition": self.partition,
            "account": self.account,
            "time": self.time,
            "mem": self.memory,
            "cpus-per-task": str(self.cpus),
        }
        return [*(f"--{name}={value}" for name, value in named.items() if value is not None), *self.more]


@dataclass(frozen=True)
class Scripts:
    """The scripts of a job."""

    units: str
    """That of the array."""
    finalize: str
    """That of the task behind it."""

    def __str__(self) -> str:
        return f"{self.units}\n# Once all tasks of the array are done (--dependency=afterok):\n\n{self.finalize}"


def scripts(job: Job, resources: Resources, *, tasks: int | None = None, python: str = sys.executable) -> Scripts:
    """Return the scripts that make a job: an array of so many tasks, at most one for each unit, and a finalize.

    Raises
    ------
    ValueError
        For no task, and for more than there are units.

    """
    out = str(Path(job.out).absolute())
    tasks = min(job.units, MOST_TASKS) if tasks is None else tasks
    if not 1 <= tasks <= job.units:
        message = f"tasks is {tasks}, and the job has {job.units} units: give 1 to {job.units}"
        raise ValueError(message)
    dsdm = f"{shlex.quote(python)} -m dsdm job"
    name = re.sub(r"[^\w.-]", "_", Path(out).name)
    logs = job_of(out) / "slurm"
    # Each rank is told, and not looked for: tasks that are started again by their numbers make the same units.
    make = f'{dsdm} run {shlex.quote(out)} --rank "$SLURM_ARRAY_TASK_ID" --world {tasks} --threads {resources.cpus}'
    array = [f"--array=0-{tasks - 1}", "--requeue", f'--output="{logs}/%a.log"', f"--job-name=dsdm-{name}"]
    one = Resources(resources.partition, resources.account, resources.time, resources.memory, 1, resources.more)
    return Scripts(
        _script([*resources.directives(), *array], f"mkdir -p {shlex.quote(str(logs))}\nexec {make}"),
        _script([*one.directives(), f"--job-name=dsdm-{name}-finalize"], f"exec {dsdm} finalize {shlex.quote(out)}"),
    )


def _script(directives: list[str], command: str) -> str:
    lines = "\n".join(f"#SBATCH {directive}" for directive in ["--ntasks=1", *directives])
    return f"#!/bin/bash\n{lines}\n\n{command}\n"


def submit(found: Scripts, job: Job) -> tuple[str, str]:
    """Hand the scripts to Slurm, and return the numbers of both of its jobs.

    Raises
    ------
    FileNotFoundError
        Where there is no sbatch.
    RuntimeError
        With what sbatch says.

    """
    (job_of(job.out) / "slurm").mkdir(exist_ok=True)
    units = _sbatch(found.units)
    return units, _sbatch(found.finalize, f"--dependency=afterok:{units}", "--kill-on-invalid-dep=yes")


def _sbatch(script: str, *options: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - what the user asked to be run
            ["sbatch", "--parsable", *options],  # noqa: S607 - that of the cluster
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        message = "sbatch: it is not on this machine; submit from one that has Slurm, or print the scripts (--print)"
        raise FileNotFoundError(message) from error
    if done.returncode:
        message = f"sbatch ended with {done.returncode}: {done.stderr.strip()}"
        raise RuntimeError(message)
    return done.stdout.strip().partition(";")[0]

"""Check each file in a process of its own, with limits of time and memory, some at once."""

import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.foreign import corpus, scores
from tests.oracle.outcomes import CRASH
from tests.oracle.readers import NPY, RefusedError, format_of, read_array, read_table

SECONDS = 180
ADDRESS_SPACE = 4 << 30


@dataclass
class Job:
    """A file that is being checked."""

    path: str
    form: str
    answer: Path
    output: Path
    pid: int = 0
    started: float = field(default_factory=time.monotonic)


def found(folders):
    """Give the files below folders that a format begins or whose names say one, and their formats.

    Of files with the same bytes the first is given: projects take test files from each other.
    """
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*"))]
    files = {}
    for path in paths:
        if path.is_file() and path.stat().st_size and (form := format_of(path)):
            files.setdefault((hashlib.sha256(path.read_bytes()).digest(), form), (str(path), form))
    return list(files.values())


def run(files, at_once):
    """Check files, and yield for each its path, its format and {"corpus" or "scores": (class, message)}."""
    waiting, running = list(reversed(files)), {}
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = _start(*waiting.pop(), Path(folder))
                running[job.pid] = job
            for job, status in _ended(running):
                del running[job.pid]
                yield job.path, job.form, _answer(job, status)


def _start(path, form, folder):
    number = len(list(folder.iterdir()))
    job = Job(path, form, folder / f"{number}.json", folder / f"{number}.txt")
    job.output.touch()
    sys.stdout.flush()
    # A fork of a process that has imported everything and started no thread costs milliseconds.
    job.pid = os.fork()
    if job.pid == 0:
        _be_the_child(job)
    return job


def _be_the_child(job):
    """Check a file, write the answer, and end without what else belongs to the parent."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        output = os.open(job.output, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        job.answer.write_text(json.dumps(check(job.path, job.form)))
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the child ends here
        traceback.print_exc()
    os._exit(code)


def check(path, form):
    """Check one file, here and now."""
    if form == NPY:
        return {"scores": scores.check_array(path, _theirs(read_array, path))}
    table = _theirs(read_table, path, form)
    return {"corpus": corpus.check(path, table), "scores": scores.check(path, table)}


def _theirs(read, *arguments):
    try:
        return read(*arguments)
    except RefusedError as refused:
        return refused


def _ended(running):
    """Give the jobs that ended, and end those that take too long."""
    ended = []
    for job in running.values():
        pid, status = os.waitpid(job.pid, os.WNOHANG)
        if pid:
            ended.append((job, status))
        elif time.monotonic() - job.started > SECONDS:
            os.kill(job.pid, signal.SIGKILL)
            ended.append((job, None))
            os.waitpid(job.pid, 0)
    if not ended:
        time.sleep(0.005)
    return ended


def _answer(job, status):
    with contextlib.suppress(OSError, ValueError):
        return {use: tuple(outcome) for use, outcome in json.loads(job.answer.read_text()).items()}
    how = f"no answer in {SECONDS} s" if status is None else f"exit status {os.waitstatus_to_exitcode(status)}"
    last = job.output.read_text(errors="replace").strip().splitlines()[-1:]
    return {use: (CRASH, f"{how} {' '.join(last)}") for use in ("corpus", "scores")}

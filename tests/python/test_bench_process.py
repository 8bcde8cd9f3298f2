"""The processes that the benchmark starts: their memory is measured, and none outlives an error."""

import sys
import time
from pathlib import Path

import pytest

from dsdm_bench.harness.processes import process

FAMILY = """
import subprocess, sys
print("ready", flush=True)
sys.stdin.readline()
child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 50_000_000; print('done', flush=True); input()"])
child.wait()
"""


def test_the_memory_of_a_process_has_that_of_its_children():
    with process.Child([sys.executable, "-c", FAMILY]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(0.002)
        child.next_word("done")
        assert max(most, child.anonymous()) - before > 50_000_000
        child.proceed()


def test_no_process_outlives_an_error():
    sleeper = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print('ready', child.pid, flush=True); "
        "child.wait()"
    )
    pids = []

    def fail():
        with process.Child([sys.executable, "-c", sleeper]) as child:
            pids.append(int(child.next_word("ready")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    for _ in range(500):
        status = Path(f"/proc/{pids[0]}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return
        time.sleep(0.01)
    pytest.fail("the process of the process is still there")

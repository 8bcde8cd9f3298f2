"""The peak of the memory that a system takes for a rule beyond its inputs: a fresh process for each."""

import json
import sys
from dataclasses import asdict, replace

from dsdm_bench.harness.processes.process import Child
from dsdm_bench.rules.settings import RuleSettings

_INTERVAL = 0.002  # seconds between two samples


def peak(library: str, job: str, settings: RuleSettings) -> int:
    """Have a library do one job in a process of its own; return the bytes by which its memory rose, rows included.

    The inputs are there before, in the form that the library takes them in.

    Raises
    ------
    ChildError
        If the process ends before its work does, for instance when memory runs out.

    """
    asked = json.dumps(asdict(replace(settings, jobs=(job,))))
    with Child([sys.executable, "-m", "dsdm_bench.rules.child", library, asked]) as child:
        child.next_word("ready")
        before = child.anonymous()
        child.proceed()
        most = child.watch(_INTERVAL)
        child.next_word("done")
        most = max(most, child.anonymous())
        child.proceed()
    return most - before

"""The process whose memory is watched: ``python -m dsdm_bench.rules.child LIBRARY SETTINGS``."""

import ctypes
import gc
import json
import sys
from contextlib import suppress

from dsdm_bench.rules.inputs import make
from dsdm_bench.rules.peers import SYSTEMS
from dsdm_bench.rules.settings import RuleSettings


def main(library: str, text: str) -> None:
    """Make the inputs, print "ready" and wait; run, print "done" and hold the rows until told to end."""
    settings = RuleSettings(**json.loads(text))
    (job,) = settings.jobs
    inputs = make(settings)
    inputs.compute()
    call = SYSTEMS[library](inputs, settings.thread_count)[job]
    _give_back()
    print("ready", flush=True)
    sys.stdin.readline()
    rows = call()
    print("done", flush=True)
    sys.stdin.readline()
    del rows


def _give_back() -> None:
    """Give memory that is no longer used back to the system: a call that takes it again would seem to take none."""
    gc.collect()
    with suppress(AttributeError, OSError):  # other systems have no such function
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

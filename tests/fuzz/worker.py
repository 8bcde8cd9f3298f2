"""A process that is fed mutants and tells, a line for each, what came of them.

    python -m tests.fuzz.worker SEED FIRST STEP END

A line `> n` goes before mutant n is read and `~ n` before another reader reads it, so that if the process ends or
hangs, it is known at which mutant and in whose hands.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import pyarrow as pa

from tests.fuzz.mutants import Mutants
from tests.fuzz.targets import read

ADDRESS_SPACE = 4 << 30


def _say(line):
    os.write(1, f"{line}\n".encode())


def main():
    """Read mutants from the first to the end by steps."""
    seed, first, step, end = (int(argument) for argument in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pa.set_cpu_count(1)
    mutants = Mutants(seed)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of its own is made there
    with tempfile.TemporaryDirectory(dir=memory, prefix="dsdm-fuzz-") as folder:
        for number in range(first, end, step):
            damaged = mutants[number]
            path = Path(folder) / damaged.name
            _say(f"> {number}")
            outcome, message = read(damaged, path, number, partial(_say, f"~ {number}"))
            _say(json.dumps([number, damaged.form, outcome, message[:500].replace(str(path), "it")]))
            for left in Path(folder).iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()


if __name__ == "__main__":
    main()

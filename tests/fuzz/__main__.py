"""Damage files of every format, read them here and with another reader, and compare the values.

    python -m tests.fuzz [--seed N] [--seconds S] [--mutants N] [--only N]

Without a number of mutants it goes on for the seconds. Each mutant is one of:

    refused                refused here, by an error that is documented
    equal                  read here and by the other reader, to the same values
    accepted alone         read here and refused there, for one of the reasons that tests/fuzz/judge.py gives
    as undamaged           read by both to other values, and here to those of the undamaged file
    accepted, unexplained  read here and refused there for any other reason
    WRONG                  read by both to other values
    crash                  a panic, an internal error, a signal, no end, or an error that is not documented

The last three fail the run, and their files are kept, under the seed and their number: --only reads one again.
"""

import argparse
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.folders import lay
from tests.fuzz.judge import BAD, CLASSES, CRASH, EQUAL
from tests.fuzz.mutants import Mutants
from tests.fuzz.targets import read

SEED = 11
SECONDS = 120
HANG = 60
"""Seconds after which a mutant has no end."""
KEPT = Path(__file__).parents[2] / "target" / "fuzz"


class Worker:
    """A process that reads every so manieth mutant, and is started anew behind the one that ended it."""

    def __init__(self, seed, first, step, end):
        self._seed, self._step, self._end = seed, step, end
        self.start(first)

    def start(self, first):
        """Read the mutants from the first on."""
        numbers = map(str, (self._seed, first, self._step, self._end))
        command = [sys.executable, "-m", "tests.fuzz.worker", *numbers]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        self.current, self.theirs, self.since, self._rest = first - self._step, False, time.monotonic(), b""

    def lines(self):
        """Give the outcomes that arrived; None at the end."""
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.since = time.monotonic()
        outcomes = []
        for line in lines:
            if line[:1] in b">~":
                self.current, self.theirs = int(line[2:]), line[:1] == b"~"
            else:
                outcomes.append(json.loads(line))
        return outcomes

    def after(self):
        """Start anew behind the mutant that ended the process; say whether there is one, and what it said."""
        code = self.process.wait()
        said = self.process.stderr.read().decode(errors="replace").strip()[-400:]
        if code == 0:
            return None
        number = self.current
        self.start(number + self._step)
        return number, f"exit status {code} {said}"


class Run:
    """Workers, and the counts of what they told."""

    def __init__(self, options):
        self.options = options
        self.counts, self.bad = Counter(), []
        self.mutants = Mutants(options.seed)
        end = options.mutants or 2**40
        self.workers = [Worker(options.seed, n, options.jobs, end) for n in range(options.jobs)]
        self.began = time.monotonic()

    def wait(self):
        """Take outcomes until all mutants are read or the time is over."""
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
            while selector.get_map() and not self._over():
                for key, _ in selector.select(timeout=0.5):
                    self._take(selector, key.data)
                for worker in self.workers:
                    if worker.process.poll() is None and time.monotonic() - worker.since > HANG:
                        worker.process.send_signal(signal.SIGKILL)
        for worker in self.workers:
            worker.process.kill()
            worker.process.wait()

    def _over(self):
        return not self.options.mutants and time.monotonic() - self.began > self.options.seconds

    def _take(self, selector, worker):
        stdout = worker.process.stdout
        outcomes = worker.lines()
        for outcome in outcomes or ():
            self.count(*outcome)
        if outcomes is None:
            selector.unregister(stdout)
            theirs, ended = worker.theirs, worker.after()
            if ended:
                number, how = ended
                form = self.mutants[number].form
                # The other reader is free to fall over: what was read here is then compared with nothing.
                outcome = ("other reader crashed", "") if theirs else (CRASH, how)
                self.count(number, form, *outcome)
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)

    def count(self, number, form, outcome, message):
        """Count an outcome, and keep the mutant if it is a bad one."""
        self.counts[form, outcome] += 1
        if outcome not in BAD:
            self.counts["message", f"{form}: {message}"] += outcome not in {EQUAL, "refused"}
            return
        mutant = self.mutants[number]
        keep(mutant)
        self.bad.append(number)
        print(f"{outcome}: {KEPT / mutant.name}: {message}", flush=True)


def main():
    """Read mutants, and print what came of them."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = {name: os.environ.get(f"FUZZ_{name}") for name in ("SEED", "SECONDS", "MUTANTS")}
    asked.add_argument("--seed", type=int, default=int(default["SEED"] or SEED))
    asked.add_argument("--seconds", type=float, default=float(default["SECONDS"] or SECONDS))
    asked.add_argument("--mutants", type=int, default=int(default["MUTANTS"] or 0))
    asked.add_argument("--jobs", type=int, default=2)
    asked.add_argument("--only", type=int, help="write this mutant and say what comes of it")
    options = asked.parse_args()
    if options.only is not None:
        return only(options.seed, options.only)
    run = Run(options)
    run.wait()
    print(report(run.counts))
    total = sum(count for (form, _), count in run.counts.items() if form != "message")
    print(f"seed {options.seed}: {total:,} mutants in {time.monotonic() - run.began:.0f} s")
    return int(bool(run.bad))


def report(counts):
    """Lay out the outcomes of each format, and why mutants were accepted that the other reader refuses."""
    forms = sorted({form for form, _ in counts if form != "message"})
    known = [*CLASSES, "other reader crashed"]
    lines = [["", *known], *([form, *(str(counts[form, outcome]) for outcome in known)] for form in forms)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(known) + 1)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join(
        [
            *text,
            *(f"{count} accepted alone, {why}" for (kind, why), count in counts.items() if kind == "message" and count),
        ]
    )


def only(seed, number):
    """Write one mutant and read it here, in this process."""
    mutant = Mutants(seed)[number]
    path = keep(mutant)
    with tempfile.TemporaryDirectory() as folder:
        print(path, *read(mutant, Path(folder) / mutant.name, number))
    return 0


def keep(mutant):
    """Write a mutant to where it stays, and give where."""
    path = KEPT / mutant.name
    KEPT.mkdir(parents=True, exist_ok=True)
    if isinstance(mutant.data, dict):
        shutil.rmtree(path, ignore_errors=True)
        lay(path, mutant.data)
    else:
        path.write_bytes(mutant.data)
    return path


if __name__ == "__main__":
    sys.exit(main())

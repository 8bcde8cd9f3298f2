"""Run a command, and print every ten seconds for how long it has run; what it says itself is printed if it fails.

Run ``python tools/progress.py compiling --crates python -- maturin develop --verbose`` where cargo is what is run, so
that crates are counted, or ``python tools/progress.py "installing what dsdm needs" -- pip install …``.
"""

import argparse
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable

COMPILED = ("Compiling", "Fresh")
"""How the lines begin by which cargo tells that it begins with a crate, or that nothing is to be done for it."""
OF_NO_USE = (*COMPILED, "Running", "Dirty", "Locking", "Downloaded")
"""How those begin that say nothing about a failure."""

COLOR = re.compile(r"\x1b\[[0-9;]*m")
"""What CARGO_TERM_COLOR=always puts between words."""


class Said:
    """What a command has said so far.

    Parameters
    ----------
    what
        What is being done, as it is printed.
    count_crates
        Gives the number of crates when cargo begins with the first, or None where nobody knows.

    """

    def __init__(self, what: str, count_crates: Callable[[], int | None] = lambda: None) -> None:
        self.what = what
        self.kept: list[str] = []
        self._count_crates = count_crates
        self._begun, self._latest = 0, ""
        self._crates: int | None = None

    def take(self, lines: Iterable[str]) -> None:
        """Take lines as they come."""
        for line in lines:
            words = COLOR.sub("", line).split()
            if len(words) > 1 and words[0] in COMPILED:
                if not self._begun:
                    self._crates = self._count_crates()
                self._begun += 1
                self._latest = words[1]
            elif "--crate-name" in words[:-1]:
                # A crate with a script of its own was begun long before it is compiled itself.
                name = words[words.index("--crate-name") + 1]
                self._latest = self._latest if name == "build_script_build" else name
            if not words or words[0] not in OF_NO_USE:
                self.kept.append(line)

    def progress(self, seconds: float) -> str:
        """Return the line that says how far it is."""
        crates = f" of {self._crates}" if self._crates else ""
        told = f"{self._begun}{crates} crates begun, {self._latest} the latest, " if self._begun else ""
        return f"{self.what}: {told}{duration(seconds)}"


def main(arguments: list[str]) -> int:
    """Run the command, and return what it ended with."""
    parser = argparse.ArgumentParser(description="Run a command and print how far it is.")
    parser.add_argument("what", help="what is printed of it")
    parser.add_argument("--crates", metavar="FEATURES", help="features of the crate that cargo builds: count crates")
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help="between two lines")
    parser.add_argument("command", nargs="+", metavar="-- COMMAND", help="what is run")
    asked = parser.parse_args(arguments)
    said = Said(asked.what, lambda: crates(asked.crates)) if asked.crates else Said(asked.what)
    return run(asked.command, said, asked.every)


def run(command: list[str], said: Said, every: float) -> int:
    """Run a command, print a line as often as that, and what it said if it fails; return what it ended with."""
    begun = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - the command is what this was called for
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
    ) as child:
        # What a pipe holds is little, so that somebody must read while this waits.
        reading = threading.Thread(target=said.take, args=(child.stdout,), daemon=True)
        reading.start()
        try:
            while True:
                reading.join(every)
                if not reading.is_alive():
                    break
                print(said.progress(time.monotonic() - begun), flush=True)
        except KeyboardInterrupt:
            child.wait()  # the terminal tells it as well
            return 130
    if child.returncode:
        sys.stderr.write("".join(said.kept))
        print(f"{said.what}: {command[0]} ended with {child.returncode}", file=sys.stderr)
    return child.returncode


def crates(features: str) -> int | None:
    """Return how many crates are compiled for the library with these features, as cargo knows it."""
    of_library = ("--locked", "--features", features, "--edges", "normal,build")
    command = ("cargo", "tree", *of_library, "--prefix", "none", "--format", "{p}")
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Makefile names features
    # The first two words of a line are the name and the version; what follows is said of some lines alone.
    names = {tuple(line.split()[:2]) for line in told.stdout.splitlines() if line}
    return len(names) if told.returncode == 0 else None


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(9.7), duration(80.2), duration(119.8)
    ('10 s', '1 min 20 s', '2 min 0 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Times of several systems taken in turns, so that what slows the machine for a while slows them all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from dsdm.bench.answers import WrongAnswerError
from dsdm.bench.report import say, seconds

_SETTLE = 0.3
"""Seconds between runs: the threads of OpenMP go on spinning for 0.2 s, in the time of whoever comes next."""
_BRIEF = 1.0
"""Seconds: so brief a run is preceded by one that is not counted. While others run, a system may take the pages of a
map away from whoever does not use them, and each has a map of its own: all of them are to find theirs."""
_AT_ONCE = 3
"""Runs of a brief one that count in each turn: what a machine does besides takes as long as some of them."""


@dataclass
class Contestant:
    """What is timed: `run` after `before`, whose time does not count. `check` tells what is right in its result."""

    name: str
    run: Callable[[], Any]
    check: Callable[[Any], str]
    before: Callable[[], None] | None = None
    clock: Callable[[Any], float] | None = None
    """The seconds that count, from the result; all that `run` took if there is none."""
    times: list[float] = field(default_factory=list)
    """Seconds of each run that counts."""
    answer: str = ""
    """What was found right; empty if nothing was."""
    problem: str = ""
    """What was wrong, and then there are no times."""
    first: float = 0.0
    """Seconds of the first run, which is checked."""

    @property
    def median(self) -> float | None:
        """Seconds."""
        return median(self.times) if self.times else None

    @property
    def is_brief(self) -> bool:
        """Whether a run takes little time and begins in no state of its own."""
        return self.before is None and self.first < _BRIEF

    def time_one(self) -> tuple[float, Any]:
        """Run once, and give the seconds and the result."""
        if self.before is not None:
            self.before()
        time.sleep(_SETTLE)
        began = time.perf_counter()
        result = self.run()
        took = time.perf_counter() - began
        return (took if self.clock is None else self.clock(result)), result


def alternate(contestants: Sequence[Contestant], repeats: int, budget: float) -> None:
    """Run each once, warm up and check; then all in turns, `repeats` times.

    A first run is not counted, unless it took longer than `budget` seconds: then it is the only one. A brief one has
    more runs in each of its turns, and one before them that is not counted.
    """
    lasting = [contestant for contestant in contestants if _first_run(contestant, budget)]
    for _ in range(repeats):
        for contestant in lasting:
            if contestant.is_brief:
                contestant.run()
            for _ in range(_AT_ONCE if contestant.is_brief else 1):
                contestant.times.append(contestant.time_one()[0])


def _first_run(contestant: Contestant, budget: float) -> bool:
    """Run and check; whether there are to be more runs."""
    try:
        took, result = contestant.time_one()
        contestant.first = took
        contestant.answer = contestant.check(result)
    except WrongAnswerError as error:
        contestant.problem = f"WRONG: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a peer dies of, the others are still measured
        contestant.problem = f"failed: {type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    if contestant.problem:
        say(f"  {contestant.name}: {contestant.problem}")
        return False
    say(f"  {contestant.name}: {seconds(took)}")
    if took > budget:
        contestant.times.append(took)
    return took <= budget


def fastest(contestants: Sequence[Contestant]) -> Contestant:
    """The one with the smallest median."""
    timed = [contestant for contestant in contestants if contestant.times]
    if not timed:
        message = "; ".join(f"{contestant.name}: {contestant.problem}" for contestant in contestants)
        raise WrongAnswerError(message)
    return min(timed, key=lambda contestant: contestant.median or 0.0)

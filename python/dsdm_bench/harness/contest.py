"""A contest of several systems, timed in turns: what slows the machine for a while slows all of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from dsdm_bench.harness.console import say, seconds
from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.harness.results import Measured, Unit

_SETTLE = 0.3
"""Seconds between runs: OpenMP threads keep spinning for 0.2 s, which would slow the next system."""
_BRIEF = 1.0
"""Seconds: a briefer run is preceded by one that is not counted. While the others run, the kernel may evict a
system's pages of the map, and each system has a map of its own; the uncounted run faults them in again."""
_RUNS_PER_TURN = 3
"""Counted runs of a brief system in each turn: other work of the machine takes as long as some of them."""


@dataclass
class Contestant:
    """A system to be timed: `run`, after `setup`, which is not timed. `check` says what is right in the result."""

    name: str
    run: Callable[[], Any]
    check: Callable[[Any], str]
    setup: Callable[[], None] | None = None
    clock: Callable[[Any], float] | None = None
    """Computes the seconds that count from the result; if None, all of `run` counts."""
    times: list[float] = field(default_factory=list)
    """Seconds of each counted run."""
    answer: str = ""
    """What was right in the result; empty if nothing was."""
    problem: str = ""
    """What was wrong; a contestant with a problem has no times."""
    first: float = 0.0
    """Seconds of the first run, whose result is checked."""

    @property
    def median(self) -> float | None:
        """The median of the times, in seconds."""
        return median(self.times) if self.times else None

    @property
    def is_brief(self) -> bool:
        """Whether a run takes little time and needs no setup."""
        return self.setup is None and self.first < _BRIEF

    def time_one(self) -> tuple[float, Any]:
        """Run once; return the seconds and the result."""
        if self.setup is not None:
            self.setup()
        time.sleep(_SETTLE)
        began = time.perf_counter()
        result = self.run()
        took = time.perf_counter() - began
        return (took if self.clock is None else self.clock(result)), result


def alternate(contestants: Sequence[Contestant], repeats: int, budget: float) -> None:
    """Run and check each contestant once; then run all of them in turns, `repeats` times.

    The first run is not counted, unless it takes longer than `budget` seconds: then it is the only one. A brief
    contestant runs more than once in each turn, after one run that is not counted.
    """
    lasting = [contestant for contestant in contestants if _first_run(contestant, budget)]
    for _ in range(repeats):
        for contestant in lasting:
            if contestant.is_brief:
                contestant.run()
            for _ in range(_RUNS_PER_TURN if contestant.is_brief else 1):
                contestant.times.append(contestant.time_one()[0])


def _first_run(contestant: Contestant, budget: float) -> bool:
    """Run and check; return whether there are to be more runs."""
    try:
        took, result = contestant.time_one()
        contestant.first = took
        contestant.answer = contestant.check(result)
    except WrongAnswerError as error:
        contestant.problem = f"WRONG: {error}"
    except Exception as error:  # noqa: BLE001 - whatever ends one system, the others are still measured
        contestant.problem = f"failed: {type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    if contestant.problem:
        say(f"  {contestant.name}: {contestant.problem}")
        return False
    say(f"  {contestant.name}: {seconds(took)}")
    if took > budget:
        contestant.times.append(took)
    return took <= budget


def fastest(contestants: Sequence[Contestant]) -> Contestant:
    """Return the contestant with the smallest median.

    Raises
    ------
    WrongAnswerError
        If none of them has a time, with the problem of each.

    """
    timed = [contestant for contestant in contestants if contestant.times]
    if not timed:
        message = "; ".join(f"{contestant.name}: {contestant.problem}" for contestant in contestants)
        raise WrongAnswerError(message)
    return min(timed, key=lambda contestant: contestant.median or 0.0)


def measured(contestant: Contestant, unit: Unit | None) -> Measured:
    """Return what the runs of a contestant measured, with its time in units if there is one."""
    took = contestant.median
    return Measured(
        system=contestant.name,
        times=contestant.times,
        seconds=took,
        passes=None if took is None or unit is None else took / unit.seconds,
        answer=contestant.answer,
        problem=contestant.problem,
    )

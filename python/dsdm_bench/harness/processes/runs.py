"""One run of a system: a fresh process, timed from here, with its memory watched where that is asked for."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from dsdm_bench.harness.processes.process import Child

_CHILD = Path(__file__).with_name("child.py")
_INTERVAL = 0.005  # seconds between two samples of the memory
_QUIET = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


@dataclass(frozen=True)
class ProcessRun:
    """What was measured of one process."""

    started: float
    """Seconds until everything was imported."""
    worked: float
    """Seconds from there to the end of the work."""
    memory: int | None
    """The peak of memory beyond that of the imports, in bytes."""
    read: int | None
    """The bytes that came from the disk."""


def work(
    recipe: str,
    modules: tuple[str, ...],
    task: Mapping[str, Any],
    *,
    recipes: Path,
    prepare: Callable[[], None] | None = None,
    watched: bool = False,
) -> ProcessRun:
    """Run a function of the file `recipes` in a process of its own, which waits until `prepare` has run here.

    Raises
    ------
    RuntimeError
        If the recipe fails, saying why.
    ChildError
        If its process ends before its work is done.

    """
    command = [sys.executable, "-P", str(_CHILD), str(recipes), recipe, ",".join(modules), json.dumps(task)]
    caches = {"HF_HOME": str(task["scratch"]), "HF_DATASETS_CACHE": str(task["scratch"])}
    with Child(command, env={**os.environ, **_QUIET, **caches}, errors=DEVNULL) as child:
        child.next_word("ready")
        started = child.seconds()
        if prepare is not None:
            prepare()
        before = child.anonymous() if watched else 0
        child.proceed()
        began = child.seconds()
        peak = child.watch(_INTERVAL) if watched else 0
        outcome = json.loads(child.next_word("done"))
        worked = child.seconds() - began
        peak = max(peak, child.anonymous()) if watched else 0
        child.proceed()
    if outcome.get("problem"):
        raise RuntimeError(outcome["problem"])
    return ProcessRun(started, worked, peak - before if watched else None, outcome["read"])

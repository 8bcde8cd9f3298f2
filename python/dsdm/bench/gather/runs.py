"""One run of a system: a fresh process, timed from here, its memory watched where that is asked for."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from dsdm.bench.gather.systems import RECIPES
from dsdm.bench.process import Child

_CHILD = Path(__file__).with_name("child.py")
_INTERVAL = 0.005  # seconds between two looks at the memory
_QUIET = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}


@dataclass(frozen=True)
class Run:
    """What was measured."""

    started: float
    """Seconds until everything was imported."""
    worked: float
    """Seconds from there to the end of the work."""
    memory: int | None
    """The peak of memory beyond that of the imports, in bytes."""
    read: int | None
    """Bytes that came from the disk."""


def work(
    recipe: str,
    modules: tuple[str, ...],
    task: Mapping[str, Any],
    *,
    prepare: Callable[[], None] | None = None,
    recipes: Path = RECIPES,
    watched: bool = False,
) -> Run:
    """Have a recipe done by a process of its own, after `prepare`, for which it waits once it has its imports.

    Raises
    ------
    RuntimeError
        Saying what it failed of.
    ChildError
        If its process died.

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
        most = child.watch(_INTERVAL) if watched else 0
        told = json.loads(child.next_word("done"))
        worked = child.seconds() - began
        most = max(most, child.anonymous()) if watched else 0
        child.proceed()
    if told.get("problem"):
        raise RuntimeError(told["problem"])
    return Run(started, worked, most - before if watched else None, told["read"])

"""Which rows of which files scores are computed of, as their own text tells: the one that a pickle of them has."""

import json
from collections import defaultdict
from dataclasses import dataclass

from dsdm._native import Scores


@dataclass(frozen=True)
class Run:
    """Rows of files, one after the other, of which scores are computed."""

    files: tuple[str, ...]
    column: str | None
    """In which their values lie; None of files that have none."""
    start: int
    """The first of them, where the scores begin."""


def runs_of(scores: Scores) -> list[Run]:
    """Return the runs of rows that scores are computed of, each once: of slices and of expressions of slices as well.

    Raises
    ------
    ValueError
        For files whose names are not UTF-8.
    SourceChangedError
        For a file that changed since it was opened.

    """
    _, (text, *_) = scores.__reduce__()
    steps = [next(iter(step.items())) for step in json.loads(text)]
    # The rows of each step at which the scores begin: those that it is made of come before it.
    starts: dict[int, set[int]] = defaultdict(set, {len(steps) - 1: {0}})
    found: dict[Run, None] = {}
    for number in reversed(range(len(steps))):
        kind, step = steps[number]
        for start in sorted(starts[number]):
            if kind == "Open":
                files = tuple(file["path"] for file in step["files"])
                found[Run(files, step["options"]["column"], step["start"] + start)] = None
            elif kind == "Slice":
                starts[step["of"]].add(start + step["start"])
            elif kind == "Binary":
                for of in (step["left"], step["right"]):
                    # Proof: a number is the same for every row, and of no file.
                    starts[of.get("Step", -1)].add(start)
            elif "of" in step:
                starts[step["of"]].add(start)
    return list(found)

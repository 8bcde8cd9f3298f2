"""One piece of work, as every system is given it."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.score_files import mapped


class Operation(StrEnum):
    """What is asked for."""

    top_k = "top_k"
    mean = "mean of three"
    gumbel = "gumbel_top_k"
    gumbel_numpy = "gumbel_top_k, numpy's noise"
    sample = "sample"


@dataclass(frozen=True)
class Task:
    """Select `k` of `rows` rows.

    `paths` are the files of the scores; `threads` is how many threads a system may use, and None leaves it to the
    system.
    """

    operation: Operation
    paths: tuple[Path, ...]
    rows: int
    k: int
    seed: int
    threads: int | None = None

    @property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """The scores of each file, mapped and read-only."""
        return tuple(mapped(path) for path in self.paths)

    def to_json(self) -> str:
        """Return the task as text for a child process."""
        return json.dumps({**asdict(self), "paths": [str(path) for path in self.paths]})

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Return the task that :meth:`to_json` wrote."""
        fields = json.loads(text)
        paths = tuple(Path(path) for path in fields.pop("paths"))
        return cls(**{**fields, "operation": Operation(fields["operation"]), "paths": paths})

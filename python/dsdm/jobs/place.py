"""Where a job lies: in a directory beside its output, until that has its name."""

import os
from pathlib import Path

from dsdm.paths import PathLike, local

PLAN = "plan.json"
SOURCES = "sources.parquet"
PARTS = "parts.json"
ROWS = "rows.npy"
ADDED = "added"
"""The directory of the values of columns that are added and lie in no file."""
UNITS = "units"


def job_of(out: PathLike) -> Path:
    """Return the directory of the job of an output.

    >>> str(job_of("/data/best"))
    '/data/.best.dsdm-job'
    """
    path = Path(os.path.abspath(local(out, "out")))  # noqa: PTH100 - not resolved
    return path.with_name(f".{path.name}.dsdm-job")


def note_of(job: Path, unit: int) -> Path:
    """Return where a unit is noted once it is made."""
    return job / UNITS / f"{unit:05}.json"

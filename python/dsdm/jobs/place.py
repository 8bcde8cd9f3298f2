"""Where a job lies: in a directory beside its output, until that has its name."""

import os
import secrets
import shutil
from pathlib import Path

from dsdm.paths import PathLike, local

PLAN = "plan.json"
SOURCES = "sources.parquet"
PARTS = "parts.json"
ROWS = "rows.npy"
ADDED = "added"
"""The directory of the values of columns that are added and lie in no file."""
UNITS = "units"
_TRIES = 5


def job_of(out: PathLike) -> Path:
    """Return the directory of the job of an output.

    >>> str(job_of("/data/best"))
    '/data/.best.dsdm-job'
    """
    path = Path(os.path.abspath(local(out, "out")))  # noqa: PTH100 - not resolved
    return path.with_name(f".{path.name}.dsdm-job")


def remove(job: Path) -> None:
    """Remove a job that is finalized. A process that woke late may still write there: it finds no job by its name."""
    gone = job.with_name(f"{job.name}.gone-{secrets.token_hex(8)}")
    try:
        job.rename(gone)
    except FileNotFoundError:
        return  # another finalize was at it
    for _ in range(_TRIES):
        shutil.rmtree(gone, ignore_errors=True)
        if not gone.exists():
            return


def note_of(job: Path, unit: int) -> Path:
    """Return where a unit is noted once it is made."""
    return job / UNITS / f"{unit:05}.json"

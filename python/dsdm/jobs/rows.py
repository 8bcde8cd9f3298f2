"""Which rows a unit makes: by the row numbers that the plan wrote down, of which a unit reads its own alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Scores, digest_of_rows
from dsdm.errors import ChecksumError
from dsdm.jobs.place import ADDED, PARTS, ROWS
from dsdm.jobs.plan import Plan


def write_rows(job: Path, rows: NDArray[np.int64], ends: Sequence[int]) -> None:
    """Write row numbers in the order of the output, and of each unit how many it has and their digest."""
    np.save(job / ROWS, rows)
    starts = [0, *ends[:-1]]
    units = [
        {"rows": end - start, "indices": digest_of_rows(rows[start:end])}
        for start, end in zip(starts, ends, strict=True)
    ]
    (job / PARTS).write_text(json.dumps({"units": units}, indent=1))


def rows_of_unit(job: Path, plan: Plan, unit: int) -> NDArray[np.int64]:
    """Return the row numbers of a unit.

    Raises
    ------
    ChecksumError
        If they are others than the plan knows them by.

    """
    start, end = plan.bounds(unit)
    rows = np.load(job / ROWS, mmap_mode="r")[start:end].copy()
    told = json.loads((job / PARTS).read_text())["units"][unit]["indices"]
    if (found := digest_of_rows(rows)) != told:
        message = (
            f"{job / ROWS}: the rows of unit {unit} have the digest {found}, and {job / PARTS} tells {told}: one of "
            "the files was damaged or edited; plan the job again"
        )
        raise ChecksumError(message)
    return rows


def write_added(job: Path, number: int, values: NDArray[Any]) -> None:
    """Write the values of an added column, in the order of the output."""
    (job / ADDED).mkdir(exist_ok=True)
    np.save(job / ADDED / f"{number}.npy", values)


def told_of_scores(vector: Any) -> str | None:
    """Return how scores are made of files, and of nothing else; None for others."""
    if not isinstance(vector, Scores):
        return None
    _, (text, *held) = vector.__reduce__()
    return None if any(held) else str(text)

"""Units of a job, made: some shards at a time, each noted when it is whole."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, rebuild_scores, write_units
from dsdm.jobs.place import ADDED
from dsdm.jobs.plan import Plan
from dsdm.jobs.rows import rows_of_unit
from dsdm.rows.added_columns import added_table

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 4_000_000
"""Units are made together up to so many rows: memory depends on no number of rows of the job."""


def groups_of(plan: Plan, units: Sequence[int]) -> Iterator[list[int]]:
    """Yield units that are made together, in their order."""
    group: list[int] = []
    rows = 0
    for unit in units:
        start, end = plan.bounds(unit)
        if group and rows + end - start > _ROWS_AT_ONCE:
            yield group
            group, rows = [], 0
        group.append(unit)
        rows += end - start
    if group:
        yield group


def make(
    job: Path,
    plan: Plan,
    corpus: Corpus,
    units: Sequence[int],
    *,
    threads: int | None,
    memory_limit: int | None,
    progress: Any,
) -> list[str]:
    """Make units in the directory of a job, and return their notes."""
    each = [rows_of_unit(job, plan, unit) for unit in units]
    rows = np.concatenate(each) if each else np.empty(0, np.int64)
    return write_units(
        corpus.open_for(rows, threads=threads),
        rows,
        plan.output_options(memory_limit=memory_limit),
        json.dumps(plan.layout),
        plan.known_by,
        list(units),
        job,
        extras=added_to(job, plan, units, rows),
        threads=threads,
        progress=progress,
    )


def added_to(job: Path, plan: Plan, units: Sequence[int], rows: NDArray[np.int64]) -> "pa.Table | None":
    """Return the columns that are added to the rows of units; of none, the columns without a value."""
    vectors: dict[str, Any] = {}
    for number, told in enumerate(plan.added):
        if told["scores"] is not None:
            vectors[told["name"]] = rebuild_scores(told["scores"])
        else:
            vectors[told["name"]] = _Held(np.load(job / ADDED / f"{number}.npy", mmap_mode="r"), plan, units)
    return added_table(rows, plan.row_ids, vectors)


class _Held:
    """The values of an added column that the plan wrote down, of the rows of some units."""

    def __init__(self, values: NDArray[Any], plan: Plan, units: Sequence[int]) -> None:
        self._values, self._bounds = values, [plan.bounds(unit) for unit in units]

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values, which are as many as the rows."""
        parts = [self._values[start:end] for start, end in self._bounds]
        return np.concatenate(parts) if parts else self._values[:0]

"""The right rows of each job, by plain numpy, and whether they were written."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness.errors import WrongAnswerError
from dsdm_bench.whole.corpus import Rows


def right(job: str, rows: Rows) -> NDArray[np.int64]:
    """Return the rows that a job is to write, in their order."""
    ranked = np.argsort(-rows.scores)
    if job == "share":
        return ranked[: rows.k]
    ends = np.cumsum(rows.lengths[ranked], dtype=np.int64)
    return np.sort(ranked[: np.searchsorted(ends, rows.tokens) + 1])


def check(out: Path, expected: NDArray[np.int64]) -> str:
    """Compare the rows that were saved with those expected, and return what was found right.

    Raises
    ------
    WrongAnswerError
        If they are others, or in another order.

    """
    from datasets import concatenate_datasets, load_from_disk

    saved = sorted({path.parent for path in out.rglob("state.json")})
    if not saved:
        message = "no dataset was saved"
        raise WrongAnswerError(message)
    found = concatenate_datasets([load_from_disk(str(one)) for one in saved])
    ids = found.data.column("id").to_numpy() if found.num_rows else np.empty(0, np.int64)
    if not np.array_equal(ids, expected):
        message = f"{len(ids):,} rows, which are others than the {len(expected):,} right ones, or in another order"
        raise WrongAnswerError(message)
    return "the right rows, in order"

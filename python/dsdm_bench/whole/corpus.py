"""The corpus of whole jobs: texts with their length and a score, as ``datasets`` saves them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.whole.settings import SEED, SHARE

_TOKEN_CHARACTERS = 4
_MEAN, _SPREAD = 5.0, 1.0
"""Of the logarithm of a length: texts of some 250 tokens, a few of them long."""
_LETTERS = np.frombuffer(b"etaoinshrdlu etaoinshrdlu abcdefghijklmnopqrstuvwxyz ", np.uint8)


@dataclass(frozen=True)
class Rows:
    """What the rows are chosen by."""

    scores: NDArray[np.float32]
    """No two are equal: peers leave it to chance which of equal ones they take."""
    lengths: NDArray[np.int32]
    """Tokens of each text."""

    @property
    def tokens(self) -> int:
        """The budget."""
        return int(int(self.lengths.sum(dtype=np.int64)) * SHARE)

    @property
    def k(self) -> int:
        """The rows of a share, rounded down."""
        return int(SHARE * len(self.scores))


def make(rows: int, folder: Path) -> Rows:
    """Save the corpus in a directory that is not there yet, the same for every run of so many rows."""
    import pyarrow as pa
    from datasets import Dataset, disable_progress_bars

    rng = np.random.default_rng(SEED)
    lengths = np.exp(rng.normal(_MEAN, _SPREAD, rows)).astype(np.int32) + 1
    # A permutation of whole numbers, which float32 holds exactly: as no two are equal, the answer is one.
    scores = rng.permutation(rows).astype(np.float32)
    columns = {
        "id": pa.array(np.arange(rows)),
        "text": _texts(rng, lengths),
        "length": pa.array(lengths),
        "score": pa.array(scores),
    }
    disable_progress_bars()  # of this process, which saves nothing else
    Dataset(pa.table(columns)).save_to_disk(folder)
    return Rows(scores, lengths)


def _texts(rng: np.random.Generator, lengths: NDArray[np.int32]) -> "object":
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64) * _TOKEN_CHARACTERS])
    letters = _LETTERS[rng.integers(0, len(_LETTERS), ends[-1], dtype=np.uint8)]
    offsets = pa.py_buffer(ends.astype(np.int64))
    return pa.LargeStringArray.from_buffers(len(lengths), offsets, pa.py_buffer(letters))

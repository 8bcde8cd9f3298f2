"""The rows of the corpus and their hashes, in memory."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.gather.settings import ROW_BYTES, ROW_TOKENS, SEED, VOCABULARY

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "input_ids"
Hashes = NDArray[np.uint64]

_SHIFT, _STEPS = 2.7, 1 << 20  # of the Zipf-Mandelbrot law, and the resolution of a token's frequency
_BATCH = 4_096  # rows drawn at a time
_WORDS = ROW_BYTES // 8


def draw(rank: int, rows: int) -> Iterator[NDArray[np.uint16]]:
    """Yield the tokens of one shard, a batch of rows at a time."""
    rng = np.random.default_rng([SEED, rank])
    steps = _zipf()
    for first in range(0, rows, _BATCH):
        shape = (min(_BATCH, rows - first), ROW_TOKENS)
        yield steps[rng.integers(0, _STEPS, shape, np.uint32)]


def hash_rows(tokens: NDArray[np.uint16]) -> Hashes:
    """Return one number for each row of (rows, 1024) tokens; different rows have the same with negligible probability.

    It is the sum of the row's 64-bit words, each times an odd weight of its own.
    """
    words = np.ascontiguousarray(tokens).view(np.uint64)
    return words @ _weights()


def as_table(tokens: NDArray[np.uint16]) -> "pa.Table":
    """Return tokens as a table of one column of lists."""
    import pyarrow as pa

    offsets = np.arange(len(tokens) + 1, dtype=np.int32) * ROW_TOKENS
    return pa.table({COLUMN: pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens.ravel()))})


@cache
def _weights() -> Hashes:
    return np.random.default_rng(SEED).integers(0, 2**64, _WORDS, np.uint64) | np.uint64(1)


@cache
def _zipf() -> NDArray[np.uint16]:
    """Return each token as often as it is frequent, the rarest two or three times."""
    frequencies = 1 / (np.arange(VOCABULARY) + _SHIFT)
    bounds = np.cumsum(frequencies) / frequencies.sum() * _STEPS
    return np.searchsorted(bounds, np.arange(_STEPS), side="right").astype(np.uint16)

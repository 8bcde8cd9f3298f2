"""The right answers, by plain numpy: slow, and as obvious as possible."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.select.tasks import Operation, Task

_BLOCK = 1 << 16
_COUNTERS = 1024
_MANY = 1 << 26
_ROUNDS = 10
_FACTORS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_STEPS = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_GUMBEL, _SAMPLE = 1, 2  # the domains of the counters of dsdm's noise, by purpose


@dataclass(frozen=True)
class Expected:
    """The right rows, best first, and the key of every row: the larger, the better."""

    rows: NDArray[np.int64]
    keys: NDArray[Any]


def expected(task: Task) -> Expected:
    """Return the answer to a task."""
    keys = _KEYS[task.operation](task)
    return Expected(largest(keys, task.k), keys)


def largest(keys: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Return the rows of the `k` largest keys, best first; of equal keys, the lower row comes first.

    Long vectors are cut into blocks, so that memory does not grow with them: the best rows of all are among the best
    of their blocks.
    """
    block = max(_MANY, 4 * k)
    if len(keys) <= block:
        return _largest(keys, k)
    starts = range(0, len(keys), block)
    parts = [start + _largest(keys[start : start + block], min(k, len(keys) - start)) for start in starts]
    found = np.sort(np.concatenate(parts))
    return found[_largest(keys[found], k)]


def _largest(keys: NDArray[Any], k: int) -> NDArray[np.int64]:
    threshold = np.partition(keys, len(keys) - k)[len(keys) - k]
    above = np.flatnonzero(keys > threshold)
    ties = np.flatnonzero(keys == threshold)[: k - len(above)]
    descending = ~keys[above] if keys.dtype.kind == "u" else -keys[above]
    return np.concatenate((above[np.argsort(descending, kind="stable")], ties))


def _scores(task: Task) -> NDArray[np.float32]:
    return task.arrays[0]


def _mean(task: Task) -> NDArray[np.float32]:
    first, second, third = task.arrays
    return (first + second + third) / np.float32(3)


def _with_numpys_noise(task: Task) -> NDArray[np.float64]:
    return _scores(task) + np.random.default_rng(task.seed).gumbel(size=task.rows)


def _with_noise(task: Task) -> NDArray[np.float64]:
    """Return the scores plus ``-ln(-ln(1 - p))``, where the 64 bits of a row give p."""
    keys = np.empty(task.rows)
    for rows, bits in _philox(task.rows, task.seed, _GUMBEL):
        p = np.minimum((bits.astype(np.float64) + 0.5) * 2.0**-64, 1 - np.finfo(np.float64).eps / 2)
        keys[rows] = -np.log(-np.log1p(-p))
    keys += _scores(task)
    return keys


def _by_chance(task: Task) -> NDArray[np.uint64]:
    """Return keys by which the rows with the smallest bits are best."""
    keys = np.empty(task.rows, np.uint64)
    for rows, bits in _philox(task.rows, task.seed, _SAMPLE):
        np.invert(bits, out=keys[rows])
    return keys


_KEYS: dict[Operation, Callable[[Task], NDArray[Any]]] = {
    Operation.top_k: _scores,
    Operation.mean: _mean,
    Operation.gumbel: _with_noise,
    Operation.gumbel_numpy: _with_numpys_noise,
    Operation.sample: _by_chance,
}


def _philox(rows: int, seed: int, domain: int) -> Iterator[tuple[slice, NDArray[np.uint64]]]:
    """Yield 64 bits per row, block by block: Philox4x32-10 (Salmon et al. 2011) of ``(counter, domain)``.

    Of 2,048 rows, the first half has the first 64 bits of 1,024 consecutive counters, the second half the others.
    """
    for start in range(0, rows, _BLOCK):
        stop = min(start + _BLOCK, rows)
        groups = -(-(stop - start) // (2 * _COUNTERS))
        counters = start // 2 + np.arange(groups * _COUNTERS, dtype=np.uint64).reshape(groups, _COUNTERS)
        ends = [np.full_like(counters, domain), np.zeros_like(counters)]
        words = _encrypted([counters & _LOW, counters >> _HALF, *ends], seed)
        bits = np.concatenate((words[0] | words[1] << _HALF, words[2] | words[3] << _HALF), axis=1)
        yield slice(start, stop), bits.ravel()[: stop - start]


def philox_bits(seed: int, rows: NDArray[np.uint64], *, domain: int) -> NDArray[np.uint64]:
    """Return the 64 bits of any rows: those of a draw (domain 1) or of a sample (domain 2)."""
    counters = rows // (2 * _COUNTERS) * _COUNTERS + rows % _COUNTERS
    ends = [np.full_like(counters, domain), np.zeros_like(counters)]
    words = _encrypted([counters & _LOW, counters >> _HALF, *ends], seed)
    second = rows % (2 * _COUNTERS) >= _COUNTERS
    return np.where(second, words[2] | words[3] << _HALF, words[0] | words[1] << _HALF)


def _encrypted(words: list[NDArray[np.uint64]], seed: int) -> list[NDArray[np.uint64]]:
    """Return blocks of four 32-bit words, each held in 64 bits, after ten rounds."""
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(_ROUNDS):
        first, second = words[0] * _FACTORS[0], words[2] * _FACTORS[1]
        words = [
            (second >> _HALF) ^ words[1] ^ np.uint64(key[0]),
            second & _LOW,
            (first >> _HALF) ^ words[3] ^ np.uint64(key[1]),
            first & _LOW,
        ]
        key = [(word + step) & 0xFFFFFFFF for word, step in zip(key, _STEPS, strict=True)]
    return words

"""Selection against numpy, on one vector in one run: the answers are compared before any time is shown.

make bench [ROWS=216948746]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import dsdm

REPEATS = 3


def best_time(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Run some times, and give the shortest time and the result."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return min(times), result


def numpy_top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Give the k largest, best first, ties to the lower row, by numpy's partition."""
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero(scores >= threshold)
    return candidates[np.argsort(-scores[candidates], kind="stable")[:k]]


def main() -> None:
    """Make a vector, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.npy"
        np.save(path, np.random.default_rng(0).standard_normal(rows, dtype=np.float32))
        scores = dsdm.open_scores(path)
        values = np.load(path)
        print(f"{rows:,} float32 in the page cache; the shortest of {REPEATS} runs")
        for k in sorted({min(100_000, rows), rows // 34, rows // 4}):
            ours, found = best_time(lambda k=k: dsdm.top_k(scores, k))
            theirs, expected = best_time(lambda k=k: numpy_top_k(values, k))
            np.testing.assert_array_equal(found, expected)
            print(f"  top_k         k = {k:>11,}   dsdm {ours:8.3f} s   numpy {theirs:8.3f} s   {theirs / ours:6.1f} x")
        k = min(100_000, rows)
        theirs, expected = best_time(
            lambda: numpy_top_k(values.astype(np.float64) + np.random.default_rng(1).gumbel(size=rows), k)
        )
        for rng in ("numpy", "philox"):
            ours, found = best_time(lambda rng=rng: dsdm.gumbel_top_k(scores, k, seed=1, rng=rng))
            if rng == "numpy":
                np.testing.assert_array_equal(found, expected)
            print(
                f"  gumbel {rng:<6} k = {k:>11,}   dsdm {ours:8.3f} s   numpy {theirs:8.3f} s   {theirs / ours:6.1f} x"
            )


if __name__ == "__main__":
    main()

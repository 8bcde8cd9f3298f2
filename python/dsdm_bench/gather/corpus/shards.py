"""The Parquet shards of the corpus, as ``Dataset.to_parquet`` writes them, several at a time."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dsdm_bench.gather.corpus.tokens import Hashes, as_table, draw, hash_rows
from dsdm_bench.gather.settings import ROW_BYTES, ROW_TOKENS

_UNKNOWN_MEMORY = 4 << 30


def write_shards(paths: Sequence[Path], hashes: Sequence[Hashes], threads: int) -> None:
    """Write the shards, one per path, and fill in the hashes of their rows.

    Whatever interrupts this function stops every shard at its next write.
    """
    stop = threading.Event()
    with _no_progress_bars(), ThreadPoolExecutor(_workers(len(hashes[-1]), len(paths), threads)) as pool:
        shards = [
            pool.submit(_write_shard, path, rank, rows, stop)
            for rank, (path, rows) in enumerate(zip(paths, hashes, strict=True))
        ]
        try:
            for shard in shards:
                shard.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _workers(shard_rows: int, shards: int, threads: int) -> int:
    """Return how many shards fit in memory at a time, each with what is made of it."""
    shard = shard_rows * ROW_BYTES
    return max(1, min(threads, shards, _free_memory() // (3 * shard + 1)))


def _write_shard(path: Path, rank: int, hashes: Hashes, stop: threading.Event) -> None:
    import datasets
    from datasets.table import InMemoryTable

    tokens = np.empty((len(hashes), ROW_TOKENS), np.uint16)
    first = 0
    for batch in draw(rank, len(hashes)):
        _check(stop)
        last = first + len(batch)
        tokens[first:last], hashes[first:last] = batch, hash_rows(batch)
        first = last
    # With a fingerprint given, datasets does not hash the tokens for one.
    dataset = datasets.Dataset(InMemoryTable(as_table(tokens)), fingerprint=path.stem)
    with path.open("wb") as file:
        dataset.to_parquet(_Stoppable(file, stop))


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise InterruptedError


class _Stoppable:
    """A file for writing that fails once the event is set."""

    def __init__(self, file: Any, stop: threading.Event) -> None:
        self._file, self._stop = file, stop

    def write(self, data: Any) -> int:
        _check(self._stop)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    import datasets

    shown = datasets.utils.logging.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _free_memory() -> int:
    """Return the bytes that can be had without swapping; a guess where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return _UNKNOWN_MEMORY
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), _UNKNOWN_MEMORY)

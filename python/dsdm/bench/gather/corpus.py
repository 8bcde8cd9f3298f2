"""The corpus, made on the spot: Parquet shards as ``Dataset.to_parquet`` writes them, and the Arrow cache of them.

A row is 1,024 tokens, drawn with the frequencies of words (Zipf), so that what compresses in a corpus does here.
Its hash is kept beside it, taken from the tokens themselves and not from a file.
"""

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm.bench.gather.settings import ROW_BYTES, ROW_TOKENS, SHARDS, VOCABULARY, Settings
from dsdm.bench.report import say
from dsdm.bench.settings import SEED
from dsdm.sizes import readable

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "input_ids"
_SHIFT, _STEPS = 2.7, 1 << 20  # of Zipf and Mandelbrot's law, and how finely a token is drawn
_PIECE = 4_096  # rows drawn at a time
_WORDS = ROW_BYTES // 8
_GUESS = 4 << 30
_MARGIN = 1.05  # of what is written, beside the rows

Hashes = NDArray[np.uint64]


class Corpus:
    """The files of one size: made when first asked for, taken as they are where an earlier run kept them."""

    def __init__(self, folder: Path, rows: int, threads: int) -> None:
        self.rows, self._threads = rows, threads
        self.folder = folder / f"corpus-{rows}"
        self._before = set(self.folder.iterdir()) if self.folder.exists() else set()

    @property
    def hashes(self) -> Hashes:
        """The hash of each row."""
        self._make_shards()
        return np.load(self.folder / "hashes.npy")

    def bytes_to_make(self, *, arrow: bool) -> float:
        """What has yet to be written, at most."""
        made = ("parquet", "arrow") if arrow else ("parquet",)
        return sum(copy_bytes(self.rows) for name in made if not (self.folder / name).exists())

    def files(self, source: str) -> list[Path]:
        """The shards, in the order of their rows."""
        self._make_shards()
        if source == "parquet":
            return sorted((self.folder / "parquet").iterdir())
        if not (self.folder / "arrow").exists():
            self._make_arrow()
        return sorted((self.folder / "arrow").rglob("*.arrow"))

    def remove(self) -> None:
        """Remove what this run made."""
        for path in set(self.folder.glob("*")) - self._before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not self._before:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_shards(self) -> None:
        made = self.folder / "parquet"
        if made.exists():
            return
        unfinished = self.folder / "unfinished-parquet"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        say(f"making {self.rows:,} rows in {SHARDS} Parquet files in {self.folder}")
        bounds = np.linspace(0, self.rows, SHARDS + 1).astype(np.int64)
        hashes = np.empty(self.rows, np.uint64)
        jobs = [
            (unfinished / f"train-{rank:05}-of-{SHARDS:05}.parquet", rank, hashes[first:last])
            for rank, (first, last) in enumerate(pairwise(bounds))
        ]
        with _no_bars():
            _in_threads(self._workers(), jobs)
        np.save(self.folder / "hashes.npy", hashes)
        unfinished.replace(made)

    def _workers(self) -> int:
        """As many as hold a shard in memory each, and what is made of it."""
        shard = self.rows // SHARDS * ROW_BYTES
        return max(1, min(self._threads, SHARDS, _free_memory() // (3 * shard + 1)))

    def _make_arrow(self) -> None:
        from dsdm.bench.gather.runs import work

        say("making the Arrow cache of them, as datasets.load_dataset does")
        unfinished = self.folder / "unfinished-arrow"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        files = [str(path) for path in self.files("parquet")]
        work("datasets_cache", ("datasets",), {"files": files, "scratch": str(unfinished)})
        unfinished.replace(self.folder / "arrow")


@contextmanager
def prepared(settings: Settings) -> Iterator[Corpus]:
    """The files of a run, removed at its end unless they are to be kept or were there before."""
    folder = settings.folder or Path(tempfile.mkdtemp(prefix="dsdm-bench-", dir=Path.cwd()))
    folder.mkdir(parents=True, exist_ok=True)
    files = Corpus(folder, settings.rows, settings.thread_count)
    kept = False
    try:
        yield files
        kept = settings.keep
    finally:
        if kept:
            say(f"the corpus is kept in {folder}")
        else:
            files.remove()
        if settings.folder is None and not kept:
            shutil.rmtree(folder, ignore_errors=True)


def hash_rows(tokens: NDArray[np.uint16]) -> Hashes:
    """Hash rows of tokens: (rows, 1024) to one number each, another for each row as good as surely.

    A sum of the row's 64-bit words, each times an odd number of its own.
    """
    words = np.ascontiguousarray(tokens).view(np.uint64)
    return words @ _weights()


def draw(rank: int, rows: int) -> Iterator[NDArray[np.uint16]]:
    """The tokens of one shard, piece by piece."""
    rng = np.random.default_rng([SEED, rank])
    steps = _zipf()
    for first in range(0, rows, _PIECE):
        shape = (min(_PIECE, rows - first), ROW_TOKENS)
        yield steps[rng.integers(0, _STEPS, shape, np.uint32)]


def as_table(tokens: NDArray[np.uint16]) -> "pa.Table":
    """Tokens as a table of one column of lists."""
    import pyarrow as pa

    offsets = np.arange(len(tokens) + 1, dtype=np.int32) * ROW_TOKENS
    return pa.table({COLUMN: pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens.ravel()))})


def check_room(folder: Path, needed: float, why: str) -> None:
    """Refuse to begin what does not fit.

    Raises
    ------
    OSError
        Saying what is needed and what is free.

    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{folder}: {readable(needed)} are needed for {why}, and {readable(free)} are free"
        raise OSError(message)


def copy_bytes(rows: int) -> float:
    """What the rows take in one format, at most."""
    return rows * ROW_BYTES * _MARGIN


@cache
def _weights() -> Hashes:
    return np.random.default_rng(SEED).integers(0, 2**64, _WORDS, np.uint64) | np.uint64(1)


@cache
def _zipf() -> NDArray[np.uint16]:
    """As many steps of each token as it is frequent, of the last ones two or three."""
    frequencies = 1 / (np.arange(VOCABULARY) + _SHIFT)
    bounds = np.cumsum(frequencies) / frequencies.sum() * _STEPS
    return np.searchsorted(bounds, np.arange(_STEPS), side="right").astype(np.uint16)


def _in_threads(workers: int, jobs: Sequence[tuple[Path, int, Hashes]]) -> None:
    """Make shards; what interrupts this interrupts them all, at the next piece of theirs."""
    stop = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        making = [pool.submit(_make_shard, path, rank, hashes, stop) for path, rank, hashes in jobs]
        try:
            for shard in making:
                shard.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _make_shard(path: Path, rank: int, hashes: Hashes, stop: threading.Event) -> None:
    from dsdm.memory import to_dataset

    tokens = np.empty((len(hashes), ROW_TOKENS), np.uint16)
    first = 0
    for piece in draw(rank, len(hashes)):
        _go_on(stop)
        last = first + len(piece)
        tokens[first:last], hashes[first:last] = piece, hash_rows(piece)
        first = last
    with path.open("wb") as file:
        to_dataset(as_table(tokens)).to_parquet(_Stoppable(file, stop))


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise InterruptedError


class _Stoppable:
    """A file for writing that fails when all are to stop."""

    def __init__(self, file: Any, stop: threading.Event) -> None:
        self._file, self._stop = file, stop

    def write(self, piece: Any) -> int:
        _go_on(self._stop)
        return self._file.write(piece)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def _no_bars() -> Iterator[None]:
    import datasets

    shown = datasets.utils.logging.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _free_memory() -> int:
    """Bytes that can be had without swapping; a guess where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return _GUESS
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), _GUESS)

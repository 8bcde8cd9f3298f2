"""The files of the corpus: Parquet shards, and the Arrow cache that ``datasets`` makes of them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np

from dsdm_bench.gather.corpus.shards import write_shards
from dsdm_bench.gather.corpus.tokens import Hashes
from dsdm_bench.gather.settings import RECIPES, ROW_BYTES, SHARDS, GatherSettings
from dsdm_bench.harness.console import say
from dsdm_bench.harness.processes.runs import work

_MARGIN = 1.05  # of what is written, over the bytes of the rows


class Corpus:
    """The files of one size: made when they are first asked for, or kept by an earlier run and used as they are."""

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
        """Return the bytes that have yet to be written, at most."""
        names = ("parquet", "arrow") if arrow else ("parquet",)
        return sum(copy_bytes(self.rows) for name in names if not (self.folder / name).exists())

    def files(self, source: str) -> list[Path]:
        """Return the shards, in the order of their rows."""
        self._make_shards()
        if source == "parquet":
            return sorted((self.folder / "parquet").iterdir())
        if not (self.folder / "arrow").exists():
            self._make_arrow()
        return sorted((self.folder / "arrow").rglob("*.arrow"))

    def remove(self) -> None:
        """Remove the files that this run made."""
        for path in set(self.folder.glob("*")) - self._before:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not self._before:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make_shards(self) -> None:
        finished = self.folder / "parquet"
        if finished.exists():
            return
        unfinished = self.folder / "unfinished-parquet"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        say(f"making {self.rows:,} rows in {SHARDS} Parquet files in {self.folder}")
        bounds = np.linspace(0, self.rows, SHARDS + 1).astype(np.int64)
        hashes = np.empty(self.rows, np.uint64)
        paths = [unfinished / f"train-{rank:05}-of-{SHARDS:05}.parquet" for rank in range(SHARDS)]
        write_shards(paths, [hashes[first:last] for first, last in pairwise(bounds)], self._threads)
        np.save(self.folder / "hashes.npy", hashes)
        unfinished.replace(finished)

    def _make_arrow(self) -> None:
        say("making the Arrow cache of them, as datasets.load_dataset does")
        unfinished = self.folder / "unfinished-arrow"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        files = [str(path) for path in self.files("parquet")]
        work("datasets_cache", ("datasets",), {"files": files, "scratch": str(unfinished)}, recipes=RECIPES)
        unfinished.replace(self.folder / "arrow")


@contextmanager
def prepared(settings: GatherSettings) -> Iterator[Corpus]:
    """Provide the files of a run; those that it made are removed at its end, unless they are to be kept."""
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


def copy_bytes(rows: int) -> float:
    """Return the bytes that the rows take in one format, at most."""
    return rows * ROW_BYTES * _MARGIN

"""Where outputs and temporary files are written; all of it is removed at the end."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsdm_bench.gather.corpus.files import Corpus, copy_bytes
from dsdm_bench.gather.settings import ROW_BYTES, GatherSettings
from dsdm_bench.gather.systems import System, systems_for
from dsdm_bench.harness.console import readable

_PREFIX = "dsdm-bench-gather-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of a random name is made in it
_LARGEST = 1.6
"""Bytes of the largest output per byte of its rows: Parquet does not compress tokens as random as these."""


@dataclass(frozen=True)
class Places:
    """The two directories of this run, which no other run uses."""

    memory: Path | None
    disk: Path

    def output(self, name: str) -> Path:
        """Return the directory that is written to, in memory or on disk."""
        return (self.disk if name == "disk" or self.memory is None else self.memory) / "output"

    @property
    def scratch(self) -> Path:
        """The directory for the caches of a system."""
        return self.disk / "scratch"

    def clear(self) -> None:
        """Make all directories anew."""
        self.clear_scratch()
        self.clear_outputs()

    def clear_scratch(self) -> None:
        """Make the directory for caches anew."""
        _make_anew(self.scratch)

    def clear_outputs(self) -> None:
        """Make the directories that are written to anew."""
        for folder in {self.output("memory"), self.output("disk")}:
            _make_anew(folder)


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


@contextmanager
def made(settings: GatherSettings, folder: Path) -> Iterator[Places]:
    """Make the directories of a run, if there is room for what will be in them."""
    in_memory = any(case.output == "memory" for case in settings.cases)
    if in_memory and not _MEMORY.is_dir():
        message = f"{_MEMORY}, where outputs in memory are written, is not there; ask for --output disk"
        raise FileNotFoundError(message)
    if in_memory:
        _check_room(_MEMORY, _output_bytes(settings, "memory"), "the largest output in memory")
    with ExitStack() as folders:

        def make(parent: Path) -> Path:
            return Path(folders.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent)))

        yield Places(make(_MEMORY) if in_memory else None, make(folder))


def check_disk(settings: GatherSettings, corpus: Corpus) -> float:
    """Return the bytes that the disk must have room for at once, beyond what is there already.

    Raises
    ------
    OSError
        If so many are not free.

    """
    systems = [system for case in settings.cases for system in systems_for(case, settings.peers, settings.thread_count)]
    arrow = any(case.source == "arrow" for case in settings.cases)
    needed = corpus.bytes_to_make(arrow=arrow) + _output_bytes(settings, "disk") + _copies_bytes(systems, settings.rows)
    _check_room(corpus.folder.parent, needed, f"a corpus of {settings.rows:,} rows and what is made of it")
    return needed


def _check_room(folder: Path, needed: float, why: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{folder}: {readable(needed)} are needed for {why}, and {readable(free)} are free"
        raise OSError(message)


def _output_bytes(settings: GatherSettings, output: str) -> float:
    counts = [case.count(settings.rows) for case in settings.cases if case.output == output]
    return max(counts, default=0) * ROW_BYTES * _LARGEST


def _copies_bytes(systems: Sequence[System], rows: int) -> float:
    """Return the bytes of the copies of the corpus that systems make: kept for all cases, or for one run."""
    kept = sum(one.copies for one in {system.library: system for system in systems}.values())
    once = any(system.source == "parquet" and system.library == "datasets" for system in systems)
    return copy_bytes(rows) * (kept + once)

"""Where outputs and what is needed meanwhile are written, all of it removed at the end."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsdm.bench.gather.corpus import Corpus, check_room, copy_bytes
from dsdm.bench.gather.settings import ROW_BYTES, Settings
from dsdm.bench.gather.systems import System, systems_for

_PREFIX = "dsdm-bench-gather-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
_LARGEST = 1.6
"""What the largest output takes for each byte of its rows: Parquet does not compress what is as random as tokens."""


@dataclass(frozen=True)
class Places:
    """Two folders of this run, and no other's."""

    memory: Path | None
    disk: Path

    def output(self, name: str) -> Path:
        """The folder that is written to, in memory or on disk."""
        return (self.disk if name == "disk" or self.memory is None else self.memory) / "output"

    @property
    def scratch(self) -> Path:
        """The folder for the caches of a system."""
        return self.disk / "scratch"

    def clear(self) -> None:
        """Make the folders anew."""
        self.clear_scratch()
        self.clear_outputs()

    def clear_scratch(self) -> None:
        """Make the folder for caches anew."""
        _make_anew(self.scratch)

    def clear_outputs(self) -> None:
        """Make the folders that are written to anew."""
        for folder in {self.output("memory"), self.output("disk")}:
            _make_anew(folder)


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


@contextmanager
def made(settings: Settings, folder: Path) -> Iterator[Places]:
    """Make the folders of a run if there is room for what will lie in them."""
    in_memory = any(case.output == "memory" for case in settings.cases)
    if in_memory and not _MEMORY.is_dir():
        message = f"{_MEMORY}, where outputs in memory are written, is not there; ask for --output disk"
        raise FileNotFoundError(message)
    if in_memory:
        check_room(_MEMORY, _output_bytes(settings, "memory"), "the largest output in memory")
    with ExitStack() as folders:

        def make(parent: Path) -> Path:
            return Path(folders.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent)))

        yield Places(make(_MEMORY) if in_memory else None, make(folder))


def check_disk(settings: Settings, corpus: Corpus) -> float:
    """Tell what the disk must hold at once beyond what it holds already; refused where that is not free."""
    systems = [system for case in settings.cases for system in systems_for(case, settings.peers, settings.thread_count)]
    arrow = any(case.source == "arrow" for case in settings.cases)
    needed = corpus.bytes_to_make(arrow=arrow) + _output_bytes(settings, "disk") + _most_beside(systems, settings.rows)
    check_room(corpus.folder.parent, needed, f"a corpus of {settings.rows:,} rows and what is made of it")
    return needed


def _output_bytes(settings: Settings, output: str) -> float:
    wanted = [case.wanted(settings.rows) for case in settings.cases if case.output == output]
    return max(wanted, default=0) * ROW_BYTES * _LARGEST


def _most_beside(systems: Sequence[System], rows: int) -> float:
    """The copies of the corpus that systems make: kept for all cases, or for one run."""
    kept = sum(one.copies for one in {system.library: system for system in systems}.values())
    once = any(system.source == "parquet" and system.library == "datasets" for system in systems)
    return copy_bytes(rows) * (kept + once)

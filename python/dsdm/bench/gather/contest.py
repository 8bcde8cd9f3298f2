"""dsdm against every peer on one case: the answers, the times in turns, and the memory of the first runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from dsdm.bench.cold import drop_from_cache
from dsdm.bench.gather import outputs
from dsdm.bench.gather.copies import copies
from dsdm.bench.gather.corpus import Corpus, Hashes
from dsdm.bench.gather.places import Places
from dsdm.bench.gather.reads import needed, reads
from dsdm.bench.gather.results import CaseResult, Materialized
from dsdm.bench.gather.runs import Run, work
from dsdm.bench.gather.settings import ROW_BYTES, Case, Settings
from dsdm.bench.gather.systems import System, systems_for, version_of
from dsdm.bench.process import is_measurable
from dsdm.bench.report import say
from dsdm.bench.results import Unit, compare
from dsdm.bench.settings import SEED
from dsdm.bench.timing import Contestant, alternate, fastest

_MOSTLY = 0.9  # of what is wanted must come from the disk
_READ = 8 << 20  # bytes at a time


@dataclass(frozen=True)
class Bench:
    """What every case is given."""

    settings: Settings
    corpus: Corpus
    places: Places


@dataclass
class Entry:
    """One system in one case; it is run again and again, each time in a fresh process and into an empty folder."""

    bench: Bench
    case: Case
    system: System
    wanted: Hashes
    least: int
    """The bytes that must come from the disk where the case is cold."""
    runs: list[Run] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the system."""
        return self.system.name

    def run(self) -> Run:
        """Do the work. The first time its memory is watched as well.

        The output before is removed only when the process is ready: a machine whose free memory goes back to its
        host, which gives it back slowly, has that much at hand, whoever's turn it is.
        """
        places, case = self.bench.places, self.case
        task = {
            "files": [str(path) for path in self.bench.corpus.files(case.source)],
            "indices": str(places.disk / "indices.npy"),
            "out": str(places.output(case.output)),
            "scratch": str(places.scratch),
            "threads": self.bench.settings.thread_count,
            "flush": case.output == "disk",
            "copy": str(self._copy),
        }
        watched = not self.runs and is_measurable()
        done = work(
            self.system.recipe,
            self.system.imports,
            task,
            prepare=places.clear_outputs,
            recipes=self.system.recipes,
            watched=watched,
        )
        self.runs.append(done)
        return done

    def before(self) -> None:
        """Empty the folder of caches, and have a cold case's files forgotten."""
        self.bench.places.clear_scratch()
        if self.system.copies and not self._copy.exists():
            self._make_copy()
        if self.case.cold:
            for path in self._read:
                drop_from_cache(path)
        else:
            _warm(self._read)

    def check(self, done: Run) -> str:
        """Compare what was written, and tell whether it was cold."""
        written = self.bench.places.output(self.case.output)
        answer = outputs.check(written, self.wanted, ordered=self.system.ordered)
        if self.case.cold and done.read is not None and done.read < _MOSTLY * self.least:
            return f"{answer}; NOT COLD: {done.read:,} bytes came from the disk; name a folder on one by --data"
        return answer

    def seconds(self, done: Run) -> float:
        """What counts: from Parquet everything since the process was started, from Arrow all but the imports."""
        return done.worked + (done.started if self.case.source == "parquet" else 0)

    @property
    def _copy(self) -> Path:
        return self.bench.places.disk / self.system.library

    @property
    def _read(self) -> Sequence[Path]:
        """The files that it reads."""
        if self.system.copies:
            return [path for path in self._copy.rglob("*") if path.is_file()]
        return self.bench.corpus.files(self.case.source)

    def _make_copy(self) -> None:
        say(f"  making a copy of the corpus for {self.system.library}")
        files = [str(path) for path in self.bench.corpus.files(self.case.source)]
        unfinished = self.bench.places.disk / f"unfinished-{self.system.library}"
        task = {"files": files, "scratch": str(unfinished)}
        work(f"{self.system.library}_copy", self.system.imports, task, recipes=self.system.recipes)
        unfinished.rename(self._copy)


def measure(bench: Bench, case: Case) -> CaseResult:
    """Measure all systems on one case."""
    settings, corpus = bench.settings, bench.corpus
    say(case.title)
    rows = choose(settings.rows, case)
    np.save(bench.places.disk / "indices.npy", rows)
    wanted, least = corpus.hashes[rows], len(rows) * ROW_BYTES
    systems = systems_for(case, settings.peers, settings.thread_count)
    entries = [Entry(bench, case, system, wanted, least) for system in systems]
    contestants = [Contestant(one.name, one.run, one.check, one.before, one.seconds) for one in entries]
    unit = _with_unit(bench, case, rows, contestants)
    measured = [_measured(one, entry, unit, least) for one, entry in zip(contestants, entries, strict=True)]
    compare(measured, "dsdm")
    bench.places.clear()
    return CaseResult(
        job=case.name, title=case.title, rows=settings.rows, k=len(rows), unit=unit, against="dsdm", systems=measured,
        source=case.source, percent=case.percent, order=case.order, output=case.output, cold=case.cold,
    )  # fmt: skip


def choose(rows: int, case: Case) -> NDArray[np.int64]:
    """The rows that are wanted: uniformly drawn without replacement, the same ones in each order."""
    chosen = np.random.default_rng(SEED).choice(rows, case.wanted(rows), replace=False)
    return np.sort(chosen) if case.order == "sorted" else chosen


def _with_unit(bench: Bench, case: Case, rows: NDArray[np.int64], contestants: list[Contestant]) -> Unit | None:
    """Time contestants in turns with what the machine does at best, and give the fastest of that as the unit."""
    settings, files = bench.settings, bench.corpus.files(case.source)
    size, place, on_disk = len(rows) * ROW_BYTES, bench.places.output(case.output), case.output == "disk"
    if case.cold:
        best = reads(needed(files, rows), size, place if on_disk else None)
    else:
        best = copies(files, size, place, settings.thread_count, flush=on_disk)

    def before() -> None:
        bench.places.clear_scratch()
        if not case.cold:
            _warm(files)
        bench.places.clear_outputs()

    for one in best:
        one.before = before
    alternate([*best, *contestants], settings.repeats, settings.budget)
    if not any(one.times for one in best):
        return None
    first = fastest(best)
    return Unit(first.name, first.median or 0.0, len(rows) * ROW_BYTES)


def _warm(files: Sequence[Path]) -> None:
    """Have the files in the page cache, as far as they fit: a system may take what is idle away at any time."""
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.read(_READ):
                pass


def _measured(contestant: Contestant, entry: Entry, unit: Unit | None, size: int) -> Materialized:
    one = Materialized.of(contestant, unit)
    one.library, one.version, one.note = entry.system.library, version_of(entry.system.library), entry.system.note
    one.ordered = entry.system.ordered
    if entry.runs and not one.problem:
        one.memory = entry.runs[0].memory
        one.started = median(run.started for run in entry.runs)
        one.read = entry.runs[-1].read
        one.speed = size / one.seconds if one.seconds else None
    return one

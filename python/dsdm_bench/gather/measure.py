"""dsdm against every peer on one case: the answers, the times in turns, and the memory of the first runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.gather import outputs
from dsdm_bench.gather.baseline.copies import copies
from dsdm_bench.gather.baseline.reads import needed, reads
from dsdm_bench.gather.corpus.files import Corpus
from dsdm_bench.gather.corpus.tokens import Hashes
from dsdm_bench.gather.places import Places
from dsdm_bench.gather.results import CaseResult, Materialized
from dsdm_bench.gather.settings import ROW_BYTES, SEED, Case, GatherSettings
from dsdm_bench.gather.systems import System, systems_for
from dsdm_bench.harness import page_cache
from dsdm_bench.harness.console import say
from dsdm_bench.harness.contest import Contestant, alternate, fastest, measured
from dsdm_bench.harness.machine import version_of
from dsdm_bench.harness.processes.process import is_measurable
from dsdm_bench.harness.processes.runs import ProcessRun, work
from dsdm_bench.harness.results import Unit, compare

_COLD_SHARE = 0.9  # of the rows' bytes must come from the disk


@dataclass(frozen=True)
class GatherBench:
    """What every case is given."""

    settings: GatherSettings
    corpus: Corpus
    places: Places


@dataclass
class SystemInCase:
    """One system in one case; every run is a fresh process that writes to an empty directory."""

    bench: GatherBench
    case: Case
    system: System
    expected: Hashes
    cold_bytes: int
    """The bytes that must come from the disk where the case is cold."""
    runs: list[ProcessRun] = field(default_factory=list)

    def run(self) -> ProcessRun:
        """Do the work; the first time, its memory is watched as well.

        The previous output is removed only when the process is ready. On a virtual machine that returns free memory
        to its host and gets it back slowly, every system then finds the same amount at hand.
        """
        done = work(
            self.system.recipe,
            self.system.imports,
            self._task(),
            prepare=self.bench.places.clear_outputs,
            recipes=self.system.recipes,
            watched=not self.runs and is_measurable(),
        )
        self.runs.append(done)
        return done

    def setup(self) -> None:
        """Empty the directory of caches; drop a cold case's files from the page cache, or read a warm one's."""
        self.bench.places.clear_scratch()
        if self.system.copies and not self._copy.exists():
            self._make_copy()
        if self.case.cold:
            for path in self._files_read():
                page_cache.drop(path)
        else:
            page_cache.warm(self._files_read())

    def check(self, done: ProcessRun) -> str:
        """Compare what was written, and return what was right and whether the run was cold."""
        written = self.bench.places.output(self.case.output)
        answer = outputs.check(written, self.expected, ordered=self.system.ordered)
        if self.case.cold and done.read is not None and done.read < _COLD_SHARE * self.cold_bytes:
            return f"{answer}; NOT COLD: {done.read:,} bytes came from the disk; name a folder on one by --data"
        return answer

    def seconds(self, done: ProcessRun) -> float:
        """Return the seconds that count: from Parquet, all since the process was started; from Arrow, no imports."""
        return done.worked + (done.started if self.case.source == "parquet" else 0)

    def _task(self) -> dict[str, Any]:
        places, case = self.bench.places, self.case
        return {
            "files": [str(path) for path in self.bench.corpus.files(case.source)],
            "indices": str(places.disk / "indices.npy"),
            "out": str(places.output(case.output)),
            "scratch": str(places.scratch),
            "threads": self.bench.settings.thread_count,
            "flush": case.output == "disk",
            "copy": str(self._copy),
        }

    @property
    def _copy(self) -> Path:
        return self.bench.places.disk / self.system.library

    def _files_read(self) -> Sequence[Path]:
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


def measure(bench: GatherBench, case: Case) -> CaseResult:
    """Measure all systems on one case."""
    settings, corpus = bench.settings, bench.corpus
    say(case.title)
    rows = choose(settings.rows, case)
    np.save(bench.places.disk / "indices.npy", rows)
    expected, size = corpus.hashes[rows], len(rows) * ROW_BYTES
    systems = systems_for(case, settings.peers, settings.thread_count)
    entered = [SystemInCase(bench, case, system, expected, size) for system in systems]
    contestants = [Contestant(one.system.name, one.run, one.check, one.setup, one.seconds) for one in entered]
    unit = _with_unit(bench, case, rows, contestants)
    results = [_materialized(one, entry, unit, size) for one, entry in zip(contestants, entered, strict=True)]
    compare(results, "dsdm")
    bench.places.clear()
    return CaseResult(
        job=case.name, title=case.title, rows=settings.rows, k=len(rows), unit=unit, against="dsdm", systems=results,
        source=case.source, percent=case.percent, order=case.order, output=case.output, cold=case.cold,
    )  # fmt: skip


def choose(rows: int, case: Case) -> NDArray[np.int64]:
    """Return the rows to select: drawn uniformly without replacement, the same rows in each order."""
    chosen = np.random.default_rng(SEED).choice(rows, case.count(rows), replace=False)
    return np.sort(chosen) if case.order == "sorted" else chosen


def _with_unit(bench: GatherBench, case: Case, rows: NDArray[np.int64], contestants: list[Contestant]) -> Unit | None:
    """Time contestants in turns with the best that the machine can do, and return the fastest of that as the unit."""
    settings, files = bench.settings, bench.corpus.files(case.source)
    size, place, on_disk = len(rows) * ROW_BYTES, bench.places.output(case.output), case.output == "disk"
    if case.cold:
        best = reads(needed(files, rows), size, place if on_disk else None)
    else:
        best = copies(files, size, place, settings.thread_count, flush=on_disk)

    def setup() -> None:
        bench.places.clear_scratch()
        if not case.cold:
            page_cache.warm(files)
        bench.places.clear_outputs()

    for one in best:
        one.setup = setup
    alternate([*best, *contestants], settings.repeats, settings.budget)
    if not any(one.times for one in best):
        return None
    first = fastest(best)
    return Unit(first.name, first.median or 0.0, size)


def _materialized(contestant: Contestant, entry: SystemInCase, unit: Unit | None, size: int) -> Materialized:
    """Return what was measured of a system that wrote `size` bytes of rows."""
    one = Materialized(**vars(measured(contestant, unit)), ordered=entry.system.ordered)
    one.library, one.version, one.note = entry.system.library, version_of(entry.system.library), entry.system.note
    if entry.runs and not one.problem:
        one.memory = entry.runs[0].memory
        one.started = median(run.started for run in entry.runs)
        one.read = entry.runs[-1].read
        one.speed = size / one.seconds if one.seconds else None
    return one

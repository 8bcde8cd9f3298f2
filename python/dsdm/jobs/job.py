"""A job of many units: :class:`Job` and :func:`open_job`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsdm import checks
from dsdm._native import Corpus
from dsdm.errors import JobNotFinishedError
from dsdm.jobs.finishing import finished, put_together
from dsdm.jobs.place import job_of, note_of, remove
from dsdm.jobs.plan import Plan, read_plan
from dsdm.jobs.ranks import rank_and_world
from dsdm.jobs.sources import described_corpus
from dsdm.jobs.units import groups_of, make
from dsdm.paths import PathLike, local
from dsdm.rows.materializing import Report
from dsdm.rows.progress import bar
from dsdm.rows.sizes import many, to_bytes
from dsdm.shown import safe_messages, shown


@dataclass(frozen=True)
class JobStatus:
    """How far a job is."""

    out: str
    """The output."""
    units: int
    """How many there are."""
    missing: list[int]
    """Those that are not made yet."""
    rows: int
    """Rows of the output."""
    finalized: bool
    """Whether the output has its name."""

    @property
    def done(self) -> int:
        """How many units are made."""
        return self.units - len(self.missing)

    def __str__(self) -> str:
        if self.finalized:
            return shown(f"{self.out}: finalized, {self.rows:,} rows in {many(self.units, 'shard')}")
        missing = f"; missing: {listed(self.missing)}" if self.missing else "; finalize gives the output its name"
        return shown(
            f"{self.out}: {self.done:,} of {many(self.units, 'unit')} made, {self.rows:,} rows in all{missing}"
        )


class Job:
    """An output that is made in units, by any number of processes.

    Made by :func:`plan_job` and :func:`open_job`. A unit is a shard of the output: it is made on its own, any number of
    times, and by several processes at once without harm.
    """

    def __init__(self, out: str, place: Path, plan: Plan) -> None:
        self._out, self._place, self._plan = out, place, plan
        self._corpus: Corpus | None = None

    @property
    def out(self) -> str:
        """The output."""
        return self._out

    @property
    def units(self) -> int:
        """How many units there are."""
        return self._plan.units

    @property
    def rows(self) -> int:
        """Rows of the output."""
        return self._plan.rows

    def __repr__(self) -> str:
        return shown(f"Job({self._out!r}, {many(self.units, 'unit')}, {self.rows:,} rows)")

    def status(self) -> JobStatus:
        """Return how far the job is."""
        finalized = not self._place.exists() and finished(self._out, self._plan, self._place) is not None
        missing = [] if finalized else [unit for unit in range(self.units) if not note_of(self._place, unit).exists()]
        return JobStatus(self._out, self.units, missing, self.rows, finalized)

    @safe_messages
    def run(
        self,
        units: Iterable[int] | None = None,
        *,
        rank: int | None = None,
        world: int | None = None,
        threads: int | None = None,
        memory_limit: int | str | None = None,
        progress: bool | None = None,
    ) -> list[int]:
        """Make units that are not made yet.

        Parameters
        ----------
        units
            Their numbers; all, or those of `rank`, if not given.
        rank, world
            Of so many processes, that of rank r makes the units r, r + world, r + 2 world and so on. Where neither is
            given and no `units`, the environment tells them: a Slurm array, srun, mpirun, torchrun and the like; a
            process that nothing tells of others makes all.
        threads
            All that the process may run on, if not given.
        memory_limit
            As for :func:`dsdm.materialize`.
        progress
            As for :func:`dsdm.materialize`.

        Returns
        -------
        list
            The units that this call made; those that were there are left as they are.

        Raises
        ------
        IndexError
            For a unit that the job has not.
        SourceChangedError
            For a source that is no longer as it was when the job was planned.

        """
        wanted = self._wanted(units, rank, world)
        limit = None if memory_limit is None else to_bytes(memory_limit, "memory_limit")
        left = [unit for unit in wanted if not note_of(self._place, unit).exists()]
        made: list[int] = []
        with bar(self.rows_of(left), self.row_bytes, shown=progress) as on_progress:
            before = 0
            for group in groups_of(self._plan, left):
                # Another process may have made some since.
                mine = [unit for unit in group if not note_of(self._place, unit).exists()]
                on_unit = None if on_progress is None else _Behind(on_progress, before)
                make(
                    self._place, self._plan, self._opened(), mine, threads=threads, memory_limit=limit, progress=on_unit
                )
                before += 2 * self.rows_of(group)
                made += mine
        return made

    def rows_of(self, units: Iterable[int]) -> int:
        """Return how many rows some units have together."""
        return sum(end - start for start, end in map(self._plan.bounds, units))

    @property
    def row_bytes(self) -> int:
        """About how many bytes a row takes."""
        return int(self._plan.layout["row_bytes"])

    def _wanted(self, units: Iterable[int] | None, rank: int | None, world: int | None) -> list[int]:
        """Return the units that are asked for, ascending, each once."""
        if units is None:
            rank, world = rank_and_world(rank, world)
            return list(range(rank, self.units, world))
        if rank is not None or world is not None:
            message = "units and rank and world are given, which both say which units are made; give one of them"
            raise ValueError(message)
        return self.asked(units)

    def asked(self, units: Iterable[int]) -> list[int]:
        """Return units ascending, each once.

        Raises
        ------
        IndexError
            For one that there is not.

        """
        found = sorted({checks.count_of(unit, "unit") for unit in units})
        if found and found[-1] >= self.units:
            message = f"there is no unit {found[-1]}: the job has {many(self.units, 'unit')}, from 0 on"
            raise IndexError(message)
        return found

    def _opened(self) -> Corpus:
        """Return the corpus, of which no file is open that no unit has needed."""
        if self._corpus is None:
            self._corpus = described_corpus(self._place, self._plan.corpus)
        return self._corpus

    @safe_messages
    def finalize(self) -> Report:
        """Put the units together, and give the output its name.

        It appears whole or not at all. What was made in the directory of the job is removed then.

        Raises
        ------
        JobNotFinishedError
            If units are missing, with their numbers. Nothing is changed then.
        FileExistsError
            If there is something else at the output.

        """
        if not self._place.exists() and (done := finished(self._out, self._plan, self._place)) is not None:
            return done
        if missing := self.status().missing:
            message = f"{self._out}: not finished: {missing if len(missing) <= _SHOWN else listed(missing)}"
            raise JobNotFinishedError(message)
        report = finished(self._out, self._plan, self._place) or put_together(
            self._out, self._place, self._plan, self._opened()
        )
        remove(self._place)
        return report


@safe_messages
def open_job(out: PathLike) -> Job:
    """Open the job of an output, which :func:`plan_job` planned.

    Parameters
    ----------
    out
        The output. The job lies beside it.

    Raises
    ------
    FileNotFoundError
        If there is none: none was planned, or it is finalized.

    """
    path, place = local(out, "out"), job_of(out)
    if not place.is_dir():
        there = f"; {path} is there: the job is finalized" if Path(path).exists() else ""
        message = f"{place}: there is no job of {path}{there or '; plan one by dsdm.plan_job'}"
        raise FileNotFoundError(message)
    return Job(path, place, read_plan(place))


_SHOWN = 20
"""Units that a message lists."""


def listed(units: list[int]) -> str:
    """Return units for a message: the first of them, and how many more.

    >>> listed([3, 4])
    '3, 4'
    """
    more = f" and {len(units) - _SHOWN:,} more" if len(units) > _SHOWN else ""
    return ", ".join(map(str, units[:_SHOWN])) + more


class _Behind:
    """Tells the progress of some units behind that of those before them."""

    def __init__(self, told: Any, before: int) -> None:
        self._told, self._before = told, before

    def __call__(self, done: int) -> None:
        """Tell how much is done in all."""
        self._told(self._before + done)

"""A job on Ray: its units as tasks of Ray Core, on all nodes of a cluster.

Needs ``ray`` (``pip install 'dsdm[ray]'``), a file system that all nodes share, and dsdm on each of them. On Ray's
dashboard the tasks have the names of their units.
"""

import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from dsdm.jobs.job import Job, open_job
from dsdm.names import public_names
from dsdm.rows.progress import bar

__all__ = ["run"]

logger = logging.getLogger(__name__)

_TICK = 1.0
"""Seconds between two looks at whether a unit takes too long."""
_LEAST_HEDGE = 60.0
"""No unit is asked for again before none has come for so many seconds, where nobody says."""
_TIMES_LONGEST = 4
"""Nor for so many times as long as the longest wait for one."""


def run(
    job: Job,
    *,
    units: Iterable[int] | None = None,
    num_cpus: float = 1,
    hedge_after: float | None = None,
    memory_limit: int | str | None = None,
    progress: bool | None = None,
) -> list[int]:
    """Make the units of a job that are missing, on all nodes of the Ray that this process is connected to.

    A unit whose worker or node is lost is made again by Ray. One that takes too long, as on a node that is frozen and
    not known to be dead, is asked for again, of another worker: a unit may be made twice at once without harm.

    Parameters
    ----------
    job
        The job, whose output lies where all nodes find it by the same path.
    units
        Their numbers; all that are missing, if not given.
    num_cpus
        Processors of a task, which makes one unit with as many threads.
    hedge_after
        Units that are left are asked for again once none has come for so many seconds; a minute, or four times the
        longest wait for one, if not given.
    memory_limit, progress
        As for :meth:`Job.run`.

    Returns
    -------
    list
        The units that were made, ascending.

    Raises
    ------
    ImportError
        Without Ray.
    ValueError
        For a wait that is not above 0.

    """
    import ray

    if hedge_after is not None and not hedge_after > 0:
        message = f"hedge_after is {hedge_after!r}; seconds above 0 are needed"
        raise ValueError(message)
    missing = set(job.status().missing)
    wanted = missing if units is None else missing & set(job.asked(units))
    out = os.path.abspath(job.out)  # noqa: PTH100 - not resolved
    threads = max(1, int(num_cpus))
    task = ray.remote(num_cpus=num_cpus, max_retries=-1, scheduling_strategy="SPREAD")(_make)

    def ask(unit: int) -> Any:
        return task.options(name=f"dsdm unit {unit}").remote(out, unit, threads, memory_limit)

    with bar(job.rows_of(wanted), job.row_bytes, shown=progress) as on_progress:
        made = _gathered(ray, job, sorted(wanted), ask, hedge_after, on_progress)
    return sorted(made)


def _make(out: str, unit: int, threads: int, memory_limit: int | str | None) -> int:
    """Make one unit, on whatever node this runs."""
    open_job(out).run([unit], threads=threads, memory_limit=memory_limit, progress=False)
    return unit


def _gathered(ray: Any, job: Job, wanted: list[int], ask: Any, hedge_after: float | None, on_progress: Any) -> set[int]:
    """Wait for all units, and ask again for those that are left when none has come for too long."""
    asked = {ask(unit): unit for unit in wanted}
    left, made = set(wanted), set()
    waits: list[float] = []
    last = time.monotonic()
    while left:
        done, _ = ray.wait(list(asked), num_returns=1, timeout=_TICK)
        now = time.monotonic()
        for one in done:
            ray.get(one)
            unit = asked.pop(one)
            made.add(unit)
            left.discard(unit)
            waits.append(now - last)
            last = now
            if on_progress is not None:
                on_progress(2 * job.rows_of(made))
        limit = hedge_after if hedge_after is not None else max(_LEAST_HEDGE, _TIMES_LONGEST * max(waits, default=0.0))
        if not done and now - last > limit:
            logger.info("no unit was made in %.0f s: the %d that are left are asked for again", limit, len(left))
            asked.update({ask(unit): unit for unit in sorted(left)})
            last = now
    for one in asked:
        ray.cancel(one, force=False)
    return made


__dir__ = public_names(globals())

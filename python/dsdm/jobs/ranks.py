"""Which units a process makes: of `world` processes, that of rank r makes those numbered r, r + world, and so on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from dsdm import checks


@dataclass(frozen=True)
class Family:
    """How a system that starts many processes tells each of its place among them."""

    name: str
    rank: str
    world: str
    first: str | None = None
    """The variable with the number of the first, if they do not begin with 0."""
    step: str | None = None


_FAMILIES = (
    Family(
        "a Slurm array",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        "SLURM_ARRAY_TASK_MIN",
        "SLURM_ARRAY_TASK_STEP",
    ),
    Family("srun", "SLURM_PROCID", "SLURM_NTASKS"),
    Family("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    Family("mpiexec", "PMI_RANK", "PMI_SIZE"),
    Family("torchrun", "RANK", "WORLD_SIZE"),
    Family("an indexed Kubernetes job", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
    Family("a Grid Engine array", "SGE_TASK_ID", "SGE_TASK_LAST", "SGE_TASK_FIRST", "SGE_TASK_STEPSIZE"),
)


def rank_and_world(rank: int | None, world: int | None, environ: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the rank of this process and how many there are: as given, or as the environment tells.

    Raises
    ------
    ValueError
        For a rank without a world and the other way round, for a rank beyond the world, and where two systems tell
        different places.

    """
    if (rank is None) != (world is None):
        given, missing = ("rank", "world") if world is None else ("world", "rank")
        message = f"{given} is given without {missing}; give both, or neither where the environment tells them"
        raise ValueError(message)
    if rank is None or world is None:
        rank, world = _told_by(environ)
    rank, world = checks.count_of(rank, "rank"), checks.count_of(world, "world")
    if world < 1 or rank >= world:
        message = f"rank is {rank} of world {world}; ranks are 0 to world - 1"
        raise ValueError(message)
    return rank, world


def _told_by(environ: Mapping[str, str]) -> tuple[int, int]:
    """Return what the environment tells; the only process of all where it tells nothing."""
    found = {family.name: place for family in _FAMILIES if (place := _place(family, environ)) is not None}
    # One process of its kind is what a shell on such a machine is, beside an array of them.
    told = {name: place for name, place in found.items() if place[1] > 1} or found
    if len(set(told.values())) > 1:
        said = " and ".join(f"{name} tells rank {rank} of {world}" for name, (rank, world) in told.items())
        message = f"{said}: say which is meant by rank= and world="
        raise ValueError(message)
    return next(iter(told.values()), (0, 1))


def _place(family: Family, environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the place that a system tells, if it does."""
    if family.rank not in environ or family.world not in environ:
        return None
    number, world = _whole(environ, family.rank), _whole(environ, family.world)
    first = _whole(environ, family.first) if family.first in environ else 0
    step = _whole(environ, family.step) if family.step in environ else 1
    if family.name == "a Grid Engine array":
        world = (world - first) // max(step, 1) + 1
    rank, rest = divmod(number - first, max(step, 1))
    if rest or not 0 <= rank < world:
        message = (
            f"{family.rank} is {number} of {world} tasks from {first} on, so that the tasks are not all of a range: of "
            "an array of some numbers alone, say by rank= and world= which units each makes"
        )
        raise ValueError(message)
    return rank, world


def _whole(environ: Mapping[str, str], name: str | None) -> int:
    text = environ[str(name)]
    try:
        return int(text)
    except ValueError:
        message = f"{name} is {text!r} in the environment; a whole number is expected: give rank= and world="
        raise ValueError(message) from None

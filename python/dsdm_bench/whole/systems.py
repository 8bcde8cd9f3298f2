"""The systems that do a whole job, and whether they can do it here."""

from dataclasses import dataclass
from pathlib import Path

from dsdm_bench.harness import machine
from dsdm_bench.whole.settings import WholeSettings

RECIPES = Path(__file__).with_name("recipes.py")
"""The file of the functions that do the work."""

LIBRARIES = ("datasets", "data_juicer", "torch")
"""Whose versions are told."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A way to do one of the jobs."""

    name: str
    library: str
    job: str
    recipe: str
    needs: tuple[str, ...]
    """The modules without which it does not run."""
    by_script: bool = False
    """Whether it is QuRating's script, which is no library and imports what it needs itself."""

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules to import."""
        return ("subprocess",) if self.by_script else self.needs


_SYSTEMS = (
    System(name="dsdm", library="dsdm", job="budget", recipe="dsdm_budget", needs=("dsdm",)),
    System(
        name="QuRating select_subset.py",
        library="qurating",
        job="budget",
        recipe="qurating_budget",
        needs=("torch", "datasets"),
        by_script=True,
    ),
    System(name="dsdm", library="dsdm", job="share", recipe="dsdm_share", needs=("dsdm",)),
    System(
        name="data-juicer selector",
        library="data_juicer",
        job="share",
        recipe="data_juicer_share",
        needs=("datasets", "data_juicer"),
    ),
)


def systems_for(job: str, settings: WholeSettings) -> list[System]:
    """Return the systems that can do a job here."""
    return [one for one in _SYSTEMS if one.job == job and not missing(one, settings)]


def missing(system: System, settings: WholeSettings) -> list[str]:
    """Return what a system lacks, in words."""
    lacks = [f"{name} is not installed" for name in system.needs if not machine.is_installed(name)]
    return [*lacks, *(["--qurating is not given"] if system.by_script and settings.script is None else [])]


def left_out(settings: WholeSettings) -> list[str]:
    """Return a line for each system that can't take part, with why."""
    asked = [one for one in _SYSTEMS if one.job in settings.jobs]
    return [f"{one.name}: {', '.join(lacks)}" for one in asked if (lacks := missing(one, settings))]

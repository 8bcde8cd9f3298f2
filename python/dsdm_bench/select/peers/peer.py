"""A system that is compared, and the promises about its rows that several systems share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from dsdm_bench.harness import machine
from dsdm_bench.select.answers import Promise
from dsdm_bench.select.tasks import Operation, Task

Call: TypeAlias = Callable[[], NDArray[Any]]
"""What is timed: it returns the rows."""
Prepare: TypeAlias = Callable[[Task], Call]
"""Prepares a task outside of the time."""

VALUES = {Operation.top_k: Promise.values, Operation.mean: Promise.values}
"""The right values, whichever rows of equal ones."""
NOISY = {Operation.gumbel: Promise.draw, Operation.gumbel_numpy: Promise.values}
"""A draw with numpy's noise."""
UNIFORM = {Operation.sample: Promise.draw}
"""A uniform draw."""


@dataclass(frozen=True)
class Peer:
    """A system, its library, and what it promises about its rows for each operation that it has."""

    name: str
    library: str
    promises: Mapping[Operation, Promise]
    prepare: Prepare

    @property
    def module(self) -> str:
        """The module that it imports; the reference's recipes use numpy where torch is not installed."""
        if self.library == "reference":
            return "torch" if machine.is_installed("torch") else "numpy"
        return self.library

    @property
    def available(self) -> bool:
        """Whether its library is installed."""
        return machine.is_installed(self.module)

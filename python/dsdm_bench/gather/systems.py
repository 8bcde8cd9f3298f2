"""The systems that are compared, and what each can and cannot do."""

from dataclasses import dataclass
from pathlib import Path

from dsdm_bench.gather.settings import RECIPES, Case
from dsdm_bench.harness import machine

LIBRARIES = ("datasets", "pyarrow", "polars", "duckdb", "lance")
"""The names that ``--peers`` takes."""


@dataclass(frozen=True, kw_only=True)
class System:
    """A way to take rows out of a corpus and write them."""

    name: str
    library: str
    source: str
    recipe: str
    """The function in the file of recipes."""
    modules: tuple[str, ...] = ()
    """What is imported before the time; the library itself if nothing is named."""
    ordered: bool = True
    """Whether rows come in the order in which they were asked for."""
    processes: bool = False
    """Whether it differs from another system only where there are several threads."""
    copies: bool = False
    """Whether it reads a copy of its own, made before the time."""
    note: str = ""
    """What a reader of its time has to know."""
    recipes: Path = RECIPES

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules to import."""
        return self.modules or (self.library,)


_PARQUET_OUT = "writes Parquet"
_UNORDERED = "writes Parquet, and not in the order asked"
_DSDM = ("dsdm", "dsdm.dataset")
"""dsdm imports its parts when they are first used, so the part that is used is named as well."""
_WITH_PYARROW = ("pyarrow", "pyarrow.ipc", "duckdb")

SYSTEMS: list[System] = [
    System(name="dsdm", library="dsdm", source="arrow", recipe="dsdm", modules=_DSDM),
    System(name="dsdm", library="dsdm", source="parquet", recipe="dsdm", modules=_DSDM),
    System(name="datasets save_to_disk", library="datasets", source="arrow", recipe="datasets_arrow"),
    System(
        name="datasets num_proc",
        library="datasets",
        source="arrow",
        recipe="datasets_arrow_processes",
        processes=True,
    ),
    System(
        name="datasets save_to_disk",
        library="datasets",
        source="parquet",
        recipe="datasets_parquet",
        note="an Arrow copy of the corpus beside the output",
    ),
    System(
        name="datasets num_proc",
        library="datasets",
        source="parquet",
        recipe="datasets_parquet_processes",
        processes=True,
        note="an Arrow copy of the corpus beside the output",
    ),
    System(
        name="pyarrow take",
        library="pyarrow",
        source="arrow",
        recipe="pyarrow_arrow",
        modules=("pyarrow", "pyarrow.ipc"),
    ),
    System(
        name="pyarrow take",
        library="pyarrow",
        source="parquet",
        recipe="pyarrow_parquet",
        modules=("pyarrow", "pyarrow.ipc", "pyarrow.parquet"),
    ),
    System(
        name="pyarrow dataset",
        library="pyarrow",
        source="parquet",
        recipe="pyarrow_dataset",
        modules=("pyarrow", "pyarrow.ipc", "pyarrow.dataset"),
    ),
    System(
        name="polars gather",
        library="polars",
        source="arrow",
        recipe="polars_arrow",
        modules=("pyarrow", "pyarrow.ipc", "polars"),
    ),
    System(name="polars scan", library="polars", source="parquet", recipe="polars_parquet"),
    System(
        name="duckdb sorted",
        library="duckdb",
        source="arrow",
        recipe="duckdb_arrow",
        modules=_WITH_PYARROW,
        note=_PARQUET_OUT,
    ),
    System(
        name="duckdb sorted",
        library="duckdb",
        source="parquet",
        recipe="duckdb_parquet",
        modules=_WITH_PYARROW,
        note=_PARQUET_OUT,
    ),
    System(
        name="duckdb unsorted",
        library="duckdb",
        source="parquet",
        recipe="duckdb_parquet_any_order",
        modules=_WITH_PYARROW,
        ordered=False,
        note=_UNORDERED,
    ),
    System(
        name="lance take",
        library="lance",
        source="arrow",
        recipe="lance_arrow",
        modules=("pyarrow", "pyarrow.ipc", "lance"),
        copies=True,
        note="from a copy in its own format",
    ),
]
"""Every system; dsdm comes first."""


def systems_for(case: Case, libraries: tuple[str, ...] | None, threads: int) -> list[System]:
    """Return the installed systems that can do a case: dsdm, and those of the named libraries or of all."""
    named = LIBRARIES if libraries is None else libraries
    return [
        system
        for system in SYSTEMS
        if system.source == case.source
        and (system.library == "dsdm" or system.library in named)
        and machine.is_installed(system.library)
        and (threads > 1 or not system.processes)
    ]

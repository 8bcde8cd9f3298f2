"""The systems that are compared, and what each can and cannot do."""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from dsdm.bench.gather.settings import Case

LIBRARIES = ("datasets", "pyarrow", "polars", "duckdb", "lance")
"""The names that ``--peers`` takes."""

RECIPES = Path(__file__).with_name("recipes.py")
_DISTRIBUTIONS = {"lance": "pylance"}


@dataclass(frozen=True, kw_only=True)
class System:
    """A way of taking rows out of a corpus and writing them."""

    name: str
    library: str
    source: str
    recipe: str
    """The function in the file of recipes."""
    modules: tuple[str, ...] = ()
    """What is imported first; the library itself if nothing is named."""
    ordered: bool = True
    """Whether rows come in the order in which they are asked for."""
    processes: bool = False
    """Whether it is another system only where there are several threads."""
    copies: bool = False
    """Whether it reads a copy of its own, which is made before the time."""
    note: str = ""
    """What the reader of its time has to know."""
    recipes: Path = RECIPES

    @property
    def imports(self) -> tuple[str, ...]:
        """The modules to import."""
        return self.modules or (self.library,)


_PARQUET_OUT = "writes Parquet"
_UNORDERED = "writes Parquet, and not in the order asked"
_WITH_WHAT_IS_USED = ("dsdm", "dsdm.dataset")
"""Its parts are imported when they are first used."""
_WITH_PYARROW = ("pyarrow", "pyarrow.ipc", "duckdb")

SYSTEMS: list[System] = [
    System(name="dsdm", library="dsdm", source="arrow", recipe="dsdm", modules=_WITH_WHAT_IS_USED),
    System(name="dsdm", library="dsdm", source="parquet", recipe="dsdm", modules=_WITH_WHAT_IS_USED),
    System(name="datasets select, save_to_disk", library="datasets", source="arrow", recipe="datasets_arrow"),
    System(
        name="datasets select, save_to_disk, num_proc",
        library="datasets",
        source="arrow",
        recipe="datasets_arrow_processes",
        processes=True,
    ),
    System(
        name="datasets load, select, save",
        library="datasets",
        source="parquet",
        recipe="datasets_parquet",
        note="an Arrow copy of the corpus beside the output",
    ),
    System(
        name="datasets load, select, save, num_proc",
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
        name="pyarrow read_table, take",
        library="pyarrow",
        source="parquet",
        recipe="pyarrow_parquet",
        modules=("pyarrow", "pyarrow.ipc", "pyarrow.parquet"),
    ),
    System(
        name="pyarrow dataset take",
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
    System(name="polars scan, gather", library="polars", source="parquet", recipe="polars_parquet"),
    System(
        name="duckdb join, order by",
        library="duckdb",
        source="arrow",
        recipe="duckdb_arrow",
        modules=_WITH_PYARROW,
        note=_PARQUET_OUT,
    ),
    System(
        name="duckdb join, order by",
        library="duckdb",
        source="parquet",
        recipe="duckdb_parquet",
        modules=_WITH_PYARROW,
        note=_PARQUET_OUT,
    ),
    System(
        name="duckdb join, any order",
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


def is_installed(library: str) -> bool:
    """Whether a library could be imported."""
    return find_spec(library) is not None


def version_of(library: str) -> str | None:
    """The version of a library that is installed."""
    return version(_DISTRIBUTIONS.get(library, library)) if is_installed(library) else None


def systems_for(case: Case, libraries: tuple[str, ...] | None, threads: int) -> list[System]:
    """The systems that are there and can do it; of the libraries named, and dsdm in any case."""
    wanted = LIBRARIES if libraries is None else libraries
    return [
        system
        for system in SYSTEMS
        if system.source == case.source
        and (system.library == "dsdm" or system.library in wanted)
        and is_installed(system.library)
        and (threads > 1 or not system.processes)
    ]

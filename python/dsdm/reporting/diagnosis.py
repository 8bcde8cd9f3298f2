"""What dsdm runs on: :func:`diagnose`, and the command ``dsdm doctor``."""

import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dsdm import _native, reference
from dsdm.shown import safe_messages, shown

_NEEDED = ("numpy", "pyarrow", "datasets", "huggingface-hub")
_BESIDE = ("torch", "transformers", "pandas", "polars", "duckdb", "matplotlib", "zstandard")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "bmi2", "asimd", "sve")
"""What kernels are compiled for, or could be."""
_READ = ("HF_HOME", "HF_DATASETS_CACHE", "HF_HUB_OFFLINE", "TMPDIR", "RAYON_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables of others that change what is done; those of dsdm begin with its name."""
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD")
_UNLIMITED = "unlimited"
_FAST = "release"


@dataclass(frozen=True)
class Place:
    """A directory that is read or written."""

    name: str
    """What it is to dsdm."""
    path: str
    exists: bool
    file_system: str | None
    """Its type, such as ext4 or nfs4; None where the system does not say."""
    free_bytes: int | None
    locks: bool | None
    """Whether a file in it can be locked, without which two runs may write one output; None if nothing was tried."""


@dataclass(frozen=True)
class Diagnosis:
    """The software, the machine and the directories that dsdm works with, as :func:`diagnose` finds them."""

    versions: dict[str, str]
    """Of dsdm, of Python, and of those packages that are installed."""
    python: str
    """The implementation, its build and its path."""
    profile: str
    """The profile of Cargo.toml by which dsdm was compiled: release wherever it was installed, demo by make demo."""
    system: str
    processor: str
    processors: int
    """Logical ones that this process may use."""
    instructions: list[str]
    """Vector instructions that the processor has."""
    memory_bytes: int | None
    """Of the machine."""
    memory_limit_bytes: int
    """What a call holds by default: a quarter of what is available to this process now."""
    limits: dict[str, int | str]
    """Of this process: open files, bytes of address space, bytes of a file, maps of memory."""
    environment: dict[str, str]
    """Variables that change what is done, but for the values of secrets."""
    places: list[Place]

    def to_dict(self) -> dict[str, Any]:
        """Return what was found as plain values, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a line for each fact."""
        rows: list[tuple[str, object]] = [*self.versions.items(), ("interpreter", self.python)]
        rows += [
            ("compiled", f"by the profile {self.profile}" + ("" if self.profile == _FAST else ", which is slower"))
        ]
        rows += [("system", self.system), ("processor", self.processor), ("threads", self.processors)]
        rows += [("instructions", ", ".join(self.instructions) or "none that are known")]
        rows += [("memory", _size(self.memory_bytes)), ("memory limit", f"{_size(self.memory_limit_bytes)} by default")]
        rows += self.limits.items()
        rows += [(f"${name}", value) for name, value in self.environment.items()]
        rows += [(place.name, _told(place)) for place in self.places]
        width = max(len(name) for name, _ in rows)
        return "\n".join(shown(f"{name:<{width}}  {value}") for name, value in rows)


@safe_messages
def diagnose(directory: "str | os.PathLike[str]" = ".") -> Diagnosis:
    """Tell what dsdm runs on: versions, processor, memory, limits, environment, directories and their file systems.

    It is what a report of a fault should have with it. Nothing is imported but for numpy, and nothing written but for
    an empty file in each directory, which is locked and removed at once.

    Parameters
    ----------
    directory
        A directory of yours to be looked at as well: that of the corpus or of the outputs.

    Returns
    -------
    Diagnosis
        Prints as a line for each fact; ``to_dict()`` has them as values.

    Raises
    ------
    NotADirectoryError
        If `directory` is no directory.

    Examples
    --------
    >>> import dsdm
    >>> found = dsdm.diagnose()
    >>> found.versions["dsdm"] == dsdm.__version__
    True
    >>> found.places[0].name
    'directory'

    """
    place = Path(directory)
    if not place.is_dir():
        message = f"{place}: it is no directory; name the one of a corpus or of outputs"
        raise NotADirectoryError(message)
    return Diagnosis(
        versions={"dsdm": _native.__version__, "python": platform.python_version(), **_versions((*_NEEDED, *_BESIDE))},
        python=_interpreter(),
        profile=_native.__profile__,
        system=f"{platform.platform()}, {' '.join(platform.libc_ver()).strip() or 'another C library'}",
        processor=_processor(),
        processors=_processors(),
        instructions=_instructions(),
        memory_bytes=_memory(),
        memory_limit_bytes=_native.default_memory_limit(),
        limits=_limits(),
        environment=_environment(),
        places=list(_places(place)),
    )


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed, without an import."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _interpreter() -> str:
    threads = "without the GIL" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with the GIL"
    return f"{platform.python_implementation()}, {threads}, {sys.executable}"


def _cpuinfo() -> dict[str, str]:
    """Return what Linux tells of the first processor; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _processor() -> str:
    told = _cpuinfo()
    return told.get("model name") or platform.processor() or platform.machine()


def _instructions() -> list[str]:
    told = _cpuinfo()
    flags = f"{told.get('flags', '')} {told.get('Features', '')}".split()
    return [name for name in _INSTRUCTIONS if name in flags]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _limits() -> dict[str, int | str]:
    try:
        import resource
    except ImportError:
        return {}
    named = {"open files": "RLIMIT_NOFILE", "address space": "RLIMIT_AS", "file size": "RLIMIT_FSIZE"}
    found: dict[str, int | str] = {}
    for name, limit in named.items():
        value = resource.getrlimit(getattr(resource, limit))[0]
        found[name] = _UNLIMITED if value == resource.RLIM_INFINITY else value
    maps = Path("/proc/sys/vm/max_map_count")
    if maps.exists():
        found["maps of memory"] = int(maps.read_text())
    return found


def _environment() -> dict[str, str]:
    names = sorted(name for name in os.environ if name.startswith("DSDM_") or name in _READ)
    return {name: "(not shown)" if any(word in name for word in _SECRET) else os.environ[name] for name in names}


def _places(directory: Path) -> Iterable[Place]:
    yield _place("directory", directory.resolve())
    for name, path in reference.places():
        yield _place(f"score files: {name}", path)
    yield _place("temporary files", Path(tempfile.gettempdir()))


def _place(name: str, path: Path) -> Place:
    """Look at a directory, or at the nearest one above it that is there."""
    there = next((place for place in (path, *path.parents) if place.is_dir()), None)
    if there is None:
        return Place(name, str(path), exists=False, file_system=None, free_bytes=None, locks=None)
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    return Place(name, str(path), path.is_dir(), _file_system(there), free, _locks(path) if path.is_dir() else None)


def _file_system(path: Path) -> str | None:
    """Return the type of the file system that holds a directory, as Linux tells it."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place = path.resolve()
    # A space in a path is written as an octal number.
    mounts = [(Path(line.split(" ")[1].replace("\\040", " ")), line.split(" ")[2]) for line in lines]
    holding = [(len(mount.parts), at, kind) for at, (mount, kind) in enumerate(mounts) if place.is_relative_to(mount)]
    return max(holding)[2] if holding else None


def _locks(directory: Path) -> bool | None:
    """Return whether a new file of a directory can be locked; None where none can be made."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return True
    except OSError:
        return None


def _told(place: Place) -> str:
    if not place.exists:
        state = "is not there"
    elif place.locks is None:
        state = "no file can be made there"
    else:
        state = "locks work" if place.locks else "NO LOCKS: two runs may write one output"
    free = "" if place.free_bytes is None else f", {_size(place.free_bytes)} free"
    return f"{place.path} ({place.file_system or 'an unknown file system'}{free}; {state})"


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 1e9:,.1f} GB"

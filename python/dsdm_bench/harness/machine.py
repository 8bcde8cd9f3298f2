"""What is measured on: processor, threads, memory, disk, system, and the libraries that are installed."""

import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = {"lance": "pylance", "data_juicer": "py-data-juicer"}
"""The distribution of a module, where it has another name."""


def describe(threads: int, folder: Path, profile: str) -> dict[str, Any]:
    """Return the machine, and how dsdm was compiled for it, as the report holds them; memory is in bytes."""
    return {
        "processor": _processor(),
        "threads": threads,
        "processors": os.cpu_count(),
        "memory": _memory(),
        "disk": file_system(folder),
        "system": platform.platform(),
        "python": platform.python_version(),
        "profile": profile,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def file_system(folder: Path) -> str:
    """Return the file system and the device of a directory as text; empty where the system does not say."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    entries = [line.split()[:3] for line in mounts.read_text().splitlines()]
    place = folder.resolve()
    holding = [entry for entry in entries if place.is_relative_to(entry[1])]
    device, _, kind = max(reversed(holding), key=lambda entry: len(entry[1]), default=("", "", ""))
    return f"{kind} on {device}"


def usable_threads(requested: int | None = None) -> int:
    """Return the number of threads that was requested, or else that of the process."""
    named = requested or os.environ.get("DSDM_NUM_THREADS")
    if named:
        return int(named)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def is_installed(module: str) -> bool:
    """Return whether a module could be imported."""
    return find_spec(module) is not None


def version_of(module: str) -> str | None:
    """Return the version of a module's distribution, or None if it is not installed."""
    return version(_DISTRIBUTIONS.get(module, module)) if is_installed(module) else None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None

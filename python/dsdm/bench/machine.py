"""What was measured on: processor, memory, disk, system and versions."""

import os
import platform
from pathlib import Path
from typing import Any

import dsdm
from dsdm.bench.peers import LIBRARIES, version_of


def describe(threads: int, folder: Path) -> dict[str, Any]:
    """The machine, as the report has it; memory in bytes."""
    return {
        "processor": _processor(),
        "threads": threads,
        "processors": os.cpu_count(),
        "memory": _memory(),
        "disk": file_system(folder),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str | None]:
    """The version of dsdm and of each library that it is compared with; None for what is not installed."""
    return {"dsdm": dsdm.__version__, **{name: version_of(name) for name in LIBRARIES if name != "reference"}}


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


def file_system(folder: Path) -> str:
    """The file system and the device that a folder is on."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return ""
    entries = [line.split()[:3] for line in mounts.read_text().splitlines()]
    place = folder.resolve()
    holding = [entry for entry in entries if place.is_relative_to(entry[1])]
    device, _, kind = max(reversed(holding), key=lambda entry: len(entry[1]), default=("", "", ""))
    return f"{kind} on {device}"

"""The process that does the work of one system: ``python -P child.py RECIPES NAME MODULES TASK``.

It is run as a file and imports nothing of dsdm, so that a system's start is its own.
"""

import json
import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def main(recipes: str, name: str, modules: str, text: str) -> None:
    """Import, say "ready" and wait; work, say "done" and what was read, and wait again."""
    task = json.loads(text)
    for module in modules.split(","):
        import_module(module)
    recipe = getattr(_loaded(recipes), name)
    _say("ready")
    before = _bytes_from_disk()
    try:
        result = recipe(task)
        if task.get("flush"):
            _flush(Path(task["out"]))
    except Exception as error:  # noqa: BLE001 - whatever a system dies of is told
        _say("done", problem=f"{type(error).__name__}: {' '.join(str(error).split())}")
        return
    after = _bytes_from_disk()
    _say("done", read=None if before is None or after is None else after - before)
    del result


def _loaded(recipes: str) -> Any:
    spec = spec_from_file_location("recipes", recipes)
    if spec is None or spec.loader is None:
        raise ImportError(recipes)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _say(word: str, **told: Any) -> None:
    print(word, json.dumps(told), flush=True)
    sys.stdin.readline()


def _flush(out: Path) -> None:
    """Have everything on the disk before the time ends; for files that are there already it takes none."""
    for path in (out, *out.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _bytes_from_disk() -> int | None:
    """What this process has had read so far; None where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes:")), None)


if __name__ == "__main__":
    main(*sys.argv[1:])

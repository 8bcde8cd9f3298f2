"""The process that does the work of one system: ``python -P child.py RECIPES NAME MODULES TASK``.

It is run as a file and imports nothing of this package, so that a system's start is its own.
"""

import json
import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TextIO


def main(recipes: str, name: str, modules: str, text: str) -> None:
    """Import, print "ready" and wait; work, print "done" and what was read, and wait again."""
    task = json.loads(text)
    # What a system prints is no word of this process: it goes where its errors go.
    words = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for module in modules.split(","):
        import_module(module)
    recipe = getattr(_load(recipes), name)
    _say(words, "ready")
    before = _bytes_from_disk()
    try:
        result = recipe(task)
        if task.get("flush"):
            _flush(Path(task["out"]))
    except Exception as error:  # noqa: BLE001 - whatever ends a system is reported
        _say(words, "done", problem=f"{type(error).__name__}: {' '.join(str(error).split())}")
        return
    after = _bytes_from_disk()
    _say(words, "done", read=None if before is None or after is None else after - before)
    del result


def _load(recipes: str) -> Any:
    spec = spec_from_file_location("recipes", recipes)
    if spec is None or spec.loader is None:
        raise ImportError(recipes)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _say(words: TextIO, word: str, **message: Any) -> None:
    print(word, json.dumps(message), file=words, flush=True)
    sys.stdin.readline()


def _flush(out: Path) -> None:
    """Sync all files to the disk within the time; for those that are there already it takes none."""
    for path in (out, *out.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _bytes_from_disk() -> int | None:
    """Return the bytes that this process has read from the disk so far; None where the system does not say.

    As in the harness, which this file must not import.
    """
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes:")), None)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Rows to exclude, or to choose of alone, that are named by a path."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsdm.paths import local
from dsdm.selection.inputs import read_rows
from dsdm.selection.record.earlier import rows_of_output
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.rule import Rule
from dsdm.selection.told import ROWS


def with_named_rows(rule: Rule) -> Rule:
    """Return a rule whose rows that may be chosen are in memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file or directory.
    ValueError
        For another file.

    """
    found = {name: _opened(name, getattr(rule, name), rule.threads) for name in ROWS}
    rows = {name: rows for name, (rows, _) in found.items()}
    return replace(rule, **rows, rows_from={name: path for name, (_, path) in found.items() if path is not None})


def _opened(name: str, given: Any, threads: int | None) -> tuple[Any, str | None]:
    """Return rows that may be named by a path, and the path: a ``.npy`` file, or a directory of an earlier output."""
    if not isinstance(given, str | bytes | os.PathLike):
        return given, None
    path = Path(local(os.fsdecode(given), name)).absolute()
    if path.is_dir():
        return rows_of_output(str(path), None, Trust(str(path), None, ()), None, threads), str(path)
    if not os.path.lexists(path):
        message = f"{name} names a .npy file of rows, or a directory that dsdm wrote, and there is none"
        raise FileNotFoundError(errno.ENOENT, message, str(path))
    if path.suffix.lower() != ".npy":
        message = f"{name} is {path}; a .npy file of rows, or a directory that dsdm wrote, is needed"
        raise ValueError(message)
    if path.with_name(path.name + ".json").exists():
        return Selection.load(path), str(path)
    return read_rows(path), str(path)

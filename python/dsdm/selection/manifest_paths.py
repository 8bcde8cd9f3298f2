"""How ``dsdm.json`` names files outside of the output: by the way from there, and nothing of this machine.

A file that lies in one directory with the output, however deep, is named by the way from the output to it, which begins
with ``..``: both can be moved together, or copied to another machine. Where that directory would be the root, or one in
which the user's home lies, or the way would name the user, the name of the file alone is told, without its place.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from dsdm._native import located
from dsdm.paths.named import place_of, tells_place
from dsdm.selection.told import KNOWN, ROWS, Told, files_of_inputs, tells_of_files

NOT_THERE = ": it is not there"


def from_output(selection: Mapping[str, Any], target: str, *, absolute: bool) -> dict[str, Any]:
    """Return a selection with its paths as the manifest of an output has them."""

    def named(path: str | os.PathLike[str]) -> str:
        return str(located(os.path.expanduser(path), target, absolute))  # noqa: PTH111 - a path may be a glob

    record = _with_paths(selection, named)
    if selection.get("by") not in KNOWN:
        return record
    arguments = record.get("arguments")
    if isinstance(arguments, Mapping) and not tells_place(str(arguments.get("data_dir") or os.pardir)):
        record["arguments"] = {name: value for name, value in arguments.items() if name != "data_dir"}
    if "unchecked" in record:
        missing, found, _ = record["unchecked"].partition(NOT_THERE)
        # Where a method looks for its files is of this machine.
        record["unchecked"] = named(missing) + NOT_THERE if found else "a score file is not there"
    return record


def at_hand(selection: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return a selection that was told in the manifest of a directory with paths that lead there from here."""
    return _with_paths(selection, lambda path: place_of(str(path), folder))


def beside(selection: Told, file: str) -> dict[str, Any]:
    """Return a selection with its paths as a file that tells of it has them: from there where `from_output` can say so.

    The way begins with ``..``, as if the file was a directory. It lies with its user, who needs to find the others.
    """

    def named(path: str | os.PathLike[str]) -> str:
        found = str(located(os.fspath(path), file, absolute=False))
        return found if tells_place(found) else str(located(os.fspath(path), file, absolute=True))

    return _with_paths(selection, named)


def without_place(selection: Mapping[str, Any]) -> str | None:
    """Return a file of a selection whose place its manifest does not tell, if there is one."""
    scores = selection.get("scores") or []
    files = [scores] if isinstance(scores, str) else scores
    rows = [selection[name] for name in ROWS if selection.get(name) is not None]
    # How long rows are is not needed to choose them again.
    needed = {name: files for name, files in files_of_inputs(selection).items() if name != "lengths"}
    of_inputs = [file.get("path") for files in needed.values() for file in files]
    named = [*(files if isinstance(files, list) else []), *rows, *of_inputs]
    return next((str(path) for path in named if not tells_place(str(path))), None)


def _with_paths(selection: Mapping[str, Any], change: Callable[[str | os.PathLike[str]], str]) -> dict[str, Any]:
    """Change the paths of a selection by a function that is known, or of rows that know how; others are anybody's."""
    record = dict(selection)

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str | os.PathLike) else value

    if not isinstance(selection, Told) and not tells_of_files(selection):
        return record
    if "scores" in record:
        files = record["scores"]
        record["scores"] = [changed(f) for f in files] if isinstance(files, list | tuple) else changed(files)
    for name in ROWS:
        if record.get(name) is not None:
            record[name] = changed(record[name])
    arguments = record.get("arguments")
    if isinstance(arguments, Mapping) and arguments.get("data_dir") is not None:
        record["arguments"] = {**arguments, "data_dir": changed(arguments["data_dir"])}
    files = record.get("score_files")
    if isinstance(files, list) and all(isinstance(file, Mapping) and "path" in file for file in files):
        record["score_files"] = [{**file, "path": changed(file["path"])} for file in files]
    for name, those in files_of_inputs(record).items():
        record[name] = {**record[name], "files": [{**file, "path": changed(file.get("path"))} for file in those]}
    return record

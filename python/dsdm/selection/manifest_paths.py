"""How ``dsdm.json`` names files outside of the output: by the way from there, and nothing of this machine.

A file that lies in one folder with the output, however deep, is named by the way from the output to it, which begins
with ``..``: both can be moved together, or copied to another machine. Where that folder would be the root, or one in
which the user's home lies, or the way would name the user, the name of the file alone is told, without its place.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from dsdm._native import located
from dsdm.paths.named import place_of, tells_place
from dsdm.selection.record import KNOWN

NOT_THERE = ": it is not there"


def from_output(selection: Mapping[str, Any], target: str, *, absolute: bool) -> dict[str, Any]:
    """Give a selection with its paths as the manifest of an output has them."""

    def named(path: str | os.PathLike[str]) -> str:
        return str(located(os.path.expanduser(path), target, absolute))  # noqa: PTH111 - a path may be a glob

    told = _with_paths(selection, named)
    if selection.get("by") not in KNOWN:
        return told
    arguments = told.get("arguments")
    if isinstance(arguments, Mapping) and not tells_place(str(arguments.get("data_dir") or os.pardir)):
        told["arguments"] = {name: value for name, value in arguments.items() if name != "data_dir"}
    if "unchecked" in told:
        missing, found, _ = told["unchecked"].partition(NOT_THERE)
        # Where a method looks for its files is of this machine.
        told["unchecked"] = named(missing) + NOT_THERE if found else "a score file is not there"
    return told


def at_hand(selection: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Give a selection that was told in the manifest of a folder with paths that lead there from here."""
    return _with_paths(selection, lambda path: place_of(str(path), folder))


def without_place(selection: Mapping[str, Any]) -> str | None:
    """Give a file of a selection whose place its manifest does not tell, if there is one."""
    scores = selection.get("scores") or []
    files = [scores] if isinstance(scores, str) else scores
    excluded = selection.get("exclude")
    named = [*(files if isinstance(files, list) else []), *([] if excluded is None else [excluded])]
    return next((str(path) for path in named if not tells_place(str(path))), None)


def _with_paths(selection: Mapping[str, Any], change: Callable[[str | os.PathLike[str]], str]) -> dict[str, Any]:
    """Change the paths of a selection by one of the functions that are known; others are anybody's own."""
    told = dict(selection)

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str | os.PathLike) else value

    if told.get("by") not in KNOWN:
        return told
    if "scores" in told:
        files = told["scores"]
        told["scores"] = [changed(f) for f in files] if isinstance(files, list | tuple) else changed(files)
    if told.get("exclude") is not None:
        told["exclude"] = changed(told["exclude"])
    arguments = told.get("arguments")
    if isinstance(arguments, Mapping) and arguments.get("data_dir") is not None:
        told["arguments"] = {**arguments, "data_dir": changed(arguments["data_dir"])}
    files = told.get("score_files")
    if isinstance(files, list) and all(isinstance(file, Mapping) and "path" in file for file in files):
        told["score_files"] = [{**file, "path": changed(file["path"])} for file in files]
    return told

"""What is told of a selection, and the functions that choose rows again."""

from collections.abc import Mapping
from typing import Any

KNOWN = ("get_indices", "top_k", "gumbel_top_k", "choose")
"""The functions by which rows can be chosen again."""

NOISE = "rng"
"""What the argument `noise` is called in ``dsdm.json``."""

ROWS = ("exclude", "only")
"""What names a file of rows: of those that were not to be chosen, and of those that alone were."""

INPUTS = ("groups", "lengths", "ids")
"""What a choice needs beside the scores, of which it is told where it lies: the files, or a column of the rows."""

ON = "on"
"""The column of ids beside the scores, by which they are joined to those of the rows: to `ids`."""

BY_POSITION = "by_position"
"""Whether scores were said to be taken by position, though columns of ids say otherwise."""

FIELDS = ("by", "arguments", "scores", "reading", "rows", ON, BY_POSITION, *ROWS, *INPUTS)
"""What must be told for that."""


def tells_of_files(selection: Mapping[str, Any]) -> bool:
    """Return whether what is told has files of which this package knows: not where it is of the caller's own kind."""
    return selection.get("by") in KNOWN or isinstance(selection.get("chosen_by"), Mapping)


def files_of_inputs(selection: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what the files are known by in which groups and lengths lie, as far as that is told as it should be."""
    found = {}
    for name in INPUTS:
        told = selection.get(name)
        files = told.get("files") if isinstance(told, Mapping) else None
        if isinstance(files, list) and all(isinstance(file, Mapping) for file in files):
            found[name] = [dict(file) for file in files]
    return found


class Told(dict[str, Any]):
    """How rows were chosen, with what the score files were known by when they were opened for it."""

    def __init__(self, selection: Mapping[str, Any], files: list[dict[str, Any]]) -> None:
        """Keep what the files were known by beside what is told."""
        super().__init__(selection)
        self.files = files

"""What is told of a selection, and the functions that choose rows again."""

from collections.abc import Mapping
from typing import Any

KNOWN = ("get_indices", "top_k", "gumbel_top_k", "choose")
"""The functions by which rows can be chosen again."""

NOISE = "rng"
"""What the argument `noise` is called in ``dsdm.json``."""

ROWS = ("exclude", "only")
"""What names a file of rows: of those that were not to be chosen, and of those that alone were."""

FIELDS = ("by", "arguments", "scores", "reading", "rows", *ROWS)
"""What must be told for that."""


class Told(dict[str, Any]):
    """How rows were chosen, with what the score files were known by when they were opened for it."""

    def __init__(self, selection: Mapping[str, Any], files: list[dict[str, Any]]) -> None:
        """Keep what the files were known by beside what is told."""
        super().__init__(selection)
        self.files = files

"""The score files of a record: those that it names are those of which it tells sizes and ends."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dsdm.errors import ChecksumError


def refuse_other_names(manifest: str, selection: Mapping[str, Any], files: Sequence[str]) -> None:
    """Fail where the scores are those of other files than a record tells the sizes and ends of."""
    told = [str(file["path"]) for file in selection.get("score_files", ())]
    if selection["by"] == "get_indices" or not told:
        return
    then, now = ([os.path.realpath(path) for path in paths] for paths in (told, files))
    if then != now:
        message = (
            f"{manifest}: scores are {', '.join(files)}, and score_files tells of {', '.join(told)}; write it again"
        )
        raise ChecksumError(message)


def refuse_other_sizes(manifest: str, selection: Mapping[str, Any], found: Sequence[int | None]) -> None:
    """Fail where score files have other numbers of scores than a record tells."""
    told = [file.get("rows") for file in selection.get("score_files", ())]
    if len(told) != len(found):
        return  # Proof: other files than are told are refused before, and those of a method are anybody's.
    wrong = [(one, other) for one, other in zip(told, found, strict=True) if None not in (one, other) and one != other]
    if wrong:
        message = (
            f"{manifest}: score_files tells of {wrong[0][0]:,} scores, and there are {wrong[0][1]:,}; write it again"
        )
        raise ChecksumError(message)

"""How rows were chosen: told in ``dsdm.json``, and done again from what is told there.

A selection is told by a mapping: ``by`` names the function (``"get_indices"``, ``"top_k"`` or ``"gumbel_top_k"``),
``arguments`` are its keyword arguments, and where these do not name score files, ``scores`` does, with ``reading``
for the keyword arguments of :func:`dsdm.open_scores`, ``rows`` for a part of the vector, and ``exclude`` for a
``.npy`` file. Other mappings are kept as they are, and cannot be done again.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.paths import SCORES, PathLike, find, local
from dsdm.reference import files_of, find_file

_BY_SCORES = ("top_k", "gumbel_top_k")
# A text in JSON with a character that stands for none.
_HALVES = re.compile(r'"(?:[^"\\]|\\.)*[\ud800-\udfff](?:[^"\\]|\\.)*"')


def with_files(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Add the score files of a selection, with their sizes and times."""
    try:
        files = _files(selection, None)
    except FileNotFoundError:
        files = []
    states = [(file, Path(file).stat()) for file in files if Path(file).is_file()]
    told = [{"path": file, "bytes": state.st_size, "modified_ns": state.st_mtime_ns} for file, state in states]
    return {**selection, "score_files": told} if told else dict(selection)


def as_json(told: Mapping[str, Any]) -> str:
    """Give what is told of a selection as JSON.

    Raises
    ------
    TypeError
        For a value that JSON has no way to write.
    ValueError
        For text that is not UTF-8, as a path can be.

    """
    # json spells the bytes of such a path as halves of surrogate pairs, which no other reader of JSON takes.
    found = _HALVES.search(json.dumps(told, default=plain, ensure_ascii=False))
    if found is None:
        return json.dumps(told, default=plain)
    message = (
        f"selection= tells of {found[0]!r}, which is not UTF-8, and dsdm.json cannot hold it; rename the file, or link "
        "to it by another name"
    )
    raise ValueError(message)


def plain(value: Any) -> Any:
    """Give what JSON has for a value that it has not: paths as text, numbers of numpy as numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    message = f"selection= can hold what JSON can, and holds a {type(value).__name__}"
    raise TypeError(message)


def choose_again(selection: Mapping[str, Any], data_dir: PathLike | None) -> NDArray[np.int64] | str:
    """Give the rows of a selection that was told, or why they cannot be chosen again."""
    by = selection.get("by")
    if by not in ("get_indices", *_BY_SCORES):
        return "the manifest does not tell how the rows were chosen"
    arguments = dict(selection.get("arguments", {}))
    if by == "get_indices" and data_dir is not None:
        arguments["data_dir"] = data_dir
    try:
        found = _files(selection, data_dir)
        excluded = selection.get("exclude")
        arguments["exclude"] = None if excluded is None else np.load(local(excluded), mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as missing:
        return f"{missing.filename}: it is not there"
    for file, told in zip(found, selection.get("score_files", ()), strict=False):
        size = Path(file).stat().st_size
        if size != told["bytes"]:
            return f"{file}: it had {told['bytes']:,} bytes and has {size:,}"
    return _choose(str(by), selection, arguments)


def _choose(by: str, selection: Mapping[str, Any], arguments: dict[str, Any]) -> NDArray[np.int64]:
    import dsdm
    from dsdm.methods import prefix

    if by == "get_indices":
        return dsdm.get_indices(**arguments)
    paths = selection["scores"]
    scores = prefix(dsdm.open_scores(paths, **selection.get("reading", {})), selection.get("rows"), ", ".join(paths))
    chosen: NDArray[np.int64] = getattr(dsdm, by)(scores, **arguments)
    return chosen


def _files(selection: Mapping[str, Any], data_dir: PathLike | None) -> list[str]:
    """Find the score files of a selection."""
    arguments = selection.get("arguments", {})
    if selection.get("by") == "get_indices":
        place = arguments.get("data_dir") if data_dir is None else data_dir
        method, target = arguments.get("method"), arguments.get("target")
        return [] if method == "random" else [str(find_file(file, place)) for file in files_of(method, target)]
    reading = selection.get("reading", {})
    asked = reading.get("sort"), reading.get("partial", False)
    files = find(selection.get("scores", ()), SCORES, sort=asked[0], partial=asked[1]).files
    for file in files:
        if not Path(file).exists():
            raise FileNotFoundError(2, "the score file is not there", file)
    return files

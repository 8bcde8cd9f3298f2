"""Which files of scores, groups and lengths are taken by position, and so held against the ids of the rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsdm._native import Scores
from dsdm.errors import FormatError
from dsdm.selection.ids.expressions import runs_of
from dsdm.selection.ids.order.side import Beside
from dsdm.selection.told import BY_POSITION, KNOWN, ON, ROWS, tells_of_files

_INPUTS = ("groups", "lengths")
_MOST = 2**63


def beside_of(files: Any, column: Any = None, what: str = "scores") -> Beside:
    """Return files, in the order of the rows, and the column of them that was taken."""
    return Beside(tuple(map(str, files)), frozenset() if column is None else frozenset([str(column)]), what)


def placed_scores(scores: Any) -> list[Beside]:
    """Return the files of a vector, or of each vector of an expression; none for others."""
    if not isinstance(scores, Scores):
        return []
    opened = scores.opened_as()
    if opened is not None:
        return [beside_of(opened[0], opened[1].get("column"))]
    try:
        runs = runs_of(scores)
    except ValueError:  # a name that is not UTF-8, with which no text tells of files
        return list(_vectors([file.fields() for file in scores.identities()], len(scores)))
    return [replace(beside_of(run.files, run.column), start=run.start) for run in runs]


def placed_of_choice(scores: Any, inputs: Mapping[str, Any], rows: int) -> tuple[Beside, ...] | None:
    """Return the files that a choice by computed scores is by, by position; None where its record tells as much."""
    if not isinstance(scores, Scores) or scores.opened_as() is not None:
        return None
    return tuple(dict.fromkeys([*placed_scores(scores), *placed_of({**inputs, "chosen_by": {}}, rows)]))


def placed_of(told: Mapping[str, Any], rows: int) -> list[Beside]:
    """Return the files that rows of so many were chosen by, by position, as far as that is told as it should be."""
    if told.get(BY_POSITION) is True or not tells_of_files(told):
        return []
    found: list[Beside] = []
    files = _files(told.get("score_files"))
    is_joined = told.get(ON) is not None or "ids" in told
    if files is not None and not is_joined and told.get("by") not in KNOWN[:1]:
        # What is chosen again is of one vector.
        one = [beside_of([file["path"] for file in files], _reading(told).get("column"))]
        found += one if told.get("by") in KNOWN else _vectors(files, rows)
    for name in _INPUTS:
        origin = told.get(name)
        if not isinstance(origin, Mapping):
            continue
        of_input = _files(origin.get("files"))
        if of_input is not None:
            column = origin.get("column") or _reading(origin).get("column")
            found.append(beside_of([file["path"] for file in of_input], column, name))
    return found


def placed_of_rows(**given: Any) -> tuple[Beside, ...]:
    """Return the files by which selections were chosen, by position, that are given as arguments such as `exclude`."""
    chosen = {name: one for name, one in given.items() if hasattr(one, "by_position")}
    found = [replace(beside, of_rows=name) for name, one in chosen.items() for beside in one.by_position()]
    return tuple(dict.fromkeys(found))


def given_as(name: str, selection: Any) -> Any:
    """Return a selection that is given as an argument of this name, which errors name where it is of other rows."""
    return replace(selection, placed=(), placed_rows=placed_of_rows(**{name: selection}))


def as_they_lie(selection: Any) -> Any:
    """Return a selection by position whose files lie as the rows do, whatever ids are beside them."""
    again = selection.again
    if again is not None and again.get(ON) is None:
        again = {**again, BY_POSITION: True}
    return replace(selection, again=again, placed=(), placed_rows=())


def loaded_placed(path: Path, name: str, told: Any) -> tuple[Beside, ...]:
    """Return the files that are told of beside row numbers, in a field of this name.

    Raises
    ------
    FormatError
        For what tells of none.

    """
    if isinstance(told, list) and all(map(_tells, told)):
        return tuple(
            Beside(
                tuple(one["files"]),
                frozenset(one["columns"]),
                one["what"],
                one.get("start", 0),
                one.get("of_rows", ""),
            )
            for one in told
        )
    message = f"{path}: {name} is {told!r:.200}, which names no files; save the selection again"
    raise FormatError(message)


def _tells(one: Any) -> bool:
    """Return whether this is what :meth:`Beside.told` gives."""
    optional = {"start", "of_rows"}
    if not isinstance(one, dict) or one.keys() - optional != {"files", "columns", "what"} or not one["files"]:
        return False
    if "of_rows" in one and one["of_rows"] not in ROWS:
        return False
    if type(start := one.get("start", 0)) is not int or not 0 <= start < _MOST:
        return False
    texts = [one["files"], one["columns"]]
    is_texts = all(isinstance(of, list) and all(isinstance(text, str) and text for text in of) for of in texts)
    return is_texts and one["what"] in ("scores", *_INPUTS)


def _reading(told: Mapping[str, Any]) -> Mapping[str, Any]:
    reading = told.get("reading")
    return reading if isinstance(reading, Mapping) else {}


def _files(told: Any) -> list[Mapping[str, Any]] | None:
    """Return what files are known by, where that is told."""
    is_told = isinstance(told, list) and all(isinstance(file, Mapping) and "path" in file for file in told)
    return told if is_told else None


def _vectors(files: Sequence[Mapping[str, Any]], rows: int) -> Iterator[Beside]:
    """Yield the files of each vector of those that were computed with: files in their order that have so many rows."""
    paths, held = [], 0
    for file in files:
        paths.append(file["path"])
        held += file.get("rows") or 0
        if held == rows:
            yield beside_of(paths)
        # Of parts of vectors it is not told which rows of their files they are.
        paths, held = ([], 0) if held >= rows else (paths, held)

"""Where the lengths and the groups of a choice lie: in files, or in a column of the rows; told in ``dsdm.json``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsdm import _native
from dsdm.selection.inputs import HeldScores
from dsdm.selection.told import BY_POSITION


@dataclass(frozen=True, eq=False)
class Placed:
    """Values of rows, and where they lie."""

    values: Any
    origin: Mapping[str, Any] | None
    """As :func:`origin_of` gives it."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.values)

    def __repr__(self) -> str:
        """Return one line: how many values, and where they lie."""
        told = self.origin or {}
        files = [file["path"] for file in told.get("files", ())]
        where = f" of the column {told['column']!r}" if "column" in told else ""
        return f"{len(self):,} values{where}" + (f" in {files[0]}" if len(files) == 1 else "")


def values_of(given: Any) -> Any:
    """Return values without where they lie."""
    return given.values if isinstance(given, Placed) else given


def origin_of(given: Any) -> Mapping[str, Any] | None:
    """Return where values lie: ``files`` as they were, with ``reading`` of a vector, or the ``column`` of rows in them.

    None for values in memory, and for those that were computed.
    """
    if not isinstance(given, _native.Scores):
        found: Mapping[str, Any] | None = getattr(given, "origin", None)
        return found
    opened = given.opened_as()
    if opened is None:
        return None
    _, reading, _ = opened
    return {"files": identities_of(given), **({"reading": dict(reading)} if reading else {})}


def inputs_of(scores: Any, arguments: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return where what a choice needs beside the scores lies, as far as that is in files: arguments of it, and ids."""
    found = {name: origin_of(arguments.get(name)) for name in ("groups", "lengths")}
    found["ids"] = scores.ids if isinstance(scores, HeldScores) else None
    return {name: origin for name, origin in found.items() if origin is not None}


def corpus_of(name: str, given: Any) -> dict[str, Any] | None:
    """Return which corpus values are of, as far as that is told: its files, and the column that was read."""
    told = given.ids if isinstance(given, HeldScores) else origin_of(given)
    return {"name": name, **told} if told is not None and "column" in told and told.get("files") else None


def corpora_told(inputs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the corpora in which groups, lengths or ids lie, by their names: in columns of files."""
    return [{"name": name, **told} for name, told in inputs.items() if "column" in told and told.get("files")]


def corpora_of(*given: Any) -> list[dict[str, Any]]:
    """Return the corpora that selections were made with, each once; none of what is no selection."""
    found = []
    for one in given:
        inputs = getattr(one, "inputs", None)
        # Whoever says so takes them by their numbers.
        by_position = (getattr(one, "again", None) or {}).get(BY_POSITION) is True
        found += corpora_told(inputs) if isinstance(inputs, Mapping) and not by_position else []
        found += getattr(one, "corpora", ())
    return [one for at, one in enumerate(found) if one not in found[:at]]


_FIELDS = ("path", "bytes", "modified_ns", "rows", "ends")
"""What is told of a file."""


def identity_of(file: Mapping[str, Any]) -> _native.FileIdentity:
    """Return what a file is known by of which that is told; fields that are not known here are left alone."""
    return _native.FileIdentity(**{name: file[name] for name in _FIELDS if name in file})


def identities_of(opened: Any) -> list[dict[str, Any]]:
    """Return what the files of scores or rows are known by, wherever the process goes on to work."""
    found = [file.fields() for file in opened.identities()]
    return [{**file, "path": str(Path(file["path"]).absolute())} for file in found]

"""The scores by which a selection was chosen, opened and compared with what its record tells of them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, checks
from dsdm.errors import ChecksumError
from dsdm.paths import PathLike, local
from dsdm.reference import UNTARGETED_METHODS
from dsdm.reporting.facts import Part
from dsdm.reporting.measure.vector import Vector
from dsdm.reporting.record.given import Given
from dsdm.selection.ids.join import rejoined
from dsdm.selection.inputs import read_rows
from dsdm.selection.methods import prefix, scores_of
from dsdm.selection.record.earlier import rows_of
from dsdm.selection.record.located import recorded_groups
from dsdm.selection.record.manifest import read_manifest
from dsdm.selection.record.provenance import files_of_scores, opened_scores
from dsdm.selection.rules.candidates import excluded_of
from dsdm.selection.told import KNOWN, ON, files_of_inputs

_ROWS = ("exclude", "only")


class Opened:
    """A vector, and the rows of it that a rule did not look at."""

    def __init__(self, vector: Vector, excluded: Any, *, tells_excluded: bool) -> None:
        """Keep them; `tells_excluded` is whether the record tells of such rows at all."""
        self.vector, self.excluded = vector, excluded
        self.tells_excluded = tells_excluded

    @property
    def count_of_excluded(self) -> int | None:
        """How many rows are excluded; None where nothing tells it."""
        if not self.tells_excluded:
            return None
        if self.excluded is None:
            return 0
        mask = self.excluded.dtype == np.uint8
        return int(np.count_nonzero(self.excluded) if mask else len(np.unique(self.excluded)))


def open_scores_of(given: Given, scores: Any, data_dir: PathLike | None, threads: int | None) -> Opened | str:
    """Open the scores that a selection was chosen by, those of the caller where its record names none; or say why not.

    Raises
    ------
    ValueError
        For scores of the caller where the record names others; for another number of them than the rows are of.
    ChecksumError
        If they are not those of the record.

    """
    if given.how.get("by") not in KNOWN:
        if scores is None:
            return "they were in memory or computed, or the rule was about rows or groups in memory; scores= names them"
        return _of_caller(given, scores, threads)
    if scores is not None:
        message = f"scores is given, and the record of {given.name} names its own; leave it out"
        raise ValueError(message)
    if given.method in UNTARGETED_METHODS:
        return f"{given.method} has no scores"
    if given.rows is None or "scores" in given.unknown:
        return given.unknown.get("scores") or given.unknown["rows"]
    vector = _joined(given, threads) if given.how.get(ON) is not None else Vector(_by_record(given, data_dir), threads)
    exclude, only = (_rows_of(given, name) for name in _ROWS)
    return Opened(vector, excluded_of(exclude, only, len(vector)), tells_excluded=True)


def groups_of_rule(given: Given, threads: int | None) -> Any:
    """Return the groups that a rule is about, where the record tells in which files they lie; None for other rules."""
    if given.rows is None or given.unknown or given.how.get("by") not in KNOWN or given.how.get("groups") is None:
        return None
    found = recorded_groups(given.how, given.trust, [file.path for file in given.sources], threads)
    return None if isinstance(found, str) else found


def parts_of(given: Given, vector: Vector, rows: NDArray[np.int64]) -> list[Part]:
    """Return the score files: each with its rows where they are one vector, one after the other.

    Any row may have its score out of any of several that were joined by ids.
    """
    if given.how.get(ON) is not None:
        return [Part(path, len(vector), len(rows)) for path in vector.paths]
    sizes = [file.rows for file in given.files if str(file.path) in vector.paths]
    known = [size for size in sizes if size is not None]
    total = len(vector)
    if len(known) != len(sizes) or len(sizes) != len(vector.paths) or len(known) < 1 or sum(known) < total:
        return [Part(path, total, len(rows)) for path in vector.paths]
    if len(known) > 1 and known[0] == total:
        # Computed from several, each of which has a score for each row.
        return [Part(path, total, len(rows)) for path in vector.paths]
    ends = np.minimum(np.cumsum(known), total)
    within = np.searchsorted(rows, np.concatenate([[0], ends]))
    return [
        Part(path, int(size), int(count))
        for path, size, count in zip(vector.paths, np.diff(ends, prepend=0), np.diff(within), strict=True)
    ]


def _by_record(given: Given, data_dir: PathLike | None) -> _native.Scores:
    """Open the scores that the record names, which were found there and compared."""
    arguments = given.arguments
    if given.method is not None:
        place = data_dir if data_dir is not None else arguments.get("data_dir")
        found = scores_of(given.method, arguments.get("target"), data_dir=place, rows=arguments.get("rows"))
    else:
        whole = opened_scores(given.how, data_dir)[0]
        found = prefix(whole, given.how.get("rows"), str(whole.paths[0]))
    _check_same(given, found)
    return found


def _joined(given: Given, threads: int | None) -> Vector:
    """Join scores to the rows by id as the record tells, whose files were found there and compared."""
    ids = files_of_inputs(given.how).get("ids") or [file.fields() for file in given.sources]
    paths = list(map(str, files_of_scores(given.how, None)))
    found = rejoined(given.how, paths, [str(file["path"]) for file in ids], threads)
    return Vector(found, threads, paths=found.paths)


def _of_caller(given: Given, scores: Any, threads: int | None) -> Opened:
    vector = Vector(scores, threads)
    if given.of is not None and len(vector) != given.of:
        message = f"scores has {len(vector):,} rows, and {given.name} is of {given.of:,}: they are others"
        raise ValueError(message)
    if isinstance(scores, _native.Scores):
        _check_same(given, scores)
    return Opened(vector, None, tells_excluded=False)


def _check_same(given: Given, scores: _native.Scores) -> None:
    """Fail unless the files are those that the record tells of, by their sizes and ends."""
    told = {(file.bytes, file.ends) for file in given.files if file.ends is not None}
    other = [file for file in scores.identities() if (file.bytes, file.ends) not in told]
    if told and other:
        message = f"{other[0].path}: the rows of {given.name} were not chosen by this file, or it was another then"
        raise ChecksumError(message)


def _rows_of(given: Given, name: str) -> Any:
    """Return the rows that a rule left out, or alone looked at, which were found there when it was done again."""
    told = given.how.get(name)
    if told is None:
        told = given.arguments.get(name)
        return told if told is None else checks.excluded_rows(told, name)
    path = local(told)
    if not Path(path).is_dir():
        return checks.excluded_rows(read_rows(path), name)
    found = rows_of(read_manifest(path), given.trust, None, None, 0)
    # Proof: the rows were chosen again by them.
    return None if isinstance(found, str) else found[0]

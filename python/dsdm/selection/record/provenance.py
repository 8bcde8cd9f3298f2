"""How rows were chosen: told in ``dsdm.json``, and done again from what is told there.

A selection is told by a mapping: ``by`` names the function (``"get_indices"``, ``"top_k"`` or ``"gumbel_top_k"``),
``arguments`` are its keyword arguments, and where these do not name score files, ``scores`` does, with ``reading``
for the keyword arguments of :func:`dsdm.open_scores`, ``rows`` for a part of the vector, and ``exclude`` for a
``.npy`` file. Other mappings are kept as they are, and cannot be done again; what looks like one of these and cannot
be done again (:mod:`dsdm.selection.record.check`) is refused.
"""

import errno
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsdm.arrays.scalars import plain_number, plain_numbers
from dsdm.checks import said
from dsdm.errors import SourceChangedError
from dsdm.paths import SCORES, PathLike, find
from dsdm.reference import DATASET_SIZE, files_of, find_file
from dsdm.selection.ids.score_file import identity_of_file
from dsdm.selection.manifest_paths import NOT_THERE
from dsdm.selection.record.check import as_recorded, check_record
from dsdm.selection.record.limits import check_score_files, check_size, check_values
from dsdm.selection.record.row_counts import check_ids, check_meets, check_population
from dsdm.selection.rules.origin import identity_of
from dsdm.selection.told import FIELDS, KNOWN, ON, Told, files_of_inputs, tells_of_files
from dsdm.shown import shown

if TYPE_CHECKING:
    from dsdm.scores import Scores

logger = logging.getLogger(__name__)

# What the same draw may have another of: its size decides how many of its rows are taken.
_OF_A_DRAW = ("seed", "k", "fraction", "tokens", "per_group")

# A text in JSON with a character that stands for none.
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')


def with_files(selection: Mapping[str, Any], rows: int, sources: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Compare a selection with the rows there are, and add their number and what its score files are known by.

    Where a score file is not there, what was told is kept, and that nothing was compared is told beside it. The
    files of :class:`dsdm.selection.told.Told` must be those that are there now. Of groups and lengths in a column of
    the rows themselves, whose files `sources` has, the column alone is told.

    Raises
    ------
    SourceChangedError
        For a file that is another than the one by which the rows were chosen.
    ValueError
        If there are other numbers of scores and of rows, with both; for a path that is not UTF-8; for what can never be
        done again or that verify would refuse, naming the field.

    """
    check_values(selection)
    check_size(as_json(selection))
    selection = _with_plain_numbers(selection)
    check_record(selection)
    of_rows = _inputs(selection, sources)
    if selection.get("by") not in KNOWN:
        return Told({**selection, **of_rows}, selection.files) if isinstance(selection, Told) else dict(selection)
    check_score_files(selection)
    record = {**as_recorded(selection), **of_rows, "source_rows": rows}
    try:
        if selection.get(ON) is not None:
            return {**record, "score_files": _joined_files(selection, rows)}
        opened = opened_scores(selection, None)
        check_selection(selection, rows, opened)
    except FileNotFoundError as missing:
        unchecked = what_is_missing(missing)
        rest = "its scores are not compared with the rows, which are written as they were given"
        logger.warning("%s; %s", shown(unchecked), rest)
        return {**record, "unchecked": unchecked}
    as_json({"files": [str(path) for scores in opened for path in scores.paths]})
    files = identities(opened)
    if isinstance(selection, Told):
        _check_same(selection.files, files)
    return {**record, "score_files": files} if files else record


def _with_plain_numbers(selection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a selection whose numbers and flags are those of Python, as those that read it take them to be."""
    told = plain_numbers("selection=", selection)
    return Told(told, selection.files) if isinstance(selection, Told) else told


def _joined_files(selection: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    """Return what the files of scores are known by that were joined to so many rows by id."""
    ids = files_of_inputs(selection).get("ids", [])
    sizes = [file["rows"] for file in ids if type(file.get("rows")) is int]
    if ids and len(sizes) == len(ids):
        check_meets(sum(sizes), rows, what=f"joined by {selection[ON]!r}")
    paths = [Path(path).absolute() for path in files_of_scores(selection, None)]
    files = [identity_of_file(path).fields() for path in paths]
    if isinstance(selection, Told):
        _check_same(selection.files, files)
    return files


def _inputs(selection: Mapping[str, Any], sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return where groups and lengths lie, whose files must be those that are there now.

    Raises
    ------
    SourceChangedError
        For a file that is another.

    """
    found = {}
    for name, files in files_of_inputs(selection).items() if tells_of_files(selection) else ():
        told = dict(selection[name])
        if "column" in told and files == list(sources):
            del told["files"]
        else:
            _check_unchanged(files)
        found[name] = told
    return found


def _check_unchanged(files: list[dict[str, Any]]) -> None:
    for file in files:
        known = identity_of(file)
        if not Path(known.path).is_file():
            continue  # which verify says
        what = known.difference()
        if what or (known.modified_ns and Path(known.path).stat().st_mtime_ns != known.modified_ns):
            message = (
                f"{known.path}: the rows were chosen before this file was written or replaced "
                f"({what or 'its time is another'}), so that dsdm.json would tell of other groups or lengths; choose "
                "them again, once nothing writes to it any more"
            )
            raise SourceChangedError(message)


def identities(opened: "list[Scores]") -> list[dict[str, Any]]:
    """Return what the files of score vectors are known by, as they were opened."""
    return [file.fields() for scores in opened for file in scores.identities()]


def _check_same(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> None:
    """Fail unless the files are those by which rows were chosen."""
    if then == now:
        return
    # The same files in another order, or given more often, are named by the first of them.
    other = next(chain((file for file in now if file not in then), (file for file in then if file not in now), now))
    message = (
        f"{other['path']}: the rows were chosen before this file was written or replaced, so that dsdm.json would tell "
        "of other scores; choose them again, once nothing writes to the score files any more"
    )
    raise SourceChangedError(message)


def check_count(selection: Mapping[str, Any], rows: int) -> None:
    """Fail where what is told of a selection chooses another number of rows than are written, as verify would.

    Raises
    ------
    ValueError
        With both numbers.

    """
    arguments = selection.get("arguments")
    k = arguments.get("k") if selection.get("by") in KNOWN and isinstance(arguments, Mapping) else None
    k = plain_number("k", k)
    if isinstance(k, int) and not isinstance(k, bool) and k != rows:
        message = f"selection=: 'arguments' has k={said(k)}, and {rows:,} rows are written; tell how these were chosen"
        raise ValueError(message)


def check_selection(selection: Mapping[str, Any], rows: int, opened: Sequence[Any]) -> None:
    """Fail unless the scores that a selection is by are those of so many rows.

    Raises
    ------
    ValueError
        With both numbers.

    """
    arguments = selection.get("arguments", {})
    method = arguments.get("method") if selection.get("by") == "get_indices" else None
    prefix = selection.get("rows") if method is None else arguments.get("rows")
    if selection.get(ON) is not None:
        check_meets(len(opened[0]), rows, what=str(opened[0].paths[0]))
        return
    if method == "random":
        check_population(DATASET_SIZE if prefix is None else prefix, rows, given=prefix is not None)
        return
    for scores in opened:
        where = str(scores.paths[0]) if len(scores.paths) == 1 else f"{scores.paths[0]} and more"
        if method == "semdedup":
            ids = np.asarray(scores)
            ids = ids if prefix is None else ids[ids < prefix]
            check_ids(int(ids.max()) if len(ids) else -1, rows, where)
        else:
            check_meets(len(scores), rows, prefix=prefix, what=where, files=rows_of_files(scores))


def rows_of_files(scores: "Scores") -> list[int]:
    """Return the scores in each file of a vector."""
    return [int(file.fields()["rows"]) for file in scores.identities()]


def check_method_rows(
    method: str, target: str | None, count: int, *, data_dir: PathLike | None, rows: int | None
) -> None:
    """Fail unless the scores of a method are those of so many rows, or of the first `rows` of them.

    Raises
    ------
    ValueError
        With both numbers.

    """
    selection = {
        "by": "get_indices",
        "arguments": {"method": method, "target": target, "data_dir": data_dir, "rows": rows},
    }
    check_selection(selection, count, opened_scores(selection, None))


def as_json(record: Mapping[str, Any]) -> str:
    """Return what is told of a selection as JSON.

    Raises
    ------
    TypeError
        For a value that JSON has no way to write.
    ValueError
        For text that is not UTF-8, as a path can be.

    """
    # json spells the bytes of such a path as halves of surrogate pairs, which no other reader of JSON takes.
    text = json.dumps(record, default=plain, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = _text_around(text, error.start)
        message = (
            f"the selection tells of {found!r}, which is not UTF-8, and dsdm.json cannot hold it; rename the file, or "
            "link to it by another name"
        )
        raise ValueError(message) from None
    return json.dumps(record, default=plain)


def _text_around(record: str, at: int) -> str:
    """Return the text of a record in JSON, with its quotes, in which a place lies."""
    # Quotes outside of texts are none, so that the first text that ends behind the place is the one.
    texts = (found for found in _TEXTS.finditer(record) if found.end() > at)
    return next(texts)[0]


def plain(value: Any) -> Any:
    """Return what JSON has for a value that it has not: paths as text, numbers of numpy as numbers."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    number = plain_number("selection=", value)
    if number is not value:
        return number
    if isinstance(value, np.generic):
        return value.item()
    message = f"selection= can hold what JSON can, and holds a {type(value).__name__}"
    raise TypeError(message)


def seed_of_draw(earlier: Any, now: Mapping[str, Any]) -> int | None:
    """Return the seed of an earlier draw, if it was told to be the same but for its seed and its size."""

    def rest(selection: Any) -> Any:
        told = {name: selection[name] for name in FIELDS if name in selection}
        for arguments in ("arguments", "chosen_by"):
            given = selection.get(arguments) or {}
            kept = {name: value for name, value in given.items() if name not in _OF_A_DRAW}
            # A list is of the groups that rows were chosen of; what was asked for stands in chosen_by.
            told[arguments] = {name: value for name, value in kept.items() if (name, type(value)) != ("repeat", list)}
        return told

    try:
        # What cannot be done again tells of its rule, and the seed beside it.
        seed = earlier["arguments"]["seed"] if "by" in now else earlier["seed"]
        same = rest(earlier) == rest(json.loads(as_json(now)))
    except (KeyError, TypeError, AttributeError):
        return None
    # One that is no seed is damaged.
    return seed if same and type(seed) is int and seed >= 0 else None


def opened_scores(selection: Mapping[str, Any], data_dir: PathLike | None) -> "list[Scores]":
    """Open the scores of a selection: one vector, or for a method one for each of its files."""
    from dsdm.scores import open_leniently, open_scores

    files = files_of_scores(selection, data_dir)
    if selection.get("by") == "get_indices":
        return [open_scores(file) for file in files]
    reading = dict(selection.get("reading") or {})
    # These said which files they are, which is found out.
    reading = {name: value for name, value in reading.items() if name not in ("sort", "partial")}
    return [open_leniently(files[0] if len(files) == 1 else files, **reading)]


def files_of_scores(selection: Mapping[str, Any], data_dir: PathLike | None) -> list[str]:
    """Find the score files of a selection."""
    arguments = selection.get("arguments", {})
    if selection.get("by") == "get_indices":
        place = arguments.get("data_dir") if data_dir is None else data_dir
        method, target = arguments.get("method"), arguments.get("target")
        # A name without a way is that of a file whose place is not told.
        return (
            [] if method == "random" else [str(find_file(file, place).absolute()) for file in files_of(method, target)]
        )
    reading = selection.get("reading") or {}
    asked = reading.get("sort"), reading.get("partial", False)
    files = find(selection["scores"], SCORES, sort=asked[0], partial=asked[1]).files
    for file in files:
        if not Path(file).exists():
            raise FileNotFoundError(errno.ENOENT, "the score file is not there", file)
    return files


def what_is_missing(missing: FileNotFoundError) -> str:
    """Name the file that is not there."""
    if missing.filename is None:
        return f"a score file is not there: {missing}"
    return f"{missing.filename}{NOT_THERE}"

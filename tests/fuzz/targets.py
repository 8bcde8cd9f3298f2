"""What is done with a mutant: it is read here and by another reader, and the values are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

import dsdm
from dsdm.errors import InternalError, SchemaError
from tests.oracle.equality import bits, difference, table_difference
from tests.oracle.outcomes import is_refusal, said
from tests.oracle.readers import FILE, PARQUET, STREAM, RefusedError, read_array, read_schema, read_table
from tests.oracle.torch_file import read_vector, read_with_torch
from tests.oracle.types import alike, documented, is_score

REFUSED = "refused"
EQUAL = "equal"
ALONE = "accepted alone"
"""Read here and refused by the other reader, for a reason that is known and right."""
UNKNOWN = "accepted, unexplained"
WRONG = "WRONG"
CRASH = "crash"
CLASSES = (REFUSED, EQUAL, ALONE, UNKNOWN, WRONG, CRASH)
BAD = {UNKNOWN, WRONG, CRASH}

MANY = 5000
"""Rows beyond which the first and the last are read and not all."""


@dataclass
class Mutant:
    """A damaged file, and what is known of it."""

    path: str
    number: int
    """By which it is decided how it is read."""
    whole: bytes
    """The file before it was damaged."""
    theirs: Callable[[], None] = lambda: None
    """Called before the other reader begins, so that the end of the process is blamed on the right one."""

    def whole_path(self):
        """Write the file as it was before, and give where."""
        path = Path(self.path).with_suffix(f".whole{Path(self.path).suffix}")
        path.write_bytes(self.whole)
        return str(path)


def refusal(error):
    """Class what was raised here."""
    if is_refusal(error) and not isinstance(error, InternalError):
        return REFUSED, said(error)
    return CRASH, said(error)


def refused_there(error, reasons, compared):
    """Class what the other reader refuses and what was read here.

    The damage may be where nobody looks but the other: what was read is then what the whole file has. Else there
    must be a reason.
    """
    try:
        outcome = compared()
    except RefusedError:
        outcome = WRONG, ""
    if outcome[0] == EQUAL:
        return ALONE, "with the values of the undamaged file"
    reason = next((why for words, why in reasons.items() if words in str(error)), None)
    return (ALONE, reason) if reason else (UNKNOWN, f"the other reader: {error}; beside the whole file: {outcome[1]}")


def compared_scores(ours, theirs):
    """Compare two vectors to the bit."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype.newbyteorder("="):
        return WRONG, f"{ours.dtype} of {ours.shape}, and {theirs.dtype} of {theirs.shape} expected"
    theirs = theirs.astype(theirs.dtype.newbyteorder("="))
    unequal = bits(ours) != bits(theirs)
    if unequal.any():
        row = int(unequal.argmax())
        return WRONG, f"row {row}: {ours[row]!r}, and {theirs[row]!r} expected"
    return EQUAL, ""


def _scores(mutant, **options):
    """Read all scores of a file, through a map or by position."""
    scores = dsdm.open_scores(mutant.path, io="pread" if mutant.number % 3 == 0 else "mmap", **options)
    return np.array(scores)


NPY_REASONS = {}


def npy(mutant):
    """An array, as numpy reads it."""
    try:
        ours = _scores(mutant)
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return refusal(error)
    mutant.theirs()
    try:
        theirs = read_array(mutant.path)
    except RefusedError as error:
        whole = lambda: compared_scores(ours, read_array(mutant.whole_path()).reshape(-1))  # noqa: E731
        return refused_there(error, NPY_REASONS, whole)
    if theirs.ndim == 0 or theirs.size != max(theirs.shape):
        return WRONG, f"{len(ours)} scores of an array of shape {theirs.shape}"
    return compared_scores(ours, theirs.reshape(-1))


def raw(mutant):
    """Values and nothing else, as numpy reads them."""
    try:
        ours = _scores(mutant, dtype="float32")
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    return compared_scores(ours, np.fromfile(mutant.path, "<f4"))


PT_REASONS = {}


def pt(mutant):
    """A tensor, as Python's zipfile and unpickler read it, and torch where it is installed."""
    try:
        ours = _scores(mutant)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    outcome = EQUAL, ""
    for read in (read_with_torch, read_vector):
        try:
            theirs = read(mutant.path)
        except RefusedError as error:
            whole = lambda: compared_scores(ours, read_vector(mutant.whole_path()))  # noqa: E731
            outcome = refused_there(error, PT_REASONS, whole)
            continue
        if theirs is not None:
            found = compared_scores(ours, theirs)
            if found[0] != EQUAL:
                return found
    return outcome


TABLE_REASONS = {}


def _table(form):
    def read(mutant):
        return max((use(mutant, form) for use in (_as_corpus, _as_scores)), key=_badness)

    return read


def _badness(outcome):
    return CLASSES.index(outcome[0])


def _as_corpus(mutant, form):
    """Compare the rows of a file with those of pyarrow: all, some in another order, or one column."""
    try:
        shards = dsdm.open_shards(mutant.path)
        names = shards.column_names
        if mutant.number % 4 == 1:
            names = [names[mutant.number % len(names)]]
            shards = dsdm.open_shards(mutant.path, columns=names)
        rows = _some(len(shards), mutant.number)
        ours = shards.take(rows)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    try:
        theirs = read_table(mutant.path, form, names)
    except RefusedError as error:
        whole = lambda: _compared_rows(ours, rows, len(shards), read_table(mutant.whole_path(), form, names))  # noqa: E731
        return refused_there(error, TABLE_REASONS, whole)
    return _compared_rows(ours, rows, len(shards), theirs)


def _some(count, turn):
    rows = np.arange(count) if count <= MANY else np.r_[0 : MANY // 2, count - MANY // 2 : count]
    return np.concatenate([rows[::-2], rows[:3]]) if turn % 4 == 2 else rows


def _as_scores(mutant, form):
    """Compare a column with that of pyarrow: the only one of numbers, or one of those there are."""
    try:
        name, ours = _only_or_one(mutant)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    try:
        return _compared_column(ours, _column(mutant.path, form, name))
    except RefusedError as error:
        whole = lambda: _compared_column(ours, _column(mutant.whole_path(), form, name))  # noqa: E731
        return refused_there(error, TABLE_REASONS, whole)


def _only_or_one(mutant):
    try:
        return None, _scores(mutant)
    except SchemaError as error:
        if "more than one column" not in str(error):
            raise
    name = ("score", "id")[mutant.number % 2]
    return name, _scores(mutant, column=name)


def _column(path, form, name):
    if name is None:
        name = next((field.name for field in read_schema(path, form) if is_score(field.type)), None)
    if name is None:
        message = "no column of numbers"
        raise RefusedError(message)
    return read_table(path, form, [name]).column(0).combine_chunks()


def _compared_rows(ours, rows, count, theirs):
    if len(theirs) != count:
        return WRONG, f"{count} rows, and {len(theirs)} expected"
    if ours.schema.names != theirs.schema.names:
        return WRONG, f"columns {ours.schema.names}, and {theirs.schema.names} expected"
    columns = theirs
    if not np.array_equal(rows, np.arange(count)):
        runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
        slices = [columns.slice(run[0], len(run)) for run in runs if len(run)]
        columns = pa.concat_tables(slices) if slices else columns.slice(0, 0)
    found = table_difference(ours, columns)
    if found:
        return WRONG, found
    for mine, field in zip(ours.schema, columns.schema, strict=True):
        if not alike(mine.type, documented(field.type)):
            return WRONG, f"column {field.name!r} is {mine.type}, of {field.type}"
    return EQUAL, ""


def _compared_column(ours, column):
    if column.null_count:
        return WRONG, f"scores of a column with {column.null_count} nulls"
    values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    if values.null_count:
        return WRONG, f"scores of a column with {values.null_count} nulls"
    found = difference(pa.array(ours), values)
    return (WRONG, f"scores: {found}") if found else (EQUAL, "")


TARGETS = {"npy": npy, "raw": raw, "pt": pt, "stream": _table(STREAM), "file": _table(FILE), "parquet": _table(PARQUET)}

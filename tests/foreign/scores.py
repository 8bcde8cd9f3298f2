"""One file as scores: each column, or the array."""

import numpy as np
import pyarrow.types as kinds

import dsdm
from tests.oracle.equality import bits
from tests.oracle.outcomes import BOTH, CRASH, EQUAL, HERE, THERE, WRONG, is_refusal, said, worst
from tests.oracle.readers import RefusedError
from tests.oracle.types import is_score

COLUMNS = 60
"""Columns that are read."""


def check(path, theirs):
    """Compare every column of a file with what pyarrow read, a table or its refusal."""
    if isinstance(theirs, RefusedError):
        return _read(path, None, theirs)
    names = theirs.schema.names
    once = [name for name in names if names.count(name) == 1]
    outcomes = [_read(path, name, _expected(theirs.column(name))) for name in once[:COLUMNS]]
    if {outcome[0] for outcome in outcomes} <= {EQUAL, BOTH}:
        return (EQUAL if any(outcome[0] == EQUAL for outcome in outcomes) else BOTH), ""
    return worst(outcomes)


def check_array(path, theirs):
    """Compare a .npy file with what numpy read, an array or its refusal."""
    if isinstance(theirs, RefusedError):
        return _read(path, None, theirs)
    vector = theirs.ndim == 1 or (theirs.ndim == 2 and 1 in theirs.shape)
    number = theirs.dtype.kind in "iuf" and theirs.dtype.itemsize <= 8
    if not (vector and number):
        return _read(path, None, RefusedError(f"no vector of numbers: {theirs.dtype} of shape {theirs.shape}"))
    return _read(path, None, theirs.reshape(-1).astype(theirs.dtype.newbyteorder("=")))


def _expected(column):
    """Give the scores that a column holds, or why it holds none: a value of another type, or a row without one."""
    if not is_score(column.type):
        return RefusedError(f"no scores: {column.type}")
    column = column.combine_chunks()
    if column.null_count:
        return RefusedError(f"no scores: {column.null_count} nulls")
    if kinds.is_fixed_size_list(column.type):
        column = column.flatten()
        if column.null_count:
            return RefusedError(f"no scores: {column.null_count} nulls")
    return np.asarray(column)


def _read(path, name, theirs):
    what = "" if name is None else f"column={name!r}: "
    try:
        scores = dsdm.open_scores(path, column=name)
        ours = np.asarray(scores)
        rows = np.random.default_rng(7).integers(0, len(ours), 9) if len(ours) else np.empty(0, np.int64)
        some = scores[rows]
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        if not is_refusal(error):
            return CRASH, f"{what}{said(error)}"
        return (BOTH if isinstance(theirs, RefusedError) else HERE), f"{what}{said(error)}"
    if isinstance(theirs, RefusedError):
        return (WRONG if str(theirs).startswith("no ") else THERE), f"{what}{ours.dtype}, and expected: {theirs}"
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return WRONG, f"{what}{ours.dtype} of {ours.shape}, and {theirs.dtype} of {theirs.shape} expected"
    unequal = bits(ours) != bits(theirs)
    if unequal.any():
        row = int(unequal.argmax())
        return WRONG, f"{what}row {row}: {ours[row]!r}, and {theirs[row]!r} expected"
    if (bits(some) != bits(theirs[rows])).any():
        return WRONG, f"{what}rows {rows.tolist()}: {some.tolist()}, and {theirs[rows].tolist()} expected"
    return EQUAL, ""

"""One file as a corpus: all rows, some rows with repeats, each column alone."""

import numpy as np
import pyarrow as pa

import dsdm
from tests.oracle.equality import table_difference
from tests.oracle.outcomes import BOTH, CRASH, EQUAL, HERE, THERE, TYPE, WRONG, is_refusal, said, worst
from tests.oracle.readers import RefusedError
from tests.oracle.types import alike, documented

SOME = 25
"""Rows that are taken at random, with repeats."""
COLUMNS = 60
"""Columns that are read alone."""


def check(path, theirs):
    """Compare the rows of a file with what pyarrow read, a table or its refusal."""
    try:
        shards = dsdm.open_shards(path)
        ours = shards.take(range(len(shards)))
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return _refused(path, error, theirs)
    if isinstance(theirs, RefusedError):
        return THERE, str(theirs)
    outcomes = [_compared(ours, theirs, "all rows"), _some_rows(shards, theirs)]
    return worst([*outcomes, *_columns_alone(path, theirs)])


def _refused(path, error, theirs):
    """Class a refusal. A file that one column keeps from being read may have others, which are looked at too."""
    if not is_refusal(error):
        return CRASH, said(error)
    if isinstance(theirs, RefusedError):
        return BOTH, said(error)
    alone = _columns_alone(path, theirs)
    bad = worst(outcome for outcome in alone if outcome[0] != HERE)
    if bad[0] in {TYPE, WRONG, CRASH}:
        return bad
    read = sum(outcome[0] == EQUAL for outcome in alone)
    return HERE, f"{said(error)} [alone, {read} of {len(alone)} columns are read]"


def _compared(ours, theirs, what):
    found = table_difference(ours, theirs)
    if found:
        return WRONG, f"{what}: {found}"
    for mine, other in zip(ours.schema, theirs.schema, strict=True):
        if not alike(mine.type, documented(other.type)):
            return TYPE, f"{what}: column {other.name!r} is {mine.type}, of {other.type}"
    return EQUAL, ""


def _some_rows(shards, theirs):
    count = len(theirs)
    rows = np.random.default_rng(11).integers(0, count, SOME) if count else np.empty(0, np.int64)
    try:
        ours = shards.take(rows)
    except BaseException as error:  # noqa: BLE001
        return (HERE if is_refusal(error) else CRASH), f"rows {rows.tolist()}: {said(error)}"
    # Slices: what pyarrow's take makes of some types is another thing.
    slices = [theirs.slice(row, 1) for row in rows.tolist()] or [theirs.slice(0, 0)]
    return _compared(ours, pa.concat_tables(slices), f"rows {rows.tolist()}")


def _columns_alone(path, theirs):
    names = theirs.schema.names
    once = [index for index, name in enumerate(names) if names.count(name) == 1]
    return [_column_alone(path, theirs.select([index])) for index in once[:COLUMNS]]


def _column_alone(path, theirs):
    name = theirs.schema.names[0]
    try:
        shards = dsdm.open_shards(path, columns=[name])
        ours = shards.take(range(len(shards)))
    except BaseException as error:  # noqa: BLE001
        return (HERE if is_refusal(error) else CRASH), f"columns=[{name!r}]: {said(error)}"
    return _compared(ours, theirs, f"columns=[{name!r}]")

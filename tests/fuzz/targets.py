"""What is done with a mutant: it is read here and by another reader, and the values are compared."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import dsdm
from dsdm.errors import SchemaError
from tests.fuzz import folder_targets
from tests.fuzz.folders import lay, lay_unfinished
from tests.fuzz.judge import (
    CLASSES,
    EQUAL,
    UNKNOWN,
    WRONG,
    Mutant,
    compared_column,
    compared_rows,
    compared_scores,
    judged,
    judged_in_part,
    refusal,
)
from tests.oracle import json_lines
from tests.oracle.readers import (
    FILE,
    PARQUET,
    STREAM,
    RefusedError,
    read_archive,
    read_array,
    read_safetensors,
    read_schema,
    read_table,
    read_until_refused,
)
from tests.oracle.torch_file import read_vector, read_with_torch
from tests.oracle.types import is_score

MANY = 5000
"""Rows beyond which the first and the last are read and not all."""


def read(damaged, path, number, theirs=lambda: None):
    """Write a mutant to its place, and say what comes of it: a class and a message."""
    seed, data = damaged.seed, damaged.data
    files, end = (data, seed.end) if isinstance(data, dict) else (None, None)
    _write(path, damaged)
    mutant = Mutant(str(path), number, damaged.whole, damaged.fewer, seed.name, files, end, theirs)
    return TARGETS[damaged.form](mutant)


def _write(path, damaged):
    if damaged.form == "unfinished":
        lay_unfinished(path, damaged.data)
    elif isinstance(damaged.data, dict):
        lay(Path(path), damaged.data)
    else:
        Path(path).write_bytes(damaged.data)


def _io(mutant):
    return "pread" if mutant.number % 3 == 0 else "mmap"


def _scores(mutant, **options):
    """Read all scores of a file, through a map or by position."""
    scores = dsdm.open_scores(mutant.path, io=_io(mutant), **options)
    return np.array(scores)


def npy(mutant):
    """An array, as numpy reads it."""
    is_matrix = mutant.name == "matrix"
    options = [{"column": 1}, {"reduce": "max"}][mutant.number % 2] if is_matrix else {}
    try:
        ours = _scores(mutant, **options)
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        return refusal(error)
    mutant.theirs()

    def compare(theirs):
        if theirs.ndim == 2 and options:
            with np.errstate(invalid="ignore"):
                return compared_scores(ours, theirs[:, 1] if "column" in options else theirs.max(axis=1))
        if theirs.ndim == 0 or theirs.size != max(theirs.shape):
            return WRONG, f"{len(ours)} scores of an array of shape {theirs.shape}"
        return compared_scores(ours, theirs.reshape(-1))

    return judged(mutant, read_array, compare)


def npz(mutant):
    """An array of an archive, as numpy reads it."""
    key = "scores" if mutant.name.startswith("several") else None
    try:
        ours = _scores(mutant, key=key)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()

    def compare(theirs):
        if theirs.ndim == 0 or theirs.size != max(theirs.shape):
            return WRONG, f"{len(ours)} scores of an array of shape {theirs.shape}"
        return compared_scores(ours, theirs.reshape(-1))

    return judged(mutant, lambda path: read_archive(path, key), compare)


def safetensors(mutant):
    """A tensor, as the package of the format reads it."""
    key = "scores" if mutant.name == "several" else None
    try:
        ours = _scores(mutant, key=key)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    return judged(mutant, lambda path: read_safetensors(path, key), lambda theirs: compared_scores(ours, theirs))


def lines(mutant):
    """JSON lines, as the `json` of Python reads them line by line."""
    try:
        shards = dsdm.open_shards(mutant.path, threads=mutant.number % 3 + 1)
        rows = _some(len(shards), mutant.number)
        ours = shards.take(rows)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    return judged(mutant, json_lines.read_file, lambda theirs: compared_rows(ours, rows, len(shards), theirs))


def raw(mutant):
    """Values and nothing else, as numpy reads them."""
    try:
        ours = _scores(mutant, dtype="float32")
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    return compared_scores(ours, np.fromfile(mutant.path, "<f4"))


def pt(mutant):
    """A tensor, as Python's zipfile and unpickler read it, and torch where it is installed."""
    try:
        ours = _scores(mutant)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()

    def compare(theirs):
        # torch is not installed everywhere.
        if theirs is None:
            return EQUAL, ""
        if ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32:
            # A signaling NaN of bfloat16 becomes a quiet one here: which NaN it is changes no rank and no row.
            theirs = np.where(np.isnan(ours) & np.isnan(theirs), ours, theirs)
        return compared_scores(ours, theirs)

    return max((judged(mutant, read, compare) for read in (read_with_torch, read_vector)), key=_badness)


def _table(form):
    def read(mutant):
        return max((use(mutant, form) for use in (_as_corpus, _as_scores, _as_values)), key=_badness)

    return read


def _badness(outcome):
    return CLASSES.index(outcome[0])


def _as_corpus(mutant, form):
    """Compare the rows of a file with those of pyarrow: all, some in another order, or one column."""
    try:
        shards = dsdm.open_shards(mutant.path, io=_io(mutant))
        names = shards.column_names
        if mutant.number % 4 == 1:
            names = [names[mutant.number % len(names)]]
            shards = dsdm.open_shards(mutant.path, columns=names, io=_io(mutant))
        rows = _some(len(shards), mutant.number)
        ours = shards.take(rows)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()
    outcome = judged(
        mutant,
        # What is not valid in a row that nobody asked for is refused by nobody.
        lambda path: read_table(path, form, names, rows),
        lambda theirs: compared_rows(ours, rows, len(shards), theirs),
    )
    if outcome[0] == UNKNOWN and form == PARQUET and len(np.unique(rows)) < len(shards):
        return judged_in_part(outcome, shards, ours, rows, lambda: read_until_refused(mutant.path, names))
    return outcome


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
    return judged(mutant, lambda path: _column(path, form, name), lambda column: compared_column(ours, column))


VALUES = {
    "ones": ({"column": "ones"}, lambda column: pc.list_element(column, 0)),
    "threes": ({"column": "threes[1]"}, lambda column: pc.list_element(column, 1)),
    "flags": ({"column": "flags", "booleans": True}, lambda column: column.cast(pa.uint8())),
    # Of which type scores of decimals are, their scale says, which damage may change.
    "money": ({"column": "money"}, lambda column: column),
    "meta": ({"column": "meta.score"}, lambda column: pc.struct_field(column, "score")),
}
"""Columns of which scores are made: how they are asked for, and what pyarrow makes of each."""


def _as_values(mutant, form):
    """Compare scores that are no column of plain numbers with what pyarrow makes of it."""
    name = mutant.name.split()[0]
    if name not in VALUES:
        return EQUAL, ""
    options, made = VALUES[name]
    try:
        ours = _scores(mutant, **options)
    except BaseException as error:  # noqa: BLE001
        return refusal(error)
    mutant.theirs()

    def compare(column):
        if column.null_count:
            return WRONG, f"scores of a column with {column.null_count} nulls"
        return compared_column(ours, made(column))

    return judged(mutant, lambda path: read_table(path, form, [name]).column(0).combine_chunks(), compare)


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


TARGETS = {
    "npy": npy,
    "npz": npz,
    "safetensors": safetensors,
    "raw": raw,
    "pt": pt,
    "stream": _table(STREAM),
    "file": _table(FILE),
    "parquet": _table(PARQUET),
    "lines": lines,
    **folder_targets.TARGETS,
}

"""What came of a mutant: what was read here, beside what another reader makes of the same file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from dsdm.errors import InternalError
from tests.fuzz.folders import lay
from tests.oracle.equality import bits, difference, table_difference
from tests.oracle.outcomes import is_refusal, said
from tests.oracle.readers import RefusedError
from tests.oracle.types import alike, documented

REFUSED = "refused"
EQUAL = "equal"
ALONE = "accepted alone"
"""Read here and refused by the other reader, for a reason that is known and right."""
AS_WHOLE = "as undamaged"
"""Read by both to other values, where those that are read here are the undamaged file's."""
UNKNOWN = "accepted, unexplained"
WRONG = "WRONG"
CRASH = "crash"
CLASSES = (REFUSED, EQUAL, ALONE, AS_WHOLE, UNKNOWN, WRONG, CRASH)
BAD = {UNKNOWN, WRONG, CRASH}
ARROW_SCHEMA = b"ARROW:schema"
"""The key of a Parquet footer under which the Arrow schema is."""


@dataclass
class Mutant:
    """A damaged file or folder, and what is known of it."""

    path: str
    number: int
    """By which it is decided how it is read."""
    whole: bytes | dict[str, bytes]
    """What it was before it was damaged."""
    fewer: Callable[[], list[bytes | dict[str, bytes]]] = list
    """The file with some of its changes and not all, if it has more than one."""
    name: str = ""
    files: dict[str, bytes] | None = None
    """Those of a folder."""
    end: dict[str, bytes] | None = None
    """What becomes of an unfinished run."""
    theirs: Callable[[], None] = lambda: None
    """Called before the other reader begins, so that the end of the process is blamed on the right one."""

    def beside(self, data):
        """Write another file beside this one, for it to be compared with, and give where."""
        path = Path(self.path).with_suffix(f".whole{Path(self.path).suffix}")
        if isinstance(data, dict):
            lay(path, data)
        else:
            path.write_bytes(data)
        return str(path)


def refusal(error):
    """Class what was raised here."""
    if is_refusal(error) and not isinstance(error, InternalError):
        return REFUSED, said(error)
    return CRASH, said(error)


def judged(mutant, read, compare):
    """Compare what was read here with what `read` makes of the same file, and where they differ with the whole file.

    Where the other reader refuses, the damage may be where nobody else looks: what was read is then what the whole
    file has. Or of several changes it refuses one that changes no value here: it then reads the same values from a
    file without that change. Or it says that it cannot decode to a type, a dictionary of texts for one, which the
    Arrow schema beside the Parquet schema tells: it then reads the same values where that schema is not found. All
    else is unexplained.
    """
    try:
        theirs = read(mutant.path)
    except RefusedError as error:
        found, what = _as_of(mutant.whole, mutant, read, compare)
        if found:
            return ALONE, "with the values of the undamaged file"
        if any(_as_of(data, mutant, read, compare)[0] for data in mutant.fewer()):
            return ALONE, "with the values that the other reader finds without one of the changes"
        plain = _without_arrow_schema(mutant, error)
        if plain is not None and _as_of(plain, mutant, read, compare)[0]:
            return ALONE, "with the values that the other reader finds without the types that it cannot decode to"
        return UNKNOWN, f"the other reader: {error}; beside the whole file: {what}"
    outcome = compare(theirs)
    if outcome[0] == WRONG and _as_of(mutant.whole, mutant, read, compare)[0]:
        return AS_WHOLE, f"where the other reader differs: {outcome[1]}"
    return outcome


def _without_arrow_schema(mutant, error):
    """Give the file with its Arrow schema under another name, if the other reader has not implemented what it asks."""
    path = Path(mutant.path)
    if "Not yet implemented" not in str(error) or not path.is_file():
        return None
    data = path.read_bytes()
    plain = data.replace(ARROW_SCHEMA, ARROW_SCHEMA.lower())
    return plain if plain != data else None


def judged_in_part(outcome, shards, ours, rows, read_until_refused):
    """Judge some rows of a file that the other reader refuses as a whole, where nothing else explains them.

    Rows that are not asked for are stepped over here, with what they hold. Where one of them cannot be read, all rows
    are refused here too, and then the others may be read without it: up to where the other reader refuses one, they
    are compared.
    """
    try:
        shards.take(np.arange(len(shards)))
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        refused = refusal(error)
        if refused[0] != REFUSED:
            return refused
    else:
        return outcome
    try:
        before = read_until_refused()
    except RefusedError:
        return outcome
    there = rows < len(before)
    found = compared_rows(ours.filter(pa.array(there)), rows[there], len(before), before)
    return found if found[0] == WRONG else (ALONE, "in some rows, of a file whose others are refused by both")


def _as_of(data, mutant, read, compare):
    """Tell whether what was read here is what the other reader finds in another file, and what differs."""
    try:
        outcome, what = compare(read(mutant.beside(data)))
    except RefusedError as error:
        return False, f"refused: {error}"
    return outcome == EQUAL, what


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


def compared_rows(ours, rows, count, theirs):
    """Compare rows of a table, of which there are `count`, with those that another reader finds."""
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


def compared_column(ours, column):
    """Compare scores with a column."""
    if column.null_count:
        return WRONG, f"scores of a column with {column.null_count} nulls"
    is_list = pa.types.is_fixed_size_list(column.type) or pa.types.is_list(column.type)
    is_list = is_list or pa.types.is_large_list(column.type)
    values = column.flatten() if is_list else column
    if len(values) != len(column):
        return WRONG, f"{len(ours)} scores of lists of {len(values)} values"
    if values.null_count:
        return WRONG, f"scores of a column with {values.null_count} nulls"
    if pa.types.is_decimal(values.type):
        kind = pa.float64() if values.type.scale > 0 else pa.int64()
        values = pa.array([(float if values.type.scale > 0 else int)(value) for value in values.to_pylist()], kind)
    found = difference(pa.array(ours), values)
    return (WRONG, f"scores: {found}") if found else (EQUAL, "")

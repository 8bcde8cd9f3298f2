"""What a record tells of a choice beside its arguments, computed again: where it was cut, its tokens, its groups.

Whoever edits a record need not know what follows from what, and those who read it believe all of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus
from dsdm.errors import ChecksumError, FormatError, SourceChangedError
from dsdm.paths.hive.columns import of_told
from dsdm.selection.fields import Field, field_of
from dsdm.selection.record.again.choosing import Again
from dsdm.selection.record.located import WRONG, opened_numbers, places_of
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.told.agreement import of_inputs, record_disagreement


def check_facts(
    manifest: str,
    selection: Mapping[str, Any],
    again: Again,
    trust: Trust,
    sources: Sequence[str],
    threads: int | None,
) -> None:
    """Fail where a record tells something else than follows from the rows that it chooses again, of `sources`.

    Raises
    ------
    ChecksumError
        Naming the field, what it holds and what follows.

    """
    prefix, of = selection.get("rows"), again.of
    if of is not None and selection.get("of", of) not in (of, prefix):
        raise _other(manifest, "of", selection["of"], f"{of:,} rows have a score")
    if wrong := next(of_inputs(selection, of, prefix), None) if of is not None else None:
        message = f"{manifest}: selection.chosen.{wrong}; write the dataset again"
        raise ChecksumError(message)
    ends = None if again.cut is None else again.cut.told()
    if "cut" in selection and selection["cut"] != ends:
        raise _other(manifest, "cut", selection["cut"], f"by the scores it is {ends}")
    # Who tells both is a selection: others have words of their own.
    if "of" in selection and again.within not in str(selection.get("rule", again.within)):
        raise _other(manifest, "rule", selection["rule"], f"by the arguments rows are chosen{again.within}")
    if wrong := record_disagreement(selection, again.rows):
        message = f"{manifest}: selection.chosen does not agree with itself: {wrong}; write the dataset again"
        raise ChecksumError(message)
    if "tokens" not in selection or selection.get("lengths") is None:
        return
    total = _tokens(manifest, selection, again.rows, trust, sources, threads)
    if total is not None and total != selection["tokens"]:
        raise _other(manifest, "tokens", selection["tokens"], f"the lengths of the rows add up to {total:,}")


def _other(manifest: str, field: str, told: Any, found: str) -> ChecksumError:
    message = f"{manifest}: selection.chosen.{field} is {told!r:.200}, and {found}; write the dataset again"
    return ChecksumError(message)


def _tokens(
    manifest: str,
    selection: Mapping[str, Any],
    rows: NDArray[np.int64],
    trust: Trust,
    sources: Sequence[str],
    threads: int | None,
) -> int | None:
    """Return the sum of the lengths of rows, each copy counted; None where the files are not at hand."""
    told = selection["lengths"]
    files = places_of(selection, "lengths", trust, sources)
    if isinstance(files, str):
        return None
    # The length of each row is read once, however many copies of it there are.
    once, copies = np.unique(rows, return_counts=True)
    try:
        if "column" not in told:
            lengths: Any = _whole(opened_numbers(files, told)[once])
        else:
            constants = of_told(told.get("hive"), len(files))
            corpus = Corpus.open(files, threads=threads, schema="union", constants=constants)
            lengths = lengths_of(field_of(corpus, told["column"]), once, threads)
        return sum(int(length) * int(times) for length, times in zip(np.asarray(lengths), copies, strict=True))
    except SourceChangedError:
        raise
    except (*WRONG, OSError):
        # What its reader says of a file can be its bytes.
        where = f" in the column {told['column']!r:.100}" if "column" in told else ""
        message = f"{files[0]}: {manifest} tells that this holds the lengths of rows{where}, and it cannot be read so"
        raise FormatError(message) from None


def _whole(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return numbers that are lengths; others are none."""
    if numbers.dtype.kind not in "iu":
        message = f"lengths are {numbers.dtype}; whole numbers are needed"
        raise TypeError(message)
    return numbers


def lengths_of(field: Field, rows: NDArray[np.int64], threads: int | None) -> Any:
    """Return the lengths of rows: of a column of whole numbers its values, of others the lengths of these."""
    import pyarrow as pa

    if not pa.types.is_integer(field.type):
        field = Field(field.lengths(), ("length",))
    return field.take(np.ascontiguousarray(rows), threads).cast(pa.int64()).to_numpy()

"""Scores that are joined to the rows of shards by a column of ids, or taken by position."""

from typing import TYPE_CHECKING, Any

from dsdm.cli.options.joining import Joining
from dsdm.cli.options.reading import Reading

if TYPE_CHECKING:
    from dsdm import Aligned
    from dsdm.dataset import Shards
    from dsdm.scores import Scores


def join(files: list[str], on: str, reading: Reading, shards: "Shards", threads: int | None) -> "Aligned":
    """Return the scores of files in the order of the rows.

    `on` is the column of ids, or ``ROWS=SCORES`` with its name in each; one of the rows that is called so goes before.
    """
    import dsdm

    rows, equals, scores = on.partition("=")
    names = (rows, scores) if equals and on not in shards.column_names else on
    partial = reading.partial
    return dsdm.align(files, shards, on=names, column=reading.column, threads=threads, partial=partial)


def refuse_missing(files: list[str], on: str, found: "Aligned") -> None:
    """Fail where a row has no score.

    Raises
    ------
    ValueError
        With how many these are.

    """
    if found.missing:
        message = (
            f"{', '.join(files)}: {found.missing:,} of {len(found):,} rows have no score by --on {on}, which is NaN; "
            "--nan omit leaves them out"
        )
        raise ValueError(message)


def opened_shards(source: list[str], **found: Any) -> "Shards":
    """Open the shards that were named, as one corpus."""
    import dsdm

    return dsdm.open_shards(source[0] if len(source) == 1 else source, **found)


def scores_to_add(
    files: list[str],
    opened: "list[Scores]",
    reading: Reading,
    joining: Joining,
    shards: "Shards",
    threads: int | None,
) -> Any:
    """Open the scores that are written as a column, in the order of the rows; None where there are none.

    With those that were opened before, they must be what the options of reading are about.
    """
    if joining.on is not None:
        if not files:
            return None
        joining.check(reading.about(files), "--scores", files)
        return join(files, joining.on, reading, shards, threads)
    found = reading.about(files).open(files) if files else None
    reading.check_used(opened if found is None else [*opened, found])
    if found is None or not joining.by_position:
        return found
    import numpy as np

    # What is in no file has no ids to be compared.
    return np.asarray(found)

"""What was asked for of groups (`chosen_by`), chosen again: shares, budgets, and which groups had too little.

The arguments of a record tell how many rows of each group were chosen, by which the rows are chosen again. What these
numbers came from is held here, by the same scores, groups and lengths.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus
from dsdm.errors import ChecksumError, SourceChangedError
from dsdm.paths.hive.columns import of_told
from dsdm.selection.fields import Field, field_of
from dsdm.selection.methods import prefix
from dsdm.selection.record.again.facts import lengths_of
from dsdm.selection.record.located import WRONG, opened_numbers, places_of
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.apply import selected
from dsdm.selection.rules.rule import Rule
from dsdm.selection.rules.saved import argument, short
from dsdm.selection.rules.sizes.budget import LazyLengths


class _LengthsOfColumn(LazyLengths):
    """The lengths of rows in a column that a record tells of."""

    def __init__(self, field: Field, n: int, threads: int | None) -> None:
        self._field, self._n, self._threads = field, n, threads

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = lengths_of(self._field, rows, self._threads)
        return found


def check_asked(
    manifest: str,
    selection: Mapping[str, Any],
    arguments: Mapping[str, Any],
    scores: Any,
    rows: NDArray[np.int64],
    trust: Trust,
    sources: Sequence[str],
) -> None:
    """Fail where what was asked for of groups chooses other rows than a record's arguments do.

    Nothing is compared where the lengths of a budget are not at hand.

    Raises
    ------
    ChecksumError
        Naming the field.

    """
    asked = selection.get("chosen_by")
    if selection.get("by") != "choose" or not isinstance(asked, Mapping) or "groups" not in arguments:
        return
    names = ", ".join(map(str, selection["scores"]))
    given = {name: arguments[name] for name in ("groups", "exclude", "only", "seed", "threads") if name in arguments}
    try:
        vector = prefix(scores, selection.get("rows"), names)
        rule = {name: argument(Path(manifest), value) for name, value in asked.items()}
        if "tokens" in rule:
            lengths = _lengths(selection, trust, sources, len(vector), arguments.get("threads"))
            if lengths is None:
                return
            given["lengths"] = lengths
        found = selected(Rule(scores=vector, **rule, **given))
    except SourceChangedError:
        raise
    except (*WRONG, OSError):
        # What is wrong with groups can be said by their names alone, which are bytes of a file.
        message = f"{manifest}: what selection.chosen.chosen_by asks for chooses nothing; write the dataset again"
        raise ChecksumError(message) from None
    if not np.array_equal(found.indices, rows):
        message = (
            f"{manifest}: selection.chosen.chosen_by asks for other rows than selection.chosen.arguments choose: one "
            "of both was changed; write the dataset again"
        )
        raise ChecksumError(message)
    if short(found.short) != [list(one) for one in selection.get("short", ())]:
        message = (
            f"{manifest}: selection.chosen.short tells of other groups that had too little, or of other numbers, than "
            "there are by the scores and the groups; write the dataset again"
        )
        raise ChecksumError(message)


def _lengths(selection: Mapping[str, Any], trust: Trust, sources: Sequence[str], n: int, threads: int | None) -> Any:
    """Return the length of each row, or None where they are not at hand."""
    told = selection.get("lengths")
    files = None if told is None else places_of(selection, "lengths", trust, sources)
    if told is None or files is None or isinstance(files, str):
        return None
    if "column" not in told:
        opened = opened_numbers(files, told)
        return opened if len(opened) == n else opened.slice(0, n)
    corpus = Corpus.open(files, threads=threads, schema="union", constants=of_told(told.get("hive"), len(files)))
    return _LengthsOfColumn(field_of(corpus, told["column"]), n, threads)

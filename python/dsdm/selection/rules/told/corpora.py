"""The corpora of which a saved selection tells that its rows were chosen with them."""

from pathlib import Path
from typing import Any

from dsdm.errors import FormatError
from dsdm.paths.hive.columns import of_told
from dsdm.selection.rules.origin import identity_of
from dsdm.selection.told import INPUTS, ROWS

_FIELDS = {"name", "files", "column", "schema", "hive"}
_NAMES = {*INPUTS, *ROWS, "rows"}


def corpora_of_told(path: Path, told: Any) -> list[dict[str, Any]]:
    """Return the corpora that a JSON file tells of.

    Raises
    ------
    FormatError
        For what is none, with what it holds.

    """
    listed = told if isinstance(told, list) else [told]
    for one in listed:
        try:
            _check(one)
        except (TypeError, ValueError, LookupError, OverflowError, AttributeError) as error:
            message = f"{path}: corpora holds {one!r:.200}, which is none ({error}); save the selection again"
            raise FormatError(message) from None
    return listed


def _check(one: Any) -> None:
    """Look at the fields of a corpus."""
    if not one.keys() <= _FIELDS or one["name"] not in _NAMES or not isinstance(one["files"], list) or not one["files"]:
        message = "a name, and the files of the corpus, are needed"
        raise ValueError(message)
    for file in one["files"]:
        identity_of(file)
    needs_column = one["name"] in INPUTS
    if not isinstance(one.get("column", None if needs_column else ""), str) or one.get("schema", "union") != "union":
        message = "column is no text, or schema is not union"
        raise ValueError(message)
    of_told(one.get("hive"), len(one["files"]))

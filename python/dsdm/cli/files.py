"""Files of row numbers: read, and written in one step to where none of what was read is."""

import errno
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from dsdm.cli.saying import say
from dsdm.cli.usage import naming

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dsdm import Selection
    from dsdm.dataset import Shards

_HOW = "write one by numpy.save('rows.npy', rows), where rows may be numpy.loadtxt('rows.txt', dtype='int64')"


def load_rows(path: Path, option: str, *, mask: bool = False) -> "NDArray[Any]":
    """Read a ``.npy`` file of row numbers, or where that is taken of one boolean for each row.

    Raises
    ------
    ValueError
        For any other file, with what is needed and how to make it.
    SourceChangedError
        If it changed while it was read.

    """
    from dsdm.errors import FormatError
    from dsdm.selection.inputs import read_rows

    needed = "whole numbers" + (", or of one boolean per row" if mask else "")
    if path.exists() and not path.is_file():
        message = f"{path}: {option} takes a .npy file of {needed}, and this is no file; {_HOW}"
        raise ValueError(message)
    try:
        rows = read_rows(path)
    except FormatError as error:
        why = str(error).removeprefix(f"{path}: ")
        message = f"{path}: {option} takes a .npy file of {needed}, and this cannot be read ({why}); {_HOW}"
        raise ValueError(message) from error
    if rows.dtype.kind == "b" and not mask:
        message = (
            f"{path}: {option} takes a .npy file of {needed}, and it holds booleans; turn a mask into row numbers with "
            "numpy.flatnonzero"
        )
        raise ValueError(message)
    return rows


def load_allowed(path: Path, option: str, shards: "Shards | None" = None) -> "Selection | NDArray[Any]":
    """Read rows to exclude, or that alone may be chosen: a selection where the file beside it tells of one.

    Those of a directory are the rows that it was written from, of the shards where these are known.

    Raises
    ------
    ValueError
        For any other file.

    """
    from dsdm import Selection, written_rows

    if path.is_dir():
        return written_rows(path, shards)
    if path.suffix.lower() == ".npy" and path.with_name(path.name + ".json").exists():
        return Selection.load(path)
    return load_rows(path, option, mask=True)


def tied_by(excluded: "Selection | NDArray[Any] | None", *, by_position: bool) -> dict[str, Any]:
    """Return what a selection has of the rows that were excluded, by which rows of another corpus are told.

    What was chosen by position is held against nothing where the user says that it lies as the rows do.
    """
    from dsdm.selection.ids.placed import placed_of_rows
    from dsdm.selection.rules.origin import corpora_of

    return {
        "corpora": corpora_of(excluded),
        "placed_rows": () if by_position else placed_of_rows(exclude=excluded),
    }


def load_selection(path: Path) -> "Selection | NDArray[Any]":
    """Read the rows of ``--indices``: a selection with the file beside it, or numbers that nothing ties to a corpus.

    Raises
    ------
    ValueError
        For a file that is neither a ``.npy`` file nor a text of numbers.

    """
    from dsdm import Selection

    if path.suffix.lower() == ".npy" and path.with_name(path.name + ".json").exists():
        return Selection.load(path)
    return load_rows(path, "--indices") if path.suffix.lower() != ".txt" or path.is_dir() else _numbers_of(path)


def say_untied(path: Path) -> None:
    """Say of row numbers that they may be of any corpus."""
    say(
        f"dsdm: {path}: nothing tells which corpus these rows are of, so that it is not compared; `dsdm indices -o` "
        "writes that beside them",
        err=True,
    )


def rows_of(file: Path, rows: int, source: list[str], *, by_position: bool) -> Any:
    """Read the rows of ``--indices``, which must be those of so many; `by_position` is whether they lie as these do."""
    from dsdm import Selection
    from dsdm.rows.row_numbers import check_range, row_numbers
    from dsdm.selection.ids.placed import as_they_lie, given_as

    found = load_selection(file)
    with naming(file):
        check_range(row_numbers(found, rows), rows, ", ".join(source))
    if not isinstance(found, Selection):
        say_untied(file)
        return found
    return as_they_lie(found) if by_position else given_as("indices", found)


def _numbers_of(path: Path) -> "NDArray[np.int64]":
    """Read a text file with a row number in each line."""
    import numpy as np

    lines = path.read_text("utf-8").removeprefix("\ufeff").split()
    wrong = next((at for at, text in enumerate(lines) if not text.isascii() or not text.isdigit()), None)
    if wrong is not None:
        message = f"{path}: --indices takes a text file of row numbers, and number {wrong + 1} is {lines[wrong]!r:.100}"
        raise ValueError(message)
    try:
        return np.array(list(map(int, lines)), np.int64)
    except OverflowError as error:
        message = f"{path}: --indices takes row numbers below 2^63, and it has a larger one"
        raise IndexError(message) from error


def check_place(path: Path, *, overwrite: bool) -> None:
    """Fail if a file cannot get this name.

    Raises
    ------
    FileExistsError, IsADirectoryError
        If there is something.
    FileNotFoundError
        If there is no directory for it.

    """
    if path.is_dir():
        message = f"{path}: it is a directory; name a .npy file"
        raise IsADirectoryError(message)
    if path.exists() and not path.is_file():
        message = f"{path}: it is no file, and is not replaced; name a .npy file"
        raise FileExistsError(message)
    if path.suffix.lower() != ".npy":
        message = f"-o is {path}, and what is written is a .npy file, which readers know by its name: say {path}.npy"
        raise typer.BadParameter(message)
    for place in (path, path.with_name(path.name + ".json")):
        if os.path.lexists(place) and not overwrite:
            message = f"{place}: it exists; remove it, name another file, or add --overwrite"
            raise FileExistsError(message)
    if not path.parent.is_dir():
        message = f"{path}: there is no directory {path.parent}; make it, or name a file elsewhere"
        raise FileNotFoundError(message)


def write_untold(path: Path, rows: "NDArray[np.int64]") -> None:
    """Write rows of which nothing is told: to a sibling of `path` that is renamed, so that `path` is never half a file.

    What tells of rows that were there before is removed as soon as the others are written, and before they have the
    name: it is never beside rows of which it does not tell.
    """
    import numpy as np

    from dsdm.selection.rules.saved import replaced

    def write(file: "IO[bytes]") -> None:
        np.save(file, rows)
        try:
            path.with_name(path.name + ".json").unlink(missing_ok=True)
        except OSError as error:
            # Under a name that is too long there is no file.
            if error.errno != errno.ENAMETOOLONG:
                raise

    replaced(path, write)

"""Files of row numbers: read, and written in one step to where none of what was read is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    if os.path.lexists(path) and not overwrite:
        message = f"{path}: it exists; remove it, name another file, or add --overwrite"
        raise FileExistsError(message)
    if not path.parent.is_dir():
        message = f"{path}: there is no directory {path.parent}; make it, or name a file elsewhere"
        raise FileNotFoundError(message)


def write_npy(path: Path, rows: "NDArray[np.int64]") -> None:
    """Write an array to a sibling of `path` and rename it, so that `path` is never half a file."""
    import numpy as np

    from dsdm.selection.rules.saved import replaced

    replaced(path, lambda file: np.save(file, rows))

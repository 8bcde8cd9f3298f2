"""Files of row numbers, read whole: nothing that happens to the file afterwards changes which rows they are."""

from typing import Any

from numpy.typing import NDArray

from dsdm._native import read_row_file
from dsdm.paths import PathLike


def read_rows(path: PathLike) -> NDArray[Any]:
    """Read a ``.npy`` file of row numbers, or of one boolean for each row, into memory.

    Raises
    ------
    FormatError
        For any other file; for one of another shape or type.
    SourceChangedError
        If it changed while it was read.

    """
    return read_row_file(path)

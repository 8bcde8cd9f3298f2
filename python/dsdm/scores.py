"""Score vectors: one score per row, read where it lies.

Formats are told by their content: torch ``.pt`` (never unpickled), ``.npy``, Arrow, Parquet, and raw values.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import DTypeLike

from dsdm import _native
from dsdm._native import Scores
from dsdm.score_paths import PathLike, resolve

__all__ = ["Scores", "open_scores"]


def open_scores(
    path_or_paths: PathLike | Iterable[PathLike],
    *,
    key: str | None = None,
    column: str | None = None,
    dtype: DTypeLike | None = None,
    io: str = "mmap",
    verify: bool = False,
) -> Scores:
    """Open score files as one vector.

    Headers are read and checked, values are not: opening takes the same time for any number of rows, and no
    memory. What is compressed (a Parquet column, some Arrow files) is decoded into memory, and then
    `Scores.is_mapped` is False.

    Parameters
    ----------
    path_or_paths
        A file; a list of files, which are one vector in the order given; a glob, whose matches are taken in
        natural order (``part2`` before ``part10``); or a directory. A directory is what ``datasets`` wrote with
        ``save_to_disk``; one that holds score files of one kind, taken in natural order; or one with
        subdirectories ``0`` to ``m - 1``, each a ``save_to_disk`` directory or one score file.
    key
        The tensor of a ``.pt`` file that holds a dict or a list.
    column
        The column of Arrow or Parquet files that have several.
    dtype
        The type of raw values: a numpy type, or "bfloat16". Files that say their own type must have this one.
    io
        "mmap" reads through a memory map; "pread" copies each block by a positional read, which is slower and
        survives a file that is cut while it is read.
    verify
        Whether to compute the checksums of the formats that have them, which reads every byte.

    Returns
    -------
    Scores
        One score per row. Shapes (n,) and (n, 1) are read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no file, or a directory is none of the above.
    TypeError
        If raw values have no `dtype`, or a path is no regular file.
    dsdm.errors.FormatError
        If a file is none of the formats, is damaged, or is another format than its name says; by its subclasses
        TruncatedError, UnsafePickleError, ChecksumError, and SchemaError for other shapes and types, or files
        of different types.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "a.npy", np.float32([1, 2, 3]))
    >>> np.save(folder / "b.npy", np.float32([4, 5, 6]))
    >>> scores = open_scores([folder / "a.npy", folder / "b.npy"])
    >>> len(scores), scores.dtype
    (6, dtype('float32'))
    >>> scores[2:4]
    array([3., 4.], dtype=float32)
    >>> a, b = open_scores(folder / "a.npy"), open_scores(folder / "b.npy")
    >>> np.asarray((a + b) / 2)
    array([2.5, 3.5, 4.5], dtype=float32)

    """
    paths = resolve(path_or_paths)
    return _native.open_scores(paths, key, column, None if dtype is None else _type_name(dtype), io, verify)


def _type_name(dtype: DTypeLike) -> str:
    """Name a type as the extension does, with the byte order before it."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return dtype
    given = np.dtype(dtype)
    order = {"<": "<", ">": ">"}.get(given.byteorder, "")
    return order + given.newbyteorder("=").name

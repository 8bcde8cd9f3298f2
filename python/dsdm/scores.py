"""Score vectors: one score per row, read where it lies.

Formats are told by their content: torch ``.pt`` (never unpickled), ``.npy``, ``.npz``, ``.safetensors``, Arrow,
Parquet, and raw values.
"""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from dsdm import _native
from dsdm._native import Scores
from dsdm.checks import Io, Sort, check_flag, check_io
from dsdm.names import public_names
from dsdm.paths import SCORES, PathLike, absolute, find
from dsdm.shown import as_html, safe_messages

__all__ = ["Scores", "open_scores"]


@safe_messages
def open_scores(
    path_or_paths: PathLike | Iterable[PathLike],
    *,
    key: str | None = None,
    column: str | None = None,
    dtype: DTypeLike | None = None,
    io: Io = "mmap",
    verify: bool = False,
    sort: Sort | None = None,
    partial: bool = False,
) -> Scores:
    """Open score files as one vector.

    Headers are read and checked, values are not: opening takes the same time for any number of rows, and no
    memory. What is compressed (a Parquet column, some Arrow files) is decoded into memory, and then
    `Scores.is_mapped` is False.

    Parameters
    ----------
    path_or_paths
        A file; a list of files, which are one vector in the order given; a glob; or a directory with score files
        of one kind, at any depth, or what ``datasets`` wrote with ``save_to_disk``. Which files these are, and
        their order, is decided as by :func:`dsdm.open_shards`, so that scores beside shards of the same names are
        in the same order.
    key
        The tensor of a ``.pt`` file that holds a dict (``key="squad"``) or a list (``key="0"`` is its first), of a
        ``.safetensors`` file, or the array of an ``.npz`` archive. Without it, the only one is taken if nothing beside
        it (a list, a dict) holds numbers; `Scores.key` says which. A list of single values (tensors of one element and
        of one type, or Python's floats, or its ints) is one vector without a key, which is read into memory.
    column
        The column of Arrow or Parquet files that have several. Without it, the only column of floats is taken if
        no other column holds numbers in any form (decimals, lists or structs of floats, dictionaries), and a
        column of integers if it is the only column: beside anything else it may be the ids of the rows.
        `Scores.column` says which. All files of one vector must have it under the same name.
    dtype
        The type of raw values: a numpy type, or "bfloat16". Files that say their own type must have this one.
    io
        "mmap" reads through a memory map: a file that another process cuts in the moment in which it is read can end
        this process with SIGBUS. "pread" copies each block by a positional read, which is slower; a file that is cut
        is then an error in any moment.
    verify
        Whether to compute the checksums of the formats that have them, and to keep a hash of each block of 1 MiB,
        by which ``scores.check()`` tells later whether the bytes of the files are still the same. Every byte is read,
        and 16 bytes are kept for each MiB. The hashes are those of what was opened: scores that were pickled have
        those of the files as they were when they were unpickled.
    sort, partial
        The order of numbered files, and whether some may be missing; as in :func:`dsdm.open_shards`.

    Returns
    -------
    Scores
        One score per row. Shapes (n,) and (n, 1) are read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no file, or a directory is none of the above; if a file of a series is missing.
    TypeError
        If raw values have no `dtype`, or a path is no regular file.
    ValueError
        If there is no such `io`, or a `key` or `column` is given for files that have none. For files whose order
        cannot be known, or that are no one vector (several splits or series), with how to choose.
    dsdm.errors.FormatError
        If a file is none of the formats, is damaged, or is another format than its name says; by its subclasses
        TruncatedError, UnsafePickleError, ChecksumError, and SchemaError for other shapes and types, or files
        of different types.

    Examples
    --------
    >>> import dsdm, numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "a.npy", np.float32([1, 2, 3]))
    >>> np.save(folder / "b.npy", np.float32([4, 5, 6]))
    >>> scores = dsdm.open_scores([folder / "a.npy", folder / "b.npy"])
    >>> len(scores), scores.dtype
    (6, dtype('float32'))
    >>> scores[2:4]
    array([3., 4.], dtype=float32)
    >>> a, b = dsdm.open_scores(folder / "a.npy"), dsdm.open_scores(folder / "b.npy")
    >>> np.asarray((a + b) / 2)
    array([2.5, 3.5, 4.5], dtype=float32)

    """
    scores = open_leniently(
        path_or_paths, key=key, column=column, dtype=dtype, io=io, verify=verify, sort=sort, partial=partial
    )
    for name, option, taken, kind in (
        ("key", key, scores.key, ".pt, .safetensors and .npz files that hold several"),
        ("column", column, scores.column, "Arrow and Parquet files"),
    ):
        if option is not None and taken is None:
            message = f"{name}={option!r} is for {kind}, and {scores.paths[0]} is none; leave it out"
            raise ValueError(message)
    return scores


def _as_html(scores: Scores) -> str:
    """Return what is known of scores without a look at their values, for a notebook."""
    files = [str(path) for path in scores.paths]
    more = f" and {len(files) - 1:,} more" if files[1:] else ""
    listed = [("file" if len(files) == 1 else "files", files[0] + more)] if files else []
    taken = [(name, value) for name, value in (("column", scores.column), ("key", scores.key)) if value is not None]
    return as_html(
        "Scores",
        [("rows", f"{len(scores):,}"), ("type", scores.dtype), *listed, *taken],
    )


# The extension knows no HTML; its class takes what is set here.
Scores._repr_html_ = _as_html  # type: ignore[attr-defined]


def open_leniently(
    path_or_paths: PathLike | Iterable[PathLike],
    *,
    key: str | None,
    column: str | None,
    dtype: DTypeLike | None,
    io: Io = "mmap",
    verify: bool = False,
    sort: Sort | None = None,
    partial: bool = False,
) -> Scores:
    """Open score files where a key or a column may be for other files that are opened with them."""
    for name, option in (("key", key), ("column", column)):
        if option is not None and not isinstance(option, str):
            number = isinstance(option, int | np.integer) and not isinstance(option, bool)
            as_text = f'; give it as text: {name}="{option}"' if number else ""
            message = f"{name} is {option!r}; a name is needed{as_text}"
            raise TypeError(message)
    check_io(io)
    check_flag("verify", verify)
    check_flag("partial", partial)
    paths = find(_paths(path_or_paths), SCORES, sort=sort, partial=partial).files
    if not paths:
        message = "no score file was given"
        raise ValueError(message)
    # A working directory that is another later changes nothing.
    paths = [absolute(path) for path in paths]
    return _native.open_scores(paths, key, column, None if dtype is None else _type_name(dtype), io, verify)


def _paths(given: Any) -> Any:
    """Return what was given, and refuse what is no path and no list of paths: scores that are in memory, say."""
    if isinstance(given, str | bytes | os.PathLike):
        return given
    paths = []
    for path in given if isinstance(given, Iterable) else [given]:
        if not isinstance(path, str | bytes | os.PathLike):
            message = (
                f"scores are opened by the paths of their files, and this is a {type(given).__name__}; top_k and the "
                'others take values that are in memory as a numpy array, such as numpy.asarray(dataset["score"])'
            )
            raise TypeError(message)
        paths.append(path)
    return paths


def _type_name(dtype: DTypeLike) -> str:
    """Name a type as the extension does, with the byte order before it."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return dtype
    try:
        given = np.dtype(dtype)
    except TypeError as error:
        message = f'dtype is {dtype!r}, which is no type; "float32", ">f8" (big-endian) or "bfloat16" is one'
        raise TypeError(message) from error
    order = {"<": "<", ">": ">"}.get(given.byteorder, "")
    return order + given.newbyteorder("=").name


__dir__ = public_names(globals())

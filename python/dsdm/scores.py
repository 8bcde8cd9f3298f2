"""Score vectors: one score per row, read where it lies.

Formats are told by their content: torch ``.pt`` (never unpickled), ``.npy``, ``.npz``, ``.safetensors``, Arrow,
Parquet, and raw values.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from dsdm import _native
from dsdm._native import Scores
from dsdm.checks import Io, Sort, check_flag, check_io, one_of, said
from dsdm.names import public_names
from dsdm.paths import SCORES, PathLike, absolute, find
from dsdm.paths.parts.own_vectors import begin_with_other_rows, refuse_own_vectors
from dsdm.shown import as_html, safe_messages

__all__ = ["Scores", "open_scores"]

Reduce: TypeAlias = Literal["mean", "max", "min", "sum"]
REDUCTIONS = ("mean", "max", "min", "sum")
"""What one score can be made of several values."""
_MOST = 2**63


@safe_messages
def open_scores(
    path_or_paths: PathLike | Iterable[PathLike],
    *,
    key: str | None = None,
    column: str | int | None = None,
    reduce: Reduce | None = None,
    transpose: bool = False,
    booleans: bool = False,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    io: Io = "mmap",
    verify: bool = False,
    sort: Sort | None = None,
    partial: bool = False,
) -> Scores:
    """Open score files as one vector.

    Headers are read and checked, values are not: opening takes the same time for any number of rows, and no
    memory. What is compressed (a Parquet column, some Arrow files) is decoded into memory, and then
    `Scores.is_mapped` is False. So are JSON lines, 8 bytes for each row, all of which are read twice.

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

        Fields of structs are named as ``column="meta.score"``. Lists of one value each are that value; of lists that
        are all of one length, ``column="scores[3]"`` is the value with that number, counted from 0. Where such a name
        can mean several columns, it is an error that names them as JSON does, each name in its brackets:
        ``column='["meta.score"]'`` or ``column='["meta"]["score"]'``. Rows that are null, or a list of another length,
        are an error. The ends of lists are read when the file is opened.

        The columns of JSON lines are the keys of their objects, and named by the same rules. Such files are told by
        their names: ``.jsonl``, ``.ndjson``, ``.json``, also with ``.gz`` or ``.zst``. Values are int64 if all of them
        are integers, uint64 if these need it and none is negative, else float64, in which ``NaN``, ``Infinity`` and
        ``-Infinity`` may stand, as Python writes them. An integer beyond 2**53 beside floats is an error with its line;
        so are null, a missing key, a text, one key twice, and numbers that none of these types has.

        Decimals with digits behind the point are read as float64. Each must have at most 15 digits, which float64
        keeps, so that their order and ties are exact; a longer one is an error. Other decimals are int64.

        A number is the column of a matrix, of shape (n, m), counted from 0: of ``.npy`` and ``.npz`` arrays in C and
        Fortran order, of tensors, of raw values with `shape`, and of lists of one length in the only column that can be
        the scores. It is read where it lies.
    reduce
        What is made of the m values in each row of a matrix, or of lists of one length, in place of one column:
        "mean", "max", "min" or "sum". The largest and the smallest have the type of the matrix. Sums are taken in
        float64, column by column from the first on, where integers beyond 2**53 are rounded, and a mean is such a sum
        divided by m: both are float64. A NaN among the values gives NaN, as in numpy. It is computed when values are
        read, of Parquet when it is opened.
    transpose
        Whether the second dimension of a matrix is that of the rows, as in the files of kronfluence, of shape (queries,
        rows): then `column` is the number of a query, and `reduce` is taken over all of them.
    booleans
        Whether booleans are read, as 0 and 1 in uint8; else they are refused. Each byte, or bit, is looked at when the
        file is opened.
    shape
        The shape of raw values: ``(n,)``, or ``(n, m)`` for n rows of m values one behind the other. An n of -1 is as
        many as there are.
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
        One score per row. Shapes (n,) and (n, 1) are read, and (n, m) with `column` or `reduce`.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no file, or a directory is none of the above; if a file of a series is missing.
    TypeError
        If raw values have no `dtype`, or a path is no regular file; for a `column` that is neither a name nor a number,
        and a `shape` that is none.
    ValueError
        If there is no such `io` or `reduce`, or a `key`, `column` or `reduce` is given for files that have no use for
        it. For files whose order cannot be known, or that are no one vector (several splits or series; files with as
        many rows each whose names are no series, which may be a vector each), with how to choose.
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

    Arrays in memory go with them where they lie, on either side:

    >>> bonus = np.array([0.5, 0.0, 0.25])
    >>> np.asarray(a * 2 - bonus)
    array([1.5 , 4.  , 5.75])
    >>> a > bonus * 4
    array([False,  True,  True])
    >>> scores[scores >= 5]
    array([5., 6.], dtype=float32)
    >>> np.save(folder / "matrix.npy", np.float32([[1, 2], [3, 5]]))
    >>> dsdm.open_scores(folder / "matrix.npy", column=1)[:]
    array([2., 5.], dtype=float32)
    >>> dsdm.open_scores(folder / "matrix.npy", reduce="mean")[:]
    array([1.5, 4. ])

    """
    scores = open_leniently(
        path_or_paths,
        key=key,
        column=column,
        reduce=reduce,
        transpose=transpose,
        booleans=booleans,
        shape=shape,
        dtype=dtype,
        io=io,
        verify=verify,
        sort=sort,
        partial=partial,
    )
    for name, option, taken, kind in (
        ("key", key, scores.key, ".pt, .safetensors and .npz files that hold several"),
        ("column", column, scores.column, "Arrow and Parquet files, and for JSON lines and matrices"),
        ("reduce", reduce, scores.reduce, "files with several values in each row"),
    ):
        if option is not None and taken is None:
            message = f"{name}={option!r} is for {kind}, and {scores.paths[0]} is none; leave it out"
            raise ValueError(message)
    if transpose and not scores.transposed:
        message = f"transpose=True is for matrices, and {scores.paths[0]} is none; leave it out"
        raise ValueError(message)
    if booleans and not scores.booleans:
        message = f"booleans=True is for files of booleans, and {scores.paths[0]} is of {scores.dtype}; leave it out"
        raise ValueError(message)
    return scores


def _as_html(scores: Scores) -> str:
    """Return what is known of scores without a look at their values, for a notebook."""
    files = [str(path) for path in scores.paths]
    more = f" and {len(files) - 1:,} more" if files[1:] else ""
    listed = [("file" if len(files) == 1 else "files", files[0] + more)] if files else []
    listed += [("beside", "an array in memory")] if scores.in_memory else []
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
    key: str | None = None,
    column: str | int | None = None,
    reduce: Reduce | None = None,
    transpose: bool = False,
    booleans: bool = False,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    io: Io = "mmap",
    verify: bool = False,
    sort: Sort | None = None,
    partial: bool = False,
) -> Scores:
    """Open score files where a key, a column or a reduction may be for other files that are opened with them."""
    if key is not None and not isinstance(key, str):
        as_text = f'; give it as text: key="{key}"' if _is_whole(key) else ""
        message = f"key is {key!r}; a name is needed{as_text}"
        raise TypeError(message)
    if reduce is not None:
        one_of("reduce", reduce, REDUCTIONS)
    check_flag("transpose", transpose)
    check_flag("booleans", booleans)
    named = None if column is None else _name_of_column(column)
    rows_and_columns = None if shape is None else _rows_and_columns(shape)
    check_io(io)
    check_flag("verify", verify)
    check_flag("partial", partial)
    found = find(_paths(path_or_paths), SCORES, sort=sort, partial=partial)
    if not found.files:
        message = "no score file was given"
        raise ValueError(message)
    # A working directory that is another later changes nothing.
    paths = [absolute(path) for path in found.files]
    name = None if dtype is None else _type_name(dtype)
    scores = _native.open_scores(paths, key, named, reduce, transpose, booleans, rows_and_columns, name, io, verify)
    rows = [file.rows for file in scores.identities()] if found.searched else []
    for where, its in found.searched:
        below = {found.below[at]: paths[at] for at in its}

        def are_other_rows(one: str, other: str, below: dict[str, str] = below) -> bool:
            return begin_with_other_rows(below[one], below[other], scores.column)

        refuse_own_vectors(
            where, list(below), [rows[at] for at in its], are_other_rows, partial=partial or sort is not None
        )
    return scores


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _name_of_column(column: Any) -> str:
    """Name a column as the extension does: by its name, or as [3] by its number."""
    if isinstance(column, str):
        return column
    if not _is_whole(column):
        message = f"column is {column!r}; the name of a column is needed, or its number in a matrix"
        raise TypeError(message)
    if not 0 <= column < _MOST:
        message = f"column is {said(column)}; columns have numbers from 0 on, below 2**63"
        raise ValueError(message)
    return f"[{int(column)}]"


def _rows_and_columns(shape: Any) -> tuple[int | None, int | None]:
    """Return the rows of a shape, None for as many as there are, and its columns, None for a vector."""
    is_list = isinstance(shape, tuple | list)
    sizes = list(shape) if is_list else []
    shown = f"({', '.join(map(said, sizes))})" if is_list else said(shape)
    if len(sizes) not in (1, 2) or not all(map(_is_whole, sizes)):
        message = f"shape is {shown[:200]}; that of raw values is (n,) or (n, m), and n may be -1"
        raise TypeError(message)
    rows, *columns = map(int, sizes)
    if not -1 <= rows < _MOST or not all(0 < size < _MOST for size in columns):
        message = f"shape is {shown}; n is at least 0, or -1 for as many as there are, and m at least 1"
        raise ValueError(message)
    return (None if rows == -1 else rows), (columns[0] if columns else None)


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

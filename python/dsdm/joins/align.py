"""Scores of rows by their ids, in the order of a corpus: :func:`align`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsdm import arrays, checks
from dsdm.joins.score_files import ScoreFile
from dsdm.paths import local
from dsdm.rows.sources import open_source
from dsdm.selection.inputs import HeldScores
from dsdm.selection.rules.groups.values import as_arrow, decoded
from dsdm.shown import safe_messages

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2**53
"""Whole numbers up to this are float64."""


@dataclass(frozen=True, eq=False, repr=False)
class Aligned(HeldScores):
    """Scores in the order of a corpus.

    It is an array to numpy.

    Attributes
    ----------
    scores : numpy.ndarray
        One score for each row: NaN where there is none. float16, float32 or float64, as they were given; bfloat16 is
        float32, and whole numbers are float64.
    missing : int
        Rows without a score.
    unused : int
        Scores of ids that no row has.
    """

    scores: NDArray[Any]
    missing: int
    unused: int

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - numpy's
        """Return the scores."""
        return np.array(self.scores, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        """Return one line: how many rows have a score, and how many scores no row has."""
        there = len(self) - self.missing
        return f"scores of {there:,} of {len(self):,} rows, {self.missing:,} missing, {self.unused:,} of no row"


@safe_messages
def align(
    values: Any,
    corpus: Any,
    *,
    on: str = "id",
    column: str | None = None,
    threads: int | None = None,
    schema: checks.Schema = "same",
    hive: bool = False,
) -> Aligned:
    """Join scores to the rows of a corpus by id.

    Parameters
    ----------
    values
        The scores by id, in any order: a mapping from id to score; a pair of arrays of one length, ids and scores; or
        the path of a JSON lines file (``.jsonl``, ``.json``, ``.ndjson``, also with ``.gz`` or ``.zst``), a Parquet or
        an Arrow file with a column of ids, named as that of the corpus, and one of scores. Ids in lines are of the type
        that those of the corpus have: texts that look like dates stay texts.
    corpus
        Rows as :func:`dsdm.materialize` takes them. Of them, the column of ids is read.
    on
        The column of ids: whole numbers or texts.
    column
        The column of scores in a file; needed where it has several besides the ids.
    threads
        How many read the corpus; by default all that the process may run on.
    schema, hive
        Whether files of the corpus may lack columns, and whether the names of its directories hold some; as in
        :func:`dsdm.open_shards`. Whatever they are, each row has an id.

    Returns
    -------
    Aligned
        One score for each row, NaN where there is none, and how many are missing.

    Raises
    ------
    ValueError
        For an id that is there twice or is null, among the scores or in the corpus, with its place; for a whole number
        beyond 2^53 for a score, and for a line without one.
    TypeError
        For ids of other types, or texts here and numbers there; for scores that are no numbers.
    FormatError
        For a file that cannot be read, with the line.
    FileNotFoundError, SchemaError
        For a file or column that is not there.

    Notes
    -----
    Memory: the ids of the corpus and of the scores, and a table of the latter.

    Examples
    --------
    >>> import dsdm, pyarrow as pa
    >>> corpus = pa.table({"id": ["a", "b", "c"], "text": ["one", "two", "three"]})
    >>> aligned = dsdm.align({"c": 0.5, "a": 2.0, "x": 1.0}, corpus)
    >>> aligned
    scores of 2 of 3 rows, 1 missing, 1 of no row
    >>> aligned.scores
    array([2. , nan, 0.5])
    """
    import pyarrow.compute as pc

    if not isinstance(on, str):
        message = f"on is {on!r}; the name of a column is needed"
        raise TypeError(message)
    opened = open_source(corpus, [on], threads, schema=schema, hive=hive)
    of_corpus = f'the column "{on}" of the corpus'
    given = _given(values, on, column, _kind(opened.corpus.schema.field(on).type, of_corpus), threads)
    rows = np.arange(len(opened), dtype=np.int64)
    tables = opened.corpus.take(opened.rows(rows), threads=threads)
    ids, wanted = _alike(given.ids, _ids(tables.column(on), of_corpus), given.what)
    _refuse_doubles(ids, given.what, given.place)
    _refuse_doubles(wanted, of_corpus, lambda row: f"{row:,}")
    scores = given.scores
    places = pc.index_in(wanted, value_set=ids)
    found = places.is_valid().to_numpy(zero_copy_only=False)
    joined = np.full(len(wanted), np.nan, scores.dtype)
    joined[found] = scores[places.drop_null().to_numpy()]
    count = int(found.sum())
    return Aligned(joined, len(wanted) - count, len(ids) - count)


@dataclass(frozen=True)
class _Given:
    """Ids and scores that were given."""

    ids: "pa.Array"
    scores: NDArray[Any]
    what: str
    """What to call the ids."""
    file: ScoreFile | None = None

    def place(self, row: int) -> str:
        """Return what to call one of them."""
        return f"{row:,}" if self.file is None else self.file.place(row)


def _given(values: Any, on: str, column: str | None, kind: "pa.DataType", threads: int | None) -> _Given:
    """Return the ids and the scores that were given, for rows with ids of a type."""
    is_path = isinstance(values, str | bytes | os.PathLike)
    if not is_path and column is not None:
        message = f"column is {column!r}, which is for files of scores; leave it out"
        raise ValueError(message)
    if is_path:
        return _of_file(ScoreFile(Path(local(values, "values")), on, column, kind), threads)
    if isinstance(values, Mapping):
        ids: Any = list(values)
        scores: Any = list(values.values())
    elif isinstance(values, Sequence) and len(values) == 2 and not isinstance(values, str):  # noqa: PLR2004 - a pair
        ids, scores = values
    else:
        message = (
            f"values are a {type(values).__name__}; a mapping from id to score, a pair of arrays (ids, scores), or the "
            "path of a JSON lines or Parquet file is needed"
        )
        raise TypeError(message)
    return _paired(ids, scores, "values")


def _paired(ids: Any, scores: Any, what: str, file: ScoreFile | None = None) -> _Given:
    found = _scores(scores)
    names = _ids(ids, what)
    if len(names) != len(found):
        message = f"{what}: {len(names):,} ids and {len(found):,} scores; each needs one of both"
        raise ValueError(message)
    return _Given(names, found, what, file)


def _of_file(file: ScoreFile, threads: int | None) -> "_Given":
    """Read the ids and the scores of a file."""
    table = file.read(threads)
    ids, scores = table.column(0), table.column(1)
    if ids.null_count:
        at = int(np.argmax(ids.is_null().to_numpy()))
        message = f"{file.path}, {file.place(at)}: there is no id {file.on!r}; give each score one"
        raise ValueError(message)
    if scores.null_count:
        at = int(np.argmax(scores.is_null().to_numpy()))
        name = table.column_names[1]
        message = f"{file.path}, {file.place(at)}: there is no score {name!r}; leave it out, and the row has NaN"
        raise ValueError(message)
    try:
        return _paired(ids, scores, str(file.path), file)
    except TypeError as error:
        message = f"{file.path}: the column {table.column_names[1]!r}: {error}"
        raise TypeError(message) from error


def _scores(scores: Any) -> NDArray[Any]:
    """Return scores as floats."""
    found = arrays.numbers("scores", scores, labelled=True)
    if found.ndim != 1:
        message = f"scores have shape {found.shape}; one score for each id is needed: (n,)"
        raise ValueError(message)
    if found.dtype.name == "bfloat16":
        return found.astype(np.float32)
    if found.dtype.kind == "f":
        return found
    if found.size and max(abs(int(found.min())), abs(int(found.max()))) > _EXACT:
        message = "scores are whole numbers beyond 2^53, which float64 has no room for; give them as floats"
        raise ValueError(message)
    return found.astype(np.float64)


def _ids(ids: Any, what: str) -> "pa.Array":
    """Return ids as an array of int64, uint64 or texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nulls = getattr(ids, "null_count", 0)
    if not isinstance(nulls, int) or not nulls:
        checks.refuse_masked(what, ids)
    found = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else as_arrow("ids", ids)
    found = decoded(found)
    if found.null_count:
        at = pc.index(found.is_null(), True).as_py()
        message = f"{what}: the id of row {at:,} is null; give every row one"
        raise ValueError(message)
    kind = _kind(found.type, what)
    return found.cast(kind)


def _kind(kind: "pa.DataType", what: str) -> "pa.DataType":
    """Return the type that ids of a type are compared in: int64, uint64 or texts.

    Raises
    ------
    TypeError
        For any other.

    """
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(kind):
        return kind if kind == pa.uint64() else pa.int64()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    how = (
        ": floats equal each other by chance; give ids.astype('int64'), or texts" if pa.types.is_floating(kind) else ""
    )
    message = f"{what}: ids are {kind}; whole numbers or texts are needed{how}"
    raise TypeError(message)


def _alike(ids: "pa.Array", wanted: "pa.Array", what: str) -> "tuple[pa.Array, pa.Array]":
    """Return both kinds of ids in one type."""
    import pyarrow as pa

    if ids.type == wanted.type:
        return ids, wanted
    if pa.types.is_integer(ids.type) != pa.types.is_integer(wanted.type):
        message = f"{what}: ids are {ids.type}, and those of the corpus {wanted.type}: give both as one type"
        raise TypeError(message)
    # Of numbers below 0 and numbers of 2^63 and more, decimals have room for all.
    both = pa.decimal128(20)
    return ids.cast(both), wanted.cast(both)


def _refuse_doubles(ids: "pa.Array", what: str, place: Callable[[int], str]) -> None:
    """Fail where an id is there twice."""
    import pyarrow.compute as pc

    if pc.count_distinct(ids).as_py() == len(ids):
        return
    counted = pc.value_counts(ids)
    double = counted.field("values")[pc.index(pc.greater(counted.field("counts"), 1), True).as_py()]
    first = pc.index(ids, double).as_py()
    second = first + 1 + pc.index(ids[first + 1 :], double).as_py()
    found = double.as_py()
    name = repr(found) if isinstance(found, str) else str(found)
    message = f"{what}: the id {name:.200} is there twice, at {place(first)} and {place(second)}"
    raise ValueError(message)

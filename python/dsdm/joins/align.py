"""Scores of rows by their ids, in the order of a corpus: :func:`align`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsdm import checks
from dsdm.paths import local
from dsdm.rows.sources import open_source
from dsdm.selection.inputs import HeldScores
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
    values: Any, corpus: Any, *, on: str = "id", column: str | None = None, threads: int | None = None
) -> Aligned:
    """Join scores to the rows of a corpus by id.

    Parameters
    ----------
    values
        The scores by id, in any order: a mapping from id to score; a pair of arrays of one length, ids and scores; or
        the path of a JSON lines file (``.jsonl``, ``.json``, also with ``.gz``) or a Parquet file with a column of ids,
        named as that of the corpus, and one of scores.
    corpus
        Rows as :func:`dsdm.materialize` takes them. Of them, the column of ids is read.
    on
        The column of ids: whole numbers or texts.
    column
        The column of scores in a file; needed where it has several besides the ids.
    threads
        How many read the corpus; by default all that the process may run on.

    Returns
    -------
    Aligned
        One score for each row, NaN where there is none, and how many are missing.

    Raises
    ------
    ValueError
        For an id that is there twice, among the scores or in the corpus; for a whole number beyond 2^53 for a score.
    TypeError
        For ids of other types, or texts here and numbers there; for scores that are no numbers.
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
    ids, scores, named = _given(values, on, column)
    opened = open_source(corpus, [on], threads)
    rows = np.arange(len(opened), dtype=np.int64)
    tables = opened.corpus.take(opened.rows(rows), threads=threads)
    wanted = _ids(tables.column(on), f'the column "{on}" of the corpus')
    ids, wanted = _alike(ids, wanted, named)
    _refuse_doubles(ids, named)
    _refuse_doubles(wanted, f'the column "{on}" of the corpus')
    places = pc.index_in(wanted, value_set=ids)
    found = places.is_valid().to_numpy(zero_copy_only=False)
    joined = np.full(len(wanted), np.nan, scores.dtype)
    joined[found] = scores[places.drop_null().to_numpy()]
    count = int(found.sum())
    return Aligned(joined, len(wanted) - count, len(ids) - count)


def _given(values: Any, on: str, column: str | None) -> "tuple[pa.Array, NDArray[Any], str]":
    """Return the ids and the scores that were given, and what to call the ids."""
    is_path = isinstance(values, str | bytes | os.PathLike)
    if not is_path and column is not None:
        message = f"column is {column!r}, which is for files of scores; leave it out"
        raise ValueError(message)
    if is_path:
        return _of_file(Path(local(values, "values")), on, column)
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


def _paired(ids: Any, scores: Any, what: str) -> "tuple[pa.Array, NDArray[Any], str]":
    found = _scores(scores)
    names = _ids(ids, what)
    if len(names) != len(found):
        message = f"{what}: {len(names):,} ids and {len(found):,} scores; each needs one of both"
        raise ValueError(message)
    return names, found, what


def _of_file(path: Path, on: str, column: str | None) -> "tuple[pa.Array, NDArray[Any], str]":
    """Read the ids and the scores of a file."""
    import pyarrow.json
    import pyarrow.parquet

    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".json", ".ndjson")):
        table = pyarrow.json.read_json(path)
    elif name.endswith((".parquet", ".pq")):
        table = pyarrow.parquet.read_table(path, columns=None if column is None else [on, column])
    else:
        message = f"{path}: a JSON lines file (.jsonl, .jsonl.gz) or a Parquet file (.parquet) is needed"
        raise ValueError(message)
    others = [other for other in table.column_names if other != on]
    if on not in table.column_names or (column is not None and column not in others):
        there = ", ".join(map(repr, table.column_names))
        message = f"{path}: there is no column {on if on not in table.column_names else column!r}; there are {there}"
        raise ValueError(message)
    if column is None and len(others) != 1:
        listed = ", ".join(map(repr, others)) or "none"
        message = f"{path}: which column holds the scores is not said; beside the ids there are {listed}: give column="
        raise ValueError(message)
    return _paired(table.column(on), table.column(column or others[0]), str(path))


def _scores(scores: Any) -> NDArray[Any]:
    """Return scores as floats."""
    found = checks.score_values("scores", scores)
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

    checks.refuse_masked(what, ids)
    found = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids)
    found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    if isinstance(found, pa.DictionaryArray):
        found = found.dictionary_decode()
    kind = found.type
    if pa.types.is_integer(kind):
        return found if kind == pa.uint64() else found.cast(pa.int64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return found.cast(pa.large_string())
    message = f"{what}: ids are {kind}; whole numbers or texts are needed"
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


def _refuse_doubles(ids: "pa.Array", what: str) -> None:
    """Fail where an id is there twice, or is missing."""
    import pyarrow.compute as pc

    if ids.null_count:
        at = pc.index(ids.is_null(), True).as_py()
        message = f"{what}: the id of row {at:,} is null"
        raise ValueError(message)
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    counted = pc.value_counts(ids)
    double = counted.field("values")[pc.index(pc.greater(counted.field("counts"), 1), True).as_py()]
    first = pc.index(ids, double).as_py()
    second = first + 1 + pc.index(ids[first + 1 :], double).as_py()
    message = f"{what}: the id {double.as_py()!r:.200} is there twice, at {first:,} and {second:,}"
    raise ValueError(message)

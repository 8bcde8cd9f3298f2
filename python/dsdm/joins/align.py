"""Scores of rows by their ids, in the order of a corpus: :func:`align`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dsdm.checks import Schema
from dsdm.joins.lengths import origin_of_column
from dsdm.rows.sources import hinting, open_source
from dsdm.selection.fields import field_of, has_field, may_be_nested
from dsdm.selection.ids.join import Given, column_of_ids, given_by, joined, kind_of
from dsdm.selection.ids.named import BOTH
from dsdm.selection.inputs import ById, HeldScores
from dsdm.shown import safe_messages


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
    by_id : ById or None
        Where the scores and their ids lie, by which ``dsdm.json`` tells of a choice; None where the scores were in
        memory.
    ids : Mapping or None
        Where the ids of the rows lie, by which rows of another corpus are told from these; None where that is in no
        file.
    """

    scores: NDArray[Any]
    missing: int
    unused: int
    by_id: ById | None = None
    ids: Mapping[str, Any] | None = None

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
    on: str | Sequence[str] = "id",
    column: str | None = None,
    threads: int | None = None,
    schema: Schema = "same",
    hive: bool = False,
    partial: bool = False,
) -> Aligned:
    """Join scores to the rows of a corpus by id.

    A choice by such scores out of a file is told in ``dsdm.json`` with both columns of ids, and :func:`dsdm.verify`
    joins and chooses again.

    Parameters
    ----------
    values
        The scores by id, in any order: a mapping from id to score; a pair of arrays of one length, ids and scores; or
        the path of a JSON lines file (``.jsonl``, ``.json``, ``.ndjson``, also with ``.gz`` or ``.zst``), a Parquet or
        an Arrow file with a column of ids, named as `on` says, and one of scores; a directory or a glob of such
        files, or a list of these, whose order does not matter. Ids in lines are of the type that those of the corpus
        have: texts that look like dates stay texts. Other columns may hold anything.
    corpus
        Rows as :func:`dsdm.materialize` takes them. Of them, the column of ids is read.
    on
        The column of ids, whole numbers or texts; or a pair, its name in the corpus and its name in the file. In the
        corpus as in the file it may be a field of structs: ``("meta.id", "id")``. A column that is called ``meta.id``
        beside such a field is refused, with a name for each.
    column
        The column of scores in the files, or a field of structs (``"meta.q"``); needed where these have several besides
        the ids. Of JSON lines in which a name is that of a field, all names are looked at before.
    threads
        How many read the corpus; by default all that the process may run on.
    schema, hive
        Whether files of the corpus may lack columns, and whether the names of its directories hold some; as in
        :func:`dsdm.open_shards`. Whatever they are, each row has an id.
    partial
        Whether a directory or glob of scores may lack files that the names of the others tell of (``-00000-of-00002``).

    Returns
    -------
    Aligned
        One score for each row, NaN where there is none, and how many are missing.

    Raises
    ------
    ValueError
        For an id that is there twice or is null, among the scores or in the corpus, with its place, which names both
        files where there are several; where no row has a score, with an id of each side; for a file that is given
        twice; for a whole number beyond 2^53 for a score, and for a line without one.
    TypeError
        For ids of other types, or texts here and numbers there; for scores that are no numbers.
    FormatError
        For a file that cannot be read, with the line, such as one whose score is no number.
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
    of_rows, of_scores = _names(on)
    nested = may_be_nested(of_rows)
    with hinting(lambda _: f"; {BOTH}", "the rows: "):
        opened = open_source(corpus, None if nested else [of_rows], threads, schema=schema, hive=hive)
        if nested and not has_field(opened.corpus.schema, of_rows):
            opened.corpus.select([of_rows])  # it fails: there is none
    what, ids = column_of_ids(of_rows), field_of(opened.corpus, of_rows, "on")
    kind = kind_of(ids.type, what)
    given = given_by(values, of_scores, column, kind, threads, partial=partial)
    wanted = ids.take(opened.rows(np.arange(len(opened), dtype=np.int64)), threads)
    scores, missing, unused = joined(given, wanted, what)
    return Aligned(scores, missing, unused, _by_id(given, of_scores), origin_of_column(opened, of_rows))


def _names(on: Any) -> tuple[str, str]:
    """Return the columns of ids: that of the corpus, and that of the scores.

    Raises
    ------
    TypeError
        For anything but one name or two.

    """
    if isinstance(on, str):
        return on, on
    if not isinstance(on, list | tuple) or len(on) != 2 or not all(isinstance(name, str) for name in on):  # noqa: PLR2004 - a pair
        message = (
            f"on is {on!r:.200}; the name of a column is needed, or a pair of names: that of the corpus and that of "
            "the scores"
        )
        raise TypeError(message)
    return on[0], on[1]


def _by_id(given: Given, on: str) -> ById | None:
    """Return where scores and their ids lie; None for scores that are in no file."""
    if not given.identities or given.column is None:
        return None
    return ById([file.path for file in given.identities], given.column, on, given.identities)

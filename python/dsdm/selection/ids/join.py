"""Ids and scores as they were given, joined to the ids of rows."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dsdm import arrays, checks
from dsdm._native import Corpus, FileIdentity
from dsdm.errors import SourceChangedError
from dsdm.paths.hive.columns import of_told
from dsdm.selection.fields import field_of, may_be_nested
from dsdm.selection.ids.alike import shown_key
from dsdm.selection.ids.files import found_files, paths_of
from dsdm.selection.ids.score_file import ScoreFile, identity_of_file
from dsdm.selection.inputs import HeldScores
from dsdm.selection.rules.groups.values import as_arrow, decoded

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2**53
"""Whole numbers up to this are float64."""


@dataclass(frozen=True)
class Given:
    """Ids and scores that were given."""

    ids: "pa.Array"
    scores: NDArray[Any]
    what: str
    """What to call the ids."""
    files: tuple[ScoreFile, ...] = ()
    starts: tuple[int, ...] = ()
    """The first of them in each file."""
    column: str | None = None
    """Of the scores in the files."""
    identities: tuple[FileIdentity, ...] = ()
    """What the files were known by."""

    def place(self, row: int) -> str:
        """Return what to call one of them: with its file, where there are several."""
        if not self.files:
            return f"{row:,}"
        at = bisect_right(self.starts, row) - 1
        place = self.files[at].place(row - self.starts[at])
        return f"{self.files[at].path}, {place}" if self.files[1:] else place


def column_of_ids(name: str) -> str:
    """Return what to call the ids of rows."""
    return f'the column "{name}" of the corpus'


def joined(given: Given, wanted: "pa.ChunkedArray", of_corpus: str) -> tuple[NDArray[Any], int, int]:
    """Return a score for each of the wanted ids, NaN where there is none; how many these are; and the scores of no id.

    Raises
    ------
    ValueError
        For an id that is null or there twice, on either side; where not one id is on both.

    """
    import pyarrow.compute as pc

    ids, names = _alike(given.ids, ids_of(wanted, of_corpus), given.what)
    _refuse_doubles(ids, given.what, given.place)
    _refuse_doubles(names, of_corpus, lambda row: f"{row:,}")
    places = pc.index_in(names, value_set=ids)
    found = places.is_valid().to_numpy(zero_copy_only=False)
    if len(ids) and len(names) and not found.any():
        here, there = f"{shown_key(names[0])} ({wanted.type})", f"{shown_key(ids[0])} ({given.ids.type})"
        message = (
            f"{given.what}: none of these {len(ids):,} ids is among the {len(names):,} of {of_corpus}: the first of "
            f"these is {there}, and of those {here}; name the columns that have the same ids by on=, or write the ids "
            "of both in one way"
        )
        raise ValueError(message)
    scores = np.full(len(names), np.nan, given.scores.dtype)
    scores[found] = given.scores[places.drop_null().to_numpy()]
    count = int(found.sum())
    return scores, len(names) - count, len(ids) - count


@dataclass(frozen=True)
class Rejoined(HeldScores):
    """Scores that were joined again to the rows of files, as a record tells."""

    scores: NDArray[Any]
    paths: list[str]


def rejoined(told: Mapping[str, Any], paths: Sequence[str], files: Sequence[str], threads: int | None) -> Rejoined:
    """Join the scores of files to the rows of files, as the record of a selection tells that they were joined.

    Raises
    ------
    ValueError, TypeError, OSError
        For files that cannot be joined so.

    """
    name = told["ids"]["column"]
    # The same rows, whether or not the files were opened so: those that differ in columns are opened so alone.
    constants = of_told(told["ids"].get("hive"), len(files))
    columns = None if may_be_nested(name) else [name]
    corpus = Corpus.open(list(files), columns=columns, threads=threads, schema="union", constants=constants)
    of_corpus, ids = column_of_ids(name), field_of(corpus, name)
    kind = kind_of(ids.type, of_corpus)
    scores = [ScoreFile(Path(path), told["on"], told["reading"]["column"], kind) for path in paths]
    given = _of_files(scores, threads)
    wanted = ids.take(np.arange(len(corpus)), threads)
    return Rejoined(joined(given, wanted, of_corpus)[0], list(paths))


def given_by(
    values: Any, on: str, column: str | None, kind: "pa.DataType", threads: int | None, *, partial: bool = False
) -> Given:
    """Return the ids and the scores that were given, for rows with ids of a type."""
    paths = paths_of(values)
    if paths is None and (column is not None or partial):
        option = f"column is {column!r}" if column is not None else "partial is True"
        message = f"{option}, which is for files of scores, and values are a {type(values).__name__}; leave it out"
        raise ValueError(message)
    if paths is not None:
        files = found_files(paths, partial=partial)
        return _of_files([ScoreFile(Path(path), on, column, kind) for path in files], threads)
    if isinstance(values, Mapping):
        ids: Any = list(values)
        scores: Any = list(values.values())
    elif isinstance(values, Sequence) and len(values) == 2 and not isinstance(values, str):  # noqa: PLR2004 - a pair
        ids, scores = values
    else:
        message = (
            f"values are a {type(values).__name__}; a mapping from id to score, a pair of arrays (ids, scores), or the "
            "path of a JSON lines or Parquet file, a directory or a glob of such, or a list of these is needed"
        )
        raise TypeError(message)
    return _paired(ids, scores, "values")


def _paired(ids: Any, scores: Any, what: str, files: tuple[ScoreFile, ...] = ()) -> Given:
    found = _scores(scores)
    names = ids_of(ids, what)
    if len(names) != len(found):
        message = f"{what}: {len(names):,} ids and {len(found):,} scores; each needs one of both"
        raise ValueError(message)
    return Given(names, found, what, files, (0,) if files else ())


def _of_files(files: Sequence[ScoreFile], threads: int | None) -> Given:
    """Read the ids and the scores of files, one after the other.

    Raises
    ------
    ValueError, TypeError
        For files whose scores have other names, and for ids of other types.

    """
    import pyarrow as pa

    parts = [_of_file(file, threads) for file in files]
    first, *others = parts
    if not others:
        return first
    for part in others:
        if part.column != first.column:
            message = (
                f"{part.what}: the scores are in {part.column!r}, and in {first.column!r} of {first.what}; files that "
                "are joined as one call them by one name: say which by column=, or write them with one name"
            )
            raise ValueError(message)
        if _is_whole(part.ids.type) != _is_whole(first.ids.type):
            message = (
                f"{part.what}: ids are {part.ids.type}, and those of {first.what} {first.ids.type}: write both as one "
                "type"
            )
            raise TypeError(message)
    kinds = {part.ids.type for part in parts}
    kind = kinds.pop() if len(kinds) == 1 else _decimal()
    lengths = np.cumsum([0, *(len(part.ids) for part in parts)])
    return Given(
        pa.chunked_array([part.ids.cast(kind) for part in parts], kind).combine_chunks(),
        np.concatenate([part.scores for part in parts]),
        f"{first.what} and {len(others)} more",
        tuple(files),
        tuple(map(int, lengths[:-1])),
        first.column,
        tuple(identity for part in parts for identity in part.identities),
    )


def _of_file(file: ScoreFile, threads: int | None) -> Given:
    """Read the ids and the scores of a file, which does not change meanwhile."""
    before = identity_of_file(file.path)
    table = file.read(threads)
    if not _same(before, identity_of_file(file.path)):
        message = f"{file.path}: it changed while it was read; wait until nothing writes to it any more"
        raise SourceChangedError(message)
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
        found = _paired(ids, scores, str(file.path), (file,))
    except TypeError as error:
        message = f"{file.path}: the column {table.column_names[1]!r}: {error}"
        raise TypeError(message) from error
    return replace(found, column=table.column_names[1], identities=(before,))


def _same(before: FileIdentity, after: FileIdentity) -> bool:
    return before.fields() == after.fields()


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


def ids_of(ids: Any, what: str) -> "pa.Array":
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
    kind = kind_of(found.type, what)
    return found.cast(kind)


def kind_of(kind: "pa.DataType", what: str) -> "pa.DataType":
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
    if ids.type == wanted.type:
        return ids, wanted
    if _is_whole(ids.type) != _is_whole(wanted.type):
        message = f"{what}: ids are {ids.type}, and those of the corpus {wanted.type}: give both as one type"
        raise TypeError(message)
    return ids.cast(_decimal()), wanted.cast(_decimal())


def _decimal() -> "pa.DataType":
    """Return the type that has room for numbers below 0 and for those of 2^63 and more."""
    import pyarrow as pa

    return pa.decimal128(20)


def _is_whole(kind: "pa.DataType") -> bool:
    """Return whether ids are whole numbers: of a file as they are, of several as the type that holds all."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


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

"""Scores meet rows: a vector and a corpus must be of the same rows, or one of them says that it is a part."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

from dsdm._native import Scores
from dsdm.arrays import numbers
from dsdm.paths import PathLike
from dsdm.paths.complete import left_out


def check_meets(
    scores: int, rows: int, *, prefix: int | None = None, what: str = "", files: Sequence[int] = ()
) -> None:
    """Fail unless there is one score for each row: of the whole corpus, or of its first `prefix` rows.

    Raises
    ------
    ValueError
        With both numbers.

    """
    if scores == rows or (prefix is not None and prefix == rows):
        return
    of = f" ({what})" if what else ""
    first = "" if prefix is None else f", of which the first {prefix:,} were taken"
    message = (
        f"{scores:,} scores{first}, {rows:,} rows{of}: each row needs one score; {how_to_meet(scores, rows, files)}"
    )
    raise ValueError(message)


def how_to_meet(scores: int, rows: int, files: Sequence[int]) -> str:
    """Say what to do where there are other numbers of scores than of rows, by the scores in each file."""
    if len(files) > 1 and all(scores == rows for scores in files):
        return (
            f"each of the {len(files)} files has one for each row, and several files are one vector, one after the "
            "other: give one of them, or save a sum of them as one file"
        )
    if scores < rows:
        how = "these are of a part of the rows: give all their score files, or the shards alone that they are of"
    else:
        how = (
            "where these are the first rows of the corpus, and only there, cut the scores with rows=; where rows of "
            "other shards come before them, take scores.slice(first, last) in Python, with first their number"
        )
    return f"{how}; scores that lie beside ids are joined to any rows by dsdm.align(scores, corpus, on='id')"


def refuse_later_shards(option: str, rows: int, files: Sequence[str]) -> None:
    """Fail where scores are cut to those of the first rows of a corpus, and shards are not its first.

    Raises
    ------
    ValueError
        With a shard that comes before, and how to give these shards their own scores.

    """
    before = left_out(files)
    if before is not None:
        message = (
            f"{option} takes the scores of the first {rows:,} rows of a corpus, and the shards here are not its first: "
            f"{before} comes before one of them and is not given, as their names tell; give all shards before, or give "
            "these their own scores in Python: scores.slice(first, last), with first the number of rows before them"
        )
        raise ValueError(message)


def named_vectors(scores: Any, rows: int) -> dict[str, Any]:
    """Return the vectors that are written as columns by their names, each with one value for each row.

    What has labels, such as a column of pandas, is taken as it lies: row by row.

    Raises
    ------
    ValueError
        For another number of values than of rows, with the name and both; for a name with a NUL.
    TypeError
        For a name that is no text, a vector without a length, and values that are no numbers.

    """
    vectors = {} if scores is None else dict(scores) if isinstance(scores, Mapping) else {"scores": scores}
    for name, given in vectors.items():
        if not isinstance(name, str):
            message = f"scores= has {name!r} as the name of a column; a text is needed"
            raise TypeError(message)
        if "\0" in name:
            message = f"scores= has {name!r} as the name of a column, and a NUL is in it, where Arrow would cut it"
            raise ValueError(message)
        if not isinstance(given, Sized) or isinstance(given, str | bytes):
            message = f"scores= has a {type(given).__name__} as {name!r}; a dsdm.Scores or an array is needed"
            raise TypeError(message)
        what = f"scores={name!r}" if isinstance(scores, Mapping) else "scores"
        vector = vectors[name] = given if isinstance(given, Scores) else numbers(what, given)
        shape = getattr(vector, "shape", (len(vector),))
        if len(shape) != 1:
            more = "; give its column [:, 0]" if tuple(shape[1:]) == (1,) else ""
            message = f"{what} has the shape {tuple(shape)}; one dimension is needed, of one score for each row{more}"
            raise ValueError(message)
        if len(vector) != rows:
            message = (
                f"the scores {name!r}{_paths(vector)} have {len(vector):,} values and the source has {rows:,} rows; "
                f"each row needs one score{_cut(name, vector, rows)}"
            )
            raise ValueError(message)
    return vectors


def _paths(vector: Any) -> str:
    """Name the files of scores, where they lie in files."""
    paths = [str(path) for path in getattr(vector, "paths", None) or ()]
    return f" ({paths[0]}{f' and {len(paths) - 1} more' if paths[1:] else ''})" if paths else ""


def _cut(name: str, vector: Any, rows: int) -> str:
    """Say how scores of more rows are cut, which are those of a longer corpus that begins with the rows; and joined."""
    joined = "; scores that lie beside ids are joined to any rows by dsdm.align(scores, corpus, on='id')"
    if len(vector) < rows:
        return joined
    cut = f"slice(0, {rows})" if hasattr(vector, "slice") else f"[:{rows}]"
    return (
        f"; where the source is the first part of a corpus, those of its rows are {name}.{cut}".replace(".[", "[")
        + joined
    )


def check_population(population: int, rows: int, *, given: bool) -> None:
    """Fail unless rows were drawn from those that there are, or from the first of them where that was said.

    Raises
    ------
    ValueError
        With both numbers.

    """
    if population == rows or (given and population < rows):
        return
    if given:
        message = f"rows is {population:,}, and there are {rows:,} rows to draw from; it can be at most that"
        raise ValueError(message)
    message = f"rows were drawn from {population:,}, and there are {rows:,} rows; name the number of them with rows="
    raise ValueError(message)


def check_ids(largest: int, rows: int, path: PathLike) -> None:
    """Fail if an id that may be drawn is that of no row.

    Raises
    ------
    ValueError
        With the id and the number of rows.

    """
    if largest >= rows:
        message = f"{path}: its row ids reach {largest:,}, and there are {rows:,} rows, 0 to {rows - 1:,}"
        raise ValueError(message)

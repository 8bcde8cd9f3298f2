"""What ``dsdm.choose`` needs of files and of the shards: the arguments of a rule."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dsdm.cli.files import load_allowed
from dsdm.cli.options.ruling import NULL, NullGroups, Ruling, by_group

_CHOSEN = re.compile(r"""\b(?:key|column)=["']([^"']*)["']""")
"""How a vector of several is named where scores are opened."""

if TYPE_CHECKING:
    from dsdm.dataset import Shards
    from dsdm.selection.rules.origin import Placed


def from_files(ruling: Ruling, shards: "Shards | None", n: int, whole: int) -> dict[str, Any]:
    """Return the arguments of a rule that lie in files or columns: lengths, groups and what is said of each group.

    They are those of the `n` candidates. These are the first of `whole` rows, of which the files may be.
    """
    from dsdm.selection.rules.origin import values_of

    groups, lengths = _groups(ruling, shards), _lengths(ruling, shards)
    by_number = groups is not None and _are_whole(values_of(groups))
    named = {"whole_names": by_number, "null": _has_null(ruling, groups)}
    given = {"groups": (ruling.groups, groups), "lengths": (ruling.lengths, lengths)}
    return {
        **{name: _of_candidates(name, *each, n, whole) for name, each in given.items()},
        "per_group": by_group("--per-group", ruling.per_group, **named),
        "repeat": 1 if ruling.repeat is None else by_group("--repeat", ruling.repeat, **named),
        "like": by_group("--like", ruling.like, **named),
        "only": None if ruling.only is None else load_allowed(ruling.only, "--only", shards),
    }


def parts_of(name: str) -> tuple[Path, str | None]:
    """Return the file that an option names, and the column of it: ``meta.parquet:domain``.

    A name with a colon that a file has is the name of the file.
    """
    path, colon, column = name.rpartition(":")
    if colon and path and column and not Path(name).exists() and Path(path).exists():
        return Path(path), column
    return Path(name), None


def _of_candidates(name: str, named: str | None, values: Any, n: int, whole: int) -> Any:
    """Return the values of the candidates, or fail for those of other rows.

    Raises
    ------
    ValueError
        With what was named and both numbers.

    """
    from dsdm.selection.rules.origin import Placed, values_of
    from dsdm.selection.rules.sizes.budget import FirstLengths, LazyLengths

    if values is None or len(values) == n:
        return values
    if len(values) != whole:
        candidates = f"{n:,} of {whole:,} rows (--rows)" if n != whole else f"{n:,} rows"
        message = f"{named}: --{name} has {len(values):,} values, and {candidates} have a score: each row needs one"
        raise ValueError(message)
    if isinstance(values, LazyLengths):
        return FirstLengths(values, n)
    cut = values.slice(0, n) if hasattr(values, "slice") else values_of(values)[:n]
    return Placed(cut, values.origin) if isinstance(values, Placed) else cut


def _groups(ruling: Ruling, shards: "Shards | None") -> "Placed | None":
    if ruling.groups is None:
        return None
    found = _file_or_column("--groups", ruling.groups, shards)
    if found is not None:
        path, column = found
        read = groups_in(path, column)
    elif shards is not None:
        read = shards.groups(ruling.groups)
    nulls = getattr(read.values, "null_count", 0)
    if nulls and ruling.null_groups is NullGroups.error:
        at = read.values.is_null().to_numpy(zero_copy_only=False).argmax()
        message = (
            f"{ruling.groups}: --groups has no group for {nulls:,} rows, the first of which is {at:,}: --null-groups "
            "group has these as a group of their own, and --null-groups drop chooses none of them"
        )
        raise ValueError(message)
    return read


def _has_null(ruling: Ruling, groups: "Placed | None") -> bool:
    """Return whether ``null`` names the group of rows that have none.

    Raises
    ------
    ValueError
        Where another group has this name as well.

    """
    import pyarrow.compute as pc

    values = None if groups is None else groups.values
    if ruling.null_groups is not NullGroups.group or not getattr(values, "null_count", 0):
        return False
    if not _are_whole(values) and pc.index(pc.cast(values, "large_string"), NULL).as_py() >= 0:
        message = (
            f"{ruling.groups}: --groups has rows of no group and rows of a group 'null', which options name alike; "
            "choose in Python, or rename the group"
        )
        raise ValueError(message)
    return True


def groups_in(path: Path, column: str | None) -> "Placed":
    """Return the groups in a file, or in a column of a directory of shards, whose files come in their order.

    Raises
    ------
    ValueError
        For files of several columns of which none is named, or another.

    """
    from dsdm.selection.columns import is_table, read_column, read_groups

    if path.is_dir():
        rows = _shards_in(path)
        return read_column(rows.files, column, named=str(path), hive=_columns_of_directories(rows))
    if is_table(path):
        return read_column([path], column)
    if column is not None:
        message = f"--groups is {path}:{column}, and {path} has no columns; say {path}"
        raise ValueError(message)
    return read_groups(path)


def _lengths(ruling: Ruling, shards: "Shards | None") -> Any:
    if ruling.lengths is None:
        return None
    found = _file_or_column("--lengths", ruling.lengths, shards)
    if found is None:
        return shards.lengths(ruling.lengths) if shards is not None else None
    return lengths_in(*found)


def _are_whole(groups: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(groups.type if isinstance(groups, pa.ChunkedArray) else pa.array(groups[:1]).type)


def _file_or_column(option: str, name: str, shards: "Shards | None") -> tuple[Path, str | None] | None:
    """Return the file that is meant, and its column; None for a column of the shards.

    Raises
    ------
    typer.BadParameter
        For what is both.
    FileNotFoundError
        For what is neither.

    """
    from dsdm.selection.fields import has_field

    path, column = parts_of(name)
    columns = [] if shards is None else shards.column_names
    is_column = shards is not None and has_field(shards.schema, name)
    if is_column and path.exists():
        message = f"{option} is {name}, which is a file and a column of the shards; say ./{name} for the file"
        raise typer.BadParameter(message)
    if is_column:
        return None
    if not path.exists():
        no_column = f", and none of the columns {', '.join(columns)}"
        no_column = no_column if shards is not None else "; columns are those of the shards of `dsdm materialize`"
        message = f"{option} is {name}: there is no such file{no_column}"
        raise FileNotFoundError(message)
    return path, column


def _by_place(error: ValueError, path: Path) -> ValueError:
    """Return an error that says how to name one of several vectors as ``--lengths`` has it."""
    return type(error)(_CHOSEN.sub(lambda found: f"--lengths {path}:{found[1]}", str(error)))


def _shards_in(path: Path) -> "Shards":
    """Open a directory of shards, with the columns that the names of its directories hold: one of all is read."""
    from dsdm.dataset import open_shards
    from dsdm.paths import ROWS, find
    from dsdm.paths.hive.columns import first_key

    return open_shards(path, hive=any(map(first_key, find(path, ROWS, hive=True).below)))


def _columns_of_directories(rows: "Shards") -> dict[str, Any]:
    """Return what is told of the columns that no file of these holds."""
    from dsdm.rows.sources import opened_as

    told: dict[str, Any] = opened_as(rows._source.corpus).get("hive", {})  # noqa: SLF001 - no public name
    return told


def lengths_in(path: Path, column: str | None) -> Any:
    """Return the lengths in a file: a vector of whole numbers, or a column of rows, whose lists and texts have some.

    A directory with a column is one of shards, whose files come in their order; without one, it holds score files.

    Raises
    ------
    ValueError
        For a file of several columns of which none is named, and for lengths that are null.

    """
    import pyarrow as pa

    from dsdm.dataset import open_shards
    from dsdm.scores import open_scores
    from dsdm.selection.columns import is_table
    from dsdm.selection.fields import has_field

    if not is_table(path) and not (path.is_dir() and column is not None):
        try:
            return open_scores(path) if column is None else open_scores(path, key=column)
        except ValueError as error:
            if column is not None and str(error).startswith("key="):
                message = f"--lengths is {path}:{column}, and {path} holds one vector; say {path}"
                raise ValueError(message) from error
            raise _by_place(error, path) from error
    rows = _shards_in(path) if path.is_dir() else open_shards([str(path)])
    names = rows.column_names
    column = names[0] if column is None and len(names) == 1 else column
    if column is None or not has_field(rows.schema, column):
        asked = "which column is meant is not said" if column is None else f"there is no column {column!r}"
        message = f"{path}: --lengths: {asked}, and there are {', '.join(names)}; say {path}:COLUMN"
        raise ValueError(message)
    lengths = rows.lengths(column)
    if not pa.types.is_integer(lengths.type) or column in _columns_of_directories(rows):
        return lengths
    try:
        return open_scores(list(rows.files), column=column)
    except ValueError as error:
        if "are null" not in str(error):
            raise
        message = f"{path}: --lengths: rows of the column {column!r} are null, which have no length; fill them before"
        raise ValueError(message) from error

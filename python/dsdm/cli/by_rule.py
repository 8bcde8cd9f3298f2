"""What ``dsdm.choose`` needs of files and of the shards: the arguments of a rule."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dsdm.cli.files import load_allowed, load_groups
from dsdm.cli.options.ruling import Ruling, by_group

if TYPE_CHECKING:
    from dsdm.dataset import Shards


def from_files(ruling: Ruling, shards: "Shards | None") -> dict[str, Any]:
    """Return the arguments of a rule that lie in files or columns: lengths, groups and what is said of each group."""
    groups, lengths = _groups(ruling, shards), _lengths(ruling, shards)
    whole = groups is not None and _are_whole(groups)
    return {
        "lengths": lengths,
        "groups": groups,
        "per_group": by_group("--per-group", ruling.per_group, whole_names=whole),
        "like": by_group("--like", ruling.like, whole_names=whole),
        "only": None if ruling.only is None else load_allowed(ruling.only, "--only"),
    }


def _groups(ruling: Ruling, shards: "Shards | None") -> Any:
    if ruling.groups is None:
        return None
    file = _file_or_column("--groups", ruling.groups, shards)
    if file is not None:
        return load_groups(file)
    return shards.column(ruling.groups) if shards is not None else None


def _lengths(ruling: Ruling, shards: "Shards | None") -> Any:
    if ruling.lengths is None:
        return None
    file = _file_or_column("--lengths", ruling.lengths, shards)
    if file is not None:
        from dsdm.scores import open_scores

        return open_scores(file)
    return shards.lengths(ruling.lengths) if shards is not None else None


def _are_whole(groups: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(groups.type if isinstance(groups, pa.ChunkedArray) else pa.array(groups[:1]).type)


def _file_or_column(option: str, name: str, shards: "Shards | None") -> Path | None:
    """Return the file that is meant; None for a column of the shards.

    Raises
    ------
    typer.BadParameter
        For what is neither or both.

    """
    is_file = Path(name).exists()
    columns = [] if shards is None else shards.column_names
    if name in columns and is_file:
        message = f"{option} is {name}, which is a file and a column of the shards; say ./{name} for the file"
        raise typer.BadParameter(message)
    if name in columns:
        return None
    if not is_file:
        no_column = f", and none of the columns {', '.join(columns)}"
        no_column = no_column if shards is not None else "; columns are those of the shards of `dsdm materialize`"
        message = f"{option} is {name}: there is no such file{no_column}"
        raise typer.BadParameter(message)
    return Path(name)

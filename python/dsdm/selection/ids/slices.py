"""Of which rows of their files selections and scores are, where they are slices: row numbers count from the first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsdm._native import Scores
from dsdm.paths.complete import left_out
from dsdm.selection.ids.placed import placed_scores
from dsdm.selection.told import ROWS as _ROWS


@dataclass(frozen=True)
class _Slice:
    """So many rows of score files, or all."""

    files: tuple[str, ...]
    start: int
    rows: int
    is_part: bool


def refuse_other_slice(name: str, given: Any, beside: Any) -> None:
    """Fail for a selection that was chosen of another slice of scores than that of scores, or another selection.

    Raises
    ------
    ValueError
        With where both begin, and how to say which rows are meant.

    """
    apart = _apart(_slices(given), _slices(beside))
    if apart is not None:
        raise ValueError(_message(name, *apart))


def refuse_other_slices(name: str, vectors: Sequence[Any]) -> None:
    """Fail for vectors of scores that are to be of the same rows, and are other slices than those before them.

    Raises
    ------
    ValueError
        With where both begin, and how to say that they are of the same rows.

    """
    of_file: dict[tuple[str, ...], int] = {}
    parts = [_slices(vector) for vector in vectors]
    first_part = next((at for at, held in enumerate(parts) if any(part.is_part for part in held)), 0)
    for at, held in enumerate(parts):
        before = {first_part, *(of_file.setdefault(part.files, at) for part in held)} - {at}
        for earlier in sorted(before):
            apart = _apart(held, parts[earlier])
            if apart is None:
                continue
            one, other = apart
            message = (
                f"{name}[{at}] has rows {_span(one)} of {one.files[0]}, and {name}[{earlier}] rows {_span(other)} of "
                f"{other.files[0]}: row numbers of the one are other rows of the other; give scores of the same rows, "
                "or where both are scores of the same rows, give their values: numpy.asarray(scores)"
            )
            raise ValueError(message)


def refuse_later_shards_of(given: Any, files: Sequence[str]) -> None:
    """Fail for a selection of the first rows of score files, and not all, beside shards that are not the first.

    Raises
    ------
    ValueError
        With a shard that comes before, and how to say that these are its rows.

    """
    part = next((part for part in _slices(given) if part.is_part and part.start == 0), None)
    before = None if part is None else left_out(files)
    if part is not None and before is not None:
        message = (
            f"the selection is of rows {_span(part)} of {part.files[0]}, the first, and the shards here are not the "
            f"first: {before} comes before one of them and is not given, as their names tell; choose of the scores of "
            "these shards, scores.slice(first, last), or, where these are their rows, give selection.indices"
        )
        raise ValueError(message)


def refuse_slice(name: str, given: Any) -> None:
    """Fail for a selection that was chosen of a slice that begins later than at row 0, where rows are numbered from 0.

    Raises
    ------
    ValueError
        With where it begins, and how to say which rows are meant.

    """
    parts = _slices(given)
    if parts and all(part.start > 0 for part in parts):
        part = parts[0]
        message = (
            f"{name} is a selection of rows {_span(part)} of {part.files[0]}, whose row numbers count from the first "
            "of these; where the rows here are these too, give the numbers alone: selection.indices; where they are "
            f"all rows of the file: selection.indices + {part.start}"
        )
        raise ValueError(message)


def _apart(one: Sequence[_Slice], other: Sequence[_Slice]) -> tuple[_Slice, _Slice] | None:
    """Return where both begin, of slices of which none begins as one of the others does; None of all else."""
    if not one or not other:
        return None  # Proof: of what lies in memory, or was joined by ids, no row of a file is known.
    shared = {part.files for part in one} & {part.files for part in other}
    if shared:
        one, other = ([part for part in parts if part.files in shared] for parts in (one, other))
    elif not any(part.is_part for part in one) or not any(part.is_part for part in other):
        return None  # Proof: all scores of another file may be those of a slice of the first.
    return None if _places(one, shared) & _places(other, shared) else (one[0], other[0])


def _places(parts: Sequence[_Slice], shared: Any) -> set[tuple[tuple[str, ...], int]]:
    """Return where slices begin: in each of the files that both are of, or in any of those that are not the same."""
    return {(part.files if shared else (), part.start) for part in parts}


def _message(name: str, given: _Slice, beside: _Slice) -> str:
    distance = given.start - beside.start
    if name in _ROWS and distance > 0 and distance + given.rows <= beside.rows:
        how = f"give these rows by their numbers here: selection.indices + {distance}"
    else:
        how = (
            "choose of all scores, of which some rows alone may be chosen: dsdm.choose(scores, ..., "
            f"only=range({given.start}, {given.start + given.rows}))"
        )
    what = f"{name} is a selection" if name in _ROWS else f"{name} takes a selection"
    return (
        f"{what} of rows {_span(given)} of {given.files[0]}, and the rows here are {_span(beside)} of "
        f"{beside.files[0]}: its row numbers count from the first of its own rows, and mean others here; {how}"
    )


def _span(part: _Slice) -> str:
    return f"{part.start:,} to {part.start + part.rows - 1:,}"


def _slices(given: Any) -> list[_Slice]:
    """Return the rows of files that scores are, or that a selection was chosen of by position."""
    if isinstance(given, Scores):
        besides: Sequence[Any] = placed_scores(given)
        files = {file["path"]: file.get("rows") for file in (one.fields() for one in given.identities())}
        rows = len(given)
    elif hasattr(given, "by_position"):
        besides = [one for one in given.by_position() if one.what == "scores" and not one.of_rows]
        files, rows = {file.path: file.rows for file in given.files}, given.n
    else:
        return []
    return [_Slice(one.files, one.start, rows, _is_part(one, files, rows)) for one in besides]


def _is_part(beside: Any, sizes: Mapping[str, int | None], rows: int) -> bool:
    """Return whether there are more rows in the files, as far as that is known."""
    held = [sizes.get(path) for path in beside.files]
    known = [size for size in held if size is not None]
    return beside.start > 0 or (len(known) == len(held) and sum(known) > rows)

"""Row numbers as a ``.npy`` file, and beside it a JSON file that tells what they are.

The JSON file has the name of the other with ``.json`` behind it. It tells the digest of the row numbers, so that
neither is taken for that of another.
"""

import json
import math
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import digest_of_rows
from dsdm.errors import ChecksumError, FormatError
from dsdm.paths import PathLike, local
from dsdm.selection.inputs import read_rows
from dsdm.selection.manifest_paths import at_hand, beside
from dsdm.selection.rules.told.corpora import corpora_of_told
from dsdm.selection.told import BY_POSITION, INPUTS, ON, ROWS, Told

_VERSION = 1
_MOST_BYTES = 64 << 20
"""What is longer than this tells of no selection."""
_KINDS: dict[str, tuple[type, ...]] = {
    "version": (int,),
    "rows": (int,),
    "of": (int,),
    "digest": (str,),
    "rule": (dict,),
    "words": (str,),
    "cut": (dict, type(None)),
    "seed": (int, type(None)),
    "tokens": (int, type(None)),
    "largest": (bool,),
    "bounds": (list,),
    "files": (dict,),
}
"""The fields of the JSON file, and the types of their values."""
_MOST = {"seed": math.inf}
"""What numbers are below that may be larger than others."""
_PLACED = {"placed", "placed_rows"}
"""The fields of files that are taken by position."""
_KINDS_OF_FILES: dict[str, type] = {
    "score_files": list,
    "arguments": dict,
    "rows": int,
    BY_POSITION: bool,
    **dict.fromkeys(INPUTS, dict),
}
"""Those of what tells of files, each of which may be missing."""


def write(
    path: PathLike, rows: NDArray[np.int64], told: dict[str, Any], files: dict[str, Any], *, overwrite: bool
) -> None:
    """Write row numbers and what is told of them and of files, each file in one step.

    Raises
    ------
    ValueError
        For another suffix than ``.npy``.
    FileExistsError
        If one of the files is there, and may not be replaced.

    """
    places = _paths(path)
    for place in places:
        if os.path.lexists(place) and not overwrite:
            message = f"{place}: it exists; name another file, or give overwrite=True"
            raise FileExistsError(message)
    fields = {"version": _VERSION, "rows": len(rows), "digest": digest_of_rows(rows), **told}
    fields["files"] = beside(Told(files, []), str(places[0]))
    if "corpora" in fields:
        fields["corpora"] = [_moved(one, places[0], beside) for one in fields["corpora"]]
    for name in _PLACED & fields.keys():
        fields[name] = _with_paths(told[name], lambda told: beside(told, str(places[0])))
    text = json.dumps(fields, indent=1, allow_nan=False)
    replaced(places[1], lambda file: file.write(text.encode()))
    replaced(places[0], lambda file: np.save(file, rows))


def read(path: PathLike) -> tuple[NDArray[np.int64], dict[str, Any], Path]:
    """Read row numbers and what is told of them, and return the JSON file as well.

    Raises
    ------
    FileNotFoundError
        If one of the files is not there.
    FormatError
        For a file that tells of no selection, naming the field.
    ChecksumError
        If the row numbers are others than those that it tells of.

    """
    place, told = _paths(path)
    if not place.exists() and not told.exists():
        message = f"{place}: there is no such file, nor {told.name} beside it, which tells of a saved selection"
        raise FileNotFoundError(message)
    if not told.is_file():
        message = (
            f"{told}: it is not there, so that nothing tells what the rows in {place.name} are of; numpy.load reads "
            "them"
        )
        raise FileNotFoundError(message)
    fields = _fields(told)
    rows = read_rows(place)
    if rows.dtype != np.int64 or len(rows) != fields["rows"] or digest_of_rows(rows) != fields["digest"]:
        message = f"{place}: its {len(rows):,} rows are others than the {fields['rows']:,} that {told.name} tells of"
        raise ChecksumError(message)
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < fields["of"]:
        message = f"{place}: it holds rows that are none of {fields['of']:,}"
        raise FormatError(message)
    fields["files"] = at_hand(Told(fields["files"], []), str(place))
    fields["corpora"] = [_moved(one, place, at_hand) for one in corpora_of_told(told, fields.get("corpora", []))]
    for name in _PLACED & fields.keys():
        fields[name] = _with_paths(fields[name], lambda told: at_hand(told, str(place)))
    return rows, fields, told


def _moved(corpus: Mapping[str, Any], place: Path, change: Callable[[Told, str], dict[str, Any]]) -> dict[str, Any]:
    """Return what is told of a corpus with the paths of its files changed, as those of score files are."""
    return {**corpus, "files": change(Told({"score_files": corpus["files"]}, []), str(place))["score_files"]}


def _with_paths(placed: Any, change: Callable[[Told], dict[str, Any]]) -> Any:
    """Change the paths of files that are taken by position as those of scores; what tells of none is left as it is."""

    def changed(one: Any) -> Any:
        files = one.get("files") if isinstance(one, dict) else None
        if not isinstance(files, list) or not all(map(_is_name, files)):
            return one
        return {**one, "files": change(Told({"scores": files}, []))["scores"]}

    return [changed(one) for one in placed] if isinstance(placed, list) else placed


def replaced(path: Path, write_to: Callable[[IO[bytes]], object]) -> None:
    """Write to a sibling of `path` and rename it, so that `path` is never half a file."""
    # A name that nobody can have put a link under, and that is short, as the other may not be.
    unfinished = path.with_name(f".dsdm-{secrets.token_hex(8)}")
    try:
        with unfinished.open("xb") as file:
            write_to(file)
        unfinished.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """Return an argument as JSON has it: a mapping as its pairs, since names of groups may be numbers.

    >>> plain({"k": np.int64(3), "like": {1: np.inf}})
    {'pairs': [['k', 3], ['like', {'pairs': [[1, {'float': 'inf'}]]}]]}
    """
    if isinstance(value, Mapping):
        return {"pairs": [[plain(name), plain(of)] for name, of in value.items()]}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    # JSON has no infinity.
    return {"float": repr(value)} if isinstance(value, float) and not math.isfinite(value) else value


def argument(path: Path, value: Any) -> Any:
    """Return an argument of which a JSON file tells by :func:`plain`.

    Raises
    ------
    FormatError
        For what that never gives.

    """
    try:
        if isinstance(value, dict) and set(value) == {"pairs"}:
            return {name: argument(path, of) for name, of in value["pairs"]}
        if isinstance(value, dict) and set(value) == {"float"}:
            return float(value["float"])
        return [argument(path, item) for item in value] if isinstance(value, list) else value
    except (TypeError, ValueError) as error:
        message = f"{path}: rule holds {value!r:.200}, which is no argument ({error}); save the selection again"
        raise FormatError(message) from None


def rule_of(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a rule of which a JSON file tells, as they were given.

    Raises
    ------
    FormatError
        For what is none.

    """
    found = {name: argument(path, value) for name, value in told.items()}
    if isinstance(found.get("quantile"), list):
        found["quantile"] = tuple(found["quantile"])
    return found


MOST_SHORT = 1_000
"""Groups that are told to have had too few rows."""


def short(groups: Mapping[Any, tuple[int, int]]) -> list[list[Any]]:
    """Return groups that had too few rows, with what they had and what was to be chosen of them; some, of very many."""
    return [[name, *counts] for name, counts in list(groups.items())[:MOST_SHORT]]


def of_groups(path: Path, told: Any, counts: int) -> dict[Any, Any]:
    """Return what a JSON file tells of groups: lists of a name and so many whole numbers.

    Raises
    ------
    FormatError
        For anything else.

    """

    def is_one(each: Any) -> bool:
        if not isinstance(each, list) or len(each) != counts + 1 or type(each[0]) not in {int, str, type(None)}:
            return False
        return all(type(number) is int and number >= 0 for number in each[1:])

    wrong = [each for each in told if not is_one(each)] if isinstance(told, list) else [told]
    if wrong:
        message = f"{path}: {wrong[0]!r:.100} tells of no group; save the selection again"
        raise FormatError(message)
    return {name: numbers[0] if counts == 1 else tuple(numbers) for name, *numbers in told}


def _paths(path: PathLike) -> tuple[Path, Path]:
    rows = Path(local(path, "path"))
    if rows.suffix.lower() != ".npy":
        message = f"{rows}: row numbers are kept in a .npy file, which readers know by its name: say {rows}.npy"
        raise ValueError(message)
    return rows, rows.with_name(rows.name + ".json")


def _fields(path: Path) -> dict[str, Any]:
    """Read a JSON file and look at its fields."""
    if path.stat().st_size > _MOST_BYTES:
        message = f"{path}: it is longer than {_MOST_BYTES:,} bytes, and tells of no selection"
        raise FormatError(message)
    try:
        fields = json.loads(path.read_bytes(), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        message = f"{path}: it is no JSON ({error}); save the selection again"
        raise FormatError(message) from None
    if not isinstance(fields, dict) or fields.get("version") != _VERSION:
        found = fields.get("version") if isinstance(fields, dict) else None
        message = f"{path}: version is {found!r:.100}, and {_VERSION} is known here; save the selection again"
        raise FormatError(message)
    for name, kinds in _KINDS.items():
        value = fields.get(name)
        if name not in fields or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            message = f"{path}: {name} is {value!r:.100}; save the selection again"
            raise FormatError(message)
    for name, kind in _KINDS_OF_FILES.items():
        value = fields["files"].get(name, kind())
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            message = f"{path}: files.{name} is {value!r:.100}; save the selection again"
            raise FormatError(message)
    _check_values(path, fields)
    return fields


def _check_values(path: Path, fields: dict[str, Any]) -> None:
    """Refuse numbers that are out of range, and names of files that are none."""
    of_cut = fields["cut"] or {}
    counts = {name: fields[name] for name in ("of", "rows", "tokens", "seed")}
    counts |= {f"cut.{name}": of_cut.get(name) for name in ("tied", "taken") if fields["cut"] is not None}
    for name, value in counts.items():
        optional = name in ("tokens", "seed")
        if not (optional and value is None) and not (type(value) is int and 0 <= value < _MOST.get(name, 2**63)):
            message = f"{path}: {name} is {value!r:.100}; save the selection again"
            raise FormatError(message)
    for name in ("by", "scores", ON, *ROWS):
        value = fields["files"].get(name)
        files = value if name == "scores" and isinstance(value, list) else [value]
        wrong = [file for file in files if not _is_name(file)]
        if name in fields["files"] and wrong:
            message = f"{path}: files.{name} holds {wrong[0]!r:.100}, which names nothing; save the selection again"
            raise FormatError(message)

    lying = list(fields["files"].get("score_files", []))
    for name in INPUTS:
        told = fields["files"].get(name, {}).get("files", [])
        lying += told if isinstance(told, list) else []
    for file in lying:
        if not isinstance(file, dict) or not _is_name(file.get("path")):
            message = f"{path}: score_files holds {file!r:.100}, which names no file; save the selection again"
            raise FormatError(message)


def _is_name(value: Any) -> bool:
    """Return whether a value may be the name of a file."""
    try:
        return isinstance(value, str) and value != "" and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _no_number(text: str) -> Any:
    message = f"{text} is no number of JSON"
    raise ValueError(message)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)

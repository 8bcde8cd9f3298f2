"""Whether what is told of a selection can be done again: refused where it is written, and said where it is read."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from typing import Any

from dsdm import checks
from dsdm.paths.hive.columns import of_told
from dsdm.reference import METHODS, check_method, refuse_unused
from dsdm.selection.indices import gumbel_top_k, top_k
from dsdm.selection.methods import get_indices
from dsdm.selection.rules.origin import identity_of
from dsdm.selection.rules.rule import NULL_GROUPS, TIES, at_least_one
from dsdm.selection.rules.told.rows import rows_of_rule
from dsdm.selection.told import BY_POSITION, FIELDS, INPUTS, KNOWN, NOISE, ON, ROWS

FUNCTIONS: dict[str, Callable[..., Any]] = dict(
    zip(KNOWN, (get_indices, top_k, gumbel_top_k, rows_of_rule), strict=True)
)
"""The functions by which rows can be chosen again, by name."""

_DRAWING = ("dsir", "random", "semdedup")
_CLOSE = 0.75


def check_record(selection: Mapping[str, Any]) -> None:
    """Fail if a selection is told as one that can be done again, and cannot.

    Raises
    ------
    ValueError
        Naming the field, what it holds and what it may hold.

    """
    by = selection.get("by")
    if by not in KNOWN:
        _refuse_misspelt(selection)
        return
    for field in selection:
        if field not in FIELDS and (meant := _close(field, FIELDS)):
            message = f"selection=: {field!r} is no field; {meant!r} is one"
            raise ValueError(message)
    function = FUNCTIONS[str(by)]
    arguments = _mapping(selection, "arguments", required=True)
    as_called(arguments)
    options = _options_of(function)
    _check_names("arguments", [name for name in arguments if name != NOISE or "noise" not in options], options)
    for name in ("method", "k") if by == "get_indices" else ("k",):
        if name not in arguments:
            message = f"selection=: 'arguments' has no {name!r}, without which {by} chooses nothing"
            raise ValueError(message)
    _check_values(arguments, optional=by == "get_indices")
    drawn = by == "gumbel_top_k" or arguments.get("method") in _DRAWING
    drawn = (
        drawn
        or arguments.get("gumbel") is True
        or arguments.get("replace") is True
        or arguments.get("ties") == "random"
    )
    if drawn and arguments.get("seed") is None:
        message = "selection=: 'arguments' has no 'seed', without which no draw is repeated; dsdm.last_seed() gives it"
        raise ValueError(message)
    if by != "get_indices":
        _check_files(selection)


def as_recorded(selection: Mapping[str, Any]) -> dict[str, Any]:
    """Return a selection with its arguments as ``dsdm.json`` names them."""
    arguments = selection.get("arguments")
    if selection.get("by") not in KNOWN or not isinstance(arguments, Mapping) or "noise" not in arguments:
        return dict(selection)
    named = {NOISE if name == "noise" else name: value for name, value in arguments.items()}
    return {**selection, "arguments": named}


def as_called(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded arguments by the names that the functions have for them.

    Raises
    ------
    ValueError
        If one is there by both of its names.

    """
    if NOISE in arguments and "noise" in arguments:
        message = f"selection=: 'arguments' has 'noise' and {NOISE!r}, which is the same; give one of them"
        raise ValueError(message)
    return {"noise" if name == NOISE else name: value for name, value in arguments.items()}


def _refuse_misspelt(selection: Mapping[str, Any]) -> None:
    """Refuse what is told like a selection by one of the functions, and names none of them."""
    by = selection.get("by")
    if "arguments" in selection or _close(by, KNOWN):
        choices = ", ".join(map(repr, KNOWN))
        message = f"selection=: 'by' is {by!r}; it is one of {choices}, or without 'arguments' a text of your own"
        raise ValueError(message)


def _check_values(arguments: Mapping[str, Any], *, optional: bool) -> None:
    """Look at each argument as its function will, some of which may be None by name as well."""

    def or_none(look: Callable[[Any], object]) -> Callable[[Any], object]:
        return lambda value: (optional and value is None) or look(value)

    looks: dict[str, Callable[[Any], object]] = {
        "k": checks.count_of,
        "seed": checks.check_seed,
        "threads": checks.check_threads,
        "exclude": checks.excluded_rows,
        "largest": lambda value: checks.check_flag("largest", value),
        "replace": lambda value: checks.check_flag("replace", value),
        "repeat": _copies,
        "gumbel": lambda value: checks.check_flag("gumbel", value),
        "ties": lambda value: checks.one_of("ties", value, TIES),
        "nan": lambda value: checks.one_of("nan", value, checks.NANS),
        "null_groups": lambda value: checks.one_of("null_groups", value, NULL_GROUPS),
        "order": or_none(lambda value: checks.one_of("order", value, checks.ORDERS)),
        NOISE: or_none(lambda value: checks.one_of(NOISE, value, checks.NOISES)),
        "noise": or_none(lambda value: checks.one_of("noise", value, checks.NOISES)),
        "temperature": or_none(checks.check_temperature),
        "method": lambda value: checks.one_of("method", value, METHODS),
        "rows": checks.check_rows,
        "data_dir": or_none(os.fspath),
    }
    for name, value in arguments.items():
        try:
            if name in looks:
                looks[name](value)
        except (TypeError, ValueError, LookupError) as error:
            message = f"selection=: 'arguments' has {name!r}, of which: {error}"
            raise ValueError(message) from error
    method = arguments.get("method")
    if method is not None:
        try:
            check_method(method, arguments.get("target"))
            refuse_unused(method, as_called(arguments))
        except ValueError as error:
            message = f"selection=: 'arguments': {error}"
            raise ValueError(message) from error


def _check_files(selection: Mapping[str, Any]) -> None:
    """Look at what is told of the score files of a selection."""
    from dsdm.scores import open_scores

    files = selection.get("scores")
    listed = [files] if isinstance(files, str | os.PathLike) else files
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(f, str | os.PathLike) for f in listed):
        message = f"selection=: 'scores' is {files!r}; the path of the score file is needed, or a list of them"
        raise ValueError(message)
    _check_names("reading", _mapping(selection, "reading"), _options_of(open_scores))
    try:
        checks.check_rows(selection.get("rows"))
    except (TypeError, ValueError) as error:
        message = f"selection=: 'rows' is wrong: {error}"
        raise ValueError(message) from error
    for name in ROWS:
        file = selection.get(name)
        if file is not None and not isinstance(file, str | os.PathLike):
            message = f"selection=: {name!r} is a {type(file).__name__}; the path of a .npy file is needed"
            raise ValueError(message)
    for name in INPUTS:
        _check_input(name, selection.get(name))
    _check_groups(selection)
    _check_join(selection)


def _check_join(selection: Mapping[str, Any]) -> None:
    """Look at what is told of how scores are joined to rows: by id or by position."""
    by_position = selection.get(BY_POSITION, False)
    if not isinstance(by_position, bool) or (by_position and selection.get(ON) is not None):
        message = (
            f"selection=: {BY_POSITION!r} is {by_position!r:.200}; true or false is needed, and no {ON!r} beside it"
        )
        raise ValueError(message)
    on, ids = selection.get(ON), selection.get("ids")
    if (on is None) != (ids is None):
        there, gone = ("'ids'", f"'{ON}'") if on is None else (f"'{ON}'", "'ids'")
        message = f"selection=: there is {there}, and no {gone}, without which scores are joined to no rows"
        raise ValueError(message)
    if on is None or ids is None:
        return
    reading = _mapping(selection, "reading")
    wrong = {
        f"'{ON}' is {on!r:.200}; a text, the column of ids beside the scores, is needed": not isinstance(on, str),
        "'ids' has no 'column', or 'reading' beside it": "column" not in ids or "reading" in ids,
        f"'reading' is {dict(reading)!r:.200}, and for '{ON}' the 'column' of the scores is needed alone": (
            set(reading) != {"column"} or not isinstance(reading["column"], str)
        ),
        f"'rows' and '{ON}' do not go together": selection.get("rows") is not None,
        f"'by' is {selection['by']!r}, and scores with '{ON}' are chosen by 'choose'": selection["by"] != "choose",
    }
    if reason := next((text for text, is_wrong in wrong.items() if is_wrong), None):
        message = f"selection=: {reason}"
        raise ValueError(message)


def _check_input(name: str, told: Any) -> None:
    """Look at what is told of where groups or lengths lie."""
    if told is None:
        return
    needed = "a mapping with 'files', 'column' or both is needed"
    if not isinstance(told, Mapping) or not (told.get("files") or "column" in told):
        message = f"selection=: {name!r} is {told!r:.200}; {needed}"
        raise ValueError(message)
    _check_names(name, told, ("files", "column", "reading", "schema", "hive"))
    _check_hive(name, told)
    if told.get("schema", "union") != "union":
        message = f"selection=: {name!r} has 'schema'={told['schema']!r:.200}; it is \"union\", or left out"
        raise ValueError(message)
    if not isinstance(told.get("column", ""), str):
        message = f"selection=: {name!r} has the column {told['column']!r:.200}; a text is needed"
        raise ValueError(message)  # noqa: TRY004 - what is told is wrong, whatever its type
    reading = told.get("reading", {})
    if not isinstance(reading, Mapping) or ("reading" in told and "column" in told):
        message = f"selection=: {name!r} has 'reading'={reading!r:.200}; a mapping is needed, and no 'column' beside it"
        raise ValueError(message)
    _check_names("reading", reading, ("key", "column", "dtype"))
    for file in told.get("files", ()) if isinstance(told.get("files", ()), list | tuple) else [told["files"]]:
        try:
            identity_of(file)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"selection=: {name!r} has the file {file!r:.200}, which is none ({error})"
            raise ValueError(message) from error


def _check_hive(name: str, told: Mapping[str, Any]) -> None:
    """Look at what is told of the columns that the names of directories hold."""
    columns = told.get("hive")
    if columns is None:
        return
    counts = {len(values) if isinstance(values, list) else 0 for values in getattr(columns, "values", tuple)()}
    try:
        of_told(columns, max(counts, default=0))
    except ValueError as error:
        message = f"selection=: {name!r} is wrong: {error}"
        raise ValueError(message) from error


def _check_groups(selection: Mapping[str, Any]) -> None:
    """Look at how many rows of each group are told to be chosen."""
    arguments = selection["arguments"]
    pairs = arguments.get("per_group")
    if (pairs is None) != (selection.get("groups") is None):
        there, gone = ("'groups'", "'per_group'") if pairs is None else ("'per_group'", "'groups'")
        message = f"selection=: there is {there}, and no {gone}, without which it chooses nothing"
        raise ValueError(message)
    if pairs is None:
        if isinstance(arguments.get("repeat"), list | tuple):
            message = "selection=: 'repeat' is a list, which has a number for each group, and there are no groups"
            raise ValueError(message)
        return
    of_names = isinstance(pairs, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], int | str | None)  # noqa: PLR2004 - a pair
        for pair in pairs
    )
    if not of_names or len({pair[0] for pair in pairs}) < len(pairs):
        message = f"selection=: 'per_group' is {pairs!r:.200}; a list of pairs is needed: each group once, and its rows"
        raise ValueError(message)
    copies = _copies(arguments.get("repeat", 1))
    if isinstance(copies, int):
        copies = [copies] * len(pairs)
    if len(copies) != len(pairs):
        message = f"selection=: 'repeat' has {len(copies):,} numbers, and 'per_group' has {len(pairs):,} groups"
        raise ValueError(message)
    try:
        counts = [checks.count_of(pair[1], "per_group") for pair in pairs]
    except TypeError as error:
        message = f"selection=: 'arguments' has 'per_group', of which: {error}"
        raise ValueError(message) from error
    total = sum(count * times for count, times in zip(counts, copies, strict=True))
    if total != checks.count_of(arguments["k"]):
        message = f"selection=: 'per_group' has {total:,} rows, and k is {checks.said(arguments['k'])}"
        raise ValueError(message)


def _copies(repeat: Any) -> int | list[int]:
    """Return how many copies are told of: one number, or a list with one for each group."""
    if isinstance(repeat, list | tuple):
        return [at_least_one("repeat", copies) for copies in repeat]
    return at_least_one("repeat", repeat)


def _options_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments of a function, but for the scores and what asks for the seed."""
    parameters = signature(function).parameters.values()
    named = [each.name for each in parameters if each.kind is not Parameter.VAR_KEYWORD]
    return [name for name in named if name not in {"scores", "path_or_paths", "return_seed", "groups"}]


def _mapping(selection: Mapping[str, Any], field: str, *, required: bool = False) -> Mapping[str, Any]:
    value = selection.get(field)
    if value is None and not required:
        return {}
    if not isinstance(value, Mapping):
        message = f"selection=: {field!r} is {value!r}; a mapping of names to values is needed"
        raise ValueError(message)  # noqa: TRY004 - what is told is wrong, whatever its type
    return value


def _check_names(field: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    for name in given:
        if name not in allowed:
            message = f"selection=: {field!r} has {name!r}; it may have {', '.join(map(repr, allowed))}"
            raise ValueError(message)


def _close(name: object, names: Iterable[str]) -> str | None:
    """Return the name that was meant, perhaps."""
    if not isinstance(name, str):
        return None
    return next(iter(difflib.get_close_matches(name.lower(), list(names), 1, _CLOSE)), None)

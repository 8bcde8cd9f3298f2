"""The fields of ``dsdm.json`` that tell how rows were written and chosen: of which type, and within which limits."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dsdm.errors import FormatError
from dsdm.paths.hive.columns import refuse_other_folders
from dsdm.selection.rules.origin import identity_of
from dsdm.selection.told import INPUTS, KNOWN, files_of_inputs

_ORDERS = ("given", "row", "shuffle")


def check_fields(manifest: str, selection: Mapping[str, Any], files: Sequence[str]) -> None:
    """Fail for a field of a selection, of rows of files by these names, that no writer writes so.

    Raises
    ------
    FormatError
        Naming the field.

    """
    for name, is_right in _OF_ROWS.items():
        if name in selection and not is_right(selection[name]):
            raise _wrong(manifest, f"selection.{name}", selection[name])
    order, seed = selection.get("order"), selection.get("seed")
    if order is not None and (order == "shuffle") != (seed is not None):
        raise _wrong(manifest, "selection.seed", seed)
    try:
        refuse_other_folders(selection.get("hive"), files)
    except ValueError as error:
        message = f"{manifest}: selection.hive is wrong: {error}; write the dataset again"
        raise FormatError(message) from None
    chosen = selection.get("chosen")
    if not isinstance(chosen, Mapping) or (chosen.get("by") not in KNOWN and "chosen_by" not in chosen):
        return  # Proof: what is told of one's own may be anything.
    _check_folders(manifest, chosen, files)
    for name, is_right in _OF_CHOICE.items():
        if name in chosen and not is_right(chosen[name]):
            raise _wrong(manifest, f"selection.chosen.{name}", chosen[name])
    by_files = chosen.get("by") in KNOWN[1:] and "unchecked" not in chosen
    if by_files and chosen.get("score_files") == []:
        raise _wrong(manifest, "selection.chosen.score_files", [])
    arguments = chosen.get("arguments")
    drawn = arguments.get("seed") if isinstance(arguments, Mapping) else None
    if "by" in chosen and "seed" in chosen and chosen["seed"] != drawn:
        raise _wrong(manifest, "selection.chosen.seed", chosen["seed"])


def _check_folders(manifest: str, chosen: Mapping[str, Any], sources: Sequence[str]) -> None:
    """Fail where groups, lengths or ids are told to lie beside columns that directories do not hold."""
    lying = files_of_inputs(chosen)
    for name in INPUTS:
        told = chosen[name].get("hive") if isinstance(chosen.get(name), Mapping) else None
        files = [str(file.get("path")) for file in lying.get(name, ())] or sources
        try:
            refuse_other_folders(told, files)
        except ValueError as error:
            message = f"{manifest}: selection.chosen.{name}.hive is wrong: {error}; write the dataset again"
            raise FormatError(message) from None


def _wrong(manifest: str, place: str, value: Any) -> FormatError:
    return FormatError(f"{manifest}: {place} is {value!r:.200}, which no dsdm writes there; write the dataset again")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_cut(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.keys() != {"score", "tied", "taken"} or not _is_number(value["score"]):
        return False
    return _is_count(value["tied"]) and _is_count(value["taken"]) and 1 <= value["taken"] <= value["tied"]


def _is_number(text: Any) -> bool:
    """Return whether a text is that of a number."""
    try:
        return isinstance(text, str) and float(text) == float(text)
    except ValueError:
        return text in ("True", "False")


def _are_short(value: Any) -> bool:
    def is_one(each: Any) -> bool:
        counts = each[1:] if isinstance(each, Sequence) and len(each) == 3 else ()  # noqa: PLR2004 - a name and two
        return len(counts) == 2 and all(map(_is_count, counts)) and isinstance(each[0], str | int | None)  # noqa: PLR2004

    return isinstance(value, list) and all(map(is_one, value))


def _are_added(value: Any) -> bool:
    """Return whether a value tells of columns of scores, and where these lie."""
    return isinstance(value, list) and all(map(_is_added, value))


def _is_added(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
        return False
    if "files" not in one:
        return "reading" not in one and "rows" not in one
    try:
        files = [identity_of(file) for file in one["files"]]
    except (TypeError, ValueError, LookupError, OverflowError, AttributeError):
        return False
    return bool(files) and isinstance(one.get("reading", {}), Mapping) and _is_count(one.get("rows", 0))


_OF_ROWS: dict[str, Callable[[Any], bool]] = {
    "order": lambda value: value in _ORDERS,
    "seed": lambda value: value is None or _is_count(value),
    "row_ids": _is_text,
    "mapped": lambda value: value is True,
    "schema": lambda value: value == "union",
    "scores": _are_added,
}
_OF_CHOICE: dict[str, Callable[[Any], bool]] = {
    "rule": _is_text,
    "of": _is_count,
    "chosen_by": lambda value: isinstance(value, Mapping),
    "cut": _is_cut,
    "seed": _is_count,
    "tokens": _is_count,
    "short": _are_short,
}

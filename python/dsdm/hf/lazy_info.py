"""What is known of shards beside their rows: the split they are, and what ``save_to_disk`` wrote of a dataset."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, NamedSplit
from datasets.data_files import SPLIT_KEYWORDS

from dsdm._native import SavedState, json_bytes
from dsdm.errors import FormatError
from dsdm.paths.saved import STATE, is_saved
from dsdm.shown import shown

_SHARD_OF_SPLIT = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}.*\..*")
_FORMAT = {
    "type": "_format_type",
    "columns": "_format_columns",
    "output_all_columns": "_output_all_columns",
}

# Characters of a value, and of what is wrong with it, that a message has; and those of a name.
_MAX_SHOWN = 200
_MAX_NAME = 1_000
_STORED = ("_format_type", "_format_columns", "_format_kwargs")
_NAMES = ("builder_name", "dataset_name", "config_name", "version")
_TYPES: tuple[tuple[tuple[str, ...], type, str], ...] = (
    (("description", "citation", "homepage", "license", *_NAMES[:3]), str, "a text"),
    (("download_size", "post_processing_size", "dataset_size", "size_in_bytes"), int, "a whole number"),
    (("download_checksums", "features", "post_processed"), dict, "an object"),
)
# What its reader says of a value that is none.
_WRONG = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_SPLIT_NAME = re.compile(r"\w+(\.\w+)*", re.ASCII)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME


_STATE: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("_split", "the name of a split", lambda v: v is None or (_is_name(v) and bool(_SPLIT_NAME.fullmatch(v)))),
    ("_format_type", "the name of a format", lambda v: v is None or _is_name(v)),
    ("_format_columns", "a list of names", lambda v: v is None or (isinstance(v, list) and all(map(_is_name, v)))),
    ("_output_all_columns", "true or false", lambda v: isinstance(v, bool)),
    (
        "_format_kwargs",
        "an object of other options",
        lambda v: v is None or (isinstance(v, dict) and not v.keys() & _FORMAT),
    ),
)
"""The fields that are handed to `datasets`, what each must be, and whether a value is that."""


@dataclass(frozen=True)
class Description:
    """What a dataset of some shards is beside its rows."""

    info: DatasetInfo
    split: NamedSplit | None
    format: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    """The file that tells the format, and its fields."""


def description_of(files: Sequence[str]) -> Description:
    """Return what ``load_from_disk`` reads beside the shards; of other files, what their names tell."""
    folder = Path(files[0]).parent
    state = _state_of(folder, files)
    if state is None:
        return Description(DatasetInfo(), NamedSplit(split_of(files)))
    path, info = folder / STATE, _info_of(folder)
    for name, what, fits in _STATE:
        if name in state and not fits(state[name]):
            message = f"{path}: {name}: {what} is needed, and it is {shown(repr(state[name]))[:_MAX_SHOWN]}"
            raise FormatError(message)
    split = state.get("_split")
    form = {key: state[stored] for key, stored in _FORMAT.items() if stored in state}
    form |= state.get("_format_kwargs") or {}
    return Description(info, None if split is None else NamedSplit(split), form, f"{path}: {', '.join(_STORED)}")


def _info_of(folder: Path) -> DatasetInfo:
    path = folder / "dataset_info.json"
    if not path.is_file():
        return DatasetInfo()
    # The reader of datasets knows no limits, and names neither the file nor the field.
    try:
        info = json.loads(json_bytes(path))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{path}: this is no JSON ({error}); save the data set again"
        raise FormatError(message) from error
    if not isinstance(info, dict):
        message = (
            f"{path}: an object with the fields of a DatasetInfo is needed, and it is {shown(repr(info))[:_MAX_SHOWN]}"
        )
        raise FormatError(message)
    known = {name: info[name] for name in (each.name for each in fields(DatasetInfo)) if name in info}
    for name, value in known.items():
        with reading(f"{path}: {name}", value):
            _check_type(name, value)
            DatasetInfo(**{name: value})
    with reading(str(path), info):
        return DatasetInfo(**known)


@contextmanager
def reading(where: str, value: object) -> Iterator[None]:
    """Turn what `datasets` raises for a part of a file into an error that names it, and shows little of its values."""
    try:
        yield
    except _WRONG as error:
        why = shown(f"{type(error).__name__}: {error}")[:_MAX_SHOWN]
        message = (
            f"{where}: datasets cannot take {shown(repr(value))[:_MAX_SHOWN]} for it ({why}); save the data set again"
        )
        raise FormatError(message) from None


def _check_type(name: str, value: object) -> None:
    """Refuse a value of another type than its field has, where `datasets` does not look at it."""
    for names, kinds, what in _TYPES:
        if name in names and value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
            message = f"{what} is needed"
            raise TypeError(message)
    if name in _NAMES and isinstance(value, str) and len(value) > _MAX_NAME:
        message = f"it has {len(value):,} characters, and a name at most {_MAX_NAME}"
        raise ValueError(message)


def _state_of(folder: Path, files: Sequence[str]) -> dict[str, Any] | None:
    """Return what ``state.json`` says, if it is of ``datasets`` and these are the shards that it names."""
    path = folder / STATE
    if not path.is_file() or not is_saved(str(folder), {STATE, *(Path(file).name for file in files)}):
        return None
    state = SavedState.read(path)
    return state.fields if [str(folder / name) for name in state.shards] == list(files) else None


def split_of(files: Sequence[str]) -> str:
    """Return the split that ``load_dataset`` has for files of these names: the one that all tell, or "train"."""
    splits = {_split_named(Path(file)) for file in files}
    named = splits.pop() if len(splits) == 1 else None
    return named or "train"


def _split_named(path: Path) -> str | None:
    shard = _SHARD_OF_SPLIT.fullmatch(path.name)
    if path.parent.name == "data" and shard is not None:
        return shard["split"]
    # What stands between these is a word, as datasets has it.
    words = set(re.split(r"[-._ 0-9]+", path.name))
    return next((str(split) for split, keywords in SPLIT_KEYWORDS.items() if words & set(keywords)), None)

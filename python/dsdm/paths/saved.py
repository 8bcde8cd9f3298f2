"""Directories that ``save_to_disk`` of the package ``datasets`` wrote: the one reader of ``state.json``."""

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

from dsdm._native import json_bytes
from dsdm.errors import FormatError

STATE = "state.json"

_SHARD = re.compile(r"data-\d{5}-of-\d{5}\.arrow")
_KEYS = (
    "_data_files",
    "_fingerprint",
    "_format_columns",
    "_format_kwargs",
    "_format_type",
    "_output_all_columns",
    "_split",
)


def is_saved(folder: str, names: set[str]) -> bool:
    """Return whether a directory with these entries is one: by its state, or by shards that want a state."""
    if any(_SHARD.fullmatch(name) for name in names):
        return True
    if STATE not in names:
        return False
    text = _read(Path(folder, STATE))
    return any(f'"{key}"'.encode() in text for key in _KEYS)


def saved_shards(folder: str) -> list[str]:
    """Return the shards in the order of the state.

    Raises
    ------
    FormatError
        For a state that is missing, is no JSON or lacks a key, naming it; for rows that are picked by another file,
        and for names that lead out of the directory.
    FileNotFoundError
        For a shard that is not there.

    """
    path = Path(folder, STATE)
    if not path.exists():
        message = f"{folder}: state.json is missing beside the data-*.arrow shards: the save did not finish; save again"
        raise FormatError(message)
    state = _state(path)
    if state.get("_indices_data_files"):
        message = (
            f"{path}: _indices_data_files: the rows are picked by a separate file of indices, as datasets 1.x wrote "
            "it; load it and save it again with a newer version"
        )
        raise FormatError(message)
    names = _names(path, state["_data_files"])
    for name in names:
        if name != os.path.basename(name) or name in {".", ".."} or "\\" in name or "\0" in name:  # noqa: PTH119
            message = f"{path}: the filename {name!r} leads out of the directory; shards lie in it"
            raise FormatError(message)
        if not Path(folder, name).exists():
            message = "state.json names this shard, which is not there"
            raise FileNotFoundError(errno.ENOENT, message, os.path.join(folder, name))  # noqa: PTH118
    return [os.path.join(folder, name) for name in names]  # noqa: PTH118


def _read(path: Path) -> bytes:
    return json_bytes(path)


def _state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        message = f"{path}: this is no JSON ({error}); the save did not finish: save again"
        raise FormatError(message) from error
    missing = [key for key in _KEYS if not isinstance(state, dict) or key not in state]
    if missing:
        message = f"{path}: the key {missing[0]!r} is missing; save_to_disk writes {', '.join(_KEYS)}"
        raise FormatError(message)
    checked: dict[str, Any] = state
    return checked


def _names(path: Path, files: Any) -> list[str]:
    listed = files if isinstance(files, list) else [None]
    names = [file.get("filename") if isinstance(file, dict) else None for file in listed]
    if not names or not all(isinstance(name, str) and name for name in names):
        message = f"{path}: '_data_files' must be a list of at least one {{'filename': …}}, and is {files!r}"
        raise FormatError(message)
    return [str(name) for name in names]

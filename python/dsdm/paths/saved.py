"""Directories that ``save_to_disk`` of the package ``datasets`` wrote, by what their ``state.json`` says."""

import errno
import os
import re
from pathlib import Path

from dsdm._native import SavedState, is_state
from dsdm.errors import FormatError

STATE = "state.json"

_SHARD = re.compile(r"data-\d{5}-of-\d{5}\.arrow")


def is_saved(folder: str, names: set[str]) -> bool:
    """Return whether a directory with these entries is one: by its state, or by shards that want a state."""
    if any(_SHARD.fullmatch(name) for name in names):
        return True
    if STATE not in names:
        return False
    return is_state(Path(folder, STATE))


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
    state = SavedState.read(path)
    if state.fields.get("_indices_data_files"):
        message = (
            f"{path}: _indices_data_files: the rows are picked by a separate file of indices, as datasets 1.x wrote "
            "it; load it and save it again with a newer version"
        )
        raise FormatError(message)
    for name in state.shards:
        if name != os.path.basename(name) or name in {".", ".."} or "\\" in name or "\0" in name:  # noqa: PTH119
            message = f"{path}: the filename {name!r} leads out of the directory; shards lie in it"
            raise FormatError(message)
        if not Path(folder, name).exists():
            message = "state.json names this shard, which is not there"
            raise FileNotFoundError(errno.ENOENT, message, os.path.join(folder, name))  # noqa: PTH118
    return [os.path.join(folder, name) for name in state.shards]  # noqa: PTH118

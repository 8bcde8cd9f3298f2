"""What is known of shards beside their rows: the split they are, and what ``save_to_disk`` wrote of a dataset."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, NamedSplit
from datasets.data_files import SPLIT_KEYWORDS

from dsdm._native import json_bytes

_SHARD_OF_SPLIT = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}.*\..*")
_FORMAT = {
    "type": "_format_type",
    "columns": "_format_columns",
    "output_all_columns": "_output_all_columns",
}


@dataclass(frozen=True)
class Description:
    """What a dataset of some shards is beside its rows."""

    info: DatasetInfo
    split: NamedSplit | None
    format: dict[str, Any] = field(default_factory=dict)


def description_of(files: Sequence[str]) -> Description:
    """Return what ``load_from_disk`` reads beside the shards; of other files, what their names tell."""
    folder = Path(files[0]).parent
    state = _state_of(folder, files)
    if state is None:
        return Description(DatasetInfo(), NamedSplit(split_of(files)))
    info = _info_of(folder)
    split = state.get("_split")
    shown = {key: state[stored] for key, stored in _FORMAT.items() if stored in state}
    shown |= state.get("_format_kwargs") or {}
    return Description(info, None if split is None else NamedSplit(split), shown)


def _info_of(folder: Path) -> DatasetInfo:
    path = folder / "dataset_info.json"
    if not path.is_file():
        return DatasetInfo()
    # Its reader knows no limits.
    json_bytes(path)
    return DatasetInfo.from_directory(str(folder))


def _state_of(folder: Path, files: Sequence[str]) -> dict[str, Any] | None:
    """Return what ``state.json`` says, if these are the shards that it names."""
    path = folder / "state.json"
    if not path.is_file():
        return None
    try:
        state = json.loads(json_bytes(path))
        named = [str(folder / shard["filename"]) for shard in state["_data_files"]]
    except (ValueError, KeyError, TypeError):
        return None
    return state if named == list(files) else None


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

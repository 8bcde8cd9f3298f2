"""A directory that was written, held against the sources of its rows and against the files beside its shards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import FileIdentity, json_bytes
from dsdm.errors import FormatError
from dsdm.rows.compared.contents import FORMATS, compare_rows, compare_sizes, opened_sources
from dsdm.selection.record.earlier import rows_of
from dsdm.selection.record.manifest import Manifest, read_manifest, row_files
from dsdm.selection.record.repeat import Files
from dsdm.selection.record.trust import Trust


def compare_with_sources(
    path: str,
    selection: dict[str, Any],
    located: list[FileIdentity],
    sources: Files,
    chosen: NDArray[np.int64] | str,
    trust: Trust,
    threads: int | None,
) -> int:
    """Compare rows with those of the sources where these are at hand, and it is known which they are.

    Returns how many were compared. What readers of the directory look at beside the shards is compared in any case.

    Raises
    ------
    ChecksumError, FormatError
        For what is another than ``dsdm.json`` tells.

    """
    told, manifest = read_manifest(path), str(Path(path, "dsdm.json"))
    _check_beside(path, told)
    if not located or len(sources.same) != len(located):
        return 0
    there = opened_sources(selection, located, threads)
    if there is None:
        return 0
    compare_sizes(manifest, selection, located, there)
    if told.mapped or told.format not in FORMATS or "order" not in selection:
        return 0
    if isinstance(chosen, str):
        found = rows_of(told, trust, None, threads, 0) if "row_ids" in selection else chosen
        if isinstance(found, str):
            return 0
        chosen = found[0]
    return compare_rows(manifest, selection, there, row_files(told), chosen, threads)


def _check_beside(path: str, told: Manifest) -> None:
    """Fail if a file that readers look at tells another digest of the bytes, or another type of the tokens."""
    for name, key, value in (("state.json", "_fingerprint", told.fingerprint), ("tokens.json", "dtype", told.dtype)):
        if name not in told.beside or value is None:
            continue
        file = Path(path, name)
        found = json.loads(json_bytes(file)).get(key)
        if found != value:
            message = f"{file}: {key} is {found!r:.100}, and by dsdm.json {value!r:.100}; write the dataset again"
            raise FormatError(message)

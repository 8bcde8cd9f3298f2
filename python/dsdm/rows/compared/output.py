"""A directory that was written, held against the sources of its rows and against the files beside its shards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, FileIdentity, json_bytes
from dsdm.errors import FormatError
from dsdm.rows.compared.added import compare_added
from dsdm.rows.compared.contents import FORMATS, compare_rows, compare_sizes, opened_shards, opened_sources
from dsdm.rows.options import in_order
from dsdm.selection.record.earlier import rows_of
from dsdm.selection.record.manifest import Manifest, read_manifest, row_files
from dsdm.selection.record.repeat import Files
from dsdm.selection.record.trust import Trust


def compare_with_sources(
    path: str,
    selection: dict[str, Any],
    located: list[FileIdentity],
    sources: Files,
    added: Files,
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
    there = _opened(selection, located, sources, manifest, threads)
    if told.format not in FORMATS or "order" not in selection:
        return 0
    if isinstance(chosen, str):
        found = rows_of(told, trust, None, threads, 0) if "row_ids" in selection else chosen
        chosen = found if isinstance(found, str) else found[0]
    known = None if isinstance(chosen, str) else chosen
    with_sources = there is not None and known is not None and not told.mapped
    here = opened_shards(row_files(told), threads) if with_sources or selection.get("scores") else None
    if here is None:
        return 0
    rows = None if known is None else in_order(known, selection["order"], selection.get("seed"))[0]
    sizes = [file.rows for file in located]
    of = None if told.mapped or not sizes or None in sizes else sum(size for size in sizes if size is not None)
    compare_added(manifest, selection, here, rows, of, added.same, threads)
    if there is None or known is None or told.mapped:
        return 0
    return compare_rows(manifest, selection, there, here, known, threads)


def _opened(
    selection: dict[str, Any], located: list[FileIdentity], sources: Files, manifest: str, threads: int | None
) -> Corpus | None:
    """Return the sources where all are at hand and can be opened, and have as many rows as is told."""
    if not located or len(sources.same) != len(located):
        return None
    there = opened_sources(selection, located, threads)
    if there is not None:
        compare_sizes(manifest, selection, located, there)
    return there


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

"""What the ``dsdm.json`` of a directory tells: its fields are looked at before anything is done with one.

The shards are not read: :func:`dsdm.verify` does that.
"""

import contextlib
import errno
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsdm._native import FileIdentity, json_bytes
from dsdm.errors import ChecksumError, FormatError
from dsdm.paths.hive.columns import of_told
from dsdm.paths.named import place_of
from dsdm.selection.manifest_paths import at_hand
from dsdm.selection.told import KNOWN

_NAME = "dsdm.json"
_LAYOUTS = (1, 2)
_AT_ONCE = 1 << 22
"""Bytes of a file that are in memory at once."""


@dataclass(frozen=True)
class Manifest:
    """A directory that dsdm wrote."""

    path: str
    rows: int
    """Rows that were chosen."""
    given: str | None
    """The digest of their numbers; None for what an older release or ``save_to_disk`` wrote."""
    chosen: dict[str, Any]
    """How, with paths that lead there from here; empty where nobody told it."""
    sources: list[FileIdentity]
    nbytes: int
    """Of the shards that are there: a draw of rows that have none is not repeated for a number in a file."""
    mapped: bool
    """Whether the rows are numbered otherwise than those of the sources."""
    hive: dict[str, Any] | None
    """The columns that the names of directories hold, as they were told."""
    shards: list[Any]
    """As they are told, of which no field was looked at."""
    format: Any
    """As it is told."""
    fingerprint: Any
    """Of the bytes of all shards, of which nothing was looked at."""
    dtype: Any
    """The type of the tokens; None of other formats."""
    beside: list[Any]
    """The names of the files beside the shards."""
    written: dict[str, Any]
    """How rows were written, of which no field was looked at: `order`, `seed` and `row_ids`, where they are told."""


def read_manifest(folder: str) -> Manifest:
    """Read the manifest of a directory.

    Raises
    ------
    FileNotFoundError
        If there is none.
    FormatError
        For one that is none, naming the field. By ChecksumError for one that was changed.

    """
    path = Path(folder, _NAME)
    if not os.path.lexists(path):
        message = "dsdm did not write this directory, or its dsdm.json is gone: there is none in it"
        raise FileNotFoundError(errno.ENOENT, message, folder)
    try:
        fields = json.loads(json_bytes(path))
    except (ValueError, RecursionError) as error:
        message = f"{path}: it is no JSON ({error}); write the dataset again"
        raise FormatError(message) from None
    if not isinstance(fields, dict) or type(layout := fields.get("manifest")) is not int or layout not in _LAYOUTS:
        found = fields.get("manifest") if isinstance(fields, dict) else None
        message = f"{path}: manifest is {found!r:.100}, and 1 and 2 are known here; write the dataset again"
        raise FormatError(message)
    _check_sum(path, fields)
    selection = _field(path, fields, "selection", dict, "selection")
    chosen = _field(path, selection, "chosen", dict, "selection.chosen", optional=True) or {}
    count = _field(path, selection, "rows", int, "selection.rows", optional=True)
    _check_schema(path, selection)
    sources = [_source(path, folder, at, file) for at, file in enumerate(_field(path, fields, "sources", list))]
    if chosen.get("by") in KNOWN:
        for at, file in enumerate(_field(path, chosen, "score_files", list, optional=True) or []):
            _source(path, folder, at, file, "selection.chosen.score_files")
    return Manifest(
        path=folder,
        rows=_field(path, fields, "rows", int) if count is None else count,
        given=_field(path, selection, "given", str, "selection.given", optional=True),
        chosen=at_hand(chosen, folder),
        sources=sources,
        nbytes=_nbytes(folder, _field(path, fields, "shards", list)),
        mapped=_field(path, selection, "mapped", bool, "selection.mapped", optional=True) is True,
        hive=_hive(path, selection, len(sources)),
        shards=fields["shards"],
        format=fields.get("format"),
        fingerprint=fields.get("fingerprint"),
        dtype=fields.get("token_dtype"),
        beside=[file.get("name") for file in fields.get("files") or () if isinstance(file, dict)],
        written={name: selection[name] for name in ("order", "seed", "row_ids") if name in selection},
    )


def _check_schema(path: Path, selection: dict[str, Any]) -> None:
    """Fail where it is told that files were opened as no call opens them."""
    told = selection.get("schema", "union")
    if told != "union":
        message = f'{path}: selection.schema is {told!r:.100}; "union" is expected, or none; write the dataset again'
        raise FormatError(message)


def row_files(manifest: Manifest) -> list[str]:
    """Return the files that hold the rows, by names that lead nowhere else.

    Raises
    ------
    FormatError
        For a shard without one.

    """
    found = []
    path, folder = Path(manifest.path, _NAME), manifest.path
    for at, shard in enumerate(manifest.shards):
        files = shard.get("files") if isinstance(shard, dict) else None
        name = files[0].get("name") if isinstance(files, list) and files and isinstance(files[0], dict) else None
        if not _leads_within(name):
            message = f"{path}: shards[{at}] names no file of it: {shard!r:.200}; write the dataset again"
            raise FormatError(message)
        found.append(os.path.join(folder, str(name)))  # noqa: PTH118 - a path may be any text
    return found


def check_row_files(manifest: Manifest, files: list[str]) -> None:
    """Fail if the files that hold the rows are others than were written: they are read for their checksums.

    Raises
    ------
    ChecksumError
        With both checksums.

    """
    path = Path(manifest.path, _NAME)
    for at, (shard, file) in enumerate(zip(manifest.shards, files, strict=True)):
        told, found = shard["files"][0].get("crc32"), _crc32(file)
        if not isinstance(told, str):
            message = f"{path}: shards[{at}].files[0].crc32 is {told!r:.100}; write the dataset again"
            raise FormatError(message)
        if told != found:
            message = (
                f"{file}: its crc32 is {found}, and {told!r:.100} was written, so that its row numbers may be others; "
                "dsdm verify (dsdm.verify) looks at all files of the directory: write it again"
            )
            raise ChecksumError(message)


def _crc32(file: str) -> str:
    found = 0
    with open(file, "rb") as bytes_of:  # noqa: PTH123 - a path may be any text
        while block := bytes_of.read(_AT_ONCE):
            found = zlib.crc32(block, found)
    return f"{found:08x}"


def _leads_within(name: Any) -> bool:
    """Return whether the name of a file of an output leads nowhere else."""
    return isinstance(name, str) and "\0" not in name and not {"", ".", ".."} & set(name.split("/"))


def _hive(path: Path, selection: dict[str, Any], files: int) -> dict[str, Any] | None:
    """Return what the manifest tells of the columns that the names of directories hold."""
    told: dict[str, Any] | None = _field(path, selection, "hive", dict, "selection.hive", optional=True)
    try:
        of_told(told, files)
    except ValueError as error:
        message = f"{path}: selection.hive is wrong: {error}; write the dataset again"
        raise FormatError(message) from None
    return told


def _check_sum(path: Path, fields: dict[str, Any]) -> None:
    """Fail if the manifest is not what its checksum is of."""
    rest = {name: value for name, value in fields.items() if name != "crc32"}
    text = json.dumps(rest, separators=(",", ":"), ensure_ascii=False)
    found = f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
    if fields.get("crc32") != found:
        message = (
            f"{path}: crc32 is {fields.get('crc32')!r:.100}, and the checksum of the rest is {found}: it was changed "
            "since it was written; write the dataset again"
        )
        raise ChecksumError(message)


def _field(
    path: Path, fields: dict[str, Any], name: str, kind: type, place: str | None = None, *, optional: bool = False
) -> Any:
    """Return a field, which must be of a type, and no negative number."""
    value = fields.get(name)
    if value is None and optional:
        return None
    wrong = kind is int and (isinstance(value, bool) or (isinstance(value, int) and value < 0))
    if wrong or not isinstance(value, kind):
        message = f"{path}: {place or name} is {value!r:.200}; write the dataset again"
        raise FormatError(message)
    return value


def _source(path: Path, folder: str, at: int, file: Any, place: str = "sources") -> FileIdentity:
    """Return a file of which the manifest tells, with the path where it is."""
    known = ("path", "bytes", "modified_ns", "rows", "ends")
    try:
        found = FileIdentity(**{name: file[name] for name in known if name in file})
    except (TypeError, ValueError, OverflowError, LookupError) as error:
        message = f"{path}: {place}[{at}] is {file!r:.200} ({error}); write the dataset again"
        raise FormatError(message) from None
    return found.at(place_of(found.path, folder))


def _nbytes(folder: str, shards: list[Any]) -> int:
    """Return the size of the shards that are there, by the names that lead nowhere else."""
    files = [file for shard in shards if isinstance(shard, dict) for file in shard.get("files", ())]
    names = [file.get("name") for file in files if isinstance(file, dict)]
    total = 0
    for name in names:
        if _leads_within(name):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, str(name))).st_size  # noqa: PTH118 - a path may be any text
    return total

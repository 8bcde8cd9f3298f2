"""The rows that an earlier output was written from, by its own record: to exclude them, or to choose of them alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import Corpus, FileIdentity, digest_of_rows
from dsdm.errors import ChecksumError, FormatError
from dsdm.paths import PathLike
from dsdm.selection.record import repeat
from dsdm.selection.record.manifest import Manifest, check_row_files, read_manifest, row_files
from dsdm.selection.record.repeat import compare_files
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.chosen import Selection

_MOST_CHAINED = 16
"""Outputs that were each chosen by the one before it: of a longer chain, or a circle, none is chosen again."""
_INSTEAD = "name the .npy file of its row numbers, or write it again with row_ids= (--row-ids)"


def choose_again(
    manifest: str,
    selection: Mapping[str, Any],
    data_dir: PathLike | None,
    *,
    trust: Trust,
    threads: int | None,
    depth: int = 0,
    sources: Sequence[FileIdentity] = (),
    hive: Mapping[str, Any] | None = None,
    **written: Any,
) -> NDArray[np.int64] | str:
    """Return the rows of a selection that a manifest tells, as :func:`repeat.choose_again` does.

    Rows to exclude, or that alone may be chosen, may be those of an earlier output, which must be of the same
    `sources`, where these are known, with the same columns in the names of their directories (`hive`).

    Raises
    ------
    ChecksumError
        Also for an earlier output of other files.

    """

    def of_output(folder: str) -> NDArray[np.int64] | str:
        if depth == _MOST_CHAINED:
            return f"{folder}: more than {_MOST_CHAINED} outputs were each chosen by the one before"
        earlier = read_manifest(folder)
        place = str(Path(folder, "dsdm.json"))
        try:
            if sources and earlier.sources and not earlier.mapped:
                _refuse_other_files(place, earlier.sources, sources)
                _refuse_other_folders(place, earlier, sources, hive)
        except ValueError as error:
            message = f"{manifest}: rows of {folder} were excluded, or chosen of: {error}"
            raise ChecksumError(message) from None
        found = rows_of(earlier, trust, data_dir, threads, depth + 1)
        return found if isinstance(found, str) else found[0]

    return repeat.choose_again(
        manifest,
        selection,
        data_dir,
        trust=trust,
        threads=threads,
        of_output=of_output,
        sources=[file.path for file in sources],
        **written,
    )


def rows_of_output(
    folder: str,
    files: Sequence[FileIdentity] | None,
    trust: Trust,
    data_dir: PathLike | None,
    threads: int | None,
    hive: Mapping[str, Any] | None = None,
) -> Selection:
    """Return the rows that an output was written from, which must be of a corpus of these files, if they are known.

    `hive` has the columns that the names of the files' directories hold.

    Raises
    ------
    ValueError
        For an output of other files, and for one that does not tell which rows it has, saying what is missing.
    ChecksumError
        For files that are others now.

    """
    manifest = read_manifest(folder)
    place = str(Path(folder, "dsdm.json"))
    if manifest.mapped or not manifest.sources:
        which = "a dataset that picks or changes rows of files" if manifest.mapped else "a table in memory"
        message = f"{place}: its rows came from {which}, so that nothing tells which rows of files they are; {_INSTEAD}"
        raise ValueError(message)
    if files is not None:
        _refuse_other_files(place, manifest.sources, files)
        _refuse_other_folders(place, manifest, files, hive)
    elif changed := compare_files(manifest.sources, trust).changed:
        message = f"{changed[0]}; {folder} was written from another: its rows are those of the one that it was"
        raise ChecksumError(message)
    found = rows_of(manifest, trust, data_dir, threads, 0)
    if isinstance(found, str):
        message = f"{place}: which rows these are is not told by a column, and not found out: {found}; {_INSTEAD}"
        raise ValueError(message)  # noqa: TRY004 - what is told is too little, whatever its type
    rows, n = found
    rows.flags.writeable = False
    files_of = [file.fields() for file in manifest.sources]
    corpus = {"name": "rows", "files": files_of, **({"hive": manifest.hive} if manifest.hive else {})}
    return Selection(indices=rows, n=n, rule={}, what=f"rows of {folder}", corpora=[corpus])


def rows_of(
    manifest: Manifest, trust: Trust, data_dir: PathLike | None, threads: int | None, depth: int
) -> tuple[NDArray[np.int64], int] | str:
    """Return the rows that an output was written from, and how many there were; or why they are not known.

    Raises
    ------
    ChecksumError
        For rows that are others than were written.

    """
    sizes = [file.rows for file in manifest.sources]
    n = sum(size for size in sizes if size is not None)
    if not sizes or None in sizes or manifest.mapped:
        return "the manifest does not tell of how many rows they are"
    if (column := manifest.written.get("row_ids")) is not None:
        files = row_files(manifest)
        if outside := trust.first_outside(files):
            return outside
        rows = _of_column(manifest, column, files, threads)
    else:
        again = choose_again(
            str(Path(manifest.path, "dsdm.json")),
            manifest.chosen,
            data_dir,
            trust=trust,
            threads=threads,
            depth=depth,
            written=manifest.rows,
            nbytes=manifest.nbytes,
            digest=manifest.given,
            sources=manifest.sources,
            hive=manifest.hive,
        )
        if isinstance(again, str):
            return again
        rows = again
        _check(manifest, rows, "its record chooses other rows now")
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n:
        message = f"{manifest.path}: it has rows that are none of the {n:,} of its sources; write it again"
        raise FormatError(message)
    return rows, n


def _of_column(manifest: Manifest, name: Any, files: list[str], threads: int | None) -> NDArray[np.int64]:
    """Return the rows in a column of the output, in the order in which they were chosen where that can be undone."""
    import pyarrow as pa

    order, seed = manifest.written.get("order"), manifest.written.get("seed")
    if not isinstance(name, str) or order not in ("given", "row", "shuffle") or (order == "shuffle" and not _is(seed)):
        told = f"row_ids is {name!r:.100}, order {order!r:.100} and seed {seed!r:.100}"
        message = f"{manifest.path}: in its dsdm.json {told}, which tells of no column of row numbers; write it again"
        raise FormatError(message)
    if order == "row":
        # Of the order in which they were chosen, whose digest is told, nothing is left: the bytes are what is known.
        check_row_files(manifest, files)
    corpus = Corpus.open(files, threads=threads)
    if name not in corpus.schema.names:
        message = f"{manifest.path}: its dsdm.json tells of row numbers in a column {name!r:.100}, and there is none"
        raise FormatError(message)
    corpus = corpus.select([name])
    values = corpus.take(np.arange(len(corpus)), threads=threads).column(0)
    if values.type != pa.int64() or values.null_count or len(values) != manifest.rows:
        message = (
            f"{manifest.path}: the column {name!r} has {len(values):,} values of {values.type}, and its dsdm.json "
            f"tells of {manifest.rows:,} row numbers; write it again"
        )
        raise FormatError(message)
    written: NDArray[np.int64] = values.to_numpy()
    rows = written.copy()
    if order == "row":
        if (np.diff(rows) < 0).any():
            message = f"{manifest.path}: the row numbers in {name!r} do not ascend, and dsdm.json tells that they do"
            raise ChecksumError(message)
        return rows
    if order == "shuffle":
        rows[np.random.default_rng(seed).permutation(len(written))] = written
    _check(manifest, rows, f"the row numbers in {name!r} are others")
    return rows


def _is(seed: Any) -> bool:
    """Return whether a value is a seed."""
    return type(seed) is int and seed >= 0


def _check(manifest: Manifest, rows: NDArray[np.int64], what: str) -> None:
    found = digest_of_rows(rows)
    if found != manifest.given:
        message = (
            f"{manifest.path}: {what}: they have the digest {found}, and rows with the digest {manifest.given} were "
            "written; write it again"
        )
        raise ChecksumError(message)


def _refuse_other_files(place: str, then: Sequence[FileIdentity], now: Sequence[FileIdentity]) -> None:
    """Fail unless files are those that an output was written from, in their order, by sizes and ends."""
    known = [[(file.bytes, file.rows, file.ends) for file in files] for files in (then, now)]
    if known[0] == known[1]:
        return
    if len(then) != len(now):
        message = (
            f"{place}: its rows came from {len(then):,} files, and the rows here are of {len(now):,}: they are "
            "numbered otherwise; name an output of the same corpus"
        )
        raise ValueError(message)
    at = next(at for at, (one, other) in enumerate(zip(*known, strict=True)) if one != other)
    message = (
        f"{place}: its rows came from {then[at].path} of {then[at].bytes:,} bytes, and the rows here are of "
        f"{now[at].path}, which is another file ({now[at].bytes:,} bytes, or other ends); name an output of the same "
        "corpus, whose files come in the same order"
    )
    raise ValueError(message)


def _refuse_other_folders(
    place: str, manifest: Manifest, files: Sequence[FileIdentity], hive: Mapping[str, Any] | None
) -> None:
    """Fail where the names of directories hold other values than they did: files of the same bytes are told by them."""
    found = first_other_value(manifest.hive, hive)
    if found is None:
        return
    name, at = found
    then, now = (told[name][at] for told in (manifest.hive or {}, hive or {}))
    message = (
        f"{place}: its rows came from {manifest.sources[at].path}, whose directories told {name}={then}, and those of "
        f"{files[at].path} tell {name}={now}: it is another file, or was moved; name an output of the same corpus, "
        "whose files come in the same order"
    )
    raise ValueError(message)


def first_other_value(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> tuple[str, int] | None:
    """Return the first column that directories hold then and now with another value, and the number of the file."""
    both = [name for name in then or {} if name in (now or {})]
    for name in both:
        values = [*zip((then or {})[name], (now or {})[name], strict=True)]
        other = next((at for at, (one, other) in enumerate(values) if one != other), None)
        if other is not None:
            return name, other
    return None

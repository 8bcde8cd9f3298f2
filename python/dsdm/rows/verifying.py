"""Whether a directory is still what :func:`dsdm.materialize` wrote."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native
from dsdm.checks import check_threads
from dsdm.errors import ChecksumError, FormatError
from dsdm.names import old_attribute
from dsdm.paths import PathLike, local
from dsdm.paths.deep import MOST_DEEP, too_deep
from dsdm.paths.named import place_of
from dsdm.paths.strays import strays
from dsdm.rows.compared.added import added_files
from dsdm.rows.compared.output import compare_with_sources
from dsdm.rows.options import in_order
from dsdm.rows.sizes import readable
from dsdm.selection.manifest_paths import at_hand
from dsdm.selection.record.earlier import choose_again
from dsdm.selection.record.fields import check_fields
from dsdm.selection.record.repeat import Files, compare_files, identities, input_files, score_files
from dsdm.selection.record.trust import ALLOW, OUTSIDE, Trust
from dsdm.shown import safe_messages, shown


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found to be as it was written."""

    path: str
    format: str
    rows: int
    """As the shards say themselves."""
    shards: int
    bytes: int
    """That were read and have the checksums they had."""
    selection: bool
    """Whether the rows were chosen again from their scores, and are those that were written."""
    reason: str
    """Why they were not, if they were not."""
    sources: Files = field(default_factory=Files)
    """Which of the files that rows came from are at hand with the size and the ends they had, and which are not."""
    score_files: Files = field(default_factory=Files)
    """The same of the files by which rows were chosen."""
    inputs: Files = field(default_factory=Files)
    """The same of the files in which the groups of the rows lie, or their lengths."""
    added: Files = field(default_factory=Files)
    """The same of the files of scores that were added to the rows as columns."""
    compared: int = 0
    """Rows that were held against those of the sources, which `dsdm.json` says they are: by their numbers all, else
    some. 0 where the sources are not at hand, or nothing tells which rows they are."""

    remark = old_attribute("remark", "reason")

    def _compared(self) -> str:
        """Say how many rows were held against the sources: all by their numbers, or where these are few; else some."""
        if self.compared >= self.rows:
            return "the rows are those of the sources, by their numbers or the values that were compared"
        return f"{self.compared:,} of the {self.rows:,} rows, a sample, are those of the sources"

    def __str__(self) -> str:
        shards = "1 shard" if self.shards == 1 else f"{self.shards:,} shards"
        by = "scores" if self.score_files.same else "seed"
        rows = f"is that of the {by}" if self.selection else f"was not looked at: {self.reason}"
        parts = [
            f"the selection {rows}",
            *([self._compared()] if self.compared else []),
            *_in_words("sources", self.sources),
            *_in_words("score files", self.score_files),
            *_in_words("files of groups and lengths", self.inputs),
            *_in_words("files of added scores", self.added),
        ]
        # Why files were not looked at is said once for all of them, behind the last.
        why = f" {OUTSIDE}; {ALLOW}"
        if any(why in text for text in parts):
            parts = [text.replace(why, " outside") for text in parts]
            parts.append(f"what lies {OUTSIDE} is not opened: {ALLOW}")
        return shown(
            f"{self.path}: {self.rows:,} rows in {shards} of {self.format}, {readable(self.bytes)} with the "
            "files beside them, as written; " + "; ".join(parts)
        )


def _in_words(what: str, files: Files) -> Iterator[str]:
    """Return in words what was found of files, and by what."""
    count = len(files.same) + len(files.missing) + len(files.outside)

    def some(number: int) -> str:
        return f"{number:,} of {count:,} {what}"

    if files.same:
        yield f"{some(len(files.same))} have the size, and the first and last bytes, that they had"
    if files.touched:
        first = files.touched[0]
        yield f"{some(len(files.touched))} have another modification time, and may differ between their ends ({first})"
    if files.missing:
        first = files.missing[0]
        seen = "" if Path(first).is_absolute() else "; dsdm.json tells its name and not its place"
        yield f"{some(len(files.missing))} were not looked at ({first} is not there{seen})"
    if files.outside:
        yield f"{some(len(files.outside))} were not looked at ({files.outside[0]})"


@safe_messages
def verify(
    folder: PathLike,
    *,
    data_dir: PathLike | None = None,
    threads: int | None = None,
    trust_paths: Iterable[PathLike] = (),
) -> Verified:
    """Read everything in a directory that dsdm wrote, and compare it with ``dsdm.json``.

    Sizes and checksums of all files are compared, the rows of each shard are counted, and the JSON files read. Where
    the manifest tells how the rows were chosen and the score files are at hand, they are chosen again and
    compared. The bytes are read once, in parallel.

    The files that the rows came from and were chosen by are compared, where they are still there, with their sizes
    and the digests of their first and last bytes (headers, footers, directories). Which could be is told, and a file
    that is not there is no error: relative paths are the way from the directory, wherever it is now, and a name without
    a way is that of a file whose place is not told (``paths`` of :func:`dsdm.materialize`).

    What else ``dsdm.json`` tells is computed again, where the files are at hand: where the rows were cut, their tokens,
    the columns of directories. Where it is known which rows of the sources were written, as they were chosen again or
    by ``row_ids``, the numbers of all rows, and the values of some, are compared with those of the sources.

    A manifest can name any file, and whoever wrote it need not mean well. So of the files outside of the directory only
    those are opened that lie, where links lead, below `data_dir`, ``$DSDM_DATA_DIR``, the user's cache, the current
    directory, or one of `trust_paths`. Of others it is told that they were not looked at. A link
    in the directory that leads to one of them is an error.

    A data file in the directory that is none of the output is an error, where those who read the directory would take
    it; other files may lie there.

    Parameters
    ----------
    folder
        A directory that :func:`dsdm.materialize` or the command wrote, in any format.
    data_dir
        Where score files of the reference's methods are looked for first, if not where they were.
    threads
        All that the process may run on, if not given.
    trust_paths
        Directories and files that may be opened as well, where the manifest names them as sources or score files.

    Raises
    ------
    FileNotFoundError
        If there is no ``dsdm.json``, or a file that it names is missing.
    ChecksumError
        Naming the file and both checksums; or the score files, if they choose other rows; or the source or the score
        file that is no longer what it was.
    ValueError
        If there are other numbers of scores and of rows in the source, with both.
    TruncatedError, FormatError
        For a file of another size, or whose rows are others; for a data file that is not of the output; for a link to
        what is not trusted; for a manifest that holds something else than manifests do, naming the field.

    Examples
    --------
    >>> import dsdm, pyarrow as pa, tempfile
    >>> folder = tempfile.mkdtemp() + "/subset"
    >>> report = dsdm.materialize(pa.table({"text": ["a", "b", "c"]}), [2, 0], folder)
    >>> dsdm.verify(folder).rows
    2
    """
    check_threads(threads)
    path = local(folder, "the directory")
    trust = Trust(path, data_dir, trust_paths)
    _check_folder(path)
    _refuse_links(path, trust)
    found = _native.verify(path, threads=threads)
    _refuse_strays(path, found.format, found.files)
    selection = found.selection
    check_fields(str(Path(path, "dsdm.json")), selection, [file.path for file in found.sources])
    how = at_hand(selection.get("chosen", {}), path)
    located = [file.at(place_of(file.path, path)) for file in found.sources]
    sources = compare_files(located, trust)
    of_scores = score_files(how, data_dir)
    scores, inputs = compare_files(identities(of_scores), trust), compare_files(input_files(how), trust)
    added = compare_files(added_files(path, selection), trust)
    if inputs.changed:
        raise ChecksumError(_changed(path, "file of groups or lengths", inputs))
    if scores.changed and any(": it had" in changed for changed in scores.changed):
        raise ChecksumError(_changed(path, "score file", scores))
    manifest = str(Path(path, "dsdm.json"))
    count = _field(manifest, selection, "rows") if how else selection.get("rows", found.rows)
    if count != found.rows:
        message = f"{manifest}: selection.rows is {count!r:.100}, and {found.rows:,} rows are there; write it again"
        raise FormatError(message)
    chosen = choose_again(
        manifest,
        how,
        data_dir,
        trust=trust,
        written=count,
        nbytes=found.bytes,
        digest=selection.get("given"),
        threads=threads,
        sources=[] if selection.get("mapped") else located,
        hive=selection.get("hive"),
    )
    if not isinstance(chosen, str):
        _field(manifest, selection, "given")
        _check_chosen(path, chosen, selection, [*of_scores, *(file.fields() for file in input_files(how))])
        _check_numbers(path, chosen, selection, found.indices)
    for what, files in (("score file", scores), ("source", sources), ("file of added scores", added)):
        if files.changed:
            raise ChecksumError(_changed(path, what, files))
    reason = chosen if isinstance(chosen, str) else ""
    sizes = found.rows, found.shards, found.bytes
    compared = compare_with_sources(path, selection, located, sources, added, chosen, trust, threads)
    return Verified(path, found.format, *sizes, not reason, reason, sources, scores, inputs, added, compared)


def _check_folder(path: str) -> None:
    """Fail for a directory that is not there, and for one that dsdm did not write."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - a path may be any text
        os.lstat(os.path.join(path, "dsdm.json"))  # noqa: PTH118
    except NotADirectoryError:
        is_folder = False
    except FileNotFoundError as error:
        if not os.path.lexists(path):
            message = "there is no such directory"
        else:
            message = "dsdm did not write this directory, or its dsdm.json is gone: there is none in it"
        raise FileNotFoundError(errno.ENOENT, message, path) from error
    if not is_folder:
        message = "this is no directory; name one that dsdm wrote"
        raise NotADirectoryError(errno.ENOTDIR, message, path)


def _refuse_links(path: str, trust: Trust) -> None:
    """Fail if something in the directory is a link to what is not trusted, of which anything that is found tells."""
    ahead = [(path, 0)] if Path(path).is_dir() else []
    while ahead:
        place, depth = ahead.pop()
        if depth > MOST_DEEP:
            raise too_deep(path, os.path.relpath(place, path))
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    ahead.append((entry.path, depth + 1))
                elif entry.is_symlink() and trust.outside(entry.path, expand=False):
                    message = (
                        f"{entry.path}: it is a link to {os.path.realpath(entry.path)}, {OUTSIDE}, and is not opened; "
                        f"{ALLOW}"
                    )
                    raise FormatError(message)


def _field(manifest: str, selection: dict[str, Any], name: str) -> Any:
    """Return a field that every selection has."""
    if name in selection:
        return selection[name]
    message = f"{manifest}: selection.{name}: it is missing; write the dataset again"
    raise FormatError(message)


def _refuse_strays(path: str, kind: str, written: list[str]) -> None:
    """Fail if something lies in the directory that its readers would take for a part of it."""
    found = list(dict.fromkeys(strays(path, kind, set(written))))
    if found:
        more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
        message = (
            f"{Path(path, found[0])}{more}: this is not of the output, whose dsdm.json does not name it, and readers "
            "of the directory would take its rows as well; move it out of the directory"
        )
        raise FormatError(message)


def _check_chosen(path: str, chosen: NDArray[np.int64], selection: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """Fail if the scores choose other rows now."""
    digest = _native.digest_of_rows(chosen)
    if digest == selection["given"]:
        return
    if files:
        why = f"{_written_to(files)}: the scores are others now; {path} was written from other ones"
    else:
        why = f"{path}: the draw, which looks at no scores, is another now; was it told by hand?"
    message = (
        f"{why} (they choose {len(chosen):,} rows with the digest {digest}, and {selection['rows']:,} rows with the "
        f"digest {selection['given']} were written)"
    )
    raise ChecksumError(message)


def _check_numbers(
    path: str, chosen: NDArray[np.int64], selection: dict[str, Any], shards: list[tuple[int, str | None]]
) -> None:
    """Fail if a shard tells of other rows than were chosen, in the order that is told."""
    if selection.get("mapped") or any(digest is None for _, digest in shards) or "order" not in selection:
        return  # Proof: of rows of a dataset numbers are others, and the first layout tells neither digests nor more.
    rows, _ = in_order(chosen, selection["order"], selection.get("seed"))
    end = 0
    for number, (count, told) in enumerate(shards):
        start, end = end, end + count
        found = _native.digest_of_rows(np.ascontiguousarray(rows[start:end]))
        if found != told:
            message = (
                f"{Path(path, 'dsdm.json')}: shards[{number}].indices is {told}, and the rows that are chosen have "
                f"{found} there, in the order {selection['order']!r}: another order or seed was told by hand, or the "
                "shard holds other rows; write the dataset again"
            )
            raise ChecksumError(message)


def _written_to(files: list[dict[str, Any]]) -> str:
    """Name the score files that were written to since, by their times; or all of them, where none tells it so."""
    there = [file for file in files if os.path.isfile(file["path"])]  # noqa: PTH113 - which raises for no path
    since = [file["path"] for file in there if Path(file["path"]).stat().st_mtime_ns != file.get("modified_ns")]
    return ", ".join(map(str, since or [file["path"] for file in files]))


def _changed(path: str, what: str, files: Files) -> str:
    more = f" (and {len(files.changed) - 1:,} more)" if len(files.changed) > 1 else ""
    return f"{files.changed[0]}{more}; {path} was written from another: this {what} is no longer the one it was"

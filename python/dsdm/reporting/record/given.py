"""What was given to be reported: a selection, its file or a directory, as one kind of thing."""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import FileIdentity, digest_of_rows
from dsdm.errors import ChecksumError
from dsdm.paths import PathLike, local
from dsdm.rows.row_numbers import interruptibly
from dsdm.selection.ids.order.side import Beside
from dsdm.selection.record.earlier import choose_again
from dsdm.selection.record.manifest import Manifest, read_manifest
from dsdm.selection.record.repeat import Files, compare_files, identities, input_files, score_files
from dsdm.selection.record.trust import Trust
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.origin import corpora_of
from dsdm.selection.told import KNOWN

_ROW_BYTES = 8


@dataclass(frozen=True)
class Given:
    """A selection that is to be reported."""

    name: str
    of: int | None
    """Rows of what it is of; None where nothing tells it."""
    count: int
    rows: NDArray[np.int64] | None
    """The chosen rows, ascending; None where nothing tells which they are."""
    rule: str
    how: Mapping[str, Any]
    """How the rows are chosen again, with paths that lead there from here."""
    arguments: Mapping[str, Any]
    """The arguments by which they were chosen, as far as they are told."""
    trust: Trust
    files: list[FileIdentity]
    """The score files, as they were."""
    sources: list[FileIdentity] = field(default_factory=list)
    """The files of the corpus, as they were; none where nothing tells them."""
    mapped: bool = False
    hive: Mapping[str, Any] | None = None
    """The columns of the corpus that the names of its directories hold."""
    cut: Mapping[str, Any] | None = None
    seed: int | None = None
    tokens: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Why the rows are not known, and why they were not chosen again."""
    placed: list[Beside] = field(default_factory=list)
    """The files of scores, groups and lengths that are taken by position; none of a directory, whose rows were compared
    with them as it was written."""
    corpora: Sequence[Mapping[str, Any]] = ()
    """The corpora that it was made with, or that a directory was written from: rows of another are refused."""

    @property
    def method(self) -> str | None:
        """The method of the reference that chose them."""
        method = self.arguments.get("method") if self.how.get("by") == "get_indices" else None
        return method if isinstance(method, str) else None


def given(what: Any, data_dir: PathLike | None, trusted: Iterable[PathLike], threads: int | None) -> Given:
    """Return what was given, whose score files are what they were and choose these rows.

    Raises
    ------
    TypeError
        For anything but a :class:`Selection` and paths.
    FileNotFoundError, FormatError
        For a path that leads to none.
    ChecksumError
        If the scores, or a file of them, are others now.

    """
    if isinstance(what, Selection):
        return _of_selection(what, what.what, data_dir, threads)
    if not isinstance(what, str | bytes | os.PathLike):
        message = (
            "a report is of a dsdm.Selection, of the .npy file of one or of a directory that dsdm wrote, and this is a "
            f"{type(what).__name__}; dsdm.choose gives a Selection"
        )
        raise TypeError(message)
    path = local(os.fsdecode(what), "the selection")
    if path.lower().endswith(".npy") and not Path(path).is_dir():
        _refuse_untold(Path(path))
        return _of_selection(Selection.load(path), path, data_dir, threads)
    if not os.path.lexists(path):
        message = f"{path}: there is no such directory or .npy file"
        raise FileNotFoundError(message)
    if not Path(path).is_dir():
        message = f"{path}: a report is of the .npy file of a selection, or of a directory that dsdm wrote"
        raise ValueError(message)
    return _of_directory(read_manifest(path), Trust(path, data_dir, trusted), data_dir, threads)


def _refuse_untold(path: Path) -> None:
    """Fail for a file of which nothing tells what its rows are: row numbers alone, or scores.

    Raises
    ------
    FileNotFoundError
        With what writes such files.

    """
    told = path.with_name(f"{path.name}.json")
    if path.exists() and not told.exists():
        message = (
            f"{path}: {told.name} is not beside it, which tells by what rows were chosen, so that there is nothing to "
            "report; choose them by `dsdm indices -o` or dsdm.choose(...).save(path), which write both files, or write "
            "the rows by `dsdm materialize --indices` and report the directory"
        )
        raise FileNotFoundError(message)


def _of_selection(found: Selection, name: str, data_dir: PathLike | None, threads: int | None) -> Given:
    # Whoever made it or loaded it trusts what it names.
    place = os.curdir
    with contextlib.suppress(FileNotFoundError):
        place = os.getcwd()  # noqa: PTH109
    how = {**(found.again or {}), **found.inputs, "score_files": [file.fields() for file in found.files]}
    # What is told of inputs alone is of this package as well.
    how = how if how.get("by") in KNOWN else {**how, "chosen_by": dict(found.rule)}
    trust = Trust(place, data_dir, [path for path in _named(how) if os.path.lexists(path)])
    _refuse_changed(name, compare_files([*found.files, *input_files(how)], trust))
    unknown = {}
    if how.get("by") in KNOWN:
        size = len(found) * _ROW_BYTES
        digest = digest_of_rows(found.indices)
        written: dict[str, Any] = {"written": len(found), "nbytes": size, "digest": digest}
        again = choose_again(name, _with_facts(how, found), data_dir, trust=trust, threads=threads, **written)
        if isinstance(again, str):
            unknown["scores"] = again
        else:
            _check_chosen(name, again, digest, len(found))
    return Given(
        name=name,
        of=found.n,
        count=len(found),
        rows=_ascending(found.indices),
        rule=found.what,
        how=how,
        arguments=_arguments(how) if how.get("by") in KNOWN else dict(found.rule),
        trust=trust,
        files=found.files,
        cut=None if found.cut is None else found.cut.told(),
        seed=found.seed,
        tokens=found.tokens,
        unknown=unknown,
        placed=found.by_position(),
        corpora=corpora_of(found),
    )


def _with_facts(how: dict[str, Any], found: Selection) -> dict[str, Any]:
    """Return how rows are chosen again with what else is told of them, which is computed again."""
    told = {"of": found.n, "cut": found.cut and found.cut.told(), "tokens": found.tokens}
    return {**how, **{name: value for name, value in told.items() if value is not None}}


def _of_directory(manifest: Manifest, trust: Trust, data_dir: PathLike | None, threads: int | None) -> Given:
    how, path = manifest.chosen, manifest.path
    files = identities(score_files(how, data_dir))
    _refuse_changed(path, compare_files([*files, *input_files(how)], trust))
    again: NDArray[np.int64] | str = "dsdm.json does not tell how the rows were chosen"
    if how.get("by") in KNOWN:
        again = choose_again(
            path,
            how,
            data_dir,
            trust=trust,
            written=manifest.rows,
            nbytes=manifest.nbytes,
            digest=manifest.given,
            threads=threads,
            sources=[] if manifest.mapped else manifest.sources,
            hive=manifest.hive,
        )
    elif how:
        again = "dsdm.json tells how the rows were chosen, and not by what they can be chosen again"
    unknown = {}
    if isinstance(again, str):
        unknown = {"rows": again}
    elif manifest.given is not None:
        _check_chosen(path, again, manifest.given, manifest.rows)
    told_of = [how.get("source_rows"), how.get("of")]
    sizes = [file.rows for file in manifest.sources]
    told_of.append(sum(size for size in sizes if size is not None) if sizes and None not in sizes else None)
    return Given(
        name=path,
        of=next((number for number in told_of if type(number) is int), None),
        count=manifest.rows,
        rows=None if isinstance(again, str) else _ascending(again),
        rule=_in_words(how),
        how=how,
        arguments=_arguments(how),
        trust=trust,
        files=files,
        sources=manifest.sources,
        mapped=manifest.mapped,
        hive=manifest.hive,
        cut=how["cut"] if isinstance(how.get("cut"), Mapping) else None,
        seed=_seed(how),
        tokens=how["tokens"] if type(how.get("tokens")) is int else None,
        unknown=unknown,
        corpora=_written_from(manifest),
    )


def _written_from(manifest: Manifest) -> list[Mapping[str, Any]]:
    """Return the corpus that a directory was written from, where its rows are those of files as they lie."""
    if not manifest.sources or manifest.mapped:
        return []
    files = [file.fields() for file in manifest.sources]
    return [{"name": "sources", "files": files, **({"hive": manifest.hive} if manifest.hive else {})}]


def _ascending(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return interruptibly(lambda: np.sort(rows), len(rows))


def _refuse_changed(name: str, files: Files) -> None:
    """Fail for a file of scores, groups or lengths that is another now.

    Raises
    ------
    ChecksumError
        Naming it, and what is another.

    """
    if files.changed:
        more = f" (and {len(files.changed) - 1:,} more)" if len(files.changed) > 1 else ""
        message = f"{files.changed[0]}{more}; the rows of {name} were chosen by another: choose them again"
        raise ChecksumError(message)


def _check_chosen(name: str, again: NDArray[np.int64], digest: str, count: int) -> None:
    """Fail if the scores choose other rows now."""
    found = digest_of_rows(again)
    if found != digest:
        message = (
            f"{name}: the scores are others now: they choose {len(again):,} rows with the digest {found}, and "
            f"{count:,} rows with the digest {digest} were chosen; choose them again"
        )
        raise ChecksumError(message)


def _named(how: Mapping[str, Any]) -> list[str]:
    """Return the files that a selection of this process names."""
    scores = how.get("scores") or []
    listed = [scores] if isinstance(scores, str | os.PathLike) else scores
    rows = [how[name] for name in ("exclude", "only") if how.get(name) is not None]
    files = [file["path"] for file in how.get("score_files", ())]
    files += [file.path for file in input_files(how)]
    return [local(os.fspath(path)) for path in [*listed, *rows, *files]]


def _arguments(how: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments by which rows are chosen again, by the names that functions have for them."""
    found = how.get("arguments")
    return dict(found) if how.get("by") in KNOWN and isinstance(found, Mapping) else {}


def _seed(how: Mapping[str, Any]) -> int | None:
    arguments = how.get("arguments")
    told = arguments.get("seed") if isinstance(arguments, Mapping) else None
    told = how.get("seed") if told is None else told
    return told if type(told) is int else None


def _in_words(how: Mapping[str, Any]) -> str:
    """Return in words how rows were chosen."""
    if isinstance(how.get("rule"), str):
        return str(how["rule"])
    arguments = how.get("arguments")
    if how.get("by") not in KNOWN or not isinstance(arguments, Mapping):
        return "rows that were chosen otherwise" if how else "rows of which nobody told how they were chosen"
    if how["by"] == "get_indices":
        target = arguments.get("target")
        return f"{arguments.get('method')} rows" + (f" for {target}" if target else "")
    scores = how.get("scores") or []
    listed = [scores] if isinstance(scores, str) else list(scores)
    what = {"gumbel_top_k": "Gumbel top-k"}.get(how["by"], "bottom-k" if arguments.get("largest") is False else "top-k")
    of = Path(str(listed[0])).name if len(listed) == 1 else f"{len(listed):,} files"
    return f"{what} of {of}"

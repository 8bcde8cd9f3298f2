"""What a directory stands for: its files, the data sets below it, or what its ``state.json`` lists."""

import errno
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from dsdm._native import json_bytes
from dsdm.errors import FormatError
from dsdm.paths import complete, order
from dsdm.paths.belongs import LINES, ROWS, TABLES, Tree, Use, data_set_kind, walk
from dsdm.paths.hive.columns import first_key
from dsdm.paths.hub.card import read_card
from dsdm.paths.named import place_of, tells_place
from dsdm.paths.saved import STATE, saved_shards
from dsdm.paths.splits import named_splits, one_split
from dsdm.shown import shown

# A reference to a revision has 40.
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Options:
    """How paths are read."""

    use: Use
    sort: str | None = None
    partial: bool = False
    hive: bool = False
    """Whether the names of directories hold columns, which are wanted."""

    @property
    def keys(self) -> bool:
        """Whether directories named KEY=VALUE are no more than places: their columns are wanted, or none are."""
        return self.hive or self.use is not ROWS


@dataclass
class Found:
    """The files that a path means, in their order."""

    files: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """The directories and globs that were opened, and the directories that links in them lead to: what is written there
    would be read as well."""
    below: list[str] = field(default_factory=list)
    """The path of each file below the directory or the glob that was given."""
    searched: list[tuple[str, range]] = field(default_factory=list)
    """Each directory and glob that was given, and which of the files are its."""

    def add(self, other: "Found", under: str = "") -> None:
        """Add what another path means behind, which lies in a directory of this one."""
        self.files += other.files
        self.below += [f"{under}/{path}" if under else path for path in other.below]
        self.places += other.places


def open_folder(folder: str, options: Options) -> Found:
    """Return what a directory stands for.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        For a directory without data, with what was looked for; or with a part of it missing.
    ValueError
        For one that is no one table or has no one order.

    """
    names = set(os.listdir(folder))  # noqa: PTH208
    kind = data_set_kind(folder, names)
    refuse_table(folder, kind)
    if kind is None and "snapshots" in names and names & {"blobs", "refs"}:
        return open_folder(_snapshot(Path(folder)), options)
    if kind == "dataset_dict.json":
        _refuse_splits(folder)
    if kind == "state.json" or (kind == "dsdm.json" and "state.json" in names):
        shards = saved_shards(folder)
        return Found(shards, [folder], [os.path.basename(shard) for shard in shards])  # noqa: PTH119
    tree = walk(folder, options.use)
    for path, below in tree.sets.items():
        refuse_table(f"{folder}/{path}", below)
    refuse_hive(folder, options, [*tree.files, *(f"{path}/" for path in tree.sets)])
    if not tree.files and not tree.sets:
        _refuse_nothing(folder, options.use)
    # What load_dataset does not read, as .npy, its card does not speak of.
    card = read_card(folder, names) if tree.sets or any(map(ROWS.kind, tree.files)) else None
    found = _data_sets(folder, tree, options) if tree.sets else _files(folder, tree, options)
    if card is not None:
        card.check(found.files, is_sorted=options.sort is not None, partial=options.partial)
    return found


def refuse_table(folder: str, kind: str | None) -> None:
    """Fail for a directory that a table format keeps, or that lies in one."""
    for above in () if kind in TABLES else Path(folder).absolute().parents:
        if (above / "_delta_log").is_dir():
            folder, kind = str(above), "Delta Lake"
        elif any((above / "metadata").glob("*.metadata.json")):
            folder, kind = str(above), "Iceberg"
    if kind in TABLES:
        message = (
            f"{folder}: this is a table of {kind}, whose log tells which of the files are its rows; list them with "
            f"{TABLES[kind]}, and give the list"
        )
        raise ValueError(message)


def refuse_hive(where: str, options: Options, paths: list[str]) -> None:
    """Fail where directories hold a column that nobody asked for: rows without it are not what other readers give."""
    for path in () if options.keys else paths:
        column = first_key(path)
        if column is not None:
            message = (
                f"{where}: the column {column!r} is in the names of directories ({os.path.dirname(path)}/) and not "  # noqa: PTH120
                "in the files (hive partitioning), and would be lost; hive=True adds it as a column; give the files as "
                "a list to read them without it"
            )
            raise ValueError(message)


def one_kind(where: str, files: list[str], use: Use) -> None:
    """Refuse files of several formats, which are copies of each other perhaps."""
    first: dict[str | None, str] = {}
    for path in files:
        first.setdefault(use.kind(path), path)
    first.pop(None, None)
    if len(first) < 2:  # noqa: PLR2004
        return
    if use is ROWS:
        one, other = sorted(first.values())[:2]
        ending = "".join(Path(other).suffixes[-2:]) if use.kind(other) == LINES else Path(other).suffix
        message = (
            f"{where}: {one} and {other} are of two formats, and which of them is meant cannot be known; choose by a "
            f"glob such as {where}/**/*{ending}"
        )
        raise ValueError(message)
    names = ", ".join(sorted(first.values()))
    message = f"score files of several kinds are here ({names}); name the files, or a glob of them"
    raise IsADirectoryError(errno.EISDIR, message, where)


def check_data_sets(where: str, sets: dict[str, str], files: list[str]) -> None:
    """Fail unless data sets below a directory are parts of one, by their paths in it and what they are."""
    if not sets:
        return
    path, kind = next(iter(sets.items()))
    if files:
        suffix = os.path.splitext(files[0])[1]  # noqa: PTH122
        message = (
            f"{where}: {files[0]} lies beside {path}, which is a data set of its own (it has {kind} in it); move "
            f"{path} out of the directory, or name what is meant: a glob such as {where}/*{suffix}, or {where}/{path}"
        )
        raise ValueError(message)
    kinds: dict[str, str] = {}
    for other, its in sets.items():
        kinds.setdefault(its, other)
    alone = kinds.keys() & {"dataset_info.json", "dataset_dict.json"}
    if len(sets) > 1 and (len(kinds) > 1 or alone):
        several = list(kinds.values()) if len(kinds) > 1 else list(sets)
        message = (
            f"{where}: {several[0]} and {several[1]} are data sets of their own, and which of them is meant cannot be "
            f"known; name one, such as {where}/{several[0]}, or give a list of those you want"
        )
        raise ValueError(message)
    for path, kind in sets.items():
        if kind == "dsdm.json":
            _refuse_made_here(where, path)


def _refuse_made_here(where: str, path: str) -> None:
    """Fail for a subset that was made of what lies in the same directory."""
    try:
        told = json.loads(json_bytes(Path(where, path, "dsdm.json")))
        sources = [str(source["path"]) for source in told.get("sources", ()) if "path" in source]
    except (ValueError, AttributeError, TypeError) as error:
        message = f"{where}/{path}/dsdm.json: this is no manifest of dsdm ({error!r}); write the data set again"
        raise FormatError(message) from error
    root = os.path.realpath(where)
    # What is named without its place had no folder in common with the subset, but the root or one around a home.
    places = [place_of(source, f"{where}/{path}") for source in sources if tells_place(source)]
    for place in places:
        if os.path.commonpath([root, os.path.realpath(place)]) == root:
            message = (
                f"{where}: {path} is a subset that dsdm made of {place}, which lies in the same directory; move one of "
                "them out of it, or name the one that is meant"
            )
            raise ValueError(message)


def _files(folder: str, tree: Tree, options: Options) -> Found:
    """Return the files below a directory that holds no data sets."""
    one_kind(folder, tree.files, options.use)
    complete.check(folder, tree.files, lambda _: True, partial=options.partial, hive=options.keys, folders=tree.folders)
    files = order.in_order(folder, tree.files, options.sort, gaps=options.partial)
    return Found([os.path.join(folder, path) for path in files], [folder, *tree.linked], files)  # noqa: PTH118


def _data_sets(folder: str, tree: Tree, options: Options) -> Found:
    """Return the files of the data sets below a directory, one after the other."""
    check_data_sets(folder, tree.sets, tree.files)
    # Each stands in the order as a file in it would.
    paths = {f"{path}/all": path for path in tree.sets}
    one_split(folder, named_splits(paths, hive=options.keys))
    if not options.partial:
        complete.check_numbers(folder, list(paths), tree.folders)
    found = Found([], [folder, *tree.linked])
    for path in order.in_order(folder, paths, options.sort, gaps=options.partial):
        found.add(open_folder(f"{folder}/{paths[path]}", options), paths[path])
    return found


def _refuse_splits(folder: str) -> None:
    splits = ", ".join(sorted(str(entry) for entry in Path(folder).iterdir() if entry.is_dir()))
    message = f"this is a DatasetDict; name one of its splits ({splits})"
    raise IsADirectoryError(errno.EISDIR, message, folder)


def _refuse_nothing(folder: str, use: Use) -> None:
    if Path(folder, STATE).exists():
        saved_shards(folder)  # says what is wrong with it
    if use is ROWS:
        message = (
            "no *.arrow, *.parquet or *.jsonl files here or in directories below (nor *.ndjson, *.jsonl.gz, "
            "*.jsonl.zst, *.json.gz or *.json.zst), and no state.json; lines in other files are read by a glob: "
            f"{shown(folder)}/*.json"
        )
        raise FileNotFoundError(errno.ENOENT, message, folder)
    message = (
        "no scores were found in this directory; a directory of scores is one that datasets wrote with save_to_disk "
        "(with a state.json), one that holds score files of one kind "
        f"({use.suffixes}), or one with subdirectories 0 to m-1 that hold such files"
    )
    raise IsADirectoryError(errno.EISDIR, message, folder)


def _snapshot(folder: Path) -> str:
    """Return the snapshot of a hub cache directory that ``refs/main`` names, or the only one."""
    reference, snapshots = folder / "refs" / "main", folder / "snapshots"
    if os.path.lexists(reference):
        revision = _small_text(reference).strip()
        # A name that is empty, leads elsewhere or has a NUL is none of an entry.
        if revision not in os.listdir(snapshots) or not (snapshots / revision).is_dir():  # noqa: PTH208
            message = (
                f"{reference}: it names the revision {revision!r}, and of that name there is no directory in "
                f"{snapshots}; get the data set again, or name the directory that is meant"
            )
            raise FormatError(message)
        return str(snapshots / revision)
    found = sorted(snapshots.iterdir())
    if len(found) != 1:
        message = f"{len(found)} snapshots and no refs/main; name one of them"
        raise FileNotFoundError(errno.ENOENT, message, str(snapshots))
    return str(found[0])


def _small_text(path: Path) -> str:
    """Read a small file of text, and wait for no pipe.

    Raises
    ------
    FormatError
        For what is no regular file, is larger, or is no UTF-8.

    """
    # Opening a pipe would wait for its writer. Windows has none by these names.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            message = f"{path}: a small file of text is needed, and this is a directory, pipe, socket or device"
            raise FormatError(message)
        data = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MOST_BYTES:
        message = f"{path}: a small file of text is needed, and it has more than {_MOST_BYTES:,} bytes"
        raise FormatError(message)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{path}: at byte {error.start}: a small file of text is needed, and this is no UTF-8"
        raise FormatError(message) from error

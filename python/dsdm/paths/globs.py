"""What a glob stands for: the same rules as for a directory, for what it matches."""

import errno
import fnmatch
import glob
import os
from collections import defaultdict

from dsdm.paths import complete, order
from dsdm.paths.belongs import Use, data_set_kind, is_hidden, is_leftover, twice, walk
from dsdm.paths.deep import matching
from dsdm.paths.folders import Found, Options, check_data_sets, one_kind, open_folder, refuse_hive, refuse_table
from dsdm.paths.saved import STATE, saved_shards
from dsdm.paths.splits import named_splits, one_split


class Pattern:
    """A glob: the directory that it looks in, and what paths in it must be like."""

    def __init__(self, text: str) -> None:
        """Split a glob into its parts."""
        self.text = text
        parts = text.replace(os.sep, "/").split("/")
        fixed = next(rank for rank, part in enumerate(parts) if glob.has_magic(part))
        self.base = "/".join(parts[:fixed]) or ("/" if fixed else "")
        self.parts = parts[fixed:]

    @property
    def recursive(self) -> bool:
        """Whether it looks into all directories below."""
        return "**" in self.parts

    @property
    def many(self) -> bool:
        """Whether it asks for several directories, and not for all."""
        return any(glob.has_magic(part) and part != "**" for part in self.parts[:-1])

    def matches(self, path: str) -> bool:
        """Return whether it would match a path relative to its directory."""
        return _match(self.parts, path.split("/")) and self._names_hidden(path)

    def _names_hidden(self, path: str) -> bool:
        """Return whether names that are left out are asked for, by parts of the glob that begin like them."""
        return sum(map(_left_out, path.split("/"))) == sum(map(_left_out, self.parts))

    def path(self, relative: str) -> str:
        """Return the path of one that is relative to its directory."""
        return os.path.join(self.base, relative)  # noqa: PTH118

    def expand(self, use: Use) -> list[str]:
        """Return what it matches, relative to its directory."""
        if self.recursive and os.path.isdir(self.base or "."):  # noqa: PTH112
            # It goes through links, and would go round in circles where they lead back.
            walk(self.base or ".", use)
        found = matching(self.text, self.base)
        relative = {os.path.relpath(path, self.base or ".").replace(os.sep, "/") for path in found}
        return sorted(path for path in relative if self._names_hidden(path) and path != ".")


def open_glob(text: str, options: Options) -> Found:
    """Return what a glob stands for: the files that it matches, or where it matches directories alone, those.

    Raises
    ------
    FileNotFoundError
        If nothing matches, or a part of it is missing.
    ValueError
        If what matches is no one table or has no one order.

    """
    pattern = Pattern(text)
    matched = pattern.expand(options.use)
    folders = [path for path in matched if os.path.isdir(pattern.path(path))]  # noqa: PTH112
    files = [path for path in matched if path not in set(folders)]
    if not matched:
        raise FileNotFoundError(errno.ENOENT, "no file matches this glob", text)
    for path in files:
        if not os.path.exists(pattern.path(path)):  # noqa: PTH110
            raise FileNotFoundError(
                errno.ENOENT, "this link leads to nothing; remove it or mend it", pattern.path(path)
            )
    if not files:
        return _folders(pattern, folders, options)
    _refuse_folders(pattern, folders, files, options)
    return _files(pattern, files, options)


def would_read(text: str, target: str) -> bool:
    """Return whether a glob would match a data set that is written to a directory."""
    pattern = Pattern(text)
    relative = os.path.relpath(os.path.realpath(target), os.path.realpath(pattern.base or ".")).replace(os.sep, "/")
    shards = (
        "",
        "/data-00000-of-00001.arrow",
        "/data/train-00000-of-00001.parquet",
        "/data/train-00000-of-00001.jsonl.zst",
        "/tokens-00000-of-00001.npy",
        "/tokens-00000-of-00001.bin",
    )
    return not relative.startswith("..") and any(pattern.matches(relative + shard) for shard in shards)


def _files(pattern: Pattern, files: list[str], options: Options) -> Found:
    refuse_hive(pattern.text, options, files)
    refuse_table(pattern.base or ".", None)
    _refuse_twice(pattern, files)
    files, sets = _data_sets_of(pattern, files)
    check_data_sets(pattern.base or ".", sets, [path for path in files if _set_of(path, sets) is None])
    one_kind(pattern.text, files, options.use)
    where = pattern.base or "."
    many = pattern.many or bool(sets)
    complete.check(where, files, pattern.matches, partial=options.partial, many=many, hive=options.keys)
    ordered = order.in_order(pattern.text, files, options.sort, gaps=options.partial)
    return Found([pattern.path(path) for path in ordered], [pattern.text], ordered)


def _folders(pattern: Pattern, folders: list[str], options: Options) -> Found:
    found = Found([], [pattern.text])
    paths = {f"{path}/all": path for path in folders}
    one_split(pattern.base or ".", named_splits(paths, hive=options.keys))
    refuse_hive(pattern.text, options, list(paths))
    kinds = {path: data_set_kind(pattern.path(path), set(os.listdir(pattern.path(path)))) for path in folders}  # noqa: PTH208
    if "dsdm.json" in kinds.values():
        sets = {path: kind for path, kind in kinds.items() if kind is not None}
        check_data_sets(pattern.base or ".", sets, [path for path in folders if path not in sets])
    if not options.partial:
        complete.check_numbers(pattern.text, list(paths), (), lambda path: pattern.matches(os.path.dirname(path)))  # noqa: PTH120
    for path in order.in_order(pattern.text, paths, options.sort, gaps=options.partial):
        found.add(open_folder(pattern.path(paths[path]), options), paths[path])
    return found


def _refuse_folders(pattern: Pattern, folders: list[str], files: list[str], options: Options) -> None:
    """Fail where directories with data are matched beside files: they would be left out."""
    there = set(files)
    for folder in folders:
        tree = walk(pattern.path(folder), options.use)
        inside = [f"{folder}/{path}" for path in [*tree.files, *tree.sets]]
        left = [path for path in inside if path not in there and not any(file.startswith(f"{path}/") for file in files)]
        if left:
            message = (
                f"{pattern.text}: it matches the file {files[0]} and the directory {folder}, which holds {left[0]}; "
                "match files alone (*.parquet, or **/*.parquet for those in directories as well), or name the directory"
            )
            raise ValueError(message)


def _refuse_twice(pattern: Pattern, files: list[str]) -> None:
    """Fail where a link gives a directory or a file that is matched a second name."""
    seen: dict[str, str] = {}
    for folder in dict.fromkeys(os.path.dirname(path) for path in files):  # noqa: PTH120
        other = seen.setdefault(os.path.realpath(pattern.path(folder)), folder)
        if other != folder:
            raise ValueError(twice(pattern.text, folder, other))
    links = [path for path in files if os.path.islink(pattern.path(path))]  # noqa: PTH114
    real = {os.path.realpath(pattern.path(path)): path for path in files if path not in set(links)} if links else {}
    for link in links:
        target = os.path.realpath(pattern.path(link))
        if target in real:
            raise ValueError(twice(pattern.text, link, real[target]))


def _data_sets_of(pattern: Pattern, files: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the files that belong, and the data sets below the glob's directory that they lie in."""
    kinds: dict[str, str | None] = {}
    names: dict[str, set[str]] = {}
    for folder in sorted({above for path in files for above in _above(path)}):
        place = pattern.path(folder)
        names[folder] = set(os.listdir(place or "."))  # noqa: PTH208
        kinds[folder] = data_set_kind(place or ".", names[folder])
        refuse_table(place or ".", kinds[folder])
    explicit = pattern.parts[-1].startswith("cache-")
    kept = [path for path in files if explicit or not is_leftover(os.path.basename(path), names[os.path.dirname(path)])]  # noqa: PTH119, PTH120
    inside: dict[str, list[str]] = defaultdict(list)
    for path in kept:
        root = next((above for above in _above(path) if kinds[above] is not None), None)
        if root is not None:
            inside[root].append(path)
    sets = {root: str(kinds[root]) for root in inside if root}
    for root, paths in inside.items():
        if kinds[root] in {"state.json", "dsdm.json"} and STATE in names[root]:
            _all_listed(pattern, root, paths)
    return kept, sets


def _all_listed(pattern: Pattern, root: str, paths: list[str]) -> None:
    """Fail for shards of an older save, which lie beside those of the state."""
    place = pattern.path(root) or "."
    listed = {os.path.basename(shard) for shard in saved_shards(place)}  # noqa: PTH119
    for path in paths:
        if path.endswith(".arrow") and os.path.basename(path) not in listed:  # noqa: PTH119
            message = (
                f"{pattern.text}: it matches {path}, which the state.json beside it does not list; open the directory "
                f"{place} itself, or remove the file"
            )
            raise ValueError(message)


def _above(path: str) -> list[str]:
    """Return the directories that a relative path lies in, the outermost first, which is ""."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]


def _set_of(path: str, sets: dict[str, str]) -> str | None:
    return next((above for above in _above(path) if above in sets), None)


def _left_out(part: str) -> bool:
    return is_hidden(part) and part not in {".", ".."}


def _match(parts: list[str], names: list[str]) -> bool:
    """Return whether names in each other match the parts of a glob, as ``glob`` has them."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_match(parts[1:], names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], parts[0]) and _match(parts[1:], names[1:])

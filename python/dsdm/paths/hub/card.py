"""The configuration that a card names: where it is not what the names of the files say, neither is taken.

`load_dataset` takes the files of a data set from ``configs:`` in the YAML of its ``README.md``, so that rows by the
names alone could be others, or in another order.
"""

import errno
import glob
import os
import re
from dataclasses import dataclass
from typing import Any

from dsdm.errors import FormatError
from dsdm.paths.hub.patterns import matched, plain
from dsdm.paths.splits import named_splits, one_split

README = "README.md"
FILES = {README, ".huggingface.yaml"}
"""Where `load_dataset` looks for configurations; the second goes before the first."""

_MOST_BYTES = 1 << 20
# That of huggingface_hub.
_FRONT = re.compile(r"^(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(\r\n|\n|$))")
_BEGINS = re.compile(r"\s*---(?:\r\n|\r|\n)")
_SPLIT = re.compile(r"\w+(\.\w+)*")
# Of other files that lie beside them, datasets reads none with these.
_READ = {"arrow", "geoparquet", "gpq", "parquet"}


@dataclass(frozen=True)
class Card:
    """The one configuration of a data set, of one split."""

    folder: str
    path: str
    """Of the card."""
    name: str
    data_dir: str
    patterns: list[str] | None
    """In the directory `data_dir`; None for all files in it."""

    def check(self, files: list[str], *, is_sorted: bool, partial: bool) -> None:
        """Fail unless files are those of the configuration, and in its order.

        Parameters
        ----------
        files
            What the directory means by the names in it.
        is_sorted
            Whether an order was asked for, which then holds.
        partial
            Whether files that are missing are no error.

        Raises
        ------
        ValueError
            With the first difference.
        FileNotFoundError
            For a file that the card names, and that is not there.

        """
        here = [os.path.relpath(path, self.folder) for path in files]
        there = self._all_below(here) if self.patterns is None else self._resolved(partial=partial)
        if is_sorted:
            here, there = sorted(here), sorted(there)
        if here == there:
            return
        rank = next(rank for rank in range(len(here) + 1) if here[rank : rank + 1] != there[rank : rank + 1])
        message = (
            f"{self.folder}: by {self.path} the configuration {self.name!r} has {_count(there)}, by their names the "
            f"directory has {_count(here)}, and they differ at file {rank + 1}: {_nth(there, rank)} by the former, "
            f"{_nth(here, rank)} by the latter; give the list of files in the order that is meant"
        )
        raise ValueError(message)

    def _all_below(self, here: list[str]) -> list[str]:
        if not self.data_dir:
            return here
        below = [path for path in here if path.startswith(f"{self.data_dir}/")]
        # The names of splits are looked for from there.
        named = named_splits(path.removeprefix(f"{self.data_dir}/") for path in below)
        one_split(os.path.join(self.folder, self.data_dir), named)  # noqa: PTH118
        return below

    def _resolved(self, *, partial: bool) -> list[str]:
        base = os.path.join(self.folder, self.data_dir)  # noqa: PTH118
        found = []
        for pattern in self.patterns or ():
            paths = matched(base, pattern)
            if not paths and not glob.has_magic(pattern) and not partial:
                message = (
                    f"{self.path} names this file for the configuration {self.name!r}, and it is not there; get it, or "
                    "give the list of files that are meant"
                )
                raise FileNotFoundError(errno.ENOENT, message, os.path.join(base, pattern))  # noqa: PTH118
            found += [os.path.join(self.data_dir, path) for path in paths if _is_read(path)]  # noqa: PTH118
        return found


def read_card(folder: str, names: set[str]) -> Card | None:
    """Return the configuration that a directory with these entries names, if it names one.

    Raises
    ------
    ValueError
        For several configurations, or one of several splits, with how to choose.
    FormatError
        For YAML that cannot be read, or that says what `load_dataset` does not take.
    FileNotFoundError
        For a card that is a link to nothing.

    """
    found: dict[Any, Any] = {}
    path = ""
    for name in sorted(FILES & names, reverse=True):
        its = _fields(os.path.join(folder, name), front=name == README)  # noqa: PTH118
        if "configs" in its:
            found, path = its, os.path.join(folder, name)  # noqa: PTH118
    configs = found.get("configs")
    if not configs:
        return None
    if not isinstance(configs, list) or not all(isinstance(one, dict) and "config_name" in one for one in configs):
        raise FormatError(_wrong(path, "configs: is no list of mappings with a config_name"))
    if len(configs) > 1:
        message = (
            f"{folder}: by {path} there are the configurations {[str(one['config_name']) for one in configs]}; give "
            "the files of one as a list or a glob"
        )
        example = _first(configs[0])
        raise ValueError(f"{message} such as {os.path.join(folder, example)}" if example else message)  # noqa: PTH118
    return _card(folder, path, configs[0])


def _card(folder: str, path: str, config: dict[Any, Any]) -> Card:
    name, data_dir = str(config["config_name"]), config.get("data_dir") or ""
    if isinstance(data_dir, str) and data_dir in {".", "./"}:
        data_dir = ""
    if not isinstance(data_dir, str) or (data_dir and not plain(data_dir.rstrip("/"))) or glob.has_magic(data_dir):
        raise FormatError(_wrong(path, f"data_dir: {data_dir!r} is no directory below"))
    if config.get("filters") is not None:
        message = (
            f"{path}: by its filters the configuration {name!r} leaves rows out; give the files as a list or a glob"
        )
        raise ValueError(message)
    splits = _splits(path, config.get("data_files"))
    if splits is not None and len(splits) > 1:
        example = next((pattern for patterns in splits.values() for pattern in patterns), "*")
        message = (
            f"{folder}: by {path} there are the splits {sorted(splits)}; choose one by a glob such as "
            f"{os.path.join(folder, data_dir, example)}, or give a list of files, or of globs"  # noqa: PTH118
        )
        raise ValueError(message)
    patterns = None if splits is None else [pattern for one in splits.values() for pattern in one]
    for pattern in patterns or ():
        if not plain(pattern):
            message = f"{path}: {pattern!r} may lie elsewhere than below {folder}; give the files as a list or a glob"
            raise ValueError(message)
    return Card(folder, path, name, data_dir.rstrip("/").removeprefix("./"), patterns)


def _splits(path: str, data_files: Any) -> dict[str, list[str]] | None:
    """Return the patterns of each split, as `datasets` takes them from a card."""
    if data_files is None:
        return None
    listed = [data_files] if isinstance(data_files, str) else data_files
    if not isinstance(listed, list):
        raise FormatError(_wrong(path, "data_files: is neither text nor a list"))
    if all(isinstance(one, str) for one in listed):
        return {"train": listed}
    found: dict[str, list[str]] = {}
    for one in listed:
        split, paths = (one.get("split"), one.get("path")) if isinstance(one, dict) else (None, None)
        patterns = [paths] if isinstance(paths, str) else paths
        is_whole = isinstance(split, str) and _SPLIT.fullmatch(split) and len(one) == 2 and split not in found  # noqa: PLR2004
        if not is_whole or not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
            raise FormatError(_wrong(path, f"data_files: {str(one)[:100]!r} is no split of its own with a path"))
        found[str(split)] = patterns
    return found


def _first(config: dict[Any, Any]) -> str | None:
    """Return a pattern of a configuration, as an example."""
    try:
        splits = _splits("", config.get("data_files"))
    except FormatError:
        return None
    return next((pattern for patterns in (splits or {}).values() for pattern in patterns), None)


def _fields(path: str, *, front: bool) -> dict[Any, Any]:
    """Return the fields of a card; none where it is no file, or has no YAML in front."""
    if not os.path.exists(path):  # noqa: PTH110
        raise FileNotFoundError(errno.ENOENT, "this link leads to nothing; remove it or mend it", path)
    if not os.path.isfile(path):  # noqa: PTH113
        return {}
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read(_MOST_BYTES + 1)
    text = data.decode("utf-8-sig", "surrogateescape")
    block = _FRONT.match(text) if front else None
    if block is None and front and not _BEGINS.match(text):
        return {}
    from dsdm.paths.hub.front_matter import fields, unread

    if block is not None:
        return fields(path, block[2])
    if len(data) > _MOST_BYTES:
        raise FormatError(unread(path, f"it has more than {_MOST_BYTES:,} bytes"))
    return {} if front else fields(path, text)


def _is_read(path: str) -> bool:
    return any(suffix in _READ for suffix in path.rpartition("/")[2].split(".")[1:])


def _count(files: list[str]) -> str:
    return f"{len(files):,} file{'' if len(files) == 1 else 's'}"


def _nth(files: list[str], rank: int) -> str:
    return files[rank] if rank < len(files) else "no more"


def _wrong(path: str, what: str) -> str:
    return f"{path}: {what}, as load_dataset takes it; mend it, or give the files as a list or a glob"

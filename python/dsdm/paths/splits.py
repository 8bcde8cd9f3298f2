"""Splits that paths name, by the rules of ``datasets``: what it would read apart is no one table.

Its :mod:`datasets.data_files` looks at the names of shards in ``data/``, else at those of directories, else at those of
files, for words between separators: ``squad_train/0.parquet`` is of the split ``train``, ``latest.parquet`` of none.
Words of any case count here, and ``eval`` is not ``test``: that is more than ``datasets`` tells apart, and not less.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dsdm.paths.hive.columns import without_keys

_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "eval": "eval",
    "evaluation": "eval",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}
_WORD = re.compile(rf"(?<![^-._ 0-9])(?:{'|'.join(_SPLITS)})(?![^-._ 0-9])", re.ASCII | re.IGNORECASE)
_SHARD = re.compile(r"data/(?P<split>[^/]*)-[0-9]{5}-of-[0-9]{5}[^/]*\.[^/]*", re.DOTALL)


@dataclass(frozen=True)
class Named:
    """What a path says of its split."""

    words: tuple[str, ...] = ()
    """As they are written; none where it says nothing."""
    above: str = ""
    """The directories in front of what names it."""

    @property
    def splits(self) -> set[str]:
        """The splits that the words stand for."""
        return {_SPLITS.get(word.lower(), word) for word in self.words}


def named_splits(paths: Iterable[str], *, hive: bool = False) -> dict[str, Named]:
    """Return what each path says of its split; by directories no file is told whose shards name it, and so on.

    With `hive`, the names of directories that hold columns are no words of splits.
    """
    files = list(paths)
    found: dict[str, Named] = {}
    for ask in _ASKED:
        found = {path: ask(without_keys(path) if hive else path) for path in files}
        if any(named.words for named in found.values()):
            break
    return found


def one_split(where: str, named: dict[str, Named]) -> None:
    """Fail unless paths are of one split, or none of them says anything of one.

    Raises
    ------
    ValueError
        With the splits, or with a path that is of none, and globs that choose.

    """
    words = {word for path in named.values() for word in path.words}
    splits = {split for path in named.values() for split in path.splits}
    if not words:
        return
    chosen = f"choose one by a glob such as {where}/**/*{min(words)}*, or give a list of files, or of globs"
    if len(splits) > 1:
        message = f"{where}: there are the splits {sorted(words)}; {chosen}"
        raise ValueError(message)
    one = next(path for path, its in named.items() if its.words)
    other = next((path for path, its in named.items() if not its.words), None)
    if other is not None:
        message = (
            f"{where}: {one} is of the split {min(words)!r} by its name and {other} is of none, and datasets would "
            f"read the former alone; {chosen}"
        )
        raise ValueError(message)


def _by_shard(path: str) -> Named:
    shard = _SHARD.fullmatch(path)
    return Named((shard["split"],), "data") if shard else Named()


def _by_folder(path: str) -> Named:
    folders = path.split("/")[:-1]
    words = tuple(word for folder in folders for word in _WORD.findall(folder))
    depth = max((depth for depth, folder in enumerate(folders) if _WORD.search(folder)), default=0)
    return Named(words, "/".join(folders[:depth]))


def _by_file(path: str) -> Named:
    folder, _, name = path.rpartition("/")
    # A name that ends in the word has no suffix, and is no file that is read.
    return Named(tuple(_WORD.findall(name)), folder)


_ASKED: tuple[Callable[[str], Named], ...] = (_by_shard, _by_folder, _by_file)

"""What is missing, and what is there that is no one table: series of shards, splits, configurations."""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dsdm.paths.hive.columns import without_keys
from dsdm.paths.order import HASH, children, is_numbered
from dsdm.paths.splits import Named, named_splits, one_split

_SERIES = re.compile(r"(?P<head>.*?)(?P<rank>[0-9]+)(?P<of>[-_. ]?of[-_. ]?)(?P<count>[0-9]+)(?P<tail>.*)", re.DOTALL)

# Numbers that are looked for: a name may tell of any.
_MOST = 1_000_000

Asked = Callable[[str], bool]
"""Whether a file of a relative path would have been meant, if it were there."""


@dataclass(frozen=True)
class _Shard:
    path: str
    folder: str
    head: str
    rank: int
    of: str
    count: int
    tail: str
    """What follows, with a hash masked."""
    width: int
    written: str
    """The count as it is written."""

    @property
    def series(self) -> tuple[str, str, int, str]:
        return self.head, self.of, self.count, self.tail

    def name(self, rank: int) -> str:
        """Return the path of another shard of the series, with this one's hash."""
        own = os.path.basename(self.path)[len(self.head) :]  # noqa: PTH119
        rest = own[len(re.match(r"[0-9]*", own)[0]) :]  # type: ignore[index]
        return _join(self.folder, f"{self.head}{rank:0{self.width}}{rest}")


def check(
    where: str,
    paths: Iterable[str],
    asked: Asked,
    *,
    partial: bool = False,
    many: bool = False,
    hive: bool = False,
    folders: Iterable[str] = (),
) -> None:
    """Fail unless relative paths are one table, and all of it.

    Parameters
    ----------
    where
        The directory, for messages and for the globs that they advise.
    paths
        Relative to it.
    asked
        Whether a file that is missing was meant.
    partial
        Whether a part is meant.
    many
        Whether several directories were named on purpose.
    hive
        Whether the names of directories hold columns, which tell no table from another.
    folders
        Those that are there, with data or without.

    Raises
    ------
    ValueError
        For several splits, series or configurations, with globs that choose.
    FileNotFoundError
        For shards that are missing, with the first of them.

    """
    files = list(paths)
    named = named_splits(files, hive=hive)
    one_split(where, named)
    if not many:
        bare = {without_keys(path) if hive else path: split for path, split in named.items()}
        # Directories of keys may lie anywhere above.
        _one_configuration(where, f"{where}/**" if hive else where, bare)
    by_folder: dict[str, list[str]] = defaultdict(list)
    for path in files:
        by_folder[os.path.dirname(path)].append(path)  # noqa: PTH120
    for folder, inside in by_folder.items():
        series = _one_series(where, folder, inside)
        if series:
            _no_shard_twice(where, series)
            if not partial:
                _no_shard_missing(where, series, asked)
    if not partial:
        _no_number_missing(where, files, folders, asked)


def check_numbers(where: str, paths: list[str], folders: Iterable[str], asked: Asked = lambda _: True) -> None:
    """Fail where one of the directories that are numbered from 0 is missing.

    Raises
    ------
    FileNotFoundError
        With its number.

    """
    _no_number_missing(where, paths, folders, asked)


def left_out(files: Iterable[str]) -> str | None:
    """Return a shard that comes before one of these and is none of them; None where nothing tells of any.

    The numbers in their names tell of it, where these say of how many (``00001-of-00004``), and so do files that lie
    beside them, whose names are the same but for smaller numbers.
    """
    given = list(files)
    own = {os.path.realpath(file) for file in given}
    last: dict[tuple[str, str], list[int]] = {}
    for file in given:
        folder, name = os.path.split(file)
        form, numbers = _numbered(name)
        last[folder, form] = max(last.get((folder, form), numbers), numbers)
    there = [
        os.path.join(folder, name)  # noqa: PTH118
        for folder in sorted({folder for folder, _ in last})
        for name in sorted(os.listdir(folder or "."))  # noqa: PTH208
    ]
    for path in there:
        folder, name = os.path.split(path)
        form, numbers = _numbered(name)
        if numbers < last.get((folder, form), []) and os.path.realpath(path) not in own:
            return path
    return _rank_left_out(given, there)


def _rank_left_out(given: list[str], there: list[str]) -> str | None:
    """Return a shard that comes before the last of its series, by the ranks in the names of what is given and there."""
    shards = [shard for path in given if (shard := _shard(path))]
    ends = {(shard.folder, shard.series) for path in there if (shard := _shard(path)) and shard.rank == shard.count}
    series: dict[tuple[str, object], list[_Shard]] = defaultdict(list)
    for shard in shards:
        series[shard.folder, shard.series].append(shard)
    for key, of_one in series.items():
        # A series has ranks from 1 where one has the number of all.
        start, ranks = int(key in ends), {shard.rank for shard in of_one}
        # One more number than there are shards is enough to find one that none of them has.
        least = next(rank for rank in range(start, start + len(ranks) + 1) if rank not in ranks)
        if least < max(ranks):
            return of_one[0].name(least)
    return None


def _numbered(name: str) -> tuple[str, list[int]]:
    """Return a name without its numbers and hashes, and its numbers."""
    masked = HASH.sub("\0", name)
    return re.sub("[0-9]+", "0", masked), [int(number) for number in re.findall("[0-9]+", masked)]


def _shard(path: str) -> _Shard | None:
    folder, name = os.path.split(path)
    match = _SERIES.fullmatch(os.path.splitext(name)[0])  # noqa: PTH122
    if match is None:
        return None
    tail = HASH.sub("\0", match["tail"])
    rank, count = int(match["rank"]), int(match["count"])
    return _Shard(path, folder, match["head"], rank, match["of"], count, tail, len(match["rank"]), match["count"])


def _one_configuration(where: str, below: str, named: dict[str, Named]) -> None:
    """Refuse directories that each hold a whole data set, but for those that are numbered from 0."""
    found = set()
    for path, split in named.items():
        if split.words or _shard(path):
            found.add(split.above if split.words else os.path.dirname(path))  # noqa: PTH120
    if len(found) < 2:  # noqa: PLR2004
        return
    parents = {os.path.dirname(folder) for folder in found}  # noqa: PTH120
    if len(parents) == 1 and is_numbered([os.path.basename(folder) for folder in found], gaps=True):  # noqa: PTH119
        return
    names = sorted(folder or "." for folder in found)
    chosen = next(name for name in names if name != ".")
    message = (
        f"{where}: each of the directories {', '.join(names[:5])}{' …' if len(names) > 5 else ''} has shards of "  # noqa: PLR2004
        f"its own, as configurations have; choose one by a glob such as {below}/{chosen}/*, or give a "
        "list of those you want"
    )
    raise ValueError(message)


def _one_series(where: str, folder: str, inside: list[str]) -> list[_Shard]:
    """Return the one series of a directory, or nothing if there is none."""
    shards = [shard for shard in map(_shard, inside) if shard]
    others = [path for path in inside if _shard(path) is None]
    first = {shard.series: shard for shard in reversed(shards)}
    globs = [_join(where, _join(folder, f"{shard.head}*{shard.of}{shard.written}*")) for shard in first.values()]
    if len(globs) > 1:
        message = (
            f"{_join(where, folder)}: there are {len(globs)} series of shards, such as {shards[0].path} and "
            f"{next(s.path for s in shards if s.series != shards[0].series)}; choose one by a glob: "
            f"{' or '.join(sorted(globs)[:5])}"
        )
        raise ValueError(message)
    if shards and others:
        message = (
            f"{_join(where, folder)}: {others[0]} lies beside the series of {shards[0].path} and is none of it; "
            f"choose by a glob, such as {globs[0]}, or give a list of both"
        )
        raise ValueError(message)
    return shards


def _no_shard_twice(where: str, series: list[_Shard]) -> None:
    seen: dict[int, _Shard] = {}
    for shard in series:
        if shard.rank in seen:
            message = (
                f"{where}: {seen[shard.rank].path} and {shard.path} are both shard {shard.rank} of {shard.count}, "
                "of two uploads perhaps; remove one of them, or give a list of those you want"
            )
            raise ValueError(message)
        seen[shard.rank] = shard
    last = max(seen)
    if last > series[0].count or (last == series[0].count and 0 in seen):
        wrong = f"{seen[last].path} says that it is shard {last} of {series[0].count}"
        message = f"{where}: {wrong}; give a list of those you want"
        raise ValueError(message)


def _no_shard_missing(where: str, series: list[_Shard], asked: Asked) -> None:
    one, there = series[0], {shard.rank for shard in series}
    # Some number from 1.
    ranks = range(1, one.count + 1) if one.count in there else range(one.count)
    missing = [rank for rank in ranks[:_MOST] if rank not in there and asked(one.name(rank))]
    if missing:
        head = _join(one.folder, one.head)
        first = _join(one.folder, f"{one.head}{missing[0]:0{one.width}}{one.of}{one.written}")
        message = (
            f"{len(missing)} of the {one.count} shards {head}* {'is' if len(missing) == 1 else 'are'} not there, the "
            f"first of them {first}, and the rows behind would have other numbers; get what is missing, or say by "
            "partial=True (or a list of files) that a part is meant"
        )
        raise FileNotFoundError(errno.ENOENT, message, where)


def _no_number_missing(where: str, files: list[str], folders: Iterable[str], asked: Asked) -> None:
    """Fail for a gap in directories that are numbered from 0, and for one of them that has no data."""
    every = children(f"{folder}/" for folder in folders)
    for folder, names in children(files).items():
        if not is_numbered(names, gaps=True):
            continue
        there = names | {name for name in every.get(folder, ()) if is_numbered({"0", name}, gaps=True)}
        last = max(map(int, there))
        inside = _join(folder, f"{max(map(int, names))}/")
        example = next(path for path in files if path.startswith(inside)).removeprefix(inside)
        for number in range(last + 1)[:_MOST]:
            if str(number) not in names and asked(_join(folder, f"{number}/{example}")):
                message = (
                    f"subdirectories 0 to {last} are expected, and {number} is not there or has no data; get it, or "
                    "say by partial=True (or a list) that a part is meant"
                )
                raise FileNotFoundError(errno.ENOENT, message, _join(where, folder))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name

"""Parquet shards of a data set on the hub: where its cache has them, or as the hub gives them."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dsdm.reference import PathLike

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARQUET = ("*.parquet", "**/*.parquet")
_DOWNLOADS_AT_ONCE = 8
_SHARD = re.compile(r"(?P<head>.*)-(?P<rank>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]+)?\.parquet")


def snapshot(
    name: str,
    globs: "Sequence[str] | None" = None,
    *,
    cache_dir: PathLike | None = None,
    num_proc: int | None = None,
) -> str:
    """Give the folder of a data set's Parquet shards in the hub's cache, downloading what is missing.

    Without a network, what the cache holds is taken as it is.

    Raises
    ------
    FileNotFoundError
        If the shards are neither in the cache nor to be had.

    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = list(globs or _PARQUET)
    folder = None if cache_dir is None else os.fspath(cache_dir)
    try:
        where = snapshot_download(
            name,
            repo_type="dataset",
            allow_patterns=patterns,
            cache_dir=folder,
            max_workers=num_proc or _DOWNLOADS_AT_ONCE,
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = (
            f"{name}: the shards {', '.join(patterns)} are neither in the hub's cache nor to be had from the hub "
            f"({reason}). "
            "Name a folder that holds them by path=, or download them where there is a network with: "
            f"huggingface-cli download --repo-type dataset {name}"
        )
        raise FileNotFoundError(message) from error
    if globs is None:
        check_whole(name, where)
    return where


def check_whole(name: str, folder: PathLike) -> None:
    """Fail if shards named ``…-00000-of-00891…`` are not all there, as a cache filled in part has it.

    Raises
    ------
    FileNotFoundError
        With the number of shards that are missing, and the first of them.

    """
    present: dict[tuple[str, int], set[int]] = {}
    for path in Path(folder).rglob("*.parquet"):
        if match := _SHARD.fullmatch(str(path.relative_to(folder))):
            series = (match["head"], int(match["count"]))
            present.setdefault(series, set()).add(int(match["rank"]))
    for (head, count), ranks in present.items():
        missing = sorted(set(range(count)) - ranks)
        if missing:
            message = (
                f"{name}: {len(missing)} of the {count} shards {head}-* are not in {folder}, the first of them "
                f"{head}-{missing[0]:05}-of-{count:05}; download them, or name those you want by data_files="
            )
            raise FileNotFoundError(message)

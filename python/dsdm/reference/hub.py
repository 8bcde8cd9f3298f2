"""Parquet shards of a data set on the hub: where its cache has them, or as the hub gives them."""

import shlex
from typing import TYPE_CHECKING

from dsdm.paths import PathLike, local

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARQUET = ("*.parquet", "**/*.parquet")
_DOWNLOADS_AT_ONCE = 8


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
    folder = None if cache_dir is None else local(cache_dir, "cache_dir")
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
        into = "" if folder is None else f" --cache-dir {shlex.quote(folder)}"
        message = (
            f"{name}: the shards {', '.join(patterns)} are neither in the hub's cache nor to be had from the hub "
            f"({reason}). "
            "Name a folder that holds them by path=, or download them where there is a network with: "
            f"hf download --repo-type dataset {shlex.quote(name)}{into}"
        )
        raise FileNotFoundError(message) from error
    return where

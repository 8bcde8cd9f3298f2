"""Parquet shards of a data set on the hub: where its cache has them, or as the hub gives them."""

import difflib
import os
import shlex
from typing import TYPE_CHECKING

from dsdm.paths import PathLike, local

if TYPE_CHECKING:
    from collections.abc import Sequence

_PARQUET = ("*.parquet", "**/*.parquet")
_CARDS = ("README.md", ".huggingface.yaml")
_DOWNLOADS_AT_ONCE = 8


# How alike a folder that is here is to the name of one that was meant.
_CLOSE = 0.75


def refuse_local(name: str) -> None:
    """Fail for a name that means a directory of this machine which is not there: the network is not asked for it.

    Raises
    ------
    FileNotFoundError
        If there is the directory that it would lie in, or one of a similar name; or if no data set of the hub has such
        a name: a path from the root, with ``..`` or of three parts and more.

    """
    parent, last = os.path.split(name.rstrip("/"))
    is_path = os.path.isabs(name) or name.startswith(".") or "/" in parent or not last  # noqa: PTH117 - as text
    here = os.path.isdir(parent or os.curdir)  # noqa: PTH112
    close = difflib.get_close_matches(last, _folders(parent), 1, _CLOSE) if here else []
    if not (is_path or (parent and here) or close):
        return
    hint = f": did you mean {os.path.join(parent, close[0])!r}?" if close else ""  # noqa: PTH118
    message = f"{name}: there is no such directory here{hint or '; name one that holds the shards'}"
    if not is_path:
        message += (
            " (a data set of the hub that is called so is not asked for beside directories of such names: get it by "
            f"hf download --repo-type dataset {shlex.quote(name)}, and name the directory that this prints)"
        )
    raise FileNotFoundError(message)


def _folders(parent: str) -> "list[str]":
    with os.scandir(parent or os.curdir) as entries:
        return [entry.name for entry in entries if entry.is_dir()]


def snapshot(
    name: str,
    globs: "Sequence[str] | None" = None,
    *,
    cache_dir: PathLike | None = None,
    num_proc: int | None = None,
    is_default: bool = False,
) -> str:
    """Return the directory of a data set's Parquet shards in the hub's cache, downloading what is missing.

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
            # Which of the shards are one table, a card may say that goes before their names.
            allow_patterns=patterns if globs else [*patterns, *_CARDS],
            cache_dir=folder,
            max_workers=num_proc or _DOWNLOADS_AT_ONCE,
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        into = "" if folder is None else f" --cache-dir {shlex.quote(folder)}"
        here = (
            "" if is_default else "there is no such directory here, and of the data set of the hub that is called so "
        )
        message = (
            f"{name}: {here}the shards {', '.join(patterns)} are neither in the hub's cache nor to be had from the hub "
            f"({reason}). "
            "Name a directory that holds them by path=, or download them where there is a network with: "
            f"hf download --repo-type dataset {shlex.quote(name)}{into}"
        )
        raise FileNotFoundError(message) from error
    return where

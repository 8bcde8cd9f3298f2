"""How deep directories that are searched may lie in each other."""

import errno
import glob

from dsdm.shown import safe_message

MOST_DEEP = 100
"""The directories between one that is searched and a file in it, at most."""


def too_deep(folder: str, below: str) -> OSError:
    """Return the error for directories that lie too deep in each other: the one searched, and one in it."""
    message = safe_message(
        f"directories lie deeper in each other than {MOST_DEEP}, which is the limit, or their path is longer than the "
        f"system takes ({below!r}); move them out of it, or name the directory that holds the files"
    )
    return OSError(errno.ENAMETOOLONG, message, folder)


def matching(pattern: str, base: str) -> list[str]:
    """Return what a glob matches, which looks in a directory.

    Raises
    ------
    OSError
        If the glob, or the directories that it looks into, lie too deep in each other.

    """
    if pattern.count("/") - base.count("/") > MOST_DEEP + 1:
        raise too_deep(base or ".", pattern.removeprefix(f"{base}/"))
    try:
        return glob.glob(pattern, recursive=True)  # noqa: PTH207
    except RecursionError:
        # A glob goes into names that begin with _ as well, where nothing else looks.
        raise too_deep(base or ".", pattern.removeprefix(f"{base}/")) from None

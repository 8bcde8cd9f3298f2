"""Where the files lie that a manifest names: by the way from its directory, by an absolute path, or anywhere."""

import os


def place_of(path: str, folder: str) -> str:
    """Return the absolute path of what the manifest of a directory names; a name whose place is not told stays one."""
    return os.path.normpath(os.path.join(os.path.realpath(folder), path)) if tells_place(path) else path  # noqa: PTH118


def tells_place(path: str) -> bool:
    """Return whether the manifest says where a file is, and not its name alone."""
    return os.path.isabs(path) or path.split("/", 1)[0] == os.pardir  # noqa: PTH117 - as text

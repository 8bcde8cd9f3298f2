"""Which files a manifest may have opened: it can name any, and whoever wrote it need not mean well."""

import contextlib
import glob
import os
from collections.abc import Iterable, Sequence

from dsdm.paths import PathLike, local
from dsdm.paths.deep import MOST_DEEP, matching
from dsdm.reference import places

OUTSIDE = "outside of the directory, the data directory and the current directory"
"""What is opened only if the caller allows it."""

ALLOW = "if you trust it, allow it by trust_paths="
"""How."""

# Files that tell which files a folder means.
_READ = ("state.json", "dsdm.json", "main", "README.md", ".huggingface.yaml")
# A pattern with more of them walks the same folders again and again.
_MOST_WALKS = 1


class Trust:
    """The directories below which files that a manifest names are opened."""

    def __init__(self, folder: str, data_dir: PathLike | None, trusted: Iterable[PathLike] = ()) -> None:
        """Trust the output, the directories of score files, the current directory, and what the caller names."""
        if isinstance(trusted, str | bytes | os.PathLike):
            message = f"trust_paths is {trusted!r}; a list of directories and files is needed"
            raise TypeError(message)
        named = [local(path, "trust_paths") for path in trusted]
        for path in named:
            if not os.path.lexists(path):
                message = f"{path}: trust_paths= names this, and it is not there"
                raise FileNotFoundError(message)
        folders = [folder, *(str(place) for _, place in places(data_dir)), *named]
        # Where the current directory was removed, nothing lies below it.
        with contextlib.suppress(FileNotFoundError):
            folders.append(os.getcwd())  # noqa: PTH109
        self._roots = [os.path.realpath(place) for place in folders]

    def outside(self, path: str, *, expand: bool = True) -> str | None:
        """Say why a file is not opened; None for one that is. It is known by where links lead."""
        try:
            # As those who open it will.
            place = _without_pattern(local(path) if expand else path)
            real = os.path.realpath(place)
            inside = any(os.path.commonpath([root, real]) == root for root in self._roots)
        except (OSError, ValueError):
            return f"{path} is no path of this machine"
        if not inside:
            return f"{path} is {OUTSIDE}; {ALLOW}"
        if path.count("**") > _MOST_WALKS and glob.has_magic(path):
            return f"the pattern {path} has more than one **"
        return None

    def first_outside(self, paths: Sequence[str]) -> str | None:
        """Say of the first of these that is not opened why."""
        return next(filter(None, map(self.outside, paths)), None)

    def first_leading_out(self, paths: Sequence[str]) -> str | None:
        """Say of the first of these why it is not searched: it or a link below it leads out, before anything is read.

        Which files a directory means is told by files in it (``state.json``, ``refs/main``, ``README.md``) and by
        directories that links lead to. The files that are found are to be looked at by themselves.
        """
        return self.first_outside(paths) or next(filter(None, map(self._link_out, paths)), None)

    def _link_out(self, path: str) -> str | None:
        place = local(path)
        pattern = glob.has_magic(place) and not os.path.lexists(place)
        ahead = [(each, 0) for each in (matching(place, _without_pattern(place)) if pattern else [place])]
        while ahead:
            folder, depth = ahead.pop()
            if outside := self.outside(folder, expand=False):
                return outside
            if not os.path.isdir(folder) or depth > MOST_DEEP:  # noqa: PTH112
                continue  # what lies deeper is refused by those who search it
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append((entry.path, depth + 1))
                        continue
                    leads = entry.is_symlink() and (entry.name in _READ or entry.is_dir())
                    if leads and (outside := self.outside(entry.path, expand=False)):
                        return outside
        return None


def _without_pattern(path: str) -> str:
    """Return the directory in which a pattern begins; a path that is none as it is."""
    if os.path.lexists(path) or not glob.has_magic(path):
        return path
    while path and glob.has_magic(path):
        path = os.path.dirname(path)  # noqa: PTH120
    return path or os.curdir

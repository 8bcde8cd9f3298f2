"""Downloading the published score files into the user's cache, checked by their sha256.

A download that was cut off leaves ``<file>.part`` beside the target and is continued by the next call. So does one
whose sum was not looked at to its end: it gets its name once the sum is right.
"""

import errno
import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from dsdm.paths import PathLike, local
from dsdm.reference import ReferenceFile, cache_dir, reference_files, unknown
from dsdm.shown import safe_messages, shown

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

DEFAULT_URL = "https://media.githubusercontent.com/media/MadryLab/DsDm/main/data/"
"""Where the reference repository's git-LFS objects are served; ``$DSDM_DATA_URL`` names another place."""

_CHUNK = 1 << 16  # what is lost at most of a download that breaks off
_TIMEOUT = 60
_PARTIAL_CONTENT = 206
_REDIRECTS = 10


@safe_messages
def fetch(
    paths: Iterable[str] | None = None, *, data_dir: PathLike | None = None, url: str | None = None
) -> list[Path]:
    """Download published score files, and give their paths.

    A file that is there already and has the right sha256 is not downloaded again.

    Parameters
    ----------
    paths
        Files of the reference layout, such as ``dsdm/squad.pt``; all 17 (14 GB) by default.
    data_dir
        The directory to fill; the user's cache by default.
    url
        The address of the directory that holds ``dsdm/``, ``classifier/``, ``dsir/`` and ``sdd.pt``;
        ``$DSDM_DATA_URL``, else the reference repository's, by default.

    Raises
    ------
    ValueError
        For a name that is not among the 17, or bytes that have another sha256.
    OSError
        If the disk has no room; if something else than a file has the name; if the server cannot be reached, does not
        have the file, has one of another size, sends it compressed, or redirects from https to an address without it;
        if ``<file>.part`` is a link or another user's.

    """
    import pooch

    wanted = _wanted(paths)
    folder = Path(local(data_dir, "data_dir")) if data_dir is not None else cache_dir()
    _check_room(wanted, folder)
    base = url or os.environ.get("DSDM_DATA_URL") or DEFAULT_URL
    with _shown_lines(pooch.get_logger()):
        return [_fetched(file, folder / file.path, f"{base.rstrip('/')}/{file.path}") for file in wanted]


def _fetched(file: ReferenceFile, target: Path, url: str) -> Path:
    """Have a file at its place with the sum that it should have."""
    import pooch

    if target.exists() and not target.is_file():
        message = "a regular file is needed here, and this is a directory, pipe, socket or device; remove it"
        raise FileExistsError(errno.EEXIST, message, str(target))
    if target.exists() and _sum_of(target) == file.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(target)
    if not _is_whole(part, file):
        pooch.get_logger().info("Downloading %s from %s to %s", file.path, url, target)
        _download(url, part, file.size)
        if (found := _sum_of(part)) != file.sha256:
            part.unlink()
            message = (
                f"{url}: the server has another file there than the published one: its sha256 is {found}, and "
                f"{file.sha256} was published; nothing of it is kept: see what is at that address"
            )
            raise ValueError(message)
    part.replace(target)
    return target


def _is_whole(part: Path, file: ReferenceFile) -> bool:
    """Return whether all of a file has arrived, and its sum was not looked at to its end."""
    there = _stat(part)
    return there is not None and _is_own(there) and there.st_size == file.size and _sum_of(part) == file.sha256


def _sum_of(path: Path) -> str:
    """Return the sha256 of a regular file, which is read in pieces."""
    import pooch

    return str(pooch.file_hash(str(path), alg="sha256"))


@contextmanager
def _shown_lines(log: logging.Logger) -> Iterator[None]:
    """Have a log, which writes to the terminal by a handler of its own, say names and addresses as all else does."""

    def show(record: logging.LogRecord) -> bool:
        record.msg, record.args = shown(record.getMessage()), ()
        return True

    log.addFilter(show)
    try:
        yield
    finally:
        log.removeFilter(show)


def _wanted(paths: Iterable[str] | None) -> list[ReferenceFile]:
    files = reference_files()
    if paths is None:
        return list(files.values())
    chosen = list(paths)
    check_names(chosen)
    return [files[path] for path in chosen]


def check_names(paths: Iterable[str]) -> None:
    """Refuse a name that none of the published files has."""
    known = tuple(reference_files())
    for path in paths:
        if path not in known:
            raise ValueError(unknown("published score file", path, known))


def _check_room(wanted: list[ReferenceFile], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in wanted if not (folder / file.path).exists()]
    needed = sum(file.size - _size(_part_of(folder / file.path)) for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"{folder}: {needed:,} bytes are to come and {free:,} are free; name another directory by data_dir="
        raise OSError(message)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _download(url: str, part: Path, size: int) -> None:
    """Have all bytes of a file in ``<file>.part``, beginning with those that are there."""
    import requests

    try:
        _Download(size).resume(url, part)
    except requests.RequestException as error:
        again = "" if error.response is not None else "; call again with a network"
        message = f"{url}: {error}; {_kept(part) or 'nothing has arrived' + again}"
        raise OSError(message) from error
    if (have := _size(part)) < size:
        message = f"{url}: the server ended after {have:,} of {size:,} bytes; {_kept(part) or 'nothing has arrived'}"
        raise OSError(message)


class _Download:
    """The download of a file that has so many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def resume(self, url: str, part: Path) -> None:
        """Add what is missing."""
        have = _size(part)
        if have >= self.size:  # a whole file of the wrong content was refused by its sum: begin again
            have = 0
        with answer_to(url, have) as answer:
            if not _begins_at(answer, have):
                have = 0
            self._check_length(url, answer, have)
            logger.info("downloading %s from byte %d of %d", shown(url), have, self.size)
            with open_part(part, keep=have > 0) as file:
                self._copy(url, answer, file, have, part)

    def _check_length(self, url: str, answer: "requests.Response", have: int) -> None:
        """Fail if another file is to come than the published one, by its length."""
        told = answer.headers.get("Content-Length", "")
        if told.isdecimal() and have + int(told) != self.size:
            message = (
                f"{url}: the server has a file of {have + int(told):,} bytes there, and the published one has "
                f"{self.size:,}; nothing of it is kept: see what is at that address"
            )
            raise OSError(message)

    def _copy(self, url: str, answer: "requests.Response", file: IO[bytes], have: int, part: Path) -> None:
        from tqdm.auto import tqdm

        bar = tqdm(
            total=self.size,
            initial=have,
            unit="B",
            unit_scale=True,
            desc=part.name.removesuffix(".part"),
            disable=None,
        )
        with bar:
            for chunk in answer.iter_content(_CHUNK):
                have += len(chunk)
                if have > self.size:
                    part.unlink()
                    message = (
                        f"{url}: the server sends more than the {self.size:,} bytes of the published file; nothing of "
                        "it is kept: see what is at that address"
                    )
                    raise OSError(message)
                file.write(chunk)
                bar.update(len(chunk))


def _kept(part: Path) -> str:
    """Say what there is to be continued."""
    if have := _size(part):
        return f"what has arrived is kept in {part} and continued by the next call ({have:,} bytes)"
    return ""


@contextmanager
def answer_to(url: str, have: int) -> Iterator["requests.Response"]:
    """Ask for a file from a byte on, and follow redirects, but none from https to an address without it.

    Raises
    ------
    OSError
        For such a redirect, or an answer that is compressed, of which the size says nothing.

    """
    import requests

    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    asked = url
    for _ in range(_REDIRECTS):
        with requests.get(asked, stream=True, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as answer:
            if not answer.is_redirect:
                answer.raise_for_status()
                _refuse_encoded(asked, answer)
                yield answer
                return
            target = urljoin(asked, answer.headers["Location"])
        if urlsplit(asked).scheme == "https" and urlsplit(target).scheme != "https":
            message = f"{url}: it is redirected from https to {target}, which nobody vouches for, and is not followed"
            raise OSError(message)
        asked = target
    message = f"{url}: it is redirected {_REDIRECTS} times and more; see what is at that address"
    raise OSError(message)


def _refuse_encoded(url: str, answer: "requests.Response") -> None:
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        message = f"{url}: the server sends it compressed ({encoding}), although it was asked for as it is"
        raise OSError(message)


def _begins_at(answer: "requests.Response", have: int) -> bool:
    """Return whether an answer begins where it was asked to, and not at the beginning of the file."""
    if answer.status_code != _PARTIAL_CONTENT:
        return False
    told = answer.headers.get("Content-Range", "")
    # A server that does not tell is believed: the sum finds what is wrong.
    return not told or told.replace(" ", "").startswith(f"bytes{have}-")


def open_part(part: Path, *, keep: bool) -> IO[bytes]:
    """Open a file that is being downloaded, to add to it or anew; never through a link, nor a file of another user.

    Raises
    ------
    FileExistsError
        If something else than a file of this user has the name.

    """
    flags = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    if (there := _stat(part)) is not None and not _is_own(there):
        message = (
            "continuing a download: this is a link or a file of others, and is not written to; see who made it, "
            "and remove it"
        )
        raise FileExistsError(errno.EEXIST, message, str(part))
    if not keep:
        part.unlink(missing_ok=True)
        return os.fdopen(os.open(part, flags | os.O_CREAT | os.O_EXCL, 0o666), "wb")
    file = os.fdopen(os.open(part, flags | os.O_APPEND), "ab")
    if not _is_own(os.fstat(file.fileno())):
        file.close()
        raise FileExistsError(errno.EEXIST, "continuing a download: it is another file now", str(part))
    return file


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_own(found: os.stat_result) -> bool:
    """Return whether this is a regular file that has no other name, and that is this user's, where users are told."""
    user = getattr(os, "geteuid", lambda: found.st_uid)()
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == user

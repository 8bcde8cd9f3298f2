"""Downloading the published score files into the user's cache, checked by their sha256.

``pooch`` keeps the table and checks the sums. A download that was cut off leaves ``<file>.part`` beside the
target and is continued by the next call.
"""

import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dsdm.paths import PathLike, local
from dsdm.reference import ReferenceFile, cache_dir, reference_files

if TYPE_CHECKING:
    import pooch
    import requests

logger = logging.getLogger(__name__)

DEFAULT_URL = "https://media.githubusercontent.com/media/MadryLab/DsDm/main/data/"
"""Where the reference repository's git-LFS objects are served; ``$DSDM_DATA_URL`` names another place."""

_CHUNK = 1 << 16  # what is lost at most of a download that breaks off
_TIMEOUT = 60
_PARTIAL_CONTENT = 206


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
        The folder to fill; the user's cache by default.
    url
        The address of the folder that holds ``dsdm/``, ``classifier/``, ``dsir/`` and ``sdd.pt``;
        ``$DSDM_DATA_URL``, else the reference repository's, by default.

    Raises
    ------
    ValueError
        For a name that is not among the 17, or bytes that have another sha256.
    OSError
        If the disk has no room, or the server cannot be reached or does not have the file.

    """
    import pooch

    wanted = _wanted(paths)
    folder = Path(local(data_dir, "data_dir")) if data_dir is not None else cache_dir()
    _check_room(wanted, folder)
    base = url or os.environ.get("DSDM_DATA_URL") or DEFAULT_URL
    registry = {file.path: f"sha256:{file.sha256}" for file in wanted}
    store = pooch.create(path=folder, base_url=base.rstrip("/") + "/", registry=registry)
    return [Path(store.fetch(file.path, downloader=_Download(file.size))) for file in wanted]


def _wanted(paths: Iterable[str] | None) -> list[ReferenceFile]:
    files = reference_files()
    if paths is None:
        return list(files.values())
    chosen = list(paths)
    for path in chosen:
        if path not in files:
            message = f"{path!r} is no published score file; they are {', '.join(files)}"
            raise ValueError(message)
    return [files[path] for path in chosen]


def _check_room(wanted: list[ReferenceFile], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in wanted if not (folder / file.path).exists()]
    needed = sum(file.size - _size(_part_of(folder / file.path)) for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"{folder}: {needed:,} bytes are to come and {free:,} are free; name another folder by data_dir="
        raise OSError(message)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Download:
    """What pooch calls for a file that is missing: continues ``<file>.part``, then hands it over."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, url: str, output_file: str, store: "pooch.Pooch") -> None:
        """Download `url`, and move it to `output_file`, where pooch checks its sum."""
        import requests

        part = _part_of(Path(store.abspath) / url.removeprefix(store.base_url))
        try:
            self._continue(url, part)
        except requests.RequestException as error:
            kept = f"what has arrived is kept in {part} and continued by the next call"
            message = f"{url}: {error}; {kept if _size(part) else 'nothing has arrived; call again with a network'}"
            raise OSError(message) from error
        part.replace(output_file)

    def _continue(self, url: str, part: Path) -> None:
        import requests

        have = _size(part)
        if have >= self.size:  # a whole file of the wrong content was refused by its sum: begin again
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, stream=True, headers=headers, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            if answer.status_code != _PARTIAL_CONTENT:
                have = 0
            logger.info("downloading %s from byte %d of %d", url, have, self.size)
            with part.open("ab" if have else "wb") as file:
                self._copy(answer, file, have, part.name)

    def _copy(self, answer: "requests.Response", file: IO[bytes], have: int, name: str) -> None:
        from tqdm.auto import tqdm

        bar = tqdm(
            total=self.size,
            initial=have,
            unit="B",
            unit_scale=True,
            desc=name.removesuffix(".part"),
            disable=None,
        )
        with bar:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))

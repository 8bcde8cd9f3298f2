"""Score vectors made on the spot: standard normal float32, as files of the layout that ``torch.save`` writes."""

import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm.bench.report import say
from dsdm.bench.settings import SEED, Settings
from dsdm.demo.torch_file import write_tensor
from dsdm.sizes import readable

_ITEM = 4  # bytes of a float32
_BLOCK = 1 << 24
_LOCAL_HEADER, _LENGTHS = 30, 26


class Vectors:
    """The files of one run: made when first asked for, taken as they are where an earlier run kept them."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.made: list[Path] = []

    def path(self, name: str) -> Path:
        """The file of the vector `name`: a ``.pt`` file of ``rows`` values."""
        path = self.folder / f"scores-{self.rows}-{name}.pt"
        if path.exists() and len(mapped(path)) == self.rows:
            return path
        self._check_room(self.rows)
        say(f"making {path}")
        unfinished = self._unfinished(path)
        write_tensor(unfinished, normal(self.rows, name))
        unfinished.replace(path)
        self.made.append(path)
        return path

    def long(self, rows: int) -> Path:
        """A ``.npy`` file of more values than are held in memory."""
        path = self.folder / f"scores-{rows}.npy"
        if path.exists() and len(mapped(path)) == rows:
            return path
        self._check_room(rows)
        say(f"making {path}")
        unfinished = self._unfinished(path)
        rng = np.random.default_rng(SEED)
        values = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=(rows,))
        for start in range(0, rows, _BLOCK):
            block = values[start : start + _BLOCK]
            block[:] = rng.standard_normal(len(block), dtype=np.float32)
        values.flush()
        del values
        unfinished.replace(path)
        self.made.append(path)
        return path

    def remove(self) -> None:
        """Remove the files that this run made."""
        for path in self.made:
            path.unlink(missing_ok=True)

    def _unfinished(self, path: Path) -> Path:
        unfinished = path.with_name(f"unfinished-{path.name}")
        self.made.append(unfinished)
        return unfinished

    def _check_room(self, rows: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < rows * _ITEM:
            needed = readable(rows * _ITEM)
            message = f"{self.folder}: {needed} are needed and {readable(free)} are free; name another folder by --dir"
            raise OSError(message)


@contextmanager
def vectors(settings: Settings) -> Iterator[Vectors]:
    """The files of a run, removed at its end unless they are to be kept or were there before."""
    temporary = settings.folder is None
    folder = Path(tempfile.mkdtemp(prefix="dsdm-bench-")) if settings.folder is None else settings.folder
    folder.mkdir(parents=True, exist_ok=True)
    files = Vectors(folder, settings.rows)
    try:
        yield files
    finally:
        if settings.keep:
            say(f"the vectors are kept in {folder}")
        else:
            files.remove()
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)


def normal(rows: int, name: str) -> NDArray[np.float32]:
    """Standard normal values, others for each name."""
    return np.random.default_rng([SEED, *name.encode()]).standard_normal(rows, dtype=np.float32)


def mapped(path: Path) -> NDArray[np.float32]:
    """Map the values of a file: found without the reader that is measured."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, mmap_mode="r"))
    with zipfile.ZipFile(path) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith("/data/0"))
    with path.open("rb") as file:
        file.seek(entry.header_offset + _LENGTHS)
        offset = entry.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
    return np.asarray(np.memmap(path, np.float32, "r", offset, (entry.file_size // _ITEM,)))

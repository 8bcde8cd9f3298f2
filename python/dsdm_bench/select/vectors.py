"""Score vectors, made when they are first needed: standard normal float32."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsdm_bench.harness.console import readable, say
from dsdm_bench.select.score_files import ITEM_BYTES, mapped, write_tensor
from dsdm_bench.select.settings import SEED, SelectSettings

_BLOCK = 1 << 24


class Vectors:
    """The files of one run: made when they are first asked for, or kept by an earlier run and used as they are."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self._made: list[Path] = []

    def path(self, name: str) -> Path:
        """Return the file of the vector `name`: a ``.pt`` file of ``rows`` values."""
        path = self.folder / f"scores-{self.rows}-{name}.pt"
        if path.exists() and len(mapped(path)) == self.rows:
            return path
        self._check_room(self.rows)
        say(f"making {path}")
        unfinished = self._unfinished(path)
        write_tensor(unfinished, normal(self.rows, name))
        unfinished.replace(path)
        self._made.append(path)
        return path

    def long(self, rows: int) -> Path:
        """Return a ``.npy`` file of `rows` values, written block by block: memory need not hold them."""
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
        self._made.append(path)
        return path

    def remove(self) -> None:
        """Remove the files that this run made."""
        for path in self._made:
            path.unlink(missing_ok=True)

    def _unfinished(self, path: Path) -> Path:
        unfinished = path.with_name(f"unfinished-{path.name}")
        self._made.append(unfinished)
        return unfinished

    def _check_room(self, rows: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < rows * ITEM_BYTES:
            needed = readable(rows * ITEM_BYTES)
            message = (
                f"{self.folder}: {needed} are needed and {readable(free)} are free; name another directory by --dir"
            )
            raise OSError(message)


@contextmanager
def vectors(settings: SelectSettings) -> Iterator[Vectors]:
    """Provide the files of a run; those that it made are removed at its end, unless they are to be kept."""
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
    """Return standard normal values, which differ from name to name."""
    return np.random.default_rng([SEED, *name.encode()]).standard_normal(rows, dtype=np.float32)

"""The demonstration's corpus: text that is on any machine with Python, in Parquet shards named like the reference's.

A token is a byte of UTF-8, a row is 1,024 of them as uint16.
"""

import ast
import hashlib
import site
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROW_TOKENS = 1024
SHARDS = 4
_ROWS_PER_GROUP = 250
_LICENSE_FOLDER = Path("/usr/share/common-licenses")
_LEFT_OUT = {
    "test",
    "tests",
    "idle_test",
    "encodings",
    "idlelib",
    "lib2to3",
    "distutils",
    "tkinter",
    "turtledemo",
}
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def make_rows(limit: int) -> NDArray[np.uint16]:
    """Cut text into rows of 1,024 bytes, one byte a token: array (rows, 1024) of uint16, at most `limit` rows."""
    pieces, size = [], 0
    for text in _texts():
        piece = text.encode("utf-8", "replace") + b"\n\n"
        pieces.append(piece)
        size += len(piece)
        if size >= limit * ROW_TOKENS:
            break
    everything = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    rows = min(limit, len(everything) // ROW_TOKENS)
    return everything[: rows * ROW_TOKENS].astype(np.uint16).reshape(rows, ROW_TOKENS)


def text_of(row: NDArray[np.uint16]) -> str:
    """Return a row's text."""
    return row.astype(np.uint8).tobytes().decode("utf-8", "replace")


def write_shards(rows: NDArray[np.uint16], folder: Path) -> list[Path]:
    """Write rows as ``train-00000-of-00004-<hash>.parquet`` and so on: the tokens, and the text that they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for rank, part in enumerate(np.array_split(rows, SHARDS)):
        digest = hashlib.sha256(part.tobytes()).hexdigest()[:16]
        path = folder / f"train-{rank:05}-of-{SHARDS:05}-{digest}.parquet"
        offsets = np.arange(len(part) + 1, dtype=np.int32) * ROW_TOKENS
        lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(part.ravel()))
        table = pa.table({"input_ids": lists, "text": list(map(text_of, part))})
        pq.write_table(table, path, row_group_size=_ROWS_PER_GROUP)
        paths.append(path)
    return paths


def _texts() -> Iterator[str]:
    """Licences, then the documentation strings of the standard library, in a fixed order."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in [library / "LICENSE.txt", *sorted(_LICENSE_FOLDER.glob("*"))]:
        if path.is_file() and not path.is_symlink():
            yield path.read_text("utf-8", "replace")
    yield from _strings(library / "pydoc_data" / "topics.py")
    left_out = _LEFT_OUT | {Path(folder).name for folder in site.getsitepackages()}
    for path in sorted(library.rglob("*.py")):
        if left_out.isdisjoint(path.relative_to(library).parts):
            yield from _documentation(path)


def _strings(path: Path) -> Iterator[str]:
    """The pages of Python's own documentation that are kept for ``help()``."""
    if (tree := _parsed(path)) is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _documentation(path: Path) -> Iterator[str]:
    if (tree := _parsed(path)) is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            yield f"{path.stem}.{getattr(node, 'name', '')}: {text}"


def _parsed(path: Path) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in strings of the standard library
        try:
            return ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):  # files that are there to test a parser
            return None

"""Files of scores by id: JSON lines, plain or compressed, Arrow and Parquet; what is wrong is said by the line."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dsdm._native import Corpus, FileIdentity
from dsdm.selection.columns import ends_of, is_table
from dsdm.selection.ids.lines import PACKED, ScoreLines
from dsdm.selection.ids.named import named, value_in
from dsdm.selection.rules.origin import identities_of

if TYPE_CHECKING:
    import pyarrow as pa

_LINES = (".jsonl", ".json", ".ndjson")


class NoIdsError(ValueError):
    """A file of scores has no columns, and so no ids by which they can be joined."""


@dataclass(frozen=True)
class ScoreFile:
    """A file with an id and a score in each row."""

    path: Path
    on: str
    column: str | None
    kind: "pa.DataType"
    """The type of the ids of the rows that the scores are for."""

    def read(self, threads: int | None) -> "pa.Table":
        """Return the ids and the scores, in this order.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If there is no such file.
        ValueError
            For a file of another format, and where it is not said which of several columns has the scores.
        FormatError, SchemaError
            For a line that cannot be read, with its number; for a column that is not there.

        """
        import pyarrow as pa

        _check_there(self.path)
        if self._is_lines:
            return self._lines.read()
        if is_table(self.path):
            opened = Corpus.open([self.path], threads=threads)
            ids, scores, name = named(opened.schema, self.path, self.on, self.column)
            columns = opened.select(list(dict.fromkeys([ids[0], scores[0]])))
            table = columns.take(np.arange(len(opened)), threads=threads)
            return pa.table([value_in(table, ids), value_in(table, scores)], names=[self.on, name])
        message = (
            f"{self.path}: a JSON lines file ({', '.join(_LINES)}; also with {' or '.join(PACKED)}), a Parquet or an "
            "Arrow file is needed"
        )
        raise NoIdsError(message)

    def place(self, row: int) -> str:
        """Return what a row is called: the line of a file of lines."""
        if not self._is_lines:
            return f"row {row:,}"
        # Proof: each row is a line that is not empty, and there are as many.
        return f"line {next((line for at, (line, _) in enumerate(self._lines.texts()) if at == row), row + 1):,}"

    @property
    def _lines(self) -> ScoreLines:
        return ScoreLines(self.path, self.on, self.column, self.kind)

    @property
    def _is_lines(self) -> bool:
        return _are_lines(self.path)


def identity_of_file(path: Path) -> FileIdentity:
    """Return what a file of scores is known by.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.

    """
    _check_there(path)
    if _are_lines(path) or not is_table(path):
        return FileIdentity(**ends_of(path))
    return FileIdentity(**identities_of(Corpus.open([path]))[0])


def may_have_ids(path: Path) -> bool:
    """Return whether a file is named as those are that scores are joined from.

    >>> may_have_ids(Path("s.jsonl.gz")), may_have_ids(Path("s.parquet")), may_have_ids(Path("s.npy"))
    (True, True, False)
    """
    return _are_lines(path) or is_table(path)


def _check_there(path: Path) -> None:
    if not os.path.lexists(path):
        raise FileNotFoundError(errno.ENOENT, "there is no such file of scores", str(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a directory, and was a file of scores", str(path))


def _are_lines(path: Path) -> bool:
    name, suffix = path.name.lower(), path.suffix.lower()
    return (name.removesuffix(suffix) if suffix in PACKED else name).endswith(_LINES)

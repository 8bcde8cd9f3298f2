"""Files of scores by id: JSON lines, plain or compressed, Arrow and Parquet; what is wrong is said by the line."""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsdm._native import Corpus, FileIdentity
from dsdm.errors import FormatError, SchemaError
from dsdm.selection.columns import ends_of, is_table
from dsdm.selection.rules.origin import identities_of

if TYPE_CHECKING:
    import pyarrow as pa

_LINES = (".jsonl", ".json", ".ndjson")
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 16 << 20
"""Bytes that are read at once, which is also what a line may have."""
_EXACT = 2**53
"""Whole numbers up to this are float64."""


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
        _check_there(self.path)
        if self._is_lines:
            table = self._lines()
            return table.select([self.on, self._chosen(table.column_names)])
        if is_table(self.path):
            opened = Corpus.open([self.path], threads=threads)
            names = [self.on, self._chosen(opened.schema.names)]
            return opened.select(names).take(np.arange(len(opened)), threads=threads)
        message = (
            f"{self.path}: a JSON lines file ({', '.join(_LINES)}; also with {' or '.join(_PACKED)}), a Parquet or an "
            "Arrow file is needed"
        )
        raise ValueError(message)

    def place(self, row: int) -> str:
        """Return what a row is called: the line of a file of lines."""
        if not self._is_lines:
            return f"row {row:,}"
        # Proof: each row is a line that is not empty, and there are as many.
        return f"line {next((line for at, (line, _) in enumerate(self._texts()) if at == row), row + 1):,}"

    @property
    def _is_lines(self) -> bool:
        return _are_lines(self.path)

    def _chosen(self, names: list[str]) -> str:
        """Return the column of the scores."""
        self._refuse_names(names)
        others = [name for name in names if name != self.on]
        if self.column is None and len(others) != 1:
            listed = ", ".join(map(repr, others)) or "none"
            message = (
                f"{self.path}: which column holds the scores is not said; beside the ids there are {listed}: give "
                "column="
            )
            raise ValueError(message)
        return self.column or others[0]

    def _refuse_names(self, names: list[str]) -> None:
        """Fail unless the columns that are asked for are among those that there are."""
        for column, there in ((self.on, names), (self.column, [name for name in names if name != self.on])):
            if column is not None and column not in there:
                message = f"{self.path}: there is no column {column!r}; there are {', '.join(map(repr, there))}"
                message += f"; {BOTH}" if column == self.on else ""
                raise SchemaError(message)

    def _lines(self) -> "pa.Table":
        """Read lines with ids of the type that the rows have: texts that look like dates stay texts."""
        import pyarrow as pa
        import pyarrow.json

        kinds = [pa.int64(), pa.uint64()] if pa.types.is_integer(self.kind) else [pa.large_string()]
        for kind in reversed(kinds) if self.kind == pa.uint64() else kinds:
            options = pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(self.on, kind)]),
                unexpected_field_behavior="infer",
            )
            try:
                with pa.input_stream(str(self.path), compression=_PACKED.get(self.path.suffix.lower())) as stream:
                    reading = pyarrow.json.ReadOptions(block_size=_BLOCK)
                    table = pyarrow.json.read_json(stream, read_options=reading, parse_options=options)
            except pa.ArrowInvalid as error:
                found = error
                continue
            except OSError as error:
                message = f"{self.path}: it cannot be decompressed ({error}); make it again, or name it by what it is"
                raise FormatError(message) from error
            ids = table.column(self.on)
            if len(ids) and ids.null_count == len(ids):
                self._refuse_names([name for name in table.column_names if name != self.on])
            self._refuse_rounded(table)
            return table
        raise FormatError(self._fault() or f"{self.path}: it cannot be read as JSON lines ({found})")

    def _refuse_rounded(self, table: "pa.Table") -> None:
        """Fail for whole numbers among floats that were rounded."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = [name for name in table.column_names if name != self.on and self.column in (None, name)]
        for name in names if len(names) == 1 else ():
            values = table.column(name)
            if not pa.types.is_floating(values.type) or not pc.any(pc.greater_equal(pc.abs(values), _EXACT)).as_py():
                continue
            for line, text in self._texts():
                score = json.loads(text).get(name)
                if isinstance(score, int) and abs(score) > _EXACT:
                    message = (
                        f"{self.path}, line {line:,}: the score {name!r} is {score!s:.100}, a whole number beyond "
                        "2^53, which float64 has no room for; write it as a float"
                    )
                    raise ValueError(message)

    def _texts(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not empty, with their numbers."""
        import pyarrow as pa

        with pa.input_stream(str(self.path), compression=_PACKED.get(self.path.suffix.lower())) as stream:
            for number, line in enumerate(_by_line(stream), 1):
                if line.strip():
                    yield number, line.decode("utf-8", "replace")

    def _fault(self) -> str | None:
        """Return what is wrong in the first line of which something is."""
        import pyarrow as pa

        needed = "a whole number of 64 bits" if pa.types.is_integer(self.kind) else "a text"
        lines = 0
        for line, text in self._texts():
            lines += 1
            place = f"{self.path}, line {line:,}"
            try:
                value = json.loads(text)
            except ValueError as error:
                return f"{place}: it is no JSON ({error}); each line is one object, such as {_EXAMPLE}"
            if not isinstance(value, dict):
                return f"{place}: it is {text.strip()!r:.100}, and no object; each line is one, such as {_EXAMPLE}"
            given = value.get(self.on)
            is_whole = type(given) is int and -(2**63) <= given < 2**64
            fits = is_whole if pa.types.is_integer(self.kind) else isinstance(given, str)
            if given is not None and not fits:
                return (
                    f"{place}: the id {self.on!r} is {given!r:.100}, and those of the corpus are {self.kind}: "
                    f"{needed} is needed"
                )
            score = value.get(self.column) if self.column is not None else None
            if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
                return f"{place}: the score {self.column!r} is {score!r:.100}; a number is needed"
        return (
            f"{self.path}: there is no line in it; each line is one object, such as {_EXAMPLE}" if not lines else None
        )


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


def _check_there(path: Path) -> None:
    if not os.path.lexists(path):
        raise FileNotFoundError(errno.ENOENT, "there is no such file of scores", str(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a directory, and was a file of scores", str(path))


def _are_lines(path: Path) -> bool:
    name, suffix = path.name.lower(), path.suffix.lower()
    return (name.removesuffix(suffix) if suffix in _PACKED else name).endswith(_LINES)


BOTH = "where rows and scores call the ids otherwise, on= takes both names, that of the rows first"
_EXAMPLE = '{"id": 7, "score": 0.5}'


def _by_line(stream: Any) -> Iterator[bytes]:
    """Yield the lines of a stream of bytes."""
    rest = b""
    while block := stream.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest

"""JSON lines of scores by id: the two fields that are asked for are read, and what is wrong is said by the line."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dsdm.errors import FormatError
from dsdm.selection.fields import may_be_nested
from dsdm.selection.ids.named import Way, named, value_in

if TYPE_CHECKING:
    import pyarrow as pa

PACKED = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 16 << 20
"""Bytes that are read at once, which is also what a line may have."""
_EXACT = 2**53
"""Whole numbers up to this are float64."""
_EXAMPLE = '{"id": 7, "score": 0.5}'
_MARK = b"\xef\xbb\xbf"
"""Of UTF-8, which some editors write first."""


@dataclass(frozen=True)
class ScoreLines:
    """A file of lines with an id and a score in each."""

    path: Path
    on: str
    column: str | None
    kind: "pa.DataType"
    """The type of the ids of the rows that the scores are for."""

    def read(self) -> "pa.Table":
        """Return the ids, of the type that the rows have, and the scores: texts that look like dates stay texts.

        Other fields are passed over, whatever they hold.

        Raises
        ------
        ValueError
            Where it is not said which of several fields has the scores; for whole numbers that float64 rounds.
        FormatError, SchemaError
            For a line that cannot be read, with its number; for a field that is in no line.

        """
        quick = self._quick()
        table = None if quick is None else self._parsed(*quick)
        # Of a field without values it is to be told whether there is one.
        if quick is None or table is None or any(values.null_count == len(values) for values in table.columns):
            quick = named(self._schema(), self.path, self.on, self.column)
            table = self._parsed(*quick)
        on, column, _ = quick
        if table is None:
            self._refuse(on, column)
        self._refuse_rounded(table, column)
        return table

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are not empty, with their numbers."""
        with self._opened() as stream:
            for number, line in enumerate(_by_line(stream), 1):
                text = line.removeprefix(_MARK) if number == 1 else line
                if text.strip():
                    yield number, text.decode("utf-8", "replace")

    def _opened(self) -> Any:
        import pyarrow as pa

        return pa.input_stream(str(self.path), compression=PACKED.get(self.path.suffix.lower()))

    def _quick(self) -> tuple[Way, Way, str] | None:
        """Return the two fields where the options, or else the first line, name them; None where all lines have to."""
        if may_be_nested(self.on) or self.on == self.column:
            return None
        if self.column is not None:
            return None if may_be_nested(self.column) else ((self.on,), (self.column,), self.column)
        try:
            # Proof: of a file without lines, all that is read tells so.
            first = json.loads(next(self.texts(), (0, "{}"))[1])
        except (ValueError, RecursionError, OSError):  # which is told where all lines are read
            return None
        others = [name for name in first if name != self.on] if isinstance(first, dict) else []
        return ((self.on,), (others[0],), others[0]) if len(others) == 1 else None

    def _parsed(self, on: Way, column: Way, name: str) -> "pa.Table | None":
        """Return the ids and the scores; None for what cannot be read as such.

        Where the field of the scores is not named, a line with another one cannot be read.
        """
        import pyarrow as pa
        import pyarrow.json

        found = [pa.int64(), pa.uint64()] if pa.types.is_integer(self.kind) else [pa.large_string()]
        is_named = self.column is not None or len(on) > 1
        for kind in reversed(found) if self.kind == pa.uint64() else found:
            options = pyarrow.json.ParseOptions(
                explicit_schema=_schema_of({on: kind, column: pa.float64()}),
                unexpected_field_behavior="ignore" if is_named else "error",
            )
            try:
                with self._opened() as stream:
                    reading = pyarrow.json.ReadOptions(block_size=_BLOCK)
                    table = pyarrow.json.read_json(stream, read_options=reading, parse_options=options)
            except pa.ArrowInvalid:
                continue
            except OSError as error:
                raise self._packed(error) from error
            return pa.table([value_in(table, on), value_in(table, column)], names=[self.on, name])
        return None

    def _packed(self, error: OSError) -> FormatError:
        return FormatError(f"{self.path}: it cannot be decompressed ({error}); make it again, or name it by what it is")

    def _objects(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what each line holds, with its place.

        Raises
        ------
        FormatError
            For a line that is no object, and a file that cannot be decompressed or has no line.

        """
        place = None
        try:
            for line, text in self.texts():
                place = f"{self.path}, line {line:,}"
                try:
                    value = json.loads(text, object_pairs_hook=_with_doubles)
                except (ValueError, RecursionError) as error:
                    message = f"{place}: it is no JSON ({error}); each line is one object, such as {_EXAMPLE}"
                    raise FormatError(message) from error
                if not isinstance(value, dict):
                    message = (
                        f"{place}: it is {text.strip()!r:.100}, and no object; each line is one, such as {_EXAMPLE}"
                    )
                    raise FormatError(message)
                yield place, value
        except OSError as error:
            raise self._packed(error) from error
        if place is None:
            message = f"{self.path}: there is no line in it; each line is one object, such as {_EXAMPLE}"
            raise FormatError(message)

    def _schema(self) -> "pa.Schema":
        """Return which fields there are in any line, as deep as a name can mean one."""
        deep = max(_depth(name) for name in (self.on, self.column or ""))
        known: dict[str, Any] = {}
        for _, value in self._objects():
            _add(known, value, deep)
        return _schema_of(_leaves(known))

    def _refuse(self, on: Way, column: Way) -> NoReturn:
        """Fail by the first line of which an id or a score cannot be read."""
        import pyarrow as pa

        is_whole = pa.types.is_integer(self.kind)
        needed = "a whole number of 64 bits" if is_whole else "a text"
        asked = self.column or column[-1]
        for place, value in self._objects():
            given, score = _value_at(value, on), _value_at(value, column)
            fits = type(given) is int and -(2**63) <= given < 2**64 if is_whole else isinstance(given, str)
            message = None
            if isinstance(given, _Doubled) or isinstance(score, _Doubled):
                name, both = (self.on, given) if isinstance(given, _Doubled) else (asked, score)
                message = f"{place}: {name!r} is there twice, {' and '.join(map(repr, both))!s:.100}; write it once"
            elif given is not None and not fits:
                message = (
                    f"{place}: the id {self.on!r} is {given!r:.100}, and those of the corpus are {self.kind}: "
                    f"{needed} is needed"
                )
            elif score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
                message = f"{place}: the score {asked!r} is {score!r:.100}; a number is needed"
            if message is not None:
                raise FormatError(message)
        message = (
            f"{self.path}: as JSON lines, {self.on!r} and {asked!r} cannot be read: ids of one file are all below 2^63 "
            "or all from 0, scores are numbers that float64 has, and a line has at most 16 MiB"
        )
        raise FormatError(message)

    def _refuse_rounded(self, table: "pa.Table", column: Way) -> None:
        """Fail for whole numbers that were rounded."""
        import pyarrow.compute as pc

        if not pc.any(pc.greater_equal(pc.abs(table.column(1)), _EXACT)).as_py():
            return
        for place, value in self._objects():
            score = _value_at(value, column)
            if isinstance(score, int) and abs(score) > _EXACT:
                message = (
                    f"{place}: the score {table.column_names[1]!r} is {score!s:.100}, a whole number beyond "
                    "2^53, which float64 has no room for; write it as a float"
                )
                raise ValueError(message)


class _Doubled(tuple[Any, ...]):
    """The values of a key that is there twice."""

    __slots__ = ()


def _with_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, with all values of a key that is there twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found[name] = _Doubled((found[name], value)) if name in found else value
    return found


def _by_line(stream: Any) -> Iterator[bytes]:
    """Yield the lines of a stream of bytes."""
    rest = b""
    while block := stream.read(1 << 20):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _depth(name: str) -> int:
    return 1 + name.count(".") + name.count("[")


def _value_at(value: Any, way: Sequence[str]) -> Any:
    """Return a field of an object; what is on the way to it where that is no object."""
    for name in way:
        if not isinstance(value, dict):
            return value
        value = value.get(name)
    return value


def _add(known: dict[str, Any], value: dict[str, Any], deep: int) -> None:
    """Add the names of an object to those that are known, with those of the objects in it."""
    for name, of in value.items():
        below = known.setdefault(name, {})
        if deep > 1 and isinstance(of, dict):
            _add(below, of, deep - 1)


def _leaves(known: dict[str, Any], above: Way = ()) -> dict[Way, "pa.DataType"]:
    import pyarrow as pa

    found: dict[Way, pa.DataType] = {}
    for name, below in known.items():
        found |= _leaves(below, (*above, name)) if below else {(*above, name): pa.null()}
    return found


def _schema_of(leaves: dict[Way, "pa.DataType"]) -> "pa.Schema":
    """Return columns with these fields of structs."""
    import pyarrow as pa

    known: dict[str, Any] = {}
    for (*above, last), kind in leaves.items():
        at = known
        for name in above:
            at = at.setdefault(name, {})
        at[last] = kind

    def fields(of: dict[str, Any]) -> list[Any]:
        return [
            pa.field(name, pa.struct(fields(kind)) if isinstance(kind, dict) else kind) for name, kind in of.items()
        ]

    return pa.schema(fields(known))

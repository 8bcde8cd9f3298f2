"""What ``selection=`` may hold: what the reader of ``dsdm.json`` takes, looked at before it is written.

The limits are those of ``rust/json.rs`` and ``rust/write/manifest_schema.rs``, which refuse the file afterwards.
"""

import json
import math
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from dsdm.arrays.scalars import plain_number
from dsdm.checks import said

MAX_BYTES = 64 << 20
MAX_DEPTH = 100
MAX_VALUES = 2_000_000
MAX_NUMBER = 1_000
MAX_PATH = 32_768

# The object of the manifest, and its selection: what is told lies in both.
_AROUND = 2
_ENDS = re.compile(r"[0-9a-f]{32}")
_TO_DO = "give less, or keep it in a file of your own and tell its path here"


def check_values(selection: Mapping[str, Any]) -> None:
    """Fail for a number, a depth or so many values that the reader would refuse.

    Raises
    ------
    ValueError
        Saying what was found and what the limit is.

    """
    ahead: list[tuple[Any, int]] = [(selection, _AROUND + 1)]
    values = _AROUND
    while ahead:
        value, depth = ahead.pop()
        if not isinstance(value, Mapping | list | tuple):
            _check_number(value)
            continue
        values += 1 + max(len(value) - 1, 0)
        if depth > MAX_DEPTH:
            message = (
                f"selection=: lists and mappings lie deeper in each other than {MAX_DEPTH - _AROUND}, or in "
                f"themselves, and verify would refuse dsdm.json; {_TO_DO}"
            )
            raise ValueError(message)
        if values > MAX_VALUES:
            message = f"selection=: it has more than {MAX_VALUES:,} values, which verify would refuse; {_TO_DO}"
            raise ValueError(message)
        within = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
        ahead += [(item, depth + 1) for item in within]


def check_size(text: str) -> None:
    """Fail if what is told, which is given as JSON, would fill a manifest alone.

    Raises
    ------
    ValueError
        With both sizes.

    """
    # As it is laid out: each value on a line.
    record = {"selection": {"chosen": json.loads(text)}}
    size = len(json.dumps(record, indent=2, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        message = (
            f"selection=: it has {size:,} bytes in dsdm.json, of which verify reads at most {MAX_BYTES:,}; {_TO_DO}"
        )
        raise ValueError(message)


def check_score_files(selection: Mapping[str, Any]) -> None:
    """Fail unless what is told of score files is what the reader takes.

    Raises
    ------
    ValueError
        Naming the field, what it holds and what it may hold.

    """
    if "score_files" not in selection:
        return
    files = selection["score_files"]
    if not isinstance(files, list | tuple):
        place = "score_files"
        raise _wrong(place, files, "a list")
    for number, file in enumerate(files):
        place = f"score_files[{number}]"
        if not isinstance(file, Mapping):
            raise _wrong(place, file, "a mapping")
        path = file.get("path")
        if not isinstance(path, str) or not 1 <= len(path) <= MAX_PATH or "\0" in path:
            raise _wrong(f"{place}.path", path, f"a path of 1 to {MAX_PATH:,} characters, without a NUL,")
        for name, most in (("bytes", 2**63 - 1), ("modified_ns", 2**64 - 1), ("rows", 2**63 - 1)):
            if name in file or name != "rows":
                _check_whole(f"{place}.{name}", file.get(name), most)
        ends = file.get("ends", "0" * 32)
        if not isinstance(ends, str) or not _ENDS.fullmatch(ends):
            raise _wrong(f"{place}.ends", ends, "a text of 32 hexadecimal digits")


def _check_number(value: Any) -> None:
    number = plain_number("selection=", value)
    if isinstance(number, int) and not -(10 ** (MAX_NUMBER - 1)) < number < 10**MAX_NUMBER:
        message = f"selection=: it holds {said(number)}; at most {MAX_NUMBER:,} characters are read"
        raise ValueError(message)
    if isinstance(number, float) and not math.isfinite(number):
        message = f"selection=: it holds {number}, which JSON has no way to write; tell it as a text"
        raise ValueError(message)


def _check_whole(place: str, value: Any, most: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or not 0 <= int(value) <= most:
        raise _wrong(place, value, f"a whole number from 0 to {most}")


def _wrong(place: str, found: object, expected: str) -> ValueError:
    text = said(found) if isinstance(found, Integral) else repr(found)
    return ValueError(f"selection=: {place} is {text}; {expected} is needed, or leave 'score_files' out")

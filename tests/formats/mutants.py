"""Files of dsdm with something else in one place, and the checksums that they should have."""

import copy
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dsdm import _native

Place = tuple[str | int, ...]

DELETE = object()
OTHERS: list[Any] = [
    DELETE, None, True, False, 0, 1, -1, 2, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80, 0.5, 1e300, "", "x", "a\0b",
    "é" * 1024, "é" * 1025, "a" * 32_768, "a" * 32_769, [], ["x"], [[]], {}, {"a": 1}, [1, 2], [-1], [1, 2, 3], "..",
    "../x", "/x", "a/../b", "a//b", "a\\b", "..\n", "a/.", "s.npy", "arrow", "tokens", "csv", "top_k", "random",
    "shuffle", "0.1.0", "0" * 8, "0" * 8 + "\n", "G" * 8, "0" * 16, "0" * 32, "0" * 32 + "\n", "F" * 32,
    [{"path": "x", "bytes": 1, "modified_ns": 2}], [{"path": "x", "bytes": 1}], [{"rows": 1, "files": []}],
    [{"name": "x", "bytes": 1, "crc32": "0" * 8}], {"done": {}}, {"complete": [1, 2]},
]  # fmt: skip
"""Values to be put in the place of others. Whole numbers that are spelled as others are among the differences."""


def places(value: Any, path: Place = (), most: int | None = None) -> Iterator[Place]:
    """Give the place of every value; of each list those of its first items alone, if there is to be a limit."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value[:most]):
            yield from places(inner, (*path, key), most)


def changed(whole: Any, path: Place, value: Any) -> Any:
    """Give a copy with another value in one place, or without it."""
    whole = copy.deepcopy(whole)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    if value is DELETE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


def mutants(whole: Any, path: Place) -> Iterator[Any]:
    """Give copies with each of the other values in one place."""
    return (changed(whole, path, value) for value in OTHERS)


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def crc32(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def sealed(manifest: dict[str, Any]) -> str:
    """Give the text of a manifest with the checksum that it should have, unless it has another on purpose."""
    contents = {name: value for name, value in manifest.items() if name != "crc32"}
    return compact({**contents, "crc32": crc32(compact(contents))})


def line(entry: Any) -> str:
    """Give a line of the journal."""
    text = entry if isinstance(entry, str) else compact(entry)
    return f"{crc32(text)} {text}\n"


def entries(journal: Path) -> list[Any]:
    """Give the entries of a journal, whose checksums must fit."""
    found = []
    for text in journal.read_text(encoding="utf-8").splitlines():
        total, _, told = text.partition(" ")
        assert total == crc32(told)
        found.append(json.loads(told))
    return found


def form_of(text, folder):
    """Give what an overwrite, which reads the manifest and no file, says against one; nothing if it takes it."""
    (folder / "form").mkdir(exist_ok=True)
    (folder / "form" / "dsdm.json").write_text(text, encoding="utf-8")
    try:
        _native.check_target(str(folder / "form"), overwrite=True)
    except ValueError as error:
        return str(error)
    return ""

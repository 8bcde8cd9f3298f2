"""The pages and schemas of ``docs/formats``: their tables, code blocks and fields."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

FORMATS = Path(__file__).parents[2] / "docs" / "formats"
HEADER = "| Field | Type | Range | Unit | Since | Meaning |"
PAGES = {"dsdm": "dsdm-json.md", "tokens": "tokens-json.md", "plan": "unfinished.md", "journal": "journal.md"}
"""The page that describes what each schema is of."""

_KINDS = {
    "text": ("string", lambda value: isinstance(value, str)),
    "whole number": ("integer", lambda value: type(value) is int),
    "number": ("number", lambda value: type(value) in {int, float}),
    "list": ("array", lambda value: isinstance(value, list)),
    "object": ("object", lambda value: isinstance(value, dict)),
    "true or false": ("boolean", lambda value: isinstance(value, bool)),
    "null": ("null", lambda value: value is None),
}

_RANGE = re.compile(r"(\d+)(?: to (.+?))?(?: (characters|files?|shards?|numbers?|names?))?( or more)?")


class Field(NamedTuple):
    """A row of a table."""

    name: str
    kinds: tuple[str, ...]
    optional: bool
    range: str
    since: str
    meaning: str

    @property
    def types(self) -> set[str]:
        """The types as JSON Schema names them."""
        return {_KINDS[kind][0] for kind in self.kinds}

    def holds(self, value: Any) -> bool:
        """Whether a value has the type and the range."""
        return any(_KINDS[kind][1](value) for kind in self.kinds) and (value is None or in_range(self.range, value))


def in_range(told: str, value: Any) -> bool:
    """Whether a value is in a range as the tables have it."""
    if not told:
        return True
    if choices := re.findall(r"`([^`]*)`", told):
        return str(value) in choices
    if digits := re.fullmatch(r"(\d+) hex digits", told):
        return re.fullmatch(f"[0-9a-f]{{{digits[1]}}}", value) is not None
    words = _RANGE.fullmatch(told)
    assert words, told
    least, most, counted, open_end = words.groups()
    found = len(value) if counted else value
    return found >= int(least) and (bool(open_end) or found <= number(most or least))


def number(text: str) -> int:
    """Read a number such as 1,024 or 2^63 - 1."""
    power = re.fullmatch(r"(\d+)\^(\d+) - 1", text)
    return int(power[1]) ** int(power[2]) - 1 if power else int(text.replace(",", ""))


def page(name: str) -> str:
    return (FORMATS / name).read_text(encoding="utf-8")


@cache
def table(name: str) -> dict[str, Field]:
    """Give the rows of the tables of fields of a page."""
    found = {}
    for part in page(name).split(HEADER)[1:]:
        rows = [line for line in part.lstrip("\n").split("\n\n")[0].splitlines() if line.startswith("| `")]
        for row in rows:
            field, kind, span, _, since, meaning = (cell.strip() for cell in row.strip().strip("|").split("|"))
            kind, _, optional = kind.partition(", ")
            kinds = ("true or false",) if kind == "true or false" else tuple(kind.split(" or "))
            name_of = field.strip("`")
            assert name_of not in found, name_of
            assert optional in {"", "optional"}, row
            found[name_of] = Field(name_of, kinds, bool(optional), span, since, meaning)
    return found


def blocks(name: str, language: str) -> list[str]:
    """Give the code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


@cache
def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page(f"{name}.schema.json"))
    return found


@cache
def validator(name: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema(name))
    return Draft202012Validator(schema(name))


def declared(name: str) -> dict[str, tuple[dict[str, Any], bool]]:
    """Give what a schema says of each field, and whether it is required, by the names of the tables."""
    whole = schema(name)

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        return part

    def fields(part: dict[str, Any], place: str) -> Iterator[tuple[str, tuple[dict[str, Any], bool]]]:
        for inner in (part, part.get("then", {}), part.get("else", {})):
            for key, value in inner.get("properties", {}).items():
                required = key in part.get("required", ())
                yield from field(value, f"{place}.{key}" if place else key, required=required)
        if isinstance(part.get("additionalProperties"), dict):
            yield from field(part["additionalProperties"], f"{place}.*")
        if "items" in part:
            item = resolved(part["items"])
            yield from fields(item, f"{place}[]") if "properties" in item else field(item, f"{place}[]")

    def field(
        part: dict[str, Any], place: str, *, required: bool = True
    ) -> Iterator[tuple[str, tuple[dict[str, Any], bool]]]:
        part = resolved(part)
        yield place, (part, required)
        yield from fields(part, place)

    found: dict[str, tuple[dict[str, Any], bool]] = {}
    for place, value in fields(whole, ""):
        found.setdefault(place, value)
    return found


def written(value: Any, name: str, place: str = "") -> Iterator[tuple[str, Any]]:
    """Give the fields of an object that was written, by the names of the tables, with their values."""
    free = {known.removesuffix(".*") for known in table(PAGES[name]) if known.endswith(".*")}
    for key, inner in value.items() if isinstance(value, dict) else [("[]", item) for item in value]:
        step = "[]" if isinstance(value, list) else ".*" if place in free else f".{key}" if place else key
        if step != "[]" or not isinstance(inner, dict):
            yield place + step, inner
        if isinstance(inner, dict | list):
            yield from written(inner, name, place + step)

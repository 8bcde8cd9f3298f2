"""A report says what its lengths count."""

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

import dsdm

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text("utf-8"))
ROWS = pa.table(
    {"text": ["\u00e4", "b", "cc"], "ids": [[1], [2, 3], []], "count": [5, 6, 7], "raw": pa.array([b"a", b"", b"c"])}
)


@pytest.mark.parametrize(
    ("column", "unit", "total"),
    [("text", "bytes", 3), ("ids", "items", 3), ("count", "numbers", 11), ("raw", "bytes", 1)],
)
def test_lengths_have_a_unit(column, unit, total):
    chosen = dsdm.choose([3.0, 2.0, 1.0], k=2)
    found = dsdm.report(chosen, corpus=ROWS, lengths=column, examples=0)
    told = found.selections[0].lengths
    assert (told.by, told.unit, told.chosen.total) == (column, unit, total)
    title = f"lengths by {column}" + ("" if unit == "numbers" else f", in {unit}")
    assert any(line.startswith(f"{title}  ") or line.strip().startswith(title) for line in str(found).splitlines())
    jsonschema.validate(found.to_dict(), SCHEMA)


def test_lengths_in_memory_are_numbers():
    chosen = dsdm.choose([3.0, 2.0, 1.0], k=2)
    assert dsdm.report(chosen, lengths=[4, 5, 6]).selections[0].lengths.unit == "numbers"

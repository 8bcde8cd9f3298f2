"""Read JSON lines that dsdm wrote with pyarrow, polars, duckdb and datasets, and compare each value with the rows.

``python tests/compat/read_jsonl.py make DIR`` writes outputs, where dsdm is installed. With ``read`` in place of
``make`` it reads them, where some of pyarrow, polars, duckdb and datasets (with zstandard) are.
"""

import datetime as dt
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROWS, SHARDS = 5_000, 3
READERS = ("pyarrow", "polars", "duckdb", "datasets")


def rows() -> list[dict[str, Any]]:
    """Give rows of every kind that JSON has a form for, edges first."""
    texts = ["", 'a\n"b"\\\t\u2028\x00\x7f', "é 😀", " 2020-01-01", "null", "1"]
    numbers = [0, 2**63 - 1, -(2**63), 2**53 + 1]
    floats = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 123456789.0]
    return [
        {
            "text": None if row % 11 == 10 else texts[row % len(texts)] + "x" * (row % 50),
            "n": None if row % 13 == 12 else numbers[row % len(numbers)] if row < 100 else row * 7**15 % 2**62,
            "score": floats[row % len(floats)] if row < 100 else math.sin(row),
            "flag": row % 3 == 0,
            "ids": None if row % 17 == 16 else [row, None, -row][: row % 4],
            "meta": None if row % 19 == 18 else {"lang": f"l{row % 5}", "p": row / 3, "tags": ["a", f"{row}"]},
        }
        for row in range(ROWS)
    ]


def make(folder: Path) -> None:
    """Write the rows, and what they are."""
    import pyarrow as pa

    import dsdm

    table = pa.Table.from_pylist(rows())
    dsdm.materialize(table, range(ROWS), folder / "out", format="jsonl", num_shards=SHARDS, progress=False)
    dsdm.verify(folder / "out")


def files(folder: Path) -> list[str]:
    return [str(path) for path in sorted((folder / "out" / "data").iterdir())]


def by_pyarrow(folder: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.json

    found = []
    for path in files(folder):
        with pa.input_stream(path, compression="zstd") as stream:
            found += pyarrow.json.read_json(stream).to_pylist()
    return found


def by_polars(folder: Path) -> list[dict[str, Any]]:
    import polars as pl

    return pl.concat([pl.read_ndjson(path) for path in files(folder)]).to_dicts()


def by_duckdb(folder: Path) -> list[dict[str, Any]]:
    import duckdb

    found = []
    for path in files(folder):
        # With more than one thread, and without an order, rows come as they are parsed.
        read = duckdb.sql(f"select * from read_json('{path}', format = 'newline_delimited')")  # noqa: S608
        found += [dict(zip(read.columns, row, strict=True)) for row in read.fetchall()]
    return found


def by_datasets(folder: Path) -> list[dict[str, Any]]:
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        return list(datasets.load_dataset(str(folder / "out"), cache_dir=cache, split="train"))


def read(folder: Path) -> int:
    """Compare what each reader gives with the rows, and say which one gave others."""
    expected = rows()
    readers: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
        "pyarrow": by_pyarrow,
        "polars": by_polars,
        "duckdb": by_duckdb,
        "datasets": by_datasets,
    }
    bad = 0
    for name, reader in readers.items():
        try:
            known = version(name)
        except PackageNotFoundError:
            print(f"{name}: not there")  # noqa: T201
            continue
        found = reader(folder)
        differ = [
            at for at, (one, other) in enumerate(zip(found, expected, strict=True)) if spelled(one) != spelled(other)
        ]
        bad += bool(differ)
        first = f"; row {differ[0]} is {found[differ[0]]} and was {expected[differ[0]]}" if differ else ""
        print(f"{name} {known}: {len(found)} rows, {len(differ)} differ{first}")  # noqa: T201
    return 1 if bad else 0


def spelled(row: dict[str, Any]) -> str:
    """Tell rows apart by type and sign too: 1 from 1.0, and 0.0 from -0.0."""
    return json.dumps(row, default=lambda value: value.isoformat() if isinstance(value, dt.date) else str(value))


if __name__ == "__main__":
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    what, where = sys.argv[1], Path(sys.argv[2])
    sys.exit(make(where) if what == "make" else read(where))

"""Rows of words and tokens, and outputs of them in every format."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.checks import FORMATS

ROWS = 3000


def table():
    rng = np.random.default_rng(0)
    ids = [rng.integers(0, 2**16, rng.integers(0, 9), dtype=np.uint16) for _ in range(ROWS)]
    fixed = list(rng.integers(-(2**31), 2**31, (ROWS, 7), dtype=np.int32))
    words = [None if row % 7 == 0 else f"word {row}" for row in range(ROWS)]
    columns = {"input_ids": pa.array(ids, pa.list_(pa.uint16())), "fixed": pa.array(fixed, pa.list_(pa.int32()))}
    return pa.table({**columns, "word": words, "turns": [[{"role": str(row), "n": row}] for row in range(ROWS)]})


def source(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "a.parquet"
    pq.write_table(table, path, row_group_size=700)
    return path


CHOSEN = np.random.default_rng(1).integers(0, ROWS, 2500)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(source, out, form, rows=CHOSEN, **options):
    return dsdm.materialize(source, rows, out, **{"format": form, "num_shards": 3, **options})


def written(source, tmp_path_factory):
    """Give a folder in every format."""
    folder = tmp_path_factory.mktemp("written")
    for form in FORMATS:
        write(source, folder / form, form)
    return folder


def shards_of(folder):
    return [entry["files"][0] for entry in json.loads((folder / "dsdm.json").read_text())["shards"]]

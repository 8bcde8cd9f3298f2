"""A corpus and scores whose numbers of rows are compared, and calls that compare them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm

ROWS = 100


def _among_its_files(tmp_path, monkeypatch):
    """Verify opens what lies below the current directory."""
    monkeypatch.chdir(tmp_path)


def corpus(tmp_path):
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"id": list(range(ROWS))}), path)
    return path


def saved(path, rows):
    np.save(path, np.arange(rows, dtype=np.float32))
    return str(path)


def by_scores(path, **more):
    return {"by": "top_k", "scores": [path], "arguments": {"k": 3}, **more}


def manifest(out):
    return json.loads((out / "dsdm.json").read_text())


def calls(source, out, **options):
    yield lambda: dsdm.materialize(source, [0, 1, 2], out, **options)
    yield lambda: dsdm.plan(source, [0, 1, 2], **options)


def sources(corpus):
    import datasets

    table = pq.read_table(corpus)
    dataset = datasets.Dataset(table)
    yield corpus
    yield table
    yield dsdm.open_shards(corpus)
    # A selection of 100 of 200 rows has 100 rows.
    yield datasets.concatenate_datasets([dataset, dataset]).select(range(50, 150))

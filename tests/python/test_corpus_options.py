"""`schema=` and `hive=` of calls that open a corpus to look at it: `align`, `report`, `get_candidate_dataset`."""

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm import errors, open_shards, selections
from tests.corpora.damaged import parquet_of, put

SCORES = np.array([4.0, 1.0, 3.0, 2.0])


@pytest.fixture
def corpus(tmp_path):
    """Give a directory of two files, of which each lacks a column of the other, in directories of another value."""
    tables = {"a": pa.table({"id": [0, 1], "x": ["p", "q"]}), "b": pa.table({"id": [2, 3], "y": [0.5, None]})}
    for value, table in tables.items():
        (tmp_path / "corpus" / f"lang={value}").mkdir(parents=True)
        put(tmp_path / "corpus" / f"lang={value}" / "0.parquet", parquet_of(table))
    return tmp_path / "corpus"


def wanted():
    rows = [("p", None, "a"), ("q", None, "a"), (None, 0.5, "b"), (None, None, "b")]
    return [{"id": at, "x": x, "y": y, "lang": lang} for at, (x, y, lang) in enumerate(rows)]


def reported(corpus, **options):
    chosen = dsdm.choose(SCORES, k=2)
    return dsdm.report(chosen, corpus=corpus, scores=SCORES, **options)


CALLS = {
    "align": lambda corpus, **options: dsdm.align({0: 1.0}, corpus, **options),
    "report": reported,
    "candidates": lambda corpus, **options: selections.get_candidate_dataset(path=corpus, **options),
}


@pytest.mark.parametrize("call", CALLS)
def test_they_are_those_of_open_shards(corpus, call):
    call = CALLS[call]
    with pytest.raises(ValueError, match="hive=True adds it as a column"):
        call(corpus)
    for wrong, kind in (("both", ValueError), (None, TypeError)):
        with pytest.raises(kind, match=r'schema is .*; it is one of "same", "union"'):
            call(corpus, schema=wrong, hive=True)
    for wrong in (1, "yes", None):
        with pytest.raises(TypeError, match=r"hive is .*True or False"):
            call(corpus, schema="union", hive=wrong)
    files = sorted(corpus.rglob("*.parquet"))
    with pytest.raises(ValueError, match="hive=True is for directories and globs"):
        call(files, hive=True, schema="union")
    call(files, schema="union")
    for source in (corpus, [f"{corpus}/*/*.parquet"]):
        call(source, schema="union", hive=True)


@pytest.mark.parametrize("call", ["align", "report"])
def test_rows_that_are_opened_already_keep_theirs(corpus, call):
    call = CALLS[call]
    table = pa.Table.from_pylist(wanted())
    call(table)
    for options, name in (({"schema": "union"}, 'schema="union"'), ({"hive": True}, "hive=True")):
        with pytest.raises(ValueError, match=f"{name} is for .*opened already"):
            call(table, **options)
    opened = open_shards(corpus, schema="union", hive=True)
    call(opened)
    call(opened, schema="union", hive=True)


def test_files_lack_columns_in_a_report(corpus):
    for source in (corpus, sorted(corpus.rglob("*.parquet"))):
        with pytest.raises(errors.SchemaError, match='schema="union"'):
            reported(source, hive=source == corpus)
    (found,) = reported(corpus, schema="union", hive=True, groups="lang", text="x").selections
    assert {part.name: part.chosen for part in found.groups} == {"a": 1, "b": 1}
    rows = {row.row: row.text for row in found.examples.best}
    assert rows[0] == "p"
    for options in ({"schema": "union"}, {"hive": True}):
        with pytest.raises(ValueError, match=r"is for the files of corpus=, and none is given"):
            dsdm.report(dsdm.choose(SCORES, k=2), scores=SCORES, **options)


def test_candidates_are_the_rows_of_all_files(corpus):
    with pytest.raises(errors.SchemaError, match='schema="union"'):
        selections.get_candidate_dataset(path=corpus, hive=True)
    candidates = selections.get_candidate_dataset(path=corpus, schema="union", hive=True)
    assert candidates.select([3, 0, 2]).to_list() == [wanted()[row] for row in (3, 0, 2)]
    files = selections.get_candidate_dataset(path=corpus, data_files="*/0.parquet", schema="union", hive=True)
    assert files[:] == candidates[:]


def test_scores_are_joined_by_a_column_of_directories_or_one_that_every_file_has(corpus):
    found = dsdm.align({3: 1.5, 0: 2.5, 7: 0.0}, corpus, schema="union", hive=True)
    assert found.scores.tolist()[::3] == [2.5, 1.5]
    assert (found.missing, found.unused) == (2, 1)
    for name in ("a", "b"):
        lines = b'{"z": 1}\n' if name == "a" else b'{"z": 2}\n'
        (corpus / "one" / f"k={name}").mkdir(parents=True)
        put(corpus / "one" / f"k={name}" / "0.jsonl", lines)
    by = dsdm.align({"b": 2.0, "a": 1.0}, corpus / "one", on="k", hive=True)
    assert by.scores.tolist() == [1.0, 2.0]
    # A row without an id cannot be joined.
    files = sorted(corpus.rglob("0.parquet"))
    with pytest.raises(ValueError, match='the column "x" of the corpus: the id of row 2 is null'):
        dsdm.align({"p": 1.0}, files, on="x", schema="union")
    with pytest.raises(errors.SchemaError, match='column "x": the column is missing here'):
        dsdm.align({"p": 1.0}, files, on="x")

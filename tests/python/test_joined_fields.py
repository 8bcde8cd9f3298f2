"""Scores joined by ids that are fields of structs, over shards that lack columns or whose directories hold some."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from tests.corpora.damaged import file_of, parquet_of, put

ROWS = 90
IDS = [f"doc-{number * 37 % 101}" for number in range(ROWS)]
SCORED = {name: (int(name[4:]) * 29 % 83) / 7 for name in IDS if int(name[4:]) % 5}
EXPECTED = np.array([SCORED.get(name, np.nan) for name in IDS])
"""By a dictionary, the score of each row."""


def lines_of(table):
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


KINDS = {"a.arrow": file_of, "a.parquet": parquet_of, "a.jsonl": lines_of}


def table_of(names, **more):
    return pa.table({"n": list(range(len(names))), "meta": [{"of": {"id": name}, **more} for name in names]})


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Stand where the scores are, as lines whose ids are called ``id``."""
    (tmp_path / "s.jsonl").write_text("".join(json.dumps({"id": n, "score": s}) + "\n" for n, s in SCORED.items()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def best(count):
    return sorted(np.flatnonzero(~np.isnan(EXPECTED)).tolist(), key=lambda row: (-EXPECTED[row], row))[:count]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_fields_of_structs(place, run, kind):
    put(place / kind, KINDS[kind](table_of(IDS)))
    found = dsdm.align("s.jsonl", kind, on=("meta.of.id", "id"))
    assert np.array_equal(found.scores, EXPECTED, equal_nan=True)
    assert (found.missing, found.ids["column"]) == (int(np.isnan(EXPECTED).sum()), "meta.of.id")
    by = ["--by", "s.jsonl", "--on", "meta.of.id=id", "-k", 20, "--nan", "omit"]
    assert run("materialize", kind, "out", *by)[0] == 0
    assert [row["of"]["id"] for row in dsdm.open_shards("out")[:]["meta"]] == [IDS[row] for row in best(20)]
    assert dsdm.verify("out").selection
    joined = ["--on", "meta.of.id=id", "--corpus", kind, "--nan", "omit"]
    code, _, said = run("indices", "s.jsonl", "-k", 20, "-o", "best.npy", *joined)
    assert code == 0, said
    assert np.load("best.npy").tolist() == best(20)
    assert run("report", "out", "--json")[0] == 0


def test_rows_of_another_corpus_are_told_by_such_ids(place):
    """The numbers of rows are those of the corpus that the scores were joined to."""
    for name, ids in (("a", IDS), ("same", IDS), ("other", [*IDS[1:], IDS[0]])):
        put(place / f"{name}.parquet", parquet_of(table_of(ids, **({"more": 1} if name == "same" else {}))))
    chosen = dsdm.choose(dsdm.align("s.jsonl", "a.parquet", on=("meta.of.id", "id")), k=5, nan="omit")
    assert dsdm.materialize("same.parquet", chosen, "same").rows == 5
    with pytest.raises(ValueError, match=r"'meta\.of\.id' is 'doc-0' in row 0, and these rows .* where it is 'doc-37'"):
        dsdm.materialize("other.parquet", chosen, "other")
    assert not Path("other").exists()


@pytest.mark.usefixtures("place")
def test_a_name_that_means_a_column_and_a_field_is_refused(run):
    columns = {"meta.id": IDS, "meta": [{"id": name} for name in reversed(IDS)]}
    pq.write_table(pa.table(columns), "two.parquet")
    message = r"""on is 'meta\.id', which is 'meta\.id' and 'id' in 'meta'; say \["meta\.id"\] or \["meta"\]\["id"\]"""
    with pytest.raises(ValueError, match=message):
        dsdm.align("s.jsonl", "two.parquet", on=("meta.id", "id"))
    code, _, said = run("materialize", "two.parquet", "out", "--by", "s.jsonl", "--on", "meta.id=id", "-k", 1)
    assert (code, "--on is 'meta.id', which is 'meta.id' and 'id' in 'meta'" in " ".join(said.split())) == (1, True)
    for name, expected in (('["meta.id"]', EXPECTED), ('["meta"]["id"]', EXPECTED[::-1])):
        found = dsdm.align("s.jsonl", "two.parquet", on=(name, "id"))
        assert np.array_equal(found.scores, expected, equal_nan=True)
        dsdm.materialize("two.parquet", dsdm.choose(found, k=5, nan="omit"), "out", overwrite=True)
        assert dsdm.verify("out").selection
    # A column of such a name alone is that column.
    pq.write_table(pa.table({"meta.id": IDS}), "one.parquet")
    assert np.array_equal(dsdm.align("s.jsonl", "one.parquet", on=("meta.id", "id")).scores, EXPECTED, equal_nan=True)


@pytest.mark.usefixtures("place")
def test_what_is_no_column_of_ids_says_so():
    pq.write_table(table_of(IDS), "a.parquet")
    with pytest.raises(
        ValueError, match=r'^the rows: there is no column "meta\.no"; the columns are .* on= takes both'
    ):
        dsdm.align("s.jsonl", "a.parquet", on=("meta.no", "id"))
    with pytest.raises(TypeError, match=r'the column "meta\.of" of the corpus: ids are struct'):
        dsdm.align("s.jsonl", "a.parquet", on=("meta.of", "id"))
    missing = [{"of": None}, {"of": {"id": "a"}}]
    with pytest.raises(ValueError, match="the id of row 0 is null"):
        dsdm.align("s.jsonl", pa.table({"meta": missing}), on=("meta.of.id", "id"))


def test_row_numbers_are_chosen_over_directories_that_hold_columns(place, run):
    """As ``materialize`` opens them: by columns of directories, with those of all files, in the order told."""
    for month in range(1, 13):
        names = IDS[(month - 1) * 7 : month * 7]
        more = {"extra": [1] * 7} if month == 3 else {}
        (place / "c" / f"month={month}").mkdir(parents=True)
        pq.write_table(pa.table({"id": names, **more}), place / "c" / f"month={month}" / "p.parquet")
    options = ["--hive", "--schema", "union", "--sort", "natural"]
    joined = ["--on", "id", "--nan", "omit", *options]
    code, _, said = run("indices", "s.jsonl", "-k", 9, "-o", "best.npy", "--corpus", "c", *joined)
    assert code == 0, said
    rows = sorted(np.flatnonzero(~np.isnan(EXPECTED[:84])).tolist(), key=lambda row: (-EXPECTED[row], row))[:9]
    assert np.load("best.npy").tolist() == rows
    code, _, said = run("materialize", "c", "out", "--indices", "best.npy", *options)
    assert code == 0, said
    assert dsdm.open_shards("out")[:]["month"] == [1 + row // 7 for row in rows]
    # Each of them is needed, and what is wrong without it is said in the words of the command.
    for left, message in (
        ("--hive", "--hive adds it as a column"),
        ("--schema", "--schema union reads what is missing as null"),
        ("--sort", "Choose by --sort name"),
    ):
        at = joined.index(left)
        fewer = joined[:at] + joined[at + (1 if left == "--hive" else 2) :]
        code, _, said = run("indices", "s.jsonl", "-k", 9, "-o", "x.npy", "--corpus", "c", *fewer)
        assert (code, message in " ".join(said.split())) == (1, True), said


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hive"], "--hive goes with --corpus, and none is given; leave it out"),
        (["--schema", "union"], "--schema union goes with --corpus, and none is given"),
        (["--schema", "same", "--hive"], "--schema same and --hive goes with --corpus, and none is given"),
        (["--schema", "all", "--corpus", "c", "--on", "id"], "Invalid value for '--schema'"),
    ],
)
def test_options_of_shards_go_with_shards(run, options, message):
    code, _, said = run("indices", "s.jsonl", "-k", 3, "-o", "x.npy", *options)
    assert (code, message in " ".join(said.split())) == (2, True), said

"""Messages of the command say what to do next: which option, which name, what to get first."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

JOIN = ["--by", "s.jsonl", "--on"]
ON = "where rows and scores call the ids otherwise, --on ROWS=SCORES names both"
# What is asked for, its exit code, and what is said.
SAID = {
    "two columns as one": (
        ["c.parquet", "out", "--by", "s.npy", "--columns", "text,id"],
        1,
        'there is no column "text,id"; the columns are ["id", "text"]; give each name its own --columns',
    ),
    "no such column": (["c.parquet", "out", "--by", "s.npy", "--columns", "txt"], 1, 'are ["id", "text"]\n'),
    "no tokens": (
        ["c.parquet", "out", "--by", "s.npy", "--format", "bin"],
        1,
        "'bin' writes tokens, of 'input_ids' where --columns does not name their column",
    ),
    "no ids in both": (["c.parquet", "out", *JOIN, "doc"], 1, f'the rows: there is no column "doc"; {{}}; {ON}'),
    "no ids in the rows": (["c.parquet", "out", *JOIN, "doc=id"], 1, f'the rows: there is no column "doc"; {{}}; {ON}'),
    "no ids in the scores": (
        ["c.parquet", "out", *JOIN, "id=doc"],
        1,
        f"s.jsonl: there is no column 'doc'; there are 'id', 'score'; {ON}",
    ),
    "a path with a typo": (
        ["c.parquet", "out", "--by", "flatt"],
        2,
        "'flatt' is neither a method nor a file, and nothing of this name is here",
    ),
    "a data set of the hub": (
        ["HuggingFaceFW/fineweb-2.1", "out", "--by", "s.npy"],
        1,
        "first, such as by `hf download HuggingFaceFW/fineweb-2.1 --repo-type dataset --local-dir fineweb-2.1`",
    ),
    "a file in no directory": (["x/y.parquet", "out", "--by", "s.npy"], 1, "x/y.parquet: No such file or directory"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["x", "y"]}), "c.parquet")
    Path("s.jsonl").write_text('{"id": "a", "score": 1}\n{"id": "b", "score": 2}\n')
    np.save("s.npy", [1.0, 2.0])
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("what", SAID)
def test_what_to_do_is_said(run, what):
    arguments, status, message = SAID[what]
    code, _, said = run("materialize", *arguments, "-k", 1)
    plain = said if message.endswith("\n") else " ".join(said.split())
    assert (code, message.replace("{}", 'the columns are ["id", "text"]') in plain) == (status, True), said
    assert not Path("out").exists()


@pytest.mark.usefixtures("place")
def test_a_saved_selection_that_is_not_there(run):
    code, _, said = run("report", "best.npy")
    assert (code, "best.npy: there is no such file, nor best.npy.json beside it" in said) == (1, True), said
    code, _, said = run("report", "s.npy")
    assert (code, "s.npy: s.npy.json is not beside it, which tells by what rows were chosen" in said) == (1, True)


@pytest.mark.usefixtures("place")
def test_python_says_it_by_its_arguments():
    with pytest.raises(ValueError, match=r"the rows: .* on= takes both names, that of the rows first"):
        dsdm.align("s.jsonl", "c.parquet", on="doc")
    with pytest.raises(ValueError, match="columns= takes each name by itself"):
        dsdm.materialize("c.parquet", [0], "out", columns=["text,id"])
    with pytest.raises(FileNotFoundError, match="hf download a/b --repo-type dataset"):
        dsdm.open_shards("a/b")

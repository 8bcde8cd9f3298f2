"""No row chosen: what each format writes then, opened by its readers, and that the command says so."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.checks import FORMATS, TOKEN_FORMATS
from tests.formats.trainers import READERS

TABLE = pa.table({"input_ids": pa.array([[1, 2], [3]], pa.list_(pa.uint16())), "n": [0, 1]})
HUB = ("parquet", "jsonl")
"""``load_dataset`` opens none of these without a row."""


def of_arrow(out):
    opened = datasets.load_from_disk(str(out))
    with pa.ipc.open_stream(out / "data-00000-of-00001.arrow") as stream:
        assert stream.read_all().num_rows == 0
    assert opened.column_names == ["input_ids", "n"]
    return list(opened)


def of_tokens(out):
    tokens = np.load(out / "tokens-00000-of-00001.npy", mmap_mode="r")
    assert (tokens.size, tokens.dtype) == (0, np.uint16)
    return list(tokens)


def test_every_format_has_a_shard_of_no_rows_or_is_refused(tmp_path):
    for form in FORMATS:
        out = tmp_path / form
        if form in HUB:
            with pytest.raises(ValueError, match=r"^no rows are to be written, and .* choose rows, or write format="):
                dsdm.materialize(TABLE, [], out, format=form)
            assert not out.exists()
            continue
        made = dsdm.materialize(TABLE, [], out, format=form, progress=False)
        assert (made.rows, made.shards) == (0, 1)
        assert list({"arrow": of_arrow, "tokens": of_tokens, **READERS}[form](out)) == []
        assert dsdm.verify(out).rows == 0
        if form in TOKEN_FORMATS:
            told = json.loads((out / "tokens.json").read_text())
            assert (told["rows"], told["tokens"], len(told["shards"]), told["dtype"]) == (0, 0, 1, "uint16")
    assert dsdm.select(TABLE, []).to_list() == []
    assert len(dsdm.open_shards(tmp_path / "arrow")) == 0


@pytest.fixture
def place(tmp_path, monkeypatch):
    pq.write_table(TABLE, tmp_path / "c.parquet")
    np.save(tmp_path / "s.npy", np.array([1.0, 2.0]))
    np.save(tmp_path / "none.npy", np.empty(0, np.int64))
    monkeypatch.chdir(tmp_path)
    return tmp_path


SAID = "dsdm: no row was chosen, and what is written has none"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "choice",
    [
        ["--by", "s.npy", "-k", 0],
        ["--by", "s.npy", "--fraction", 0],
        ["--by", "s.npy", "--fraction", 0.4],
        ["--by", "s.npy", "--min-score", 3],
        ["--by", "s.npy", "--tokens", 0],
        ["--by", "random", "-k", 0],
        ["--indices", "none.npy"],
    ],
    ids=str,
)
def test_the_command_says_that_there_are_none(place, run, form, choice):
    code, out, err = run("materialize", "c.parquet", "out", *choice, "--format", form)
    assert (code, SAID in err) == (1 if form in HUB else 0, True), err
    assert (place / "out").exists() == (form not in HUB)
    if form in HUB:
        assert "choose rows, or write --format arrow" in " ".join(err.split())
        return
    assert "0 rows" in out
    code, out, err = run("verify", "out")
    assert (code, "0 rows" in out) == (0, True), err
    code, out, err = run("materialize", "c.parquet", "again", *choice, "--format", form, "--dry-run", "--json")
    assert (code, json.loads(out)["rows"], SAID in err) == (0, 0, True), err


@pytest.mark.usefixtures("place")
def test_row_numbers_are_an_empty_array_and_the_command_says_so(run):
    code, _, err = run("indices", "s.npy", "-k", 0, "-o", "best.npy")
    assert (code, SAID in err) == (0, True), err
    assert (np.load("best.npy").shape, np.load("best.npy").dtype) == ((0,), np.int64)
    assert len(dsdm.Selection.load("best.npy")) == 0
    code, _, err = run("materialize", "c.parquet", "out", "--indices", "best.npy")
    assert (code, SAID in err) == (0, True), err
    assert dsdm.verify("out").rows == 0
    for rows in (["-k", 1], ["-k", 2]):
        assert SAID not in run("indices", "s.npy", *rows, "-o", "some.npy", "--overwrite")[2]
        assert SAID not in run("materialize", "c.parquet", "some", "--by", "s.npy", *rows, "--overwrite")[2]

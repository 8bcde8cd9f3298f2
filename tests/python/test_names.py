"""Names of files that are not UTF-8: they work from end to end, or are refused before any work."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.hf.lazy import open_lazily
from dsdm.rows.sources import open_source

TABLE = pa.table({"n": [10, 20, 30]})
ODD = os.fsdecode(b"odd\xff")


def names():
    return sorted(path.name for path in Path().iterdir())


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Give a folder whose name is no text, with a corpus and its scores."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ODD
    folder.mkdir()
    pq.write_table(TABLE, tmp_path / "rows.parquet")
    (tmp_path / "rows.parquet").rename(folder / "rows.parquet")
    np.save(tmp_path / "scores.npy", np.array([0.5, 2.5, 1.5]))
    (tmp_path / "scores.npy").rename(folder / "scores.npy")
    return folder


def test_scores_and_rows_are_read(odd):
    scores = dsdm.open_scores(odd / "scores.npy")
    assert scores[:].tolist() == [0.5, 2.5, 1.5]
    assert scores.paths == [odd / "scores.npy"]
    assert "odd\\xFF" in repr(scores)
    shards = dsdm.open_shards(odd / "rows.parquet")
    assert shards.take(dsdm.top_k(scores, 2))["n"].to_pylist() == [20, 30]
    assert dsdm.select(odd / "rows.parquet", [2])["n"][:] == [30]


def test_an_error_has_the_name_as_python_spells_it(odd):
    with pytest.raises(FileNotFoundError) as caught:
        dsdm.open_scores(odd / "none.npy")
    assert caught.value.filename == str(odd / "none.npy")
    (odd / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(dsdm.errors.TruncatedError, match=r"odd\\xFF/bad.parquet"):
        dsdm.open_shards(odd / "bad.parquet")


def test_a_source_that_the_manifest_cannot_name_is_refused_before_any_work(odd):
    source = odd / "rows.parquet"
    lazy = open_lazily(open_source(source))
    before = names()
    said = r"odd\\xFF/rows.parquet.*the path of the source is not UTF-8, and dsdm.json, which names the sources"
    for write in (
        lambda: dsdm.materialize(source, [0], "out"),
        lambda: dsdm.materialize(dsdm.open_shards(source), [0], "out", format="parquet"),
        lambda: lazy.save_to_disk("out"),
    ):
        with pytest.raises(ValueError, match=said):
            write()
    assert names() == before


def test_an_output_that_datasets_could_not_open_is_refused_before_any_work(odd, tmp_path):
    before = names()
    for out in (tmp_path / os.fsdecode(b"out\xfe"), odd / "out"):
        with pytest.raises(ValueError, match=r"\\xF.*the path of the output is not UTF-8, and datasets"):
            dsdm.materialize(TABLE, [0], out)
    assert names() == before
    assert sorted(path.name for path in odd.iterdir()) == ["rows.parquet", "scores.npy"]


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(
    "told", [{"by": "top_k", "scores": [f"{ODD}/scores.npy"], "arguments": {"k": 1}}, {"note": ODD}]
)
def test_a_selection_that_the_manifest_cannot_hold_is_refused_before_any_work(told):
    before = names()
    with pytest.raises(ValueError, match=r"the selection tells of .*odd\\udcff.*not UTF-8, and dsdm.json cannot hold"):
        dsdm.materialize(TABLE, [0], "out", selection=told)
    assert names() == before


@pytest.mark.usefixtures("odd")
def test_the_command_refuses_them_too(run):
    pq.write_table(TABLE, "rows.parquet")
    code, _, said = run("materialize", "rows.parquet", "out", "--by", f"{ODD}/scores.npy", "-k", "1")
    assert code == 1
    assert "not UTF-8, and dsdm.json cannot hold it" in said
    assert "out" not in names()

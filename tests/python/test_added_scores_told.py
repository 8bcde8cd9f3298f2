"""Scores that were added as columns: `dsdm.json` tells which they are, and `verify` holds the columns against them."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 50
SCORES = np.random.default_rng(9).normal(size=(N, 3)).astype(np.float32)
ROWS = [7, 3, 49, 0, 3]
FORMATS = ["arrow", "parquet", "jsonl"]


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = {"text": [f"row {row}" for row in range(N)], "quality": SCORES[:, 1], "n": np.arange(N) % 4}
    pq.write_table(pa.table(table), "c.parquet")
    np.save("m.npy", SCORES)
    np.save("more.npy", np.r_[SCORES[:, 0], SCORES[:9, 0]].astype(np.float64))


def vectors():
    """Scores of every kind of place, by the names of columns, with what is told of each and its values."""
    of_column = dsdm.open_scores("c.parquet", column="quality")
    return {
        "quality": (of_column, {"reading": {"column": "quality"}}, SCORES[:, 1]),
        "second": (dsdm.open_scores("m.npy", column=2), {"reading": {"column": "[2]"}}, SCORES[:, 2]),
        "most": (dsdm.open_scores("m.npy", reduce="max"), {"reading": {"reduce": "max"}}, SCORES.max(1)),
        "first": (dsdm.open_scores("more.npy").slice(0, N), {"rows": N}, SCORES[:, 0].astype(np.float64)),
        "summed": (of_column + of_column, None, SCORES[:, 1] * 2),
        "held": (SCORES[:, 0].copy(), None, SCORES[:, 0]),
    }


def write(**options):
    made = vectors()
    how = {"row_ids": "row", "row_order": "row", "columns": ["text", "n"], "overwrite": True, **options}
    scores = {name: vector for name, (vector, _, _) in made.items()}
    dsdm.materialize("c.parquet", ROWS, "out", scores=scores, **how)
    return made


def put(told):
    """Write a manifest with the checksum that it should have."""
    told = {name: value for name, value in told.items() if name != "crc32"}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    Path("out/dsdm.json").write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}))


@pytest.mark.parametrize("form", FORMATS)
def test_the_scores_of_columns_are_told_and_right(form):
    made = write(format=form)
    told = json.loads(Path("out/dsdm.json").read_text())["selection"]["scores"]
    assert [one["name"] for one in told] == list(made)
    for one, (vector, more, _) in zip(told, made.values(), strict=True):
        files = [] if more is None else [f"../{os.path.basename(path)}" for path in vector.paths]  # noqa: PTH119
        assert [file["path"] for file in one.get("files", ())] == files
        asked = (more or {}).get("reading", {}).items()
        assert asked <= {key: value for key, value in one.get("reading", {}).items() if value is not None}.items()
        assert one.get("rows") == (more or {}).get("rows")
    rows = dsdm.open_shards("out").take(range(len(ROWS)))
    for name, (_, _, values) in made.items():
        np.testing.assert_allclose(rows.column(name).to_numpy(), values[sorted(ROWS)], rtol=1e-6)
    checked = dsdm.verify("out")
    assert len(checked.added.same) == 4
    assert "files of added scores have the size" in str(checked)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("at", "edit"),
    [
        (1, {"reading": {"column": "[1]"}}),
        (1, {"reading": {"reduce": "max"}}),
        (2, {"reading": {"reduce": "min"}}),
        (3, {"rows": 20}),
        (0, {"reading": {"column": "n"}}),
        (0, {"name": "second"}),
        (5, {"name": "other"}),
        (3, {"name": 5}),
        (3, {"rows": "x"}),
        (4, {"reading": {}}),
        (1, {"files": []}),
    ],
)
def test_what_is_told_of_other_scores_is_found(form, at, edit):
    write(format=form)
    told = json.loads(Path("out/dsdm.json").read_text())
    told["selection"]["scores"][at] |= edit
    put(told)
    with pytest.raises((dsdm.ChecksumError, dsdm.FormatError), match=r"out/dsdm\.json: .*selection\.scores"):
        dsdm.verify("out")


@pytest.mark.parametrize("change", ["order", "one less", "one row"])
def test_columns_in_another_order_and_other_rows_are_found(change):
    write(format="parquet", row_ids=None, selection=None)
    chosen = dsdm.choose(dsdm.open_scores("c.parquet", column="quality"), k=6, min_score=-5)
    scores = {"a": dsdm.open_scores("m.npy", column=0), "b": dsdm.open_scores("m.npy", column=2)}
    dsdm.materialize("c.parquet", chosen, "out", format="parquet", columns=["text"], scores=scores, overwrite=True)
    assert dsdm.verify("out").selection
    told = json.loads(Path("out/dsdm.json").read_text())
    listed = told["selection"]["scores"]
    if change == "order":
        told["selection"]["scores"] = listed[::-1]
    elif change == "one less":
        told["selection"]["scores"] = listed[:1]
    else:
        told["selection"]["order"] = "row"
    put(told)
    with pytest.raises(dsdm.ChecksumError, match=r"selection\.scores|row \d of|that row is|shards\[0\]\.indices"):
        dsdm.verify("out")


def test_a_file_of_added_scores_that_became_another_is_found():
    write(format="parquet")
    np.save("new.npy", SCORES[::-1])
    Path("new.npy").replace("m.npy")
    with pytest.raises(dsdm.ChecksumError, match=r"m\.npy: .* this file of added scores is no longer the one it was"):
        dsdm.verify("out")
    Path("m.npy").unlink()
    assert any("m.npy" in path for path in dsdm.verify("out").added.missing)


def test_what_lies_elsewhere_is_not_opened(tmp_path, monkeypatch):
    write(format="parquet")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    checked = dsdm.verify(tmp_path / "out")
    assert (checked.added.same, len(checked.added.outside)) == ([], 4)
    assert len(dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).added.same) == 4


def test_the_command_tells_of_the_scores_that_it_added(run):
    np.save("s.npy", SCORES[:, 0])
    code, _, said = run("materialize", "c.parquet", "out", "--by", "s.npy", "-k", "5", "--scores", "s.npy")
    assert code == 0, said
    told = json.loads(Path("out/dsdm.json").read_text())["selection"]["scores"]
    assert [(one["name"], one["files"][0]["path"]) for one in told] == [("scores", "../s.npy")]
    code, text, said = run("verify", "out")
    assert (code, "1 of 1 files of added scores have the size" in text) == (0, True), said

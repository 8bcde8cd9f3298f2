"""What notebooks show: short tables, in which what others named is text."""

from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.shown import as_html
from tests.python.test_terminals import ACTING

BAD = "<b>&\u202e'\""


def table_of(shown):
    """Give the caption and the pairs of what is shown, which is well-formed and does nothing."""
    text = shown._repr_html_()
    assert not ACTING.search(text)
    found = ET.fromstring(text)  # noqa: S314 - it is ours
    assert {one.tag for one in found.iter()} == {"table", "caption", "tbody", "tr", "th", "td"}
    return found.find("caption").text, {row.find("th").text: row.find("td").text for row in found.iter("tr")}


def test_scores_tell_what_is_known_of_them(tmp_path):
    values = np.arange(1234, dtype=np.float32)
    np.save(tmp_path / f"{BAD}.npy", values)
    one = dsdm.open_scores(tmp_path / f"{BAD}.npy")
    title, pairs = table_of(one)
    assert (title, pairs["rows"], pairs["type"]) == ("Scores", "1,234", "float32")
    assert pairs["file"] == f"{tmp_path}/<b>&\\u202e'\".npy"
    pq.write_table(pa.table({BAD: values, "n": range(1234)}), tmp_path / "s.parquet")
    _, pairs = table_of(dsdm.open_scores(tmp_path / "s.parquet", column=BAD))
    assert pairs["column"] == "<b>&\\u202e'\""
    for number in range(5):
        np.save(tmp_path / f"{number}.npy", values)
    _, pairs = table_of(dsdm.open_scores([tmp_path / f"{number}.npy" for number in range(5)]) * 2)
    assert pairs["files"] == f"{tmp_path}/0.npy and 4 more"


def test_scores_are_not_read_for_it(tmp_path, monkeypatch):
    np.save(tmp_path / "s.npy", np.arange(10.0))
    scores = dsdm.open_scores(tmp_path / "s.npy").zscore()
    (tmp_path / "s.npy").unlink()
    assert table_of(scores)[1]["rows"] == "10"
    shards = dsdm.open_shards(pa.table({"a": range(3)}))
    monkeypatch.setattr(dsdm.Shards, "take", None)
    monkeypatch.setattr(dsdm.Shards, "_run", None)
    assert table_of(shards)[1]["rows"] == "3"


def test_shards_list_their_columns(tmp_path):
    pq.write_table(pa.table({BAD: ["a"] * 3, **{f"c{at}": [at] * 3 for at in range(30)}}), tmp_path / "c.parquet")
    title, pairs = table_of(dsdm.open_shards(tmp_path / "c.parquet"))
    assert (title, pairs["rows"], pairs["files"]) == ("Shards", "3", "1")
    # What is longer than a name may be is cut.
    assert pairs["columns"].startswith("<b>&\\u202e'\" (string), c0 (int64), c1 (int64)")
    _, pairs = table_of(dsdm.open_shards(pa.table({"a": [1], "b": ["x"]})))
    assert pairs["columns"] == "a (int64), b (string)"
    assert "files" not in pairs


def test_a_selection_tells_its_rule_and_its_cut():
    values = np.array([0.5, 2, 2, 1], np.float32)
    title, pairs = table_of(dsdm.choose(values, k=2))
    assert (title, pairs) == (
        "Selection",
        {"rows": "2 of 4", "rule": "top-k", "worst score": "2.0 (2 tied there, 2 taken)"},
    )
    _, pairs = table_of(dsdm.choose(values, k=2, gumbel=True, seed=7))
    assert (pairs["seed"], "worst score" in pairs) == ("7", False)
    _, pairs = table_of(dsdm.choose(values, tokens=50, lengths=np.array([10, 20, 30, 40])))
    assert pairs["tokens"] == "50"


def test_a_plan_and_a_report_tell_what_they_print(tmp_path):
    table = pa.table({"n": range(100)})
    planned = dsdm.plan(table, range(50), tmp_path / "out")
    title, pairs = table_of(planned)
    assert title == "Plan"
    assert [f"{name:<10} {value}" for name, value in pairs.items()] == str(planned).split("\n")
    report = dsdm.materialize(table, range(50), tmp_path / BAD, row_order="shuffle", seed=3, progress=False)
    title, pairs = table_of(report)
    assert (title, pairs["rows"], pairs["shards"], pairs["seed"]) == ("Report", "50", "1", "3")
    assert pairs["path"] == f"{tmp_path}/<b>&\\u202e'\""
    assert "kept" not in pairs


@pytest.mark.parametrize("value", ["x" * 10_000, "\ud800", "\x1b[2J", 5, None])
def test_values_are_cut_and_spelled(value):
    text = as_html("t", [("n", value)])
    assert len(text) < 500
    assert not ACTING.search(text)
    assert ET.fromstring(text).find(".//td").text  # noqa: S314 - it is ours

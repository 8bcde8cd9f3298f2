"""What was asked for of groups is chosen again by `verify`; and the rows of an output, saved, are what they were."""

import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 80
SCORES = np.random.default_rng(4).permutation(N).astype(np.float32)
DOMAINS = ["a", "b", "b", "c", "b"] * (N // 5)
RULES = {
    "shares of a number": {"k": 20, "like": {"a": 1.0, "b": 2.0, "c": 1.0}},
    "shares of a share": {"fraction": 0.25, "like": {"a": 1, "b": 1, "c": 2}, "short": "fill"},
    "a share of each": {"per_group": {"a": 0.5, "b": 0.25, "c": 2}},
    "a budget": {"tokens": 60, "lengths": "n", "like": {"a": 1, "b": 3, "c": 1}, "repeat": 2},
    "a budget by a file": {"tokens": 60, "lengths": "n.npy", "like": "proportional", "at_least": True},
    "too few": {"k": 60, "like": "equal", "short": "keep"},
}


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lengths = np.arange(N) % 6 + 1
    pq.write_table(pa.table({"row": np.arange(N), "n": lengths, "domain": DOMAINS}), "c.parquet")
    np.save("s.npy", SCORES)
    np.save("n.npy", lengths)


def choose(rule):
    shards = dsdm.open_shards("c.parquet")
    lengths = rule.get("lengths")
    if lengths is not None:
        lengths = dsdm.open_scores(lengths) if lengths.endswith(".npy") else shards.lengths(lengths)
    return dsdm.choose(dsdm.open_scores("s.npy"), groups=shards.groups("domain"), **{**rule, "lengths": lengths})


def put(told):
    """Write a manifest with the checksum that it should have."""
    told = {name: value for name, value in told.items() if name != "crc32"}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    Path("out/dsdm.json").write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}))


def edited(rule):
    """Yield rules with one number or one word that is another."""
    for name, value in rule.items():
        if isinstance(value, dict):
            for group, share in value.items():
                yield {**rule, name: {**value, group: share + 1 if share >= 1 else share / 2}}
        elif name == "like":
            yield {**rule, name: "equal" if value == "proportional" else "proportional"}
        elif name in ("k", "fraction", "tokens"):
            yield {**rule, name: value + 7 if value >= 1 else value * 2}
        elif name == "at_least":
            yield {**rule, name: False}


def as_told(rule):
    """Return a rule as `chosen_by` has it."""
    pairs = {name: {"pairs": [*map(list, of.items())]} if isinstance(of, dict) else of for name, of in rule.items()}
    return {name: of for name, of in pairs.items() if name != "lengths" and of is not False}


@pytest.mark.parametrize("name", RULES)
def test_shares_and_budgets_that_were_edited_are_found(name):
    rule = RULES[name]
    right = choose(rule)
    dsdm.materialize("c.parquet", right, "out", format="parquet")
    assert dsdm.verify("out").selection
    told = json.loads(Path("out/dsdm.json").read_text())
    assert told["selection"]["chosen"]["chosen_by"] == as_told(rule)
    tried = 0
    for other in edited(rule):
        try:
            same = choose(other) == right
        except ValueError:
            same = False
        if same:
            continue  # Such an edit asks for the same rows.
        changed = json.loads(json.dumps(told))
        changed["selection"]["chosen"]["chosen_by"] = as_told(other)
        put(changed)
        with pytest.raises(dsdm.ChecksumError, match=r"out/dsdm\.json: selection\.chosen"):
            dsdm.verify("out")
        tried += 1
    assert tried >= (1 if isinstance(rule.get("like"), str) else 3), tried
    put(told)
    assert dsdm.verify("out").selection


def test_groups_that_are_told_to_lack_rows_are_those_that_do():
    dsdm.materialize("c.parquet", choose(RULES["too few"]), "out", format="parquet")
    told = json.loads(Path("out/dsdm.json").read_text())
    # 16 rows are of each of a and c, and 20 were to be chosen of each.
    assert told["selection"]["chosen"]["short"] == [["a", 16, 20], ["c", 16, 20]]
    for short in ([["a", 16, 20]], [["a", 16, 20], ["c", 16, 21]], [["c", 16, 20], ["a", 16, 20]], []):
        changed = json.loads(json.dumps(told))
        changed["selection"]["chosen"]["short"] = short
        put(changed)
        with pytest.raises(dsdm.ChecksumError, match=r"selection\.chosen.*short"):
            dsdm.verify("out")


EDITS = {
    "of": [N + 1, N - 1],
    "seed": [1],
    "tokens": [1],
    "largest": [False],
    "bounds": [[1, None], [None, 1]],
    "rule": [{"k": 3}, {"min_score": 1}],
    "corpora": [[]],
    "cut": [{"score": "1.0", "dtype": "float32", "tied": 1, "taken": 1}],
    "per_group": [[["a", 3]]],
    "files": [{"by": "choose", "scores": ["../s.npy"], "arguments": {"k": 3}}],
    "placed": [[{"files": ["../s.npy"], "columns": [], "what": "scores"}]],
}


@pytest.mark.parametrize("field", EDITS)
def test_the_rows_of_an_output_are_saved_and_loaded_and_held(field):
    dsdm.materialize("c.parquet", [5, 1, 9], "first", row_ids="id")
    rows = dsdm.written_rows("first")
    rows.save("kept.npy")
    loaded = dsdm.Selection.load("kept.npy")
    assert (loaded == rows, loaded.n, loaded.what) == (True, N, rows.what)
    assert [one["files"][0]["rows"] for one in loaded.corpora] == [N]
    left = dsdm.choose(dsdm.open_scores("s.npy"), k=N - 3, exclude=loaded)
    assert sorted(left.indices) == sorted(set(range(N)) - {5, 1, 9})
    told = json.loads(Path("kept.npy.json").read_text())
    for value in EDITS[field]:
        Path("kept.npy.json").write_text(json.dumps({**told, field: value}))
        with pytest.raises(dsdm.FormatError, match=r"^kept\.npy\.json: "):
            dsdm.Selection.load("kept.npy")
    for edit in ({"rows": N - 1}, {"rows": None}):
        changed = json.loads(json.dumps(told))
        changed["corpora"][0]["files"][0] |= edit
        Path("kept.npy.json").write_text(json.dumps(changed))
        with pytest.raises(dsdm.FormatError, match=r"^kept\.npy\.json: "):
            dsdm.Selection.load("kept.npy")
    changed = json.loads(json.dumps(told))
    changed["corpora"][0]["name"] = "exclude"
    Path("kept.npy.json").write_text(json.dumps(changed))
    with pytest.raises(dsdm.FormatError, match="corpora has not the rows of an output alone"):
        dsdm.Selection.load("kept.npy")

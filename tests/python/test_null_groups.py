"""Rows whose group is null: an error that names the choice, a group of their own, or none that may be chosen."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm

pytestmark = pytest.mark.filterwarnings("ignore:.*chosen rows have the score")
N = 400
RNG = np.random.default_rng(5)
SCORES = RNG.integers(0, 60, N).astype(np.float32)
NAMES = [None if row % 5 == 0 else "abc"[row % 3] for row in range(N)]
NUMBERS = [None if row % 5 == 0 else row % 3 - 1 for row in range(N)]


def best_of(names, quotas, *, drop=False, scores=SCORES):
    """Return the best rows of each group by a plain sort, best first over all groups."""
    left, taken = dict(quotas), []
    for row in sorted(range(len(names)), key=lambda row: (-scores[row], row)):
        if names[row] is None and drop:
            continue
        if left[names[row]] > 0:
            left[names[row]] -= 1
            taken.append(row)
    return taken


def ways(names):
    yield names
    yield pa.array(names)
    yield pa.chunked_array([pa.array(names[:150]), pa.array(names[150:])])
    yield pa.array(names).dictionary_encode()
    if isinstance(names[1], str):
        yield pd.Series(names, dtype="string")
        yield pd.Series(names, dtype="category")
    else:
        yield pd.Series(names, dtype="Int64")


@pytest.mark.parametrize("names", [NAMES, NUMBERS], ids=["texts", "numbers"])
def test_a_group_of_their_own_and_none(names):
    real = sorted({name for name in names if name is not None})
    for groups in ways(names):
        found = dsdm.choose(SCORES, groups=groups, per_group=7, null_groups="group")
        assert found.indices.tolist() == best_of(names, dict.fromkeys([*real, None], 7))
        assert found.per_group == dict.fromkeys([*real, None], 7)
        each = {name: number for number, name in enumerate([None, *real], 1)}
        found = dsdm.choose(SCORES, groups=groups, per_group=each, null_groups="group")
        assert found.indices.tolist() == best_of(names, each)
        found = dsdm.choose(SCORES, groups=groups, per_group=7, null_groups="drop")
        assert found.indices.tolist() == best_of(names, dict.fromkeys(real, 7), drop=True)
        assert found.per_group == dict.fromkeys(real, 7)
        with pytest.raises((ValueError, TypeError), match=r"null_groups='group' .*, null_groups='drop'"):
            dsdm.choose(SCORES, groups=groups, per_group=7)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.none() | st.sampled_from(["x", "y", ""]), min_size=1, max_size=60)
    | st.lists(st.none() | st.sampled_from([0, -(2**63), 2**63 - 1]), min_size=1, max_size=60),
    data=st.data(),
)
def test_every_rule_over_groups(names, data):
    scores = np.array(data.draw(st.lists(st.integers(-4, 4), min_size=len(names), max_size=len(names))), np.int16)
    how = data.draw(st.sampled_from(["group", "drop"]))
    excluded = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=5))
    groups = pa.array(names) if any(name is not None for name in names) else pa.nulls(len(names))
    allowed = [row for row in range(len(names)) if row not in excluded and (how == "group" or names[row] is not None)]
    there = Counter(names[row] for row in allowed)
    every = [name for name in dict.fromkeys(names) if how == "group" or name is not None]
    kept = dict.fromkeys(every, 0) | dict(there)
    only = [None if row in excluded else names[row] for row in range(len(names))]
    masked = np.where(np.isin(np.arange(len(names)), excluded), -9, scores)
    quotas = {name: min(3, count) for name, count in kept.items()}
    expected = best_of(names, quotas, drop=how == "drop", scores=masked)
    found = dsdm.choose(scores, groups=groups, per_group=3, short="keep", null_groups=how, exclude=excluded)
    assert found.indices.tolist() == expected, only
    share = dsdm.choose(scores, groups=groups, fraction=1.0, like="proportional", null_groups=how, exclude=excluded)
    assert sorted(share.indices.tolist()) == allowed
    drawn = dsdm.choose(
        scores, groups=groups, per_group=2, short="keep", null_groups=how, gumbel=True, seed=1, exclude=excluded
    )
    assert Counter(names[row] for row in drawn.indices) == +Counter({name: min(2, k) for name, k in kept.items()})
    if allowed:
        middle = dsdm.choose(
            scores, groups=groups, per_group=1.0, null_groups=how, quantile=(0.25, 0.75), exclude=excluded
        )
        low, high = np.quantile(scores[allowed].astype(float), [0.25, 0.75])
        assert sorted(middle.indices.tolist()) == [row for row in allowed if low <= scores[row] <= high]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", SCORES)
    Path("corpus").mkdir()
    pq.write_table(pa.table({"text": [str(row) for row in range(N)], "domain": NAMES, "number": NUMBERS}), "c.parquet")
    # Of the second shard, no row has a domain.
    pq.write_table(pa.table({"text": ["x"] * 200, "domain": ["a", "b"] * 100}), "corpus/part-0.parquet")
    pq.write_table(pa.table({"text": ["x"] * 200}), "corpus/part-1.parquet")
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("column", ["domain", "number"])
@pytest.mark.parametrize("how", ["group", "drop"])
def test_the_command_tells_it_and_verify_chooses_again(run, column, how):
    names = NAMES if column == "domain" else NUMBERS
    real = sorted({name for name in names if name is not None})
    groups = ["--by", "s.npy", "--groups", column]
    code, _, said = run("materialize", "c.parquet", "out", *groups, "--per-group", 6)
    assert (code, "no group for 80 rows, the first of which is 0: --null-groups group" in said) == (1, True), said
    each = [part for name in real for part in ("--per-group", f"{name}=6")]
    null = ["--per-group", "null=4"] if how == "group" else []
    code, _, said = run(
        "materialize", "c.parquet", "out", *groups, "--null-groups", how, *each, *null, "--row-ids", "row"
    )
    assert code == 0, said
    quotas = dict.fromkeys(real, 6) | ({None: 4} if how == "group" else {})
    expected = best_of(names, quotas, drop=how == "drop")
    assert dsdm.open_shards("out").take(range(len(expected)))["row"].to_pylist() == expected
    told = json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]
    assert told["arguments"]["null_groups"] == how
    assert told["arguments"]["per_group"] == [[name, count] for name, count in quotas.items()]
    assert dsdm.verify("out").selection
    assert run("report", "out", "--json")[0] == 0
    code, out, said = run("indices", "s.npy", "--groups", f"c.parquet:{column}", "--null-groups", how, "--per-group", 6,
                          "-o", "rows.npy", "--json")  # fmt: skip
    assert code == 0, said
    assert json.loads(out)["per_group"] == dict.fromkeys([*map(str, real), *(["null"] if how == "group" else [])], 6)
    loaded = dsdm.Selection.load("rows.npy")
    assert loaded.per_group == dict.fromkeys([*real, *([None] if how == "group" else [])], 6)
    assert loaded.rule["null_groups"] == how


@pytest.mark.usefixtures("place")
def test_shards_that_lack_the_column(run):
    arguments = ["--schema", "union", "--by", "s.npy", "--groups", "domain", "--per-group", 5]
    assert run("materialize", "corpus", "out", *arguments)[0] == 1
    domains = [*(["a", "b"] * 100), *([None] * 200)]
    for how, quotas in (("group", {"a": 5, "b": 5, None: 5}), ("drop", {"a": 5, "b": 5})):
        code, _, said = run("materialize", "corpus", how, *arguments, "--null-groups", how, "--row-ids", "row")
        assert code == 0, said
        expected = best_of(domains, quotas, drop=how == "drop")
        assert dsdm.open_shards(how).take(range(len(expected)))["row"].to_pylist() == expected
        assert dsdm.verify(how).selection


@pytest.mark.usefixtures("place")
def test_what_does_not_go_together(run):
    with pytest.raises(ValueError, match="null_groups is given, which means something with groups alone"):
        dsdm.choose(SCORES, k=3, null_groups="drop")
    with pytest.raises(ValueError, match='null_groups is "skip"; it is one of "error", "group", "drop"'):
        dsdm.choose(SCORES, groups=NAMES, per_group=1, null_groups="skip")
    with pytest.raises(ValueError, match="per_group does not name None; say 0"):
        dsdm.choose(SCORES, groups=NAMES, per_group={"a": 1, "b": 1, "c": 1}, null_groups="group")
    with pytest.raises(ValueError, match="per_group names None, which no row is of"):
        dsdm.choose(SCORES, groups=NAMES, per_group={"a": 1, "b": 1, "c": 1, None: 1}, null_groups="drop")
    masked = np.ma.masked_array(np.zeros(N, int), mask=np.ones(N, bool))
    with pytest.raises(TypeError, match="masked array"):
        dsdm.choose(SCORES, groups=masked, per_group=1, null_groups="drop")
    by = ["materialize", "c.parquet", "out", "--by", "s.npy"]
    code, _, said = run(*by, "-k", 3, "--null-groups", "drop")
    assert (code, "--null-groups is given, which means something with --groups alone" in said) == (2, True), said
    groups = [*by, "--groups", "domain", "--null-groups", "group"]
    code, _, said = run(*groups, *[part for name in "abc" for part in ("--per-group", f"{name}=1")])
    assert (code, "--per-group does not name null; say 0" in said) == (1, True), said
    pq.write_table(pa.table({"domain": ["null", None] * (N // 2)}), "c.parquet")
    code, _, said = run(*groups, "--per-group", 1)
    assert (code, "rows of no group and rows of a group 'null'" in said) == (1, True), said
    told = {"by": "choose", "scores": ["s.npy"], "groups": {"column": "domain"}}
    told["arguments"] = {"k": 1, "per_group": [["null", 1]], "null_groups": "some"}
    with pytest.raises(ValueError, match=r"'arguments' has 'null_groups', of which: null_groups is .some"):
        dsdm.materialize("c.parquet", [0], "out", selection=told)

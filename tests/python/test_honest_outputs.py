"""What is written right is never called wrong: `verify` right after a run, over rules, sizes and copies that go together.

And what copies add up to is what they are by the row numbers and the lengths, one by one.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

N = 90
RNG = np.random.default_rng(5)
SCORES = RNG.integers(0, 25, N).astype(np.float32)
LENGTHS = RNG.integers(0, 9, N)
DOMAINS = np.array(["a", "b", "c"])[RNG.integers(0, 3, N)].tolist()
WITH_NULL = [None if row % 7 == 0 else name for row, name in enumerate(DOMAINS)]
NAMES = {"domain": ["a", "b", "c"], "hole": ["a", "b", "c", None]}


@pytest.fixture(scope="module")
def corpus(new_in_memory):
    """A corpus whose columns are scores, lengths and groups, and files of the same."""
    folder = new_in_memory()
    table = {"id": np.arange(N), "n": LENGTHS, "domain": DOMAINS, "hole": WITH_NULL, "score": SCORES}
    table["input_ids"] = [[row] * length for row, length in enumerate(LENGTHS.tolist())]
    pq.write_table(pa.table(table), folder / "c.parquet")
    np.save(folder / "s.npy", SCORES)
    np.save(folder / "n.npy", LENGTHS)
    np.save(folder / "some.npy", np.flatnonzero(np.arange(N) % 5))
    np.save(folder / "few.npy", np.array([3, 40, 41]))
    yield folder
    shutil.rmtree(folder)


@st.composite
def rules(draw):
    """Arguments of :func:`dsdm.choose` that go together; groups and lengths by the names of what they lie in."""
    some = lambda *values: draw(st.sampled_from(values))  # noqa: E731 - one word for what is drawn
    way = some("best", "worst", "near", "gumbel", "replace", "random ties")
    size = some("k", "fraction") if way == "replace" else some("k", "fraction", "tokens", "at least", "per_group")
    rule = {"order": some("best_first", "best_last", "row")}
    rule |= {
        "best": {},
        "worst": {"largest": False},
        "near": {"near": some(3, 11.5, 24)},
        "gumbel": {"gumbel": True, "temperature": some(0.5, 3.0), "seed": 8, "noise": some("philox", "numpy")},
        "replace": {"replace": True, "seed": 3},
        "random ties": {"ties": "random", "seed": some(4, 2**64 - 1)},
    }[way]
    rule |= some({}, {"min_score": 6}, {"max_score": 20.0}, {"min_score": 2, "max_score": 22})
    rule |= some({}, {}, {"exclude": "few.npy"}, {"only": "some.npy"})
    groups = size == "per_group" or (way != "replace" and draw(st.booleans()))
    rule |= {
        "k": {"k": some(0, 1, 9, 20)},
        "fraction": {"fraction": some(0.0, 0.25, 0.5)},
        "tokens": {"tokens": some(0, 1, 40, 100), "lengths": some("n.npy", "n", "input_ids")},
        "at least": {"tokens": some(0, 1, 40), "lengths": some("n.npy", "n"), "at_least": True},
        "per_group": {"per_group": some(2, 0.3)},
    }[size]
    if not groups:
        return rule | some({}, {"repeat": 2}, {"repeat": np.int64(3)})
    column = some("domain", "hole")
    names = NAMES[column]
    rule |= {"groups": column, "null_groups": "group", "short": some("keep", "fill") if size == "per_group" else "keep"}
    shares = {name: 1 + at for at, name in enumerate(names)}
    rule |= {} if size == "per_group" else {"like": some("equal", "proportional", shares)}
    return rule | some({}, {"repeat": 2}, {"repeat": {name: 1 + at for at, name in enumerate(names)}})


def chosen(folder, rule):
    """Choose by a rule of :func:`rules` over the files of a corpus."""
    shards = dsdm.open_shards(folder / "c.parquet")
    opened = dict(rule)
    if "groups" in rule:
        opened["groups"] = shards.groups(rule["groups"])
    if "lengths" in rule:
        name = rule["lengths"]
        opened["lengths"] = dsdm.open_scores(folder / name) if name.endswith(".npy") else shards.lengths(name)
    for name in {"exclude", "only"} & rule.keys():
        opened[name] = folder / rule[name]
    return shards, dsdm.choose(dsdm.open_scores(folder / "s.npy"), **opened)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule=rules(), order=st.sampled_from(["given", "row", "shuffle"]))
def test_what_a_rule_wrote_is_right_at_once(corpus, rule, order):
    try:
        shards, found = chosen(corpus, rule)
    except ValueError as error:
        # Too few rows, or parts of a budget that cannot be reached: what is refused writes nothing.
        assert "to be chosen" in str(error) or "ask for" in str(error) or "can be chosen" in str(error), error
        return
    if "lengths" in rule:
        assert found.tokens == sum(int(LENGTHS[row]) for row in found.indices), rule
    out, kept = corpus / "out", corpus / "kept.npy"
    how = {"format": "parquet" if len(found) else "arrow", "row_order": order, "overwrite": True}
    dsdm.materialize(shards, found, out, **how)
    checked = dsdm.verify(out, trust_paths=[corpus])
    assert (checked.selection, checked.reason, checked.rows) == (True, "", len(found)), rule
    found.save(kept, overwrite=True)
    loaded = dsdm.Selection.load(kept)
    assert (loaded == found, loaded.tokens, loaded.rule) == (True, found.tokens, found.rule), rule
    # What was loaded is written as what was chosen.
    first = json.loads((out / "dsdm.json").read_text())["selection"]
    dsdm.materialize(shards, loaded, out, seed=first["seed"], **how)
    assert json.loads((out / "dsdm.json").read_text())["selection"] == first
    assert dsdm.verify(out, trust_paths=[corpus]).selection

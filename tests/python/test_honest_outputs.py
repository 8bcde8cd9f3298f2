"""What is written right is never called wrong: `verify` after a run, over rules, sizes and copies that go together.

And what copies add up to is what they are by the row numbers and the lengths, one by one.
"""

import json
import shutil
from itertools import product

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
SOURCES = {
    "file": lambda folder, _: dsdm.open_scores(folder / "s.npy"),
    "column": lambda folder, _: dsdm.open_scores(folder / "c.parquet", column="score"),
    "first": lambda folder, _: dsdm.open_scores(folder / "more.npy").slice(0, N),
    "by id": lambda folder, shards: dsdm.align(folder / "by_id.parquet", shards, on="id", column="score"),
    "holes": lambda folder, _: dsdm.open_scores(folder / "holes.npy"),
}
"""Scores that lie in files, so that the rows are chosen again: in each way in which they can be told."""
NAMES = {"domain": ["a", "b", "c"], "hole": ["a", "b", "c", None]}


@pytest.fixture(scope="module")
def corpus(new_in_memory):
    """A corpus whose columns are scores, lengths and groups, and files of the same."""
    folder = new_in_memory()
    table = {"id": np.arange(N), "n": LENGTHS, "domain": DOMAINS, "hole": WITH_NULL, "score": SCORES}
    table["input_ids"] = [[row] * length for row, length in enumerate(LENGTHS.tolist())]
    pq.write_table(pa.table(table), folder / "c.parquet")
    np.save(folder / "s.npy", SCORES)
    np.save(folder / "holes.npy", np.where(np.arange(N) % 11 == 3, np.nan, SCORES.astype(np.float64)))
    np.save(folder / "more.npy", np.r_[SCORES, SCORES[:20]].astype(np.int16))
    turned = RNG.permutation(N)
    pq.write_table(pa.table({"id": turned, "score": SCORES[turned]}), folder / "by_id.parquet")
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
    rule = {"order": some("best_first", "best_last", "row"), "scores": some(*SOURCES)}
    if rule["scores"] == "holes":
        as_number = way in ("best", "worst", "gumbel") and size != "at least"
        rule["nan"] = some("omit", "largest", "smallest") if as_number and way != "gumbel" else "omit"
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
    rule |= some({}, {}, {"quantile": (0.05, 0.9)}) if rule.get("nan", "omit") == "omit" else {}
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
    scores = SOURCES[opened.pop("scores")](folder, shards)
    if "groups" in rule:
        opened["groups"] = shards.groups(rule["groups"])
    if "lengths" in rule:
        name = rule["lengths"]
        opened["lengths"] = dsdm.open_scores(folder / name) if name.endswith(".npy") else shards.lengths(name)
    for name in {"exclude", "only"} & rule.keys():
        opened[name] = folder / rule[name]
    return shards, dsdm.choose(scores, **opened)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule=rules(), order=st.sampled_from(["given", "row", "shuffle"]))
def test_what_a_rule_wrote_is_right_at_once(corpus, rule, order):
    shards, found = chosen(corpus, rule)
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


SIZES = [["-k", "7"], ["--fraction", "0.2"], ["--tokens", "40"], ["--tokens", "30", "--at-least"]]
LENGTHS_BY = [[], ["--lengths", "n.npy"], ["--lengths", "c.parquet:n"], ["--row-tokens", "5"]]
WAYS = [[], ["--gumbel", "--seed", "3"], ["--ties", "random", "--seed", "4"], ["--near", "12"], ["--min-score", "4"]]
GROUPS = [[], ["--groups", "domain", "--like", "equal", "--short", "keep"]]
COPIES = [[], ["--repeat", "3"], ["--repeat", "a=1", "--repeat", "b=2", "--repeat", "c=3"]]


@pytest.mark.parametrize("size", SIZES, ids=" ".join)
def test_what_the_command_wrote_is_right_at_once(corpus, run, monkeypatch, size):
    monkeypatch.chdir(corpus)
    written = 0
    for by, way, groups, copies in product(LENGTHS_BY, WAYS, GROUPS, COPIES):
        if ("--tokens" not in size and by) or ("a=1" in copies and not groups):
            continue
        if "--tokens" in size and "--lengths" not in by and ("--at-least" in size or groups):
            continue
        options = [*size, *by, *way, *groups, *copies]
        code, _, said = run("materialize", "c.parquet", "out", "--overwrite", "--by", "s.npy", *options)
        assert code == 0, (options, said)
        code, told, said = run("verify", "out")
        assert (code, "the selection is that of the scores" in told) == (0, True), (options, told + said)
        written += 1
    assert written >= 20, written


@pytest.mark.parametrize("unwanted", [{"exclude": [4]}, {"min_score": 1}, {"only": [0, 1, 2, 3]}], ids=str)
def test_what_a_row_lacks_that_cannot_be_chosen_is_an_error_that_says_what_to_do(tmp_path, unwanted):
    table = pa.table({"n": pa.array([2, 2, 2, 2, None]), "kind": pa.array(["a", "b", "a", "b", None])})
    pq.write_table(table, tmp_path / "c.parquet")
    shards, scores = dsdm.open_shards(tmp_path / "c.parquet"), np.array([5.0, 4, 3, 2, 0])
    with pytest.raises(ValueError, match=r"^row 4: the column 'n' is null, .*; give every row one, those that are not"):
        dsdm.choose(scores, tokens=4, lengths=shards.lengths("n"), **unwanted)
    message = r"^groups has 1 nulls, .*='group' for .*='drop' to .*; the first of them is that of row 4$"
    with pytest.raises(TypeError, match=message):
        dsdm.choose(scores, groups=shards.groups("kind"), per_group=1, **unwanted)
    found = dsdm.choose(scores, groups=shards.groups("kind"), per_group=1, null_groups="drop", **unwanted)
    assert found.indices.tolist() == [0, 1]

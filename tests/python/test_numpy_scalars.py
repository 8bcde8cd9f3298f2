"""Numbers of numpy, arrays without a dimension and others' whole numbers: taken, recorded and verified as Python's."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

N = 60
SCORES = (np.arange(N) * 7 % 20 / 10).astype(np.float32)
BETWEEN = np.nextafter(np.longdouble(0.5), np.longdouble(1))
"""No float64, where a longdouble has more digits."""
WIDE = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="a longdouble is a float64 here")


class Whole:
    """What says by `__index__` which whole number it is."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


WHOLE = (np.int8, np.uint16, np.int64, np.uint64, np.array, lambda value: np.array(value, np.int8))
FLOATS = (np.float16, np.float32, np.float64, np.longdouble, lambda value: np.array(value, np.float32))
FLAGS = (np.bool_, np.array)
EACH = {
    **dict.fromkeys(("k", "tokens", "repeat", "seed", "threads"), (*WHOLE, Whole)),
    **dict.fromkeys(("min_score", "max_score", "near", "temperature", "fraction"), FLOATS),
    **dict.fromkeys(("largest", "at_least", "gumbel", "replace"), FLAGS),
}
# Floats that float16 holds, but for shares, which are what their type writes.
RULES = [
    {"k": 9, "min_score": 0.5, "max_score": 1.5},
    {"fraction": 0.29, "largest": False, "threads": 1},
    {"tokens": 30, "lengths": "n", "at_least": True, "repeat": 2},
    {"k": 6, "near": 0.25},
    {"k": 7, "gumbel": True, "temperature": 0.5, "seed": 5},
    {"k": 7, "replace": True, "seed": 5},
    {"quantile": (0.1, 0.7), "min_score": 0.25},
    {"groups": "domain", "per_group": {"a": 3, "b": 0.29}, "repeat": {"a": 1, "b": 3}},
    {"groups": "domain", "k": 9, "like": {"a": 1, "b": 2.5}},
]


@pytest.fixture(autouse=True)
def _corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", SCORES)
    table = {"row": np.arange(N), "n": np.arange(N) % 5, "domain": ["a", "b"] * (N // 2)}
    pq.write_table(pa.table(table), "c.parquet")


def chosen(rule):
    shards = dsdm.open_shards("c.parquet")
    lying = {"groups": shards.groups, "lengths": shards.lengths}
    return dsdm.choose(dsdm.open_scores("s.npy"), **{n: lying[n](v) if n in lying else v for n, v in rule.items()})


def written(selection):
    """Return all that is told of rows that were chosen, and hold `verify` to it."""
    dsdm.materialize("c.parquet", selection, "out", format="parquet", overwrite=True)
    checked = dsdm.verify("out")
    assert (checked.selection, checked.reason) == (True, "")
    selection.save("kept.npy", overwrite=True)
    assert dsdm.Selection.load("kept.npy") == selection
    return json.loads(Path("out/dsdm.json").read_text())["selection"], json.loads(Path("kept.npy.json").read_text())


def others(name, value):
    """Yield the same value in other types, for an argument of this name."""
    if isinstance(value, dict):
        for kind in FLOATS[:3]:
            yield {np.str_(key): kind(one) if isinstance(one, float) else np.int16(one) for key, one in value.items()}
    elif isinstance(value, tuple):
        yield from (tuple(map(kind, value)) for kind in FLOATS)
        yield [np.array(share) for share in value]
    else:
        for kind in EACH.get(name, ()):
            yield kind(str(value)) if name == "fraction" and isinstance(kind, type) else kind(value)


@pytest.mark.parametrize("rule", RULES, ids=" ".join)
def test_numbers_of_other_types_choose_and_tell_the_same(rule):
    right = chosen(rule)
    told, tried = written(right), 0
    for name, value in rule.items():
        for other in others(name, value):
            found = chosen({**rule, name: other})
            assert (found, found.rule, repr(found)) == (right, right.rule, repr(right)), (name, type(other), other)
            assert written(found) == told, (name, type(other), other)
            tried += 1
    assert tried >= 5, rule


@WIDE
@pytest.mark.parametrize("name", ["min_score", "max_score", "near", "temperature"])
def test_a_number_that_no_float64_is_equal_to_is_refused(name):
    assert float(BETWEEN) != BETWEEN
    more = {"gumbel": True} if name == "temperature" else {}
    message = rf"^{name} is 0\.50000000000000000005\d*, a longdouble that no float64 is equal to; .* is 0\.5$"
    for given in (BETWEEN, np.array(BETWEEN)):
        with pytest.raises(ValueError, match=message):
            chosen({"k": 3, name: given, **more})
    with pytest.raises(ValueError, match=rf"^{name} is 1e\+4000, a longdouble .*; give a float$"):
        chosen({"k": 3, name: np.longdouble("1e4000"), **more})
    with pytest.raises(ValueError, match=rf"^{name} is 1/3, a Fraction that no float64 is equal to"):
        chosen({"k": 3, name: Fraction(1, 3), **more})
    assert chosen({"k": 3, name: Fraction(1, 2), **more, "seed": 1} if more else {"k": 3, name: Fraction(1, 2)})
    told = {"by": "choose", "scores": ["s.npy"], "arguments": {"k": 3, name: BETWEEN, **more, "seed": 1}}
    with pytest.raises(ValueError, match=r"^selection= is 0\.5000.*, a longdouble that no float64 is equal to"):
        dsdm.materialize("c.parquet", [1, 2, 3], "other", selection=told)


@WIDE
def test_a_temperature_of_a_draw_is_refused_likewise():
    with pytest.raises(ValueError, match=r"^temperature is 0\.50000.*, a longdouble that no float64 is equal to"):
        dsdm.gumbel_top_k(SCORES, 3, temperature=BETWEEN)
    assert not Path("other").exists()


@pytest.mark.parametrize("kind", [*WHOLE, Whole])
def test_functions_and_what_writes_take_whole_numbers_of_any_type(kind):
    three, seed, scores = kind(3), kind(5), dsdm.open_scores("s.npy")

    def called(k, seed, population):
        written = dsdm.plan("c.parquet", [1, 2, 3, 4], num_shards=k, row_order="shuffle", seed=seed)
        return [
            dsdm.top_k(scores, k).tolist(),
            dsdm.top_k(SCORES, k, threads=k).tolist(),
            dsdm.gumbel_top_k(scores, k, seed=seed, return_seed=True)[0].tolist(),
            dsdm.sample(population, k, seed=seed).tolist(),
            dsdm.round_robin([scores, -SCORES], k).indices.tolist(),
            written.shards,
        ]

    assert called(three, seed, kind(N)) == called(3, 5, N)
    assert type(dsdm.gumbel_top_k(scores, three, seed=seed, return_seed=True)[1]) is int
    manifests = []
    rows = dsdm.top_k(scores, 3)
    for shards, number in ((three, seed), (3, 5)):
        how = {"num_shards": shards, "row_order": "shuffle", "seed": number}
        dsdm.materialize("c.parquet", rows, "out", overwrite=True, **how)
        manifests.append(Path("out/dsdm.json").read_bytes())
    dsdm.materialize("c.parquet", rows, "sized", max_shard_size=kind(100))
    assert manifests[0] == manifests[1]
    assert dsdm.verify("sized").rows == 3


@pytest.mark.parametrize("kind", [*WHOLE, Whole])
def test_what_is_told_by_hand_is_taken_as_python_has_it(kind):
    rows = dsdm.top_k(dsdm.open_scores("s.npy"), 3, largest=False)
    told = {"by": "top_k", "scores": ["s.npy"], "arguments": {"k": kind(3), "largest": np.bool_(0)}}
    dsdm.materialize("c.parquet", rows, "out", selection=told)
    assert dsdm.verify("out").selection
    chosen_by = json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]
    assert chosen_by["arguments"] == {"k": 3, "largest": False}
    with pytest.raises(ValueError, match="'arguments' has k=4, and 3 rows are written"):
        dsdm.materialize("c.parquet", rows, "other", selection={**told, "arguments": {"k": kind(4)}})
    drawn = {"by": "choose", "scores": ["s.npy"], "arguments": {"k": 3, "gumbel": np.bool_(1)}}
    with pytest.raises(ValueError, match="'arguments' has no 'seed'"):
        dsdm.materialize("c.parquet", rows, "other", selection=drawn)

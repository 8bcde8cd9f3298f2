"""The JSON file beside a saved selection, edited: what no selection has is refused by its field as it is read."""

import copy
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.errors import ChecksumError, FormatError

REFUSED = [
    *[(("cut", "dtype"), value) for value in ([], {}, None, 1, "O", "M8[s]", "U3", "x")],
    *[(("cut", "score"), value) for value in ([], [1], {}, None, 1, 0.5, "x")],
    *[(("cut", name), value) for name in ("tied", "taken") for value in (None, -1, 0.5, True, "3", [], 2**63)],
    *[(("of",), value) for value in (None, -1, 0.5, True, "3", 2**63)],
    *[(("seed",), value) for value in (-1, 0.5, "3", [])],
    *[(("tokens",), value) for value in (-1, 0.5, 2**63)],
    *[(("largest",), value) for value in (None, 1, "x")],
    *[(("files", "scores"), value) for value in (5, True, None, [None], [""], ["\ud800"], ["a\0"], [[]], "", {})],
    *[(("files", "by"), value) for value in (None, 5, [], "")],
    *[(("files", "score_files"), value) for value in ([None], [{"path": ""}], [{}], 5)],
    *[((name,), float("nan")) for name in ("of", "words", "seed", "cut")],
    (("files", "scores"), [float("inf")]),
]


@pytest.mark.parametrize(("way", "value"), REFUSED, ids=repr)
def test_what_no_selection_has_is_refused(tmp_path, way, value):
    np.save(tmp_path / "scores.npy", np.arange(40, dtype=np.float32))
    place, beside = tmp_path / "rows.npy", tmp_path / "rows.npy.json"
    chosen = dsdm.choose(dsdm.open_scores(tmp_path / "scores.npy"), k=5)
    chosen.save(place)
    assert dsdm.Selection.load(place) == chosen
    changed = copy.deepcopy(json.loads(beside.read_text()))
    inside = changed
    for name in way[:-1]:
        inside = inside[name]
    assert way[-1] in inside
    inside[way[-1]] = value
    beside.write_text(json.dumps(changed))
    with pytest.raises(FormatError, match=r"rows\.npy\.json: "):
        dsdm.Selection.load(place)


N = 60
SCORES = np.random.default_rng(2).integers(0, 30, N).astype(np.float32)
DOMAINS = ["a", "b", None] * (N // 3)
# Rules of every kind, over files: what is told of them can be chosen again.
RULES = {
    "k": {"k": 9},
    "bottom": {"k": 9, "largest": False, "order": "row"},
    "none": {"k": 0},
    "fraction": {"fraction": 0.25, "nan": "omit"},
    "tokens": {"tokens": 60, "lengths": "n"},
    "at least": {"tokens": 60, "lengths": "n", "at_least": True},
    "bounds": {"min_score": 5, "max_score": 20},
    "quantile": {"quantile": (0.25, 0.75), "k": 6},
    "quantile and bounds": {"quantile": (0.1, 0.9), "min_score": 12, "order": "best_last"},
    "near": {"k": 7, "near": 11},
    "drawn ties": {"k": 9, "ties": "random", "seed": 4},
    "gumbel": {"k": 9, "gumbel": True, "temperature": 0.5, "seed": 4},
    "numpy": {"k": 9, "gumbel": True, "noise": "numpy", "seed": 4},
    "replace": {"k": 9, "replace": True, "seed": 4},
    "copies": {"k": 4, "repeat": 3},
    "per group": {"groups": "domain", "per_group": 4, "null_groups": "group"},
    "each group": {"groups": "domain", "per_group": {"a": 3, "b": 0.25}, "null_groups": "drop"},
    "like": {"groups": "domain", "k": 10, "like": {"a": 1, "b": 2}, "null_groups": "drop"},
    "short": {"groups": "domain", "per_group": 25, "short": "keep", "null_groups": "drop"},
    "fill": {"groups": "domain", "k": 36, "like": {"a": 3, "b": 1}, "short": "fill", "null_groups": "drop"},
    "copies of groups": {"groups": "domain", "per_group": 2, "repeat": {"a": 1, "b": 3}, "null_groups": "drop"},
    "budgets": {"groups": "domain", "tokens": 60, "lengths": "n", "like": "equal", "null_groups": "drop"},
    "prefix": {"k": 5, "first": 40},
    "joined": {"k": 5, "joined": True},
    "memory": {"k": 5, "in_memory": True},
    "union": {"k": 5, "combined": "union"},
    "difference": {"k": 5, "largest": False, "combined": "difference"},
    "in turn": {"k": 5, "in_turn": True, "largest": False},
}
# What lies in the scores, the groups or the files alone, or is there for people: it is believed, within limits.
BELIEVED = {
    *{("words",), ("cut", "score"), ("cut", "dtype"), ("cut", "tied"), ("cut", "taken"), ("tokens",), ("bounds",)},
    *{("short",), ("files", "scores"), ("files", "reading"), ("files", "score_files"), ("files", "groups")},
    *{("files", "lengths"), ("files", "ids"), ("files", "on"), ("per_group",), ("placed",)},
    # Shares and budgets, of which what may be chosen says what they come to.
    *{("rule", "fraction"), ("rule", "tokens"), ("rule", "per_group"), ("rule", "like"), ("rule", "short")},
}
# Of these, what is told is all that there is.
ALONE = {
    "memory": {("of",)},
    "union": {("of",), ("rule",)},
    "difference": {("of",), ("rule",)},
    "in turn": {("of",), ("rule",)},
}


@pytest.fixture
def selection(request, tmp_path, monkeypatch):
    """Choose by a rule over files, and save what was chosen."""
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", SCORES)
    table = {"id": range(N), "n": np.arange(N) % 7 + 1, "domain": DOMAINS, "score": SCORES}
    pq.write_table(pa.table(table), "c.parquet")
    given = dict(RULES[request.param])
    shards = dsdm.open_shards("c.parquet")
    scores = dsdm.open_scores("s.npy")
    if given.pop("joined", False):
        scores = dsdm.align("c.parquet", shards, column="score")
    scores = scores.slice(0, given.pop("first")) if "first" in given else scores
    scores = SCORES if given.pop("in_memory", False) else scores
    if "groups" in given:
        given["groups"] = shards.groups(given["groups"])
    if "lengths" in given:
        given["lengths"] = dsdm.open_scores("c.parquet", column="n")
    if given.pop("in_turn", False):
        chosen = dsdm.round_robin([scores, -SCORES], **given)
    elif how := given.pop("combined", None):
        chosen = getattr(dsdm.choose(scores, **given), how)(dsdm.choose(scores, k=3))
    else:
        chosen = dsdm.choose(scores, **given)
    chosen.save("rows.npy")
    assert dsdm.Selection.load("rows.npy") == chosen
    return chosen


def places(value, way=()):
    """Yield the way to every value within."""
    yield way
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield from places(item, (*way, name))


def others(value):
    """Return other values, of the same type and of others."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value + 7, 0, -1, str(value), None, value + 0.5]
    if isinstance(value, float):
        return [value + 0.25, -value - 1, None, "x"]
    if isinstance(value, str):
        return [value + "x", "", None, 3, "gumbel_top_k", "random", "drop"]
    return [None, 1, "x", [], {}] if isinstance(value, list | dict) else [0, 1, "x", [], {}, True]


def is_believed(name, way):
    # Without any files, nothing is told of them.
    return way == ("files",) or any(way[: len(start)] == start for start in BELIEVED | ALONE.get(name, set()))


@pytest.mark.filterwarnings("ignore:.*chosen rows have the score")
@pytest.mark.parametrize(("selection", "name"), [(name, name) for name in RULES], indirect=["selection"])
def test_every_field_of_every_rule_is_what_goes_with_the_others(selection, name):
    beside = Path("rows.npy.json")
    told = json.loads(beside.read_text())
    refused, taken = 0, []
    for way in places(told):
        for value in others(_at(told, way)) if way else ():
            changed = copy.deepcopy(told)
            inside = _at(changed, way[:-1])
            if inside[way[-1]] == value and type(inside[way[-1]]) is type(value):
                continue
            inside[way[-1]] = value
            beside.write_text(json.dumps(changed))
            found, error = _loaded()
            refused += error is not None
            of_rows = isinstance(error, ChecksumError) and way in (("rows",), ("digest",))
            assert error is None or of_rows or "rows.npy" in str(error), (way, value)
            assert found is None or found == selection or way == ("of",)
            if found is not None and not is_believed(name, way):
                taken.append((way, value))
    assert not taken, taken
    assert refused > 30


def _loaded():
    """Return the selection, or else what is said of it."""
    try:
        return dsdm.Selection.load("rows.npy"), None
    except FormatError as error:
        return None, error


def _at(value, way):
    for name in way:
        value = value[name]
    return value


@pytest.mark.parametrize("selection", ["bounds"], indirect=True)
@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        (("largest",), False, "largest is False, and its rule has largest=True"),
        (("of",), 61, "of is 61, and the files have 60 rows"),
        (("seed",), 3, "seed is 3, and its rule draws nothing"),
        (("tokens",), 3, "tokens is 3, and its rule has tokens=None"),
        (("bounds",), [4, 20], "bounds has 4, and its rule has min_score=5"),
        (("cut", "score"), "4.0", r"cut.score is 4.0, and scores from 5.* to 20.* are chosen"),
        (("cut", "taken"), 1, "and all .* that tie are chosen by its rule"),
        (("files", "arguments", "k"), 1, "files.arguments has k=1, and there are"),
        (("files", "arguments", "min_score"), 6, "files.arguments has min_score=6, and by its rule it is 5"),
    ],
)
def test_what_does_not_go_together_is_named(selection, way, value, message):
    beside = Path("rows.npy.json")
    told = json.loads(beside.read_text())
    inside = _at(told, way[:-1])
    assert inside[way[-1]] != value
    inside[way[-1]] = value
    beside.write_text(json.dumps(told))
    assert len(selection) > 1
    with pytest.raises(FormatError, match=message):
        dsdm.Selection.load("rows.npy")

"""Every field of ``dsdm.json``, and of the JSON beside a saved selection, changed by hand: each is found.

The fields are those that are there: what a later release writes is tried without being named here. An edit is found
where `verify` fails, or tells another thing than of the output as it was written.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

N = 120
RNG = np.random.default_rng(17)
SCORES = RNG.permutation(np.repeat(np.arange(N // 4), 4)).astype(np.float64)
IDS = np.array([f"doc {row}" for row in range(N)])
ROWS = pa.table(
    {
        "id": IDS,
        "domain": np.array(["a", "b", "c"])[np.arange(N) % 3],
        "length": RNG.integers(1, 9, N),
        "input_ids": [[row] * (row % 4) for row in range(N)],
    }
)
U16 = "uint16"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/formats/dsdm.schema.json").read_text())


def choices(node):
    """Yield all lists of names that a field of the schema may have."""
    if isinstance(node, dict):
        if "enum" in node:
            yield [value for value in node["enum"] if isinstance(value, str)]
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from choices(inner)


CHOICES = [*choices(SCHEMA)]


def corpus():
    Path("c/lang=en").mkdir(parents=True)
    Path("c/lang=de").mkdir()
    pq.write_table(ROWS.slice(0, N // 2), "c/lang=de/0.parquet")
    pq.write_table(ROWS.slice(N // 2), "c/lang=en/0.parquet")
    np.save("s.npy", SCORES)
    order = RNG.permutation(N)
    pq.write_table(pa.table({"doc": IDS[order], "score": SCORES[order]}), "by_id.parquet")
    matrix = RNG.normal(size=(N, 3))
    np.save("m.npy", np.stack([matrix[:, 0], SCORES, matrix[:, 2]], 1))
    return dsdm.open_shards("c", hive=True)


def by_groups(shards):
    """Quotas of groups with drawn ties, less an earlier output, shuffled, with the columns of directories."""
    dsdm.materialize(shards, [3, 77, 5], "first", row_ids="row")
    groups = shards.groups("domain")
    rule = {"per_group": {"a": 60, "b": 4, "c": 3}, "short": "keep", "ties": "random", "seed": 4}
    chosen = dsdm.choose(dsdm.open_scores("m.npy", column=1), groups=groups, exclude="first", **rule)
    dsdm.materialize(shards, chosen, "out", format="parquet", row_order="shuffle", seed=9, num_shards=2)
    return chosen


def by_tokens(shards):
    """A budget of tokens by a column of lists, of some rows, as Arrow, with the row numbers."""
    np.save("only.npy", np.arange(0, N, 2))
    chosen = dsdm.choose(
        dsdm.open_scores("s.npy"),
        tokens=20,
        lengths=shards.lengths("input_ids"),
        only="only.npy",
        ties="random",
        seed=3,
    )
    dsdm.materialize(shards, chosen, "out", num_shards=2, row_ids="row", split="validation")
    return chosen


def by_id(shards):
    """Scores joined by id, from a bound on, in JSON lines."""
    scores = dsdm.align("by_id.parquet", shards, on=("id", "doc"), column="score")
    chosen = dsdm.choose(scores, k=30, min_score=2.0, order="best_last", nan="omit")
    dsdm.materialize(shards, chosen, "out", format="jsonl", row_order="row")
    return chosen


def drawn(shards):
    """A draw with noise, as tokens."""
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), k=40, gumbel=True, temperature=2.0, seed=6)
    dsdm.materialize(shards, chosen, "out", format="bin", token_dtype=U16)
    return chosen


def of_the_first(shards):
    """The first scores of more, which are all that the rows have; scores of other files are written beside them."""
    np.save("more.npy", np.r_[SCORES, SCORES[:40]])
    chosen = dsdm.choose(dsdm.open_scores("more.npy").slice(0, N), k=8, ties="random", seed=1)
    scores = {"s": dsdm.open_scores("m.npy", column=0), "first": dsdm.open_scores("more.npy").slice(0, N)}
    dsdm.materialize(shards, chosen, "out", format="parquet", row_ids="row", scores=scores)
    return chosen


MADE = [by_groups, by_tokens, by_id, drawn, of_the_first]

UNTOLD = {
    "words": "the rule in words, which is for people",
    "dsdm": "the release that wrote it, which is for people",
    "selection.chosen.rule": "the rule in words, which is for people",
    "selection.chosen.reading.io": "how bytes are read, by which no score is another",
    "selection.scores[].reading.io": "as there",
    "corpora[].files[].path": "a corpus is known by its size and its ends, wherever it lies",
}
"""Fields that nothing could contradict, each with its reason."""

UNORDERED = {
    "files": "the files beside the shards are each named",
    "rule.per_group.pairs": "what a mapping has, in any order",
    "selection.chosen.chosen_by.per_group.pairs": "what a mapping has, in any order",
    "selection.chosen.arguments.per_group": "what a mapping has, in any order",
}
"""Lists whose order says nothing, each with its reason."""


def places(value, way=()):
    """Yield the way to every value within one, and the value."""
    if way:
        yield way, value
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, name))


def edits(value):
    """Yield other values that might stand in a place."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, max(value - 1, 0)) if value else (1,)
        case float():
            yield from (value + 1.5, value / 2)
        case str() if len(value) >= 8 and set(value) <= set("0123456789abcdef"):
            yield value[1:] + ("0" if value[0] != "0" else "1")
        case str():
            yield from {other for names in CHOICES if value in names for other in names if other != value}
            yield value + "x"
        case list() if len(value) > 1:
            yield from (other for other in (value[::-1], value[:-1]) if other != value)
        case None:
            yield from (1, "x")


def changed(told, way, value):
    told = json.loads(json.dumps(told))
    inner = told
    for name in way[:-1]:
        inner = inner[name]
    inner[way[-1]] = value
    return told


def put(path, told):
    """Write a manifest with the checksum that it should have."""
    told = {name: value for name, value in told.items() if name != "crc32"}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    path.write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}, ensure_ascii=False))


def verified():
    """Return all that is told of the output; or that it is damaged."""
    try:
        return dsdm.verify("out")
    except (ValueError, OSError) as error:
        return str(error)


def named(way):
    return "".join("[]" if isinstance(name, int) else f".{name}" for name in way).removeprefix(".")


@pytest.mark.parametrize("made", MADE, ids=[made.__name__ for made in MADE])
def test_every_field_of_a_manifest_is_held_against_something(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    made(corpus())
    path = Path("out/dsdm.json")
    told = json.loads(path.read_text())
    right = verified()
    assert right.selection, right
    believed = []
    for way, value in places(told):
        if way == ("crc32",) or named(way) in UNTOLD:
            continue
        for other in edits(value):
            if named(way) in UNORDERED and other == value[::-1]:
                continue
            put(path, changed(told, way, other))
            if verified() == right:
                believed.append((way, value, other))
    assert not believed, "\n".join(map(str, believed))
    put(path, told)
    assert verified() == right
    # What is told again without the checksum is damage whatever it is.
    for way, value in places(told):
        for other in edits(value):
            path.write_text(json.dumps(changed(told, way, other)))
            assert isinstance(verified(), str), way


def loaded():
    """Return what is reported of a saved selection; or that it is damaged."""
    try:
        found = dsdm.Selection.load("kept.npy")
        return dsdm.report(found, corpus=dsdm.open_shards("c", hive=True)).to_dict()
    except (ValueError, OSError) as error:
        return str(error)


@pytest.mark.parametrize("made", MADE, ids=[made.__name__ for made in MADE])
def test_every_field_beside_a_saved_selection_is_held_against_something(tmp_path, monkeypatch, made):
    monkeypatch.chdir(tmp_path)
    made(corpus()).save("kept.npy")
    path = Path("kept.npy.json")
    told = json.loads(path.read_text())
    right = loaded()
    assert not isinstance(right, str), right
    believed = []
    for way, value in places(told):
        if named(way) in UNTOLD or named(way).endswith(".modified_ns"):
            continue
        for other in edits(value):
            if named(way) in UNORDERED and other == value[::-1]:
                continue
            path.write_text(json.dumps(changed(told, way, other)))
            if loaded() == right:
                believed.append((way, value, other))
    assert not believed, "\n".join(map(str, believed))

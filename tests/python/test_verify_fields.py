"""Fields of ``dsdm.json`` that were changed by hand, with its checksum: what no writer writes is damage."""

import json
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

SCORES = np.random.default_rng(3).permutation(40).astype(np.float64)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", SCORES)
    pq.write_table(pa.table({"n": range(40), "domain": ["a", "b"] * 20}), "c.parquet")
    return tmp_path


def write(kind="top", **options):
    scores = dsdm.open_scores("s.npy")
    groups = dsdm.open_shards("c.parquet").groups("domain") if kind == "groups" else None
    rules = {
        "top": {"k": 4},
        "drawn": {"k": 4, "gumbel": True, "seed": 7},
        "groups": {"groups": groups, "per_group": 2, "ties": "random", "seed": 5},
    }
    dsdm.materialize("c.parquet", dsdm.choose(scores, **rules[kind]), "out", row_ids="row", **options)
    assert dsdm.verify("out").selection


def put(place, value):
    """Change a field of the manifest, and its checksum."""
    path = Path("out/dsdm.json")
    told = json.loads(path.read_text())
    del told["crc32"]
    inner = told
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    path.write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}, ensure_ascii=False))


WRONG = [
    ("top", ("order",), [7, None, "other", [], {}]),
    ("top", ("seed",), [-1, "x", True, 0.5, [], {}]),
    ("top", ("row_ids",), [7, None, [], {}, True]),
    ("top", ("schema",), [7, None, "same", [], {}]),
    ("top", ("mapped",), [7, None, False, "x"]),
    ("top", ("hive",), [[], 7, "x", {"lang": []}, {"lang": ["a", "b"]}, {"lang": [0.5]}]),
    ("top", ("chosen", "cut"), [[], 7, "x", None, {}, {"score": "x", "tied": 1, "taken": 1}]),
    ("top", ("chosen", "cut", "taken"), [0, 2, -1, "x", True]),
    ("top", ("chosen", "cut", "score"), [7, "nan", "x", None]),
    ("drawn", ("chosen", "seed"), [-1, 8, "7", None, True, []]),
    ("groups", ("chosen", "seed"), [-1, 8, "7", None]),
    ("top", ("chosen", "of"), [-1, "x", None, [], True]),
    ("top", ("chosen", "rule"), [7, None, []]),
    ("top", ("chosen", "tokens"), [-1, "x", None, []]),
    ("top", ("chosen", "short"), [7, "x", {}, [7], [["a", 1]], [["a", 1, "x"]], [[[], 1, 2]]]),
    ("groups", ("chosen", "chosen_by"), [7, None, [], "x"]),
    ("top", ("chosen", "score_files"), [[]]),
]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(("kind", "place", "values"), WRONG, ids=[".".join(place) for _, place, _ in WRONG])
def test_a_field_that_no_writer_writes_so_is_damage(run, kind, place, values):
    write(kind)
    kept = Path("out/dsdm.json").read_text()
    for value in values:
        put(("selection", *place), value)
        with pytest.raises(errors.FormatError, match=rf"out/dsdm\.json: selection\.{place[0]}"):
            dsdm.verify("out")
        Path("out/dsdm.json").write_text(kept)
    put(("selection", *place), values[0])
    assert run("verify", "out")[0] == 3
    Path("out/dsdm.json").write_text(kept)
    assert dsdm.verify("out").selection


@pytest.mark.usefixtures("work")
def test_a_shuffle_has_a_seed():
    write(row_order="shuffle", seed=3)
    put(("selection", "seed"), None)
    with pytest.raises(errors.FormatError, match=r"selection\.seed is None, which no dsdm writes there"):
        dsdm.verify("out")


OTHERS = [None, True, 0, -1, 7, 2**70, 0.5, "", "x", [], [1], ["x"], [[]], [[4, "de"]], [["a", 1]], {}, {"a": [1]}]


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("kind", ["top", "drawn", "groups"])
def test_arguments_of_every_type_are_said_and_never_another_error(kind):
    write(kind)
    kept = Path("out/dsdm.json").read_text()
    arguments = json.loads(kept)["selection"]["chosen"]["arguments"]
    places = [(name,) for name in arguments] + [("per_group", 0), ("per_group", 0, 0), ("per_group", 0, 1)]
    known = ("selection", "chosen", "arguments")
    for place in [place for place in places if kind == "groups" or len(place) == 1]:
        for value in OTHERS:
            put((*known, *place), value)
            try:
                found = dsdm.verify("out")
            except (errors.FormatError, errors.ChecksumError):
                pass
            else:
                assert found.selection or "cannot be done again" in found.reason
            Path("out/dsdm.json").write_text(kept)
    if kind == "groups":
        put((*known, "per_group", 0, 1), "de")
        assert "'per_group', of which: per_group is 'de'; a whole number is needed" in dsdm.verify("out").reason


@pytest.mark.usefixtures("work")
def test_scores_of_64_bits_are_shown_with_all_their_digits(run):
    values = np.array([2**63, 2**64 - 1, 5, 2**53 + 1], np.uint64)
    np.save("u.npy", values)
    found = json.loads(run("scores", "u.npy", "--json")[1])
    ranked = sorted(values.tolist())
    assert (found["smallest"], found["largest"]) == (ranked[0], ranked[-1])
    shares = {"0.01": 0, "0.1": 0, "0.25": 0, "0.5": 1, "0.75": 2, "0.9": 3, "0.99": 3}
    assert found["quantiles"] == {share: ranked[at] for share, at in shares.items()}
    said = run("scores", "u.npy")[1]
    assert all(str(value) in said for value in ranked)

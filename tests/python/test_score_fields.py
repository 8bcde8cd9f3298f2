"""Scores by id out of files with other fields, whatever these hold; ids and scores that are fields of structs."""

import gzip
import json
import re
import shlex
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

import dsdm
from dsdm import errors

ROWS = 70
IDS = [f"doc-{number * 37 % 101}" for number in range(ROWS)]
SCORED = {name: (int(name[4:]) * 29 % 83) / 7 for name in IDS if int(name[4:]) % 5}
EXPECTED = np.array([SCORED.get(name, np.nan) for name in IDS])
"""By a dictionary, the score of each row."""
BEST = sorted(np.flatnonzero(~np.isnan(EXPECTED)).tolist(), key=lambda row: (-EXPECTED[row], row))[:15]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "q", "x"]), inner, max_size=2),
    max_leaves=4,
)


def written_lines(table, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


WRITERS = {
    "parquet": pq.write_table,
    "arrow": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "jsonl": written_lines,
    "jsonl.gz": lambda table, path: path.write_bytes(
        gzip.compress("".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode())
    ),
}
SHAPES = {
    "score": (lambda n, s: {"id": n, "meta": {"q": s, "id": "x"}}, "id", "meta.q"),
    "id": (lambda n, s: {"id": 3, "meta": {"id": n, "x": [1]}, "score": s}, "meta.id", "score"),
    "both": (lambda n, s: {"score": 1.0, "meta": {"id": n, "q": s, "of": {"q": 1}}}, "meta.id", "meta.q"),
    "deep": (lambda n, s: {"q": 7.0, "meta": {"of": {"id": n}, "by": {"q": s}}}, "meta.of.id", "meta.by.q"),
    "quoted": (lambda n, s: {"meta.id": n, "meta": {"id": "x", "q": s}}, '["meta.id"]', "meta.q"),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_ids_and_scores_that_are_fields_of_structs(tmp_path, run, monkeypatch, kind, shape):
    monkeypatch.chdir(tmp_path)
    row_of, on, column = SHAPES[shape]
    WRITERS[kind](pa.Table.from_pylist([row_of(*each) for each in SCORED.items()]), tmp_path / f"s.{kind}")
    pq.write_table(
        pa.Table.from_pylist([row_of(name, 0.5) for name in IDS]).append_column("n", [range(ROWS)]), "c.parquet"
    )
    found = dsdm.align(f"s.{kind}", "c.parquet", on=on, column=column)
    assert np.array_equal(found.scores, EXPECTED, equal_nan=True)
    assert (found.missing, found.unused) == (int(np.isnan(EXPECTED).sum()), 0)
    by = ["--by", f"s.{kind}", "--on", on, "--column", column, "-k", 15, "--nan", "omit"]
    code, _, said = run("materialize", "c.parquet", "out", *by)
    assert code == 0, said
    assert dsdm.open_shards("out")[:]["n"] == BEST
    assert dsdm.verify("out").selection
    dsdm.choose(found, k=15, nan="omit").save("best.npy")
    dsdm.materialize("c.parquet", dsdm.Selection.load("best.npy"), "again")
    assert dsdm.open_shards("again")[:]["n"] == BEST
    assert dsdm.verify("again").selection
    # By other scores of the same ids, the choice is another, and is told to be.
    others = {name: -score for name, score in SCORED.items()}
    WRITERS[kind](pa.Table.from_pylist([row_of(*each) for each in others.items()]), tmp_path / f"s.{kind}")
    with pytest.raises(errors.ChecksumError):
        dsdm.verify("out")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_other_fields_may_hold_anything(tmp_path, data):
    names = data.draw(st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=8))
    scores = data.draw(
        st.lists(st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False), min_size=8)
    )
    scored = dict(zip(names, scores, strict=False))
    nested = data.draw(st.booleans())
    lines = []
    for name, score in scored.items():
        more = data.draw(st.dictionaries(st.sampled_from(["a", "b", "x.y"]), ANYTHING))
        fields = {"id": name, **({"meta": {"q": score, "z": data.draw(ANYTHING)}} if nested else {"q": score}), **more}
        lines.append(json.dumps(dict(data.draw(st.permutations(list(fields.items()))))))
    mark = data.draw(st.sampled_from(["", "\ufeff"]))
    (tmp_path / "s.jsonl").write_text(mark + "\n\n".join(lines), encoding="utf-8")
    rows = data.draw(st.permutations([*names, "no id of them"]))
    found = dsdm.align(tmp_path / "s.jsonl", pa.table({"id": rows}), column="meta.q" if nested else "q")
    assert np.array_equal(found.scores, [float(scored.get(name, np.nan)) for name in rows], equal_nan=True)


LINES = '{"id": 1, "score": 0.5, "extra": 1}\n\n{"id": 2, "score": 1, "extra": "s"}\n'
CORPUS = pa.table({"id": [2, 1]})
WRONG = {
    "text": (
        {"column": "m.q"},
        '{"id": 1, "m": {"q": 1}}\n{"id": 2, "m": {"q": "0.5"}}',
        "line 2: the score 'm.q' is '0.5'",
    ),
    "no object": (
        {"column": "m.q"},
        '{"id": 1, "m": {"q": 1}}\n{"id": 2, "m": "t"}',
        "line 2: the score 'm.q' is 't'; a number",
    ),
    "object": ({"column": "m"}, '{"id": 1, "m": {"q": 1}}', "line 1: the score 'm' is {'q': 1}; a number is needed"),
    "none": ({"column": "m.q"}, '{"id": 1, "m": {"z": 1}}', "there is no column 'm.q'; there are 'm'"),
    "null": ({"column": "m.q"}, '{"id": 1, "m": {"q": 1}}\n\n{"id": 2, "m": null}', "line 3: there is no score 'm.q'"),
    "two": ({"column": "m.q"}, '{"id": 1, "m": {"q": 1}}\n{"id": 2, "m.q": 1}', "is 'q' in 'm' and 'm.q'; say"),
    "double": ({"column": "m.q"}, '{"id": 1, "m": {"q": 1, "q": 2}}', "line 1: 'm.q' is there twice, 1 and 2; write"),
    "rounded": (
        {"column": "m.q"},
        '{"id": 1, "m": {"q": 9007199254740993}}',
        "line 1: the score 'm.q' is 9007199254740993, a whole number beyond",
    ),
    "within": (
        {"on": ("id", "m.id"), "column": "m"},
        '{"m": {"id": 1}}',
        "ids are 'm.id' and scores 'm', of which one lies in the other",
    ),
    "several": (
        {"on": ("id", "m.id")},
        '{"m": {"id": 1, "q": 1}, "score": 2}',
        "beside the ids there are 'score', 'm.q': give column=",
    ),
    "not said": ({}, LINES, "beside the ids there are 'score', 'extra': give column="),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_a_field_is_said_by_the_line(tmp_path, what):
    options, text, said = WRONG[what]
    (tmp_path / "s.jsonl").write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)):
        dsdm.align(tmp_path / "s.jsonl", CORPUS, **options)


def test_one_field_beside_the_ids_needs_no_name(tmp_path):
    (tmp_path / "s.jsonl").write_text('{"m": {"id": 1, "q": 5}}\n{"m": {"id": 2, "q": 0.5}}\n')
    assert dsdm.align(tmp_path / "s.jsonl", CORPUS, on=("id", "m.id")).scores.tolist() == [0.5, 5]
    (tmp_path / "t.jsonl").write_text(LINES)
    assert dsdm.align(tmp_path / "t.jsonl", CORPUS, column="score").scores.tolist() == [1, 0.5]


@pytest.mark.parametrize("by", ["v.npy", "s.jsonl"])
def test_scores_beside_some_without_ids_are_joined_in_python(tmp_path, run, monkeypatch, by):
    """What the message says to write gives the right rows and scores."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS, "n": range(ROWS)}), "c.parquet")
    by_id = dict(zip(IDS, np.random.default_rng(0).permutation(ROWS).tolist(), strict=True))
    written_lines(pa.table({"id": sorted(by_id), "s": [by_id[name] for name in sorted(by_id)]}), tmp_path / "s.jsonl")
    by_row = np.arange(ROWS, dtype=np.float64) * 11 % ROWS
    np.save("v.npy", by_row)
    added = "s.jsonl" if by == "v.npy" else "v.npy"
    vectors = {"s.jsonl": np.array([by_id[name] for name in IDS], np.float64), "v.npy": by_row}
    for join in ([], ["--on", "id"]):
        code, _, said = run(
            *("materialize", "c.parquet", "out", "--by", by, "--scores", added, "--column", "s", "-k", 5, *join)
        )
        said = " ".join(said.split())
        assert code == 1
        assert "--on joins the files of --by and of --scores alike, and v.npy has no ids" in said
        steps = re.search(r"by `dsdm (indices .*?)` with .* by `dsdm (materialize .*?)`", said)
        assert steps is not None, said
        for step in steps.groups():
            given = shlex.split(step.replace("SHARDS", "c.parquet").replace("OUT", "stepped"))
            code, _, why = run(*given, *(["-k", 5, "--overwrite"] if given[0] == "indices" else []))
            assert code == 0, why
        stepped = dsdm.open_shards("stepped")[:]
        shutil.rmtree("stepped")
        call = re.search(r"in Python (dsdm\.materialize\(.*\))$", said)
        assert call is not None, said
        eval(call[1], {"dsdm": dsdm, "corpus": "c.parquet", "k": 5})  # noqa: S307 - that it works is what is tested
        found = dsdm.open_shards("out")[:]
        rows = sorted(range(ROWS), key=lambda row: (-vectors[by][row], row))[:5]
        for one in (found, stepped):
            assert one["n"] == rows
            assert one["scores"] == vectors[added][rows].tolist()
        shutil.rmtree("out")

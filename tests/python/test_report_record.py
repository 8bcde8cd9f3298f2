"""Reports: the record is compared with the files that it names, and what is not at hand is said."""

import json
import os
import re
import zlib
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

import dsdm
from tests.python.test_terminals import ACTING

N = 100_000
ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())


def valid(told):
    """Check a report against the schema, and that its edges are one more than its bins."""
    Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(told)] == []
    return told


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    values = rng.normal(size=N).astype(np.float32)
    np.save("s.npy", values)
    pq.write_table(pa.table({"n": np.arange(N)}), "corpus.parquet")
    chosen = dsdm.choose(dsdm.open_scores("s.npy"), k=1000)
    chosen.save("chosen.npy")
    dsdm.materialize("corpus.parquet", chosen, "out", progress=False)
    return values, chosen


def change(path, at, content):
    """Write into a file."""
    with Path(path).open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize("what", ["chosen.npy", "out"])
@pytest.mark.parametrize("where", ["end", "middle"])
def test_scores_that_changed_are_an_error(place, what, where):
    _, chosen = place
    # The best row is no good any more. What lies between the ends is found by choosing again.
    row = 5 if where == "end" else int(chosen.indices[(chosen.indices > 20_000) & (chosen.indices < 80_000)][0])
    size = Path("s.npy").stat().st_size
    change("s.npy", size - 4 * (N - row), np.float32(-9.0).tobytes())
    message = "s.npy: .*chosen by another" if where == "end" else "the scores are others now: they choose 1,000 rows"
    with pytest.raises(dsdm.ChecksumError, match=message):
        dsdm.report(what)


@pytest.mark.usefixtures("place")
def test_rows_that_changed_are_an_error():
    rows = np.load("chosen.npy")
    rows[3] += 1
    np.save("chosen.npy", rows)
    with pytest.raises(dsdm.ChecksumError, match=r"chosen\.npy: its 1,000 rows are others than the 1,000"):
        dsdm.report("chosen.npy")


@pytest.mark.usefixtures("place")
def test_a_source_that_changed_is_an_error():
    pq.write_table(pa.table({"n": np.arange(N)[::-1]}), "corpus.parquet")
    with pytest.raises(dsdm.ChecksumError, match=r"corpus\.parquet: .*this source is no longer the one it was"):
        dsdm.report("out")


@pytest.mark.usefixtures("place")
def test_what_is_not_there_is_said():
    os.rename("corpus.parquet", "elsewhere.parquet")  # noqa: PTH104
    facts = dsdm.report("out").selections[0]
    assert re.search(r"corpus\.parquet is not there", facts.unknown["sources"])
    assert facts.examples.best[0].text is None
    shown = dsdm.report("out", corpus="elsewhere.parquet").selections[0]
    assert shown.examples.best[0].text == f"{shown.examples.best[0].row}"
    os.rename("s.npy", "t.npy")  # noqa: PTH104
    for what in ("out", "chosen.npy"):
        facts = dsdm.report(what).selections[0]
        assert re.search("s.npy", facts.unknown["scores"])
        assert (facts.scores, facts.examples, facts.rows) == (None, None, 1000)
        valid(dsdm.report(what).to_dict())
    assert dsdm.report("chosen.npy", corpus="elsewhere.parquet").selections[0].sources[0].chosen == 1000
    facts = dsdm.report("out", groups="n").selections[0]
    assert (facts.sources, facts.groups) == (None, None)
    assert facts.unknown["groups"] == "nothing tells which rows were chosen"


@pytest.mark.usefixtures("place")
def test_lengths_of_a_rule_that_cannot_be_read_are_said():
    lengths = np.random.default_rng(1).integers(1, 90, N)
    np.save("lengths.npy", lengths)
    scores = dsdm.open_scores("s.npy")
    chosen = dsdm.choose(scores, tokens=1000, lengths=dsdm.open_scores("lengths.npy"))
    chosen.save("budget.npy")
    facts = dsdm.report("budget.npy").selections[0]
    assert (facts.lengths.by, facts.lengths.chosen.total, facts.lengths.all) == ("lengths", chosen.tokens, None)
    asked = dsdm.report("budget.npy", lengths=lengths + 1).selections[0]
    assert asked.lengths.chosen.total == chosen.tokens + len(chosen)
    told = json.loads(Path("budget.npy.json").read_text())
    other = {**told["files"], "lengths": {"files": told["files"]["score_files"]}}
    Path("budget.npy.json").write_text(json.dumps({**told, "files": other}))
    with pytest.raises(dsdm.errors.FormatError, match=r"s\.npy: budget\.npy tells .* lengths .* cannot be"):
        dsdm.report("budget.npy")
    Path("budget.npy.json").write_text(json.dumps(told))
    os.rename("lengths.npy", "away.npy")  # noqa: PTH104
    facts = dsdm.report("budget.npy").selections[0]
    assert (facts.lengths, facts.scores.rows) == (None, N)
    assert re.search(r"lengths\.npy: it is not there, and the lengths of the rows are in it", facts.unknown["lengths"])
    valid(dsdm.report("budget.npy").to_dict())


@pytest.mark.usefixtures("place")
def test_what_lies_outside_is_opened_only_if_it_is_trusted(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    facts = dsdm.report("../out").selections[0]
    assert "allow it by trust_paths=" in facts.unknown["rows"]
    assert facts.sources is facts.scores is None
    facts = dsdm.report("../out", trust_paths=[tmp_path]).selections[0]
    assert (facts.unknown, facts.scores.rows) == ({}, N)


def test_rows_of_a_dataset_that_picks_them_are_not_taken_for_those_of_its_files(place):
    _, chosen = place
    picked = dsdm.dataset.open_dataset("corpus.parquet").select(range(N - 1, -1, -1))
    dsdm.materialize(picked, chosen, "picked", progress=False)
    assert json.loads(Path("picked/dsdm.json").read_text())["selection"]["mapped"] is True
    assert "mapped" not in json.loads(Path("out/dsdm.json").read_text())["selection"]
    facts = dsdm.report("picked").selections[0]
    assert "a dataset that picks or orders rows" in facts.unknown["sources"]
    assert facts.examples.best[0].text is None
    facts = dsdm.report("picked", corpus=picked).selections[0]
    best = facts.examples.best[0]
    assert best.text == str(N - 1 - best.row) == str(datasets.load_from_disk("picked")[0]["n"])
    assert facts.sources[0].chosen == 1000


def test_scores_of_the_caller_are_compared_with_the_record(place):
    values, _ = place
    scores = dsdm.open_scores("s.npy")
    computed = dsdm.choose(scores * 2, k=10)
    assert "scores= names them" in computed.report().selections[0].unknown["scores"]
    facts = computed.report(scores=scores * 2).selections[0]
    assert (facts.scores.most, facts.cut.score) == (values.max().item() * 2, np.sort(values)[-10].item() * 2)
    assert facts.scores.excluded is None
    with pytest.raises(dsdm.ChecksumError, match=r"the worst chosen score is .*they are others"):
        computed.report(scores=scores)
    with pytest.raises(ValueError, match=r"scores is given, and the record of top-k of s.npy names its own"):
        dsdm.choose(scores, k=3).report(scores=values)
    with pytest.raises(ValueError, match=r"scores has 99,999 rows, and .* is of 100,000"):
        computed.report(scores=values[1:])
    np.save("t.npy", values + 1)
    grouped = dsdm.choose(scores, groups=np.arange(N) % 3, per_group=4)
    with pytest.raises(dsdm.ChecksumError, match=r"t\.npy: the rows of .* were not chosen by this file"):
        grouped.report(scores=dsdm.open_scores("t.npy"))
    facts = grouped.report(scores=scores, groups=np.arange(N) % 3).selections[0]
    assert [(part.name, part.chosen) for part in facts.groups] == [("0", 4), ("1", 4), ("2", 4)]
    assert facts.cut is None


BAD = [
    ((), {}, TypeError, "no selection was given"),
    ((np.arange(3),), {}, TypeError, "a report is of a dsdm.Selection, .* and this is a ndarray"),
    (("there.npy",), {}, FileNotFoundError, "there.npy"),
    (("there",), {}, FileNotFoundError, "there: there is no such directory or .npy file"),
    (("corpus.parquet",), {}, ValueError, "corpus.parquet: a report is of the .npy file"),
    (("plain",), {}, FileNotFoundError, "dsdm did not write this directory"),
    (("out", "other.npy"), {}, ValueError, "out is of 100,000 rows and other.npy of 50"),
    (("out", "copy"), {}, ValueError, "out and copy are of other files"),
    (("out",), {"corpus": pa.table({"a": range(5)})}, ValueError, "corpus has 5 rows, and out is of 100,000"),
    (("out",), {"groups": "none"}, ValueError, "groups is 'none', and the rows have 'n'"),
    (("out",), {"groups": ["a"]}, ValueError, "groups has 1 values, and there are 100,000 rows"),
    (("out",), {"groups": 5}, TypeError, "groups is a int"),
    (("out",), {"groups": np.zeros(N)}, TypeError, "groups is double; whole numbers or texts"),
    (("out",), {"groups": np.arange(N), "bins": 0}, ValueError, "bins is 0; a number from 1 to 10,000"),
    (("out",), {"lengths": "none"}, ValueError, "column is 'none', and the rows have 'n'"),
    (("out",), {"lengths": np.zeros(N)}, TypeError, "lengths is float64"),
    (("out",), {"lengths": np.zeros(3, int)}, ValueError, "lengths has 3 values, and there are 100,000 rows"),
    (("out",), {"lengths": np.full(N, -1)}, ValueError, "lengths has -1 at row 0"),
    (("out",), {"text": "none"}, ValueError, "text is 'none', and the rows have 'n'"),
    (("out",), {"text": 3}, TypeError, "text is 3; the name of a column is needed"),
    (("out",), {"examples": -1}, ValueError, "examples is -1"),
    (("out",), {"characters": 10**7}, ValueError, "characters is 10000000"),
    (("out",), {"trust_paths": "x"}, TypeError, "trust_paths is 'x'; a list"),
    (("out",), {"threads": 0}, ValueError, "threads is 0"),
]


@pytest.mark.parametrize(("given", "options", "kind", "message"), BAD, ids=str)
def test_what_cannot_be_reported_is_an_error(place, given, options, kind, message):
    Path("plain").mkdir()
    dsdm.choose(np.arange(50.0), k=3).save("other.npy")
    pq.write_table(pa.table({"n": np.arange(N), "m": np.arange(N)}), "copy.parquet")
    dsdm.materialize("copy.parquet", place[1], "copy", progress=False)
    with pytest.raises(kind, match=message):
        dsdm.report(*given, **options)


@pytest.mark.usefixtures("place")
def test_many_groups_are_refused():
    with pytest.raises(ValueError, match="groups has more than 100,000 values"):
        dsdm.choose(np.arange(200_000.0), k=1).report(groups=np.arange(200_000))


FIELDS = [
    ("manifest", 3, "manifest is 3, and 1 and 2 are known here"),
    ("rows", -1, None),
    ("rows", "5", None),
    ("selection", [], "selection is \\[\\]"),
    ("sources", [{"path": "../corpus.parquet"}], "sources\\[0\\]"),
    ("sources", [5], "sources\\[0\\]"),
    ("sources", {}, "sources is {}"),
    ("shards", None, "shards is None"),
    ("selection.rows", True, "selection.rows is True"),
    ("selection.given", 5, "selection.given is 5"),
    ("selection.chosen", "x", "selection.chosen is 'x'"),
    ("selection.chosen.score_files", [{"path": 1}], "selection.chosen.score_files\\[0\\]"),
    ("selection.mapped", 1, "selection.mapped is 1"),
]


@pytest.mark.parametrize(("field", "value", "message"), FIELDS, ids=str)
@pytest.mark.usefixtures("place")
def test_a_manifest_with_other_fields_is_refused_by_name(field, value, message):
    path = Path("out/dsdm.json")
    told = json.loads(path.read_text())
    *ahead, last = field.split(".")
    inner = told
    for name in ahead:
        inner = inner[name]
    inner[last] = value
    path.write_text(json.dumps(told))
    error = dsdm.FormatError if field == "manifest" else dsdm.ChecksumError
    with pytest.raises(error, match=r"crc32 is|are known here"):
        dsdm.report("out")
    del told["crc32"]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    path.write_text(json.dumps({**told, "crc32": f"{zlib.crc32(text.encode()):08x}"}))
    if message is None:
        # Beside it, selection.rows says how many.
        assert dsdm.report("out").selections[0].rows == 1000
        return
    with pytest.raises(dsdm.FormatError, match=message):
        dsdm.report("out")


@pytest.mark.usefixtures("place")
def test_a_manifest_that_is_no_json_is_refused():
    Path("out/dsdm.json").write_text("{")
    with pytest.raises(dsdm.FormatError, match=r"out/dsdm\.json"):
        dsdm.report("out")


# --- hostile rows ---

HOSTILE = ["<script>alert(1)</script>", "\x1b[2J\u202eevil\u2066", "x" * 5_000_000, "a\nb\tc", "", None, "]]>&amp;\"'"]


@pytest.mark.usefixtures("place")
def test_rows_do_nothing_on_a_terminal_and_are_cut():
    values = np.arange(len(HOSTILE), dtype=np.float64)
    broken = pa.array([b"\xff\xfe<b>"] * len(HOSTILE)).cast(pa.binary())
    table = pa.table({"text": HOSTILE, "bytes": broken, "l": [[1] * 100_000] * len(HOSTILE)})
    found = dsdm.choose(values, k=4).report(scores=values, corpus=table, examples=4, characters=50)
    assert not ACTING.search(str(found).replace("\n", ""))
    shown = {one.row: one for kind in ("best", "not_chosen") for one in getattr(found.selections[0].examples, kind)}
    assert {row: one.text for row, one in shown.items()} == {
        row: "null" if text is None else text[:50] for row, text in enumerate(HOSTILE)
    }
    assert [row for row, one in shown.items() if one.is_cut] == [2]
    valid(found.to_dict())
    whole = dsdm.choose(values, k=1).report(scores=values, corpus=table.drop(["text"]), characters=60)
    best = whole.selections[0].examples.best[0]
    assert best.text == ("bytes: b'\\xff\\xfe<b>'\nl: [" + "1, " * 100)[:60]
    assert best.is_cut
    invalid = pa.Array.from_buffers(pa.string(), 1, [None, *pa.array([b"\xff\xfea"], pa.binary()).buffers()[1:]])
    one = np.zeros(1)
    shown = dsdm.choose(one, k=1).report(scores=one, corpus=pa.table({"text": invalid})).selections[0].examples.best[0]
    assert shown.text == "\ufffd\ufffda"


# --- the command ---


@pytest.mark.usefixtures("place")
def test_the_command_prints_the_same(run):
    code, said, errors = run("report", "out", "chosen.npy", "--lengths", "n", "--bins", "5")
    assert (code, errors) == (0, "")
    assert (
        said.splitlines()
        == str(dsdm.report("out", "chosen.npy", lengths="n", bins=5))
        .replace("corpus= names it", "--corpus names it")
        .splitlines()
    )
    code, said, _ = run("report", "out", "--lengths", "n", "--bins", "5", "--json")
    assert valid(json.loads(said)) == dsdm.report("out", lengths="n", bins=5).to_dict()


@pytest.mark.usefixtures("place")
def test_the_command_takes_files_and_says_what_is_wrong(run):
    np.save("groups.npy", np.arange(N) % 2)
    np.save("lengths.npy", np.arange(N))
    grouped = ("indices", "s.npy", "--groups", "groups.npy", "--per-group", "5", "-o", "g.npy")
    assert run(*grouped)[0] == 0
    code, said, _ = run("report", "g.npy", "--groups", "groups.npy", "--lengths", "lengths.npy", "--json")
    facts = valid(json.loads(said))["selections"][0]
    assert [part["chosen"] for part in facts["groups"]] == [5, 5]
    assert facts["lengths"]["all"]["total"] == N * (N - 1) // 2
    assert facts["scores"]["rows"] == N
    code, said, _ = run("report", "g.npy", "--corpus", "corpus.parquet", "--lengths", "corpus.parquet:n", "--json")
    facts = valid(json.loads(said))["selections"][0]
    # The groups are those of the rule.
    assert [part["chosen"] for part in facts["groups"]] == [5, 5]
    assert (facts["sources"][0]["chosen"], facts["lengths"]["chosen"]["rows"]) == (10, 10)
    np.save("groups.npy", np.arange(N) % 4)
    code, _, errors = run("report", "g.npy")
    assert (code, "groups.npy: " in errors) == (1, True)
    dsdm.choose(-dsdm.open_scores("s.npy"), k=3).save("c.npy")
    code, said, _ = run("report", "c.npy", "--json")
    assert "--scores names them" in valid(json.loads(said))["selections"][0]["unknown"]["scores"]
    np.save("negated.npy", -np.load("s.npy"))
    code, said, _ = run("report", "c.npy", "--scores", "negated.npy", "--json")
    assert code == 1  # the record tells of the file that it was computed from
    for arguments, status, message in (
        (["out", "--bins", "0"], 2, "--bins is 0"),
        (["out", "--examples", "x"], 2, "--examples"),
        (["out", "--groups", "none"], 1, "--groups is 'none', and the rows have 'n'"),
        (["out", "--dtype", "float32"], 2, "--dtype"),
        (["nothing"], 1, "nothing: there is no such directory"),
        ([], 2, "WHAT"),
    ):
        code, _, errors = run("report", *arguments)
        assert code == status, (arguments, errors)
        assert message in " ".join(errors.split()), arguments


@pytest.mark.usefixtures("place")
def test_a_terminal_without_blocks_has_bars_of_ascii(monkeypatch):
    import dsdm.cli.report as command

    class Ascii:
        encoding = "ascii"

    shown = []
    monkeypatch.setattr(command, "say", shown.append)
    monkeypatch.setattr(command.sys, "stdout", Ascii())
    code = command.report(
        what=["out"],
        as_json=False,
        **dict.fromkeys(["corpus", "scores", "groups", "lengths", "text"]),
        examples=3,
        characters=400,
        bins=40,
        data_dir=None,
        trust_path=None,
        threads=None,
        on=None,
        by_position=False,
        key=None,
        column=None,
        reduce=None,
        transpose=False,
        booleans=False,
        shape=None,
        dtype=None,
        sort=None,
        partial=False,
        hive=False,
    )
    assert code is None
    assert "".join(shown).isascii()
    assert any("##" in line for line in shown)

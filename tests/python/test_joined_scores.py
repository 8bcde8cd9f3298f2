"""Scores that are joined to rows by id: chosen, told, written and verified, against a dictionary and a plain sort."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

import dsdm
from dsdm import errors

pytestmark = pytest.mark.filterwarnings("ignore:.*chosen rows have the score")
N = 700
RNG = np.random.default_rng(7)
IDS = [f"doc-{number}" for number in RNG.permutation(N)]
# Scores that tie, of all but fifty rows and of one that there is not, in another order.
SCORED = {IDS[row]: float(RNG.integers(0, 40)) for row in RNG.permutation(N)[50:]} | {"of no row": 99.0}


def expected(count, ids=IDS, scored=SCORED, *, largest=True):
    """Return the best rows by a stable sort of those that have a score."""
    there = [row for row, name in enumerate(ids) if name in scored]
    return sorted(there, key=lambda row: (-scored[ids[row]] if largest else scored[ids[row]], row))[:count]


def write_scores(path, scored=SCORED, name="id"):
    names, values = list(scored), list(scored.values())
    lines = "".join(json.dumps({name: each, "note": "x", "score": value}) + "\n" for each, value in scored.items())
    if path.name.endswith(".jsonl"):
        path.write_text(lines)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(lines.encode()))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({name: names, "note": ["x"] * len(names), "score": values}), path)
    else:
        table = pa.table({name: pa.array(names).dictionary_encode(), "score": values})
        feather.write_feather(table, path, compression="uncompressed")
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A corpus of three shards, and scores of it in JSON lines, in another order."""
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    table = pa.table({"id": IDS, "text": [f"text of {name}" for name in IDS], "domain": ["a", "b"] * (N // 2)})
    for part in range(3):
        pq.write_table(table[part * 300 : part * 300 + 300], f"corpus/part-{part}.parquet")
    write_scores(Path("s.jsonl"))
    return tmp_path


def chosen_of(folder):
    return json.loads(Path(folder, "dsdm.json").read_text())["selection"]["chosen"]


def texts_of(rows):
    return [f"text of {IDS[row]}" for row in rows]


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz", "s.parquet", "s.arrow"])
def test_the_command_joins_counts_and_verifies(place, run, name):
    write_scores(place / name)
    arguments = ["--by", name, "--column", "score", "--on", "id", "--nan", "omit", "-k", 40]
    code, out, said = run("materialize", "corpus", "out", *arguments, "--row-ids", "row", "--json")
    assert code == 0, said
    assert json.loads(out)["joined"] == {"on": "id", "missing": 50, "unused": 1}
    assert "40 rows selected by scores of 650 of 700 rows, 50 missing, 1 of no row" in said
    written = dsdm.open_shards("out").take(range(40))
    assert written["row"].to_pylist() == expected(40)
    assert written["text"].to_pylist() == texts_of(expected(40))
    told = chosen_of("out")
    assert (told["by"], told["on"], told["ids"]) == ("choose", "id", {"column": "id"})
    assert told["reading"] == {"column": "score"}
    found = dsdm.verify("out")
    assert found.selection
    assert [Path(path).name for path in found.score_files.same] == [name]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "options",
    [
        ["--smallest", "-k", 30],
        ["--gumbel", "--seed", 5, "-k", 30],
        ["--min-score", "20"],
        ["--groups", "domain", "--per-group", 9],
        ["--fraction", "0.1", "--ties", "random", "--seed", 3],
        ["--tokens", 2000, "--lengths", "text"],
    ],
)
def test_every_rule_chooses_as_by_scores_in_order(run, options):
    joined = ["--by", "s.jsonl", "--column", "score", "--on", "id"]
    code, _, said = run("materialize", "corpus", "by-id", *joined, "--nan", "omit", *options)
    assert code == 0, said
    np.save("in-order.npy", [SCORED.get(name, np.nan) for name in IDS])
    code, _, said = run("materialize", "corpus", "by-place", "--by", "in-order.npy", "--nan", "omit", *options)
    assert code == 0, said
    by_id, by_place = (json.loads(Path(name, "dsdm.json").read_text())["selection"] for name in ("by-id", "by-place"))
    assert by_id["given"] == by_place["given"]
    assert dsdm.verify("by-id").selection


@pytest.mark.usefixtures("place")
def test_indices_are_joined_saved_and_taken_again(run):
    joined = ["--on", "id", "--corpus", "corpus", "--column", "score", "--nan", "omit"]
    code, out, said = run("indices", "s.jsonl", "-k", 25, "-o", "best.npy", *joined, "--json")
    assert code == 0, said
    assert json.loads(out)["joined"]["missing"] == 50
    assert np.load("best.npy").tolist() == expected(25)
    loaded = dsdm.Selection.load("best.npy")
    assert loaded.again["on"] == "id"
    assert loaded.inputs["ids"]["column"] == "id"
    added = ["--scores", "s.jsonl", "--column", "score", "--on", "id"]
    code, _, said = run("materialize", "corpus", "out", "--indices", "best.npy", *added)
    assert code == 0, said
    assert dsdm.open_shards("out").take(range(25))["scores"].to_pylist() == [SCORED[IDS[row]] for row in expected(25)]
    assert dsdm.verify("out").selection
    assert run("report", "out", "best.npy", "--json")[0] == 0


@pytest.mark.usefixtures("place")
def test_reports_join_again(run):
    aligned = dsdm.align("s.jsonl", "corpus", column="score")
    dsdm.materialize("corpus", dsdm.choose(aligned, k=20, nan="omit"), "out", card=True, format="parquet")
    facts = dsdm.report("out").selections[0].scores
    there = [SCORED[name] for name in IDS if name in SCORED]
    assert (facts.rows, facts.finite) == (N, len(there))
    assert facts.quantiles[-1].all == max(there)
    code, out, said = run("report", "out", "--corpus", "corpus", "--json")
    assert code == 0, said
    best = json.loads(out)["selections"][0]["examples"]["best"][0]
    assert best["row"] == expected(1)[0]
    rows = dsdm.choose(np.asarray(aligned), k=20, nan="omit")
    rows.save("rows.npy")
    joined = ["--corpus", "corpus", "--scores", "s.jsonl", "--column", "score", "--on", "id"]
    code, out, said = run("report", "rows.npy", *joined, "--json")
    assert code == 0, said
    assert json.loads(out)["selections"][0]["scores"]["finite"] == len(there)


def test_two_names_of_one_id(place, run):
    write_scores(place / "s.parquet", name="doc=id")
    found = dsdm.align("s.parquet", "corpus", on=("id", "doc=id"), column="score")
    assert np.array_equal(found.scores, [SCORED.get(name, np.nan) for name in IDS], equal_nan=True)
    arguments = ["--by", "s.parquet", "--column", "score", "--nan", "omit", "-k", 9, "--on", "id=doc=id"]
    code, _, said = run("materialize", "corpus", "out", *arguments, "--row-ids", "row")
    assert code == 0, said
    assert dsdm.open_shards("out").take(range(9))["row"].to_pylist() == expected(9)
    assert (chosen_of("out")["on"], chosen_of("out")["ids"]) == ("doc=id", {"column": "id"})
    assert dsdm.verify("out").selection


@pytest.mark.usefixtures("place")
def test_what_changes_is_found():
    dsdm.materialize("corpus", dsdm.choose(dsdm.align("s.jsonl", "corpus", column="score"), k=9, nan="omit"), "out")
    assert dsdm.verify("out").selection
    best = IDS[expected(1)[0]]
    # As long as it was, and the same at both ends: the scores alone tell it.
    before, value, after = (
        Path("s.jsonl").read_text().partition(f'"id": "{best}", "note": "x", "score": {SCORED[best]}')
    )
    Path("s.jsonl").write_text(before + value.replace(f": {SCORED[best]}", ": 30.0") + after)
    with pytest.raises(errors.ChecksumError, match="score"):
        dsdm.verify("out")
    Path("s.jsonl").unlink()
    assert "s.jsonl: it is not there" in dsdm.verify("out").reason


@pytest.mark.usefixtures("place")
def test_scores_of_memory_and_tables_of_memory_are_not_told_as_files():
    table = pq.read_table("corpus")
    for aligned in (dsdm.align(SCORED, "corpus"), dsdm.align("s.jsonl", table, column="score")):
        chosen = dsdm.choose(aligned, k=9, nan="omit")
        assert chosen.indices.tolist() == expected(9)
        assert chosen.again is None
    # What is told of the file is compared all the same.
    assert [Path(file.path).name for file in chosen.files] == ["s.jsonl"]


@pytest.mark.usefixtures("place")
def test_rows_of_another_corpus_are_refused():
    chosen = dsdm.choose(dsdm.align("s.jsonl", "corpus", column="score"), k=9, nan="omit")
    with pytest.raises(ValueError, match="the selection is from 700 rows, and there are 300"):
        dsdm.materialize("corpus/part-0.parquet", chosen, "out")
    with pytest.raises(ValueError, match="700 scores, 300 rows"):
        dsdm.materialize("corpus/part-0.parquet", range(9), "out", selection=chosen.record())


USAGE = [
    (["--by", "s.jsonl", "--on", "id", "--dtype", "float32"], "--on and --dtype do not go together"),
    (["--by", "s.jsonl", "--on", "id", "--rows", "5"], "--on and --rows do not go together"),
    (["--by", "corpus", "--on", "id", "--sort", "name"], "--on and --sort do not go together"),
    (["--by", "random", "--on", "id"], "--on goes with score files, and none were given"),
    (["--by", "s.jsonl", "--on", "id", "--by-position"], "--on joins scores by their ids, and --by-position does not"),
]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_wrong_usage(run, arguments, message):
    code, _, said = run("materialize", "corpus", "out", "-k", 3, *arguments)
    assert (code, message in said) == (2, True), said
    assert not Path("out").exists()


@pytest.mark.usefixtures("place")
def test_what_cannot_be_joined_says_so(run):
    for arguments, status, message in (
        (["indices", "s.jsonl", "--on", "id", "-k", 3, "-o", "x.npy"], 2, "to the rows of --corpus by their ids"),
        (["indices", "s.jsonl", "--corpus", "corpus", "-k", 3, "-o", "x.npy"], 2, "give both, or neither"),
        (["report", "x.npy", "--on", "id"], 2, "--on goes with score files"),
        (["report", "x.npy", "--on", "id", "--scores", "s.jsonl"], 2, "to the rows of --corpus by their ids"),
    ):
        code, _, said = run(*arguments)
        assert (code, message in said) == (status, True), said
    joined = ["materialize", "corpus", "out", "-k", 3, "--by", "s.jsonl"]
    for more, message in (
        (
            ["--on", "id"],
            "s.jsonl: which column holds the scores is not said; beside the ids there are 'note', 'score'",
        ),
        (["--on", "id", "--column", "score"], "50 of 700 rows have no score by --on id, which is NaN; --nan omit"),
        (["--on", "name", "--column", "score"], 'there is no column "name"'),
        (["--on", "id=name", "--column", "score"], "there is no column 'name'"),
        (["--on", "id", "--column", "other"], "there is no column 'other'"),
    ):
        code, _, said = run(*joined, *more)
        assert (code, message in said) == (1, True), said
    with Path("s.jsonl").open("a") as file:
        file.write(json.dumps({"id": IDS[0], "score": 1.0}) + "\n")
    code, _, said = run(*joined, "--on", "id", "--column", "score", "--nan", "omit")
    assert (code, f"the id '{IDS[0]}' is there twice, at line" in said) == (1, True), said


TOLD = {
    "by": "choose",
    "scores": ["s.jsonl"],
    "reading": {"column": "score"},
    "on": "id",
    "ids": {"column": "id"},
    "arguments": {"k": 3, "nan": "omit"},
}
WRONG = [
    ({"ids": None}, "there is 'on', and no 'ids'"),
    ({"on": None}, "there is 'ids', and no 'on'"),
    ({"on": 3}, "'on' is 3; a text"),
    ({"ids": {"files": [{"path": "a", "bytes": 1, "modified_ns": 1}]}}, "'ids' has no 'column'"),
    ({"ids": {"column": 3}}, "the column 3; a text is needed"),
    ({"reading": {}}, "for 'on' the 'column' of the scores is needed alone"),
    ({"reading": {"column": "score", "key": "x"}}, "for 'on' the 'column' of the scores is needed alone"),
    ({"scores": []}, "'scores' is \\[\\]; the path of the score file is needed, or a list of them"),
    ({"rows": 5}, "'rows' and 'on' do not go together"),
    ({"by": "top_k"}, "'by' is 'top_k', and scores with 'on' are chosen by 'choose'"),
    ({"by_position": True}, "'by_position' is True; true or false is needed, and no 'on' beside it"),
    ({"by_position": 1}, "'by_position' is 1; true or false is needed"),
]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("change", "message"), WRONG)
def test_what_is_told_wrongly_is_refused(change, message):
    rows = expected(3)
    told = {name: value for name, value in (TOLD | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        dsdm.materialize("corpus", rows, "out", selection=told)
    dsdm.materialize("corpus", rows, "out", selection=TOLD)
    assert dsdm.verify("out").selection


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.integers(-(2**63), 2**64 - 1) | st.integers(0, 9), unique=True, min_size=1, max_size=30),
    data=st.data(),
)
def test_any_ids_in_any_order(tmp_path, names, data):
    low = min(names) < 0
    names = [name for name in names if name < 2**63] if low else names
    kept = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    scored = {name: data.draw(st.integers(-3, 3)) for name in kept}
    kind = pa.int64() if low else pa.uint64()
    pq.write_table(pa.table({"id": pa.array(names, kind)}), tmp_path / "c.parquet")
    (tmp_path / "s.jsonl").write_text(
        "".join(json.dumps({"id": name, "score": score}) + "\n" for name, score in scored.items())
    )
    count = data.draw(st.integers(0, len(kept)))
    chosen = dsdm.choose(dsdm.align(tmp_path / "s.jsonl", tmp_path / "c.parquet"), k=count, nan="omit")
    assert chosen.indices.tolist() == expected(count, names, scored)

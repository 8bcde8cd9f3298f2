"""Scores by id that lie in several files: as if they were one, in any order of the files."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors

pytestmark = pytest.mark.filterwarnings("ignore:.*chosen rows have the score")
N = 60
IDS = [f"doc-{number}" for number in np.random.default_rng(3).permutation(N)]
# Scores of all rows but ten, and of one that there is not.
SCORED = {IDS[row]: row * 0.5 for row in range(10, N)} | {"of no row": 99.0}


def write_lines(path, scored):
    path.write_text("".join(json.dumps({"id": name, "score": score}) + "\n" for name, score in scored.items()))
    return str(path)


def write_table(path, scored, name="score", kind=None):
    ids = pa.array(list(scored), kind)
    pq.write_table(pa.table({"id": ids, name: pa.array(list(scored.values()), pa.float64())}), path)
    return str(path)


def part_of(part, parts=3):
    return {name: score for at, (name, score) in enumerate(SCORED.items()) if at % parts == part}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A corpus, and scores of it in three files whose names have no one order."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"id": IDS, "text": [f"text of {name}" for name in IDS]}), "corpus.parquet")
    Path("parts").mkdir()
    for part, name in enumerate(("w2.parquet", "w10.parquet", "w1.parquet")):
        write_table(Path("parts", name), part_of(part))
    return tmp_path


def test_directories_globs_and_lists_are_as_one_file(place):
    wanted = np.array([SCORED.get(name, np.nan) for name in IDS])
    files = sorted(map(str, Path("parts").iterdir()))
    mixed = [write_lines(place / "first.jsonl", part_of(0)), "parts/w10.parquet", "parts/w1.parquet"]
    for values in ("parts", "parts/*.parquet", files, files[::-1], tuple(map(Path, files)), mixed, ["parts"]):
        found = dsdm.align(values, "corpus.parquet", column="score")
        np.testing.assert_array_equal(found.scores, wanted)
        assert (found.missing, found.unused) == (10, 1)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "by", [["parts"], ["parts/*.parquet"], ["parts/w10.parquet", "parts/w2.parquet", "parts/w1.parquet"]]
)
def test_the_command_joins_records_and_verifies_all_files(run, by):
    options = [word for path in by for word in ("--by", path)]
    joined = [*options, "--on", "id", "--nan", "omit", "-k", 12]
    code, out, said = run("materialize", "corpus.parquet", "out", *joined, "--json", "--row-ids", "row")
    assert code == 0, said
    assert json.loads(out)["joined"] == {"on": "id", "missing": 10, "unused": 1}
    assert dsdm.open_shards("out").take(range(12))["row"].to_pylist() == list(range(N - 1, N - 13, -1))
    told = json.loads(Path("out/dsdm.json").read_text())["selection"]["chosen"]
    names = {"w1.parquet", "w2.parquet", "w10.parquet"}
    assert {Path(path).name for path in told["scores"]} == names
    assert {Path(file["path"]).name for file in told["score_files"]} == names
    found = dsdm.verify("out")
    assert found.selection
    assert {Path(path).name for path in found.score_files.same} == names
    # Other scores in the last of the files choose other rows. It is named by its time, which a clock may give twice.
    write_table(Path("parts/w1.parquet"), {name: -score for name, score in part_of(2).items()})
    os.utime("parts/w1.parquet", ns=(1, 1))
    with pytest.raises(errors.ChecksumError, match=r"w1\.parquet: the scores are others now"):
        dsdm.verify("out")


@pytest.mark.usefixtures("place")
def test_saved_selections_and_reports_have_all_files(run):
    chosen = dsdm.choose(dsdm.align("parts", "corpus.parquet"), k=5, nan="omit")
    assert '3 files["score"] by "id"' in repr(chosen)
    assert len(chosen.files) == 3
    chosen.save("best.npy")
    dsdm.materialize("corpus.parquet", dsdm.Selection.load("best.npy"), "out")
    assert dsdm.verify("out").selection
    assert dsdm.report("out").selections[0].scores.finite == N - 10
    arguments = ["--by", "parts", "--on", "id", "--corpus", "corpus.parquet", "--nan", "omit", "-k", 5]
    code, _, said = run("indices", "parts", *arguments[2:], "-o", "again.npy")
    assert code == 0, said
    assert np.load("again.npy").tolist() == chosen.indices.tolist()


@pytest.mark.usefixtures("place")
def test_ids_that_are_double_name_both_files():
    lines = write_lines(Path("extra.jsonl"), {"new": 0.0, next(iter(part_of(1))): 1.0})
    double = next(iter(part_of(1)))
    with pytest.raises(
        ValueError,
        match=rf"the id '{double}' is there twice, at parts/w10\.parquet, row 0 and extra\.jsonl, line 2",
    ):
        dsdm.align(["parts", lines], "corpus.parquet")
    with pytest.raises(ValueError, match=r"w1\.parquet: it is given twice, also as parts/w1\.parquet"):
        dsdm.align(["parts", "./parts/w1.parquet"], "corpus.parquet")


def test_files_that_are_not_alike(place):
    write_table(place / "other.parquet", {"x": 1.0}, "quality")
    with pytest.raises(ValueError, match=r"other\.parquet: the scores are in 'quality', and in 'score' of parts"):
        dsdm.align(["parts", "other.parquet"], "corpus.parquet")
    write_table(place / "whole.parquet", {3: 1.0})
    with pytest.raises(TypeError, match=r"whole\.parquet: ids are int64, and those of parts/w1\.parquet large_string"):
        dsdm.align(["parts", "whole.parquet"], "corpus.parquet")
    with pytest.raises(FileNotFoundError, match="no such file of scores"):
        dsdm.align(["parts", "none.parquet"], "corpus.parquet")
    with pytest.raises(FileNotFoundError, match="no file matches this glob"):
        dsdm.align("none/*.parquet", "corpus.parquet")
    with pytest.raises(TypeError, match="a directory or a glob of such, or a list of these"):
        dsdm.align(["parts", 3, 4], "corpus.parquet")


def test_parts_that_are_missing_are_an_error_unless_a_part_is_meant(place, run):
    Path("some").mkdir()
    write_table(place / "some/s-00000-of-00002.parquet", SCORED)
    with pytest.raises(FileNotFoundError, match="partial=True"):
        dsdm.align("some", "corpus.parquet")
    assert dsdm.align("some", "corpus.parquet", partial=True).missing == 10
    with pytest.raises(ValueError, match="partial=True is for directories and globs"):
        dsdm.align("parts/w1.parquet", "corpus.parquet", partial=True)
    with pytest.raises(ValueError, match="partial is True, which is for files of scores"):
        dsdm.align(SCORED, "corpus.parquet", partial=True)
    joined = ["--by", "some", "--on", "id", "--nan", "omit", "-k", 3]
    code, _, said = run("materialize", "corpus.parquet", "out", *joined)
    assert (code, "--partial" in said) == (1, True), said
    code, _, said = run("materialize", "corpus.parquet", "out", *joined, "--partial")
    assert code == 0, said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.integers(-(2**63), 2**64 - 1), unique=True, min_size=1, max_size=30),
    parts=st.integers(1, 5),
    data=st.data(),
)
def test_any_whole_numbers_over_any_files(tmp_path, ids, parts, data):
    """Types of ids may differ from file to file, and files may be empty."""
    scored = {name: float(at) for at, name in enumerate(ids) if data.draw(st.booleans())}
    where = {name: data.draw(st.integers(0, parts - 1)) for name in scored}
    files = []
    for part in range(parts):
        here = {name: score for name, score in scored.items() if where[name] == part}
        low, high = min(here, default=0), max(here, default=0)
        kinds = ([pa.uint64()] if low >= 0 else []) + ([pa.int64()] if high < 2**63 else [])
        files.append(None)
        if not kinds:
            scored = {name: score for name, score in scored.items() if where[name] != part}
            here, kinds = {}, [pa.int64()]
        kind = data.draw(st.sampled_from(kinds))
        files[part] = write_table(tmp_path / f"s{part}.parquet", here, kind=kind)
    is_signed = data.draw(st.booleans())
    rows = [name for name in ids if (name < 2**63 if is_signed else name >= 0)]
    corpus = pa.table({"id": pa.array(rows, pa.int64() if is_signed else pa.uint64())})
    files = data.draw(st.permutations(files))
    if scored and rows and not set(scored).intersection(rows):
        with pytest.raises(ValueError, match=r"none of these \S+ ids is among"):
            dsdm.align(files, corpus)
        return
    found = dsdm.align(files, corpus)
    np.testing.assert_array_equal(found.scores, [scored.get(name, np.nan) for name in rows])
    assert found.unused == len(set(scored) - set(rows))

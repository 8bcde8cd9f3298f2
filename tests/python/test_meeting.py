"""Scores meet rows: their numbers are compared wherever both are at hand, and both are known again later."""

import os
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors, selections
from dsdm.cli.choice import Choice
from dsdm.demo.torch_file import write_tensor
from tests.corpora import counted
from tests.corpora.counted import ROWS, by_scores, calls, manifest, saved, sources

_among_its_files = pytest.fixture(counted._among_its_files, autouse=True)
corpus = pytest.fixture(counted.corpus)


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS + 1, 2 * ROWS])
def test_a_selection_by_scores_of_other_rows_is_refused(tmp_path, corpus, rows):
    path = saved(tmp_path / "s.npy", rows)
    for source in sources(corpus):
        for call in calls(source, tmp_path / "out", selection=by_scores(path)):
            with pytest.raises(ValueError, match=rf"{rows} scores, 100 rows \(.*s\.npy\): each row needs one score"):
                call()
    assert not (tmp_path / "out").exists()


def test_a_prefix_of_the_scores_is_that_of_the_rows(tmp_path, corpus):
    path = saved(tmp_path / "s.npy", 250)
    for call in calls(corpus, tmp_path / "out", selection=by_scores(path, rows=100)):
        call()
    for call in calls(corpus, tmp_path / "no", selection=by_scores(path, rows=120)):
        with pytest.raises(ValueError, match="250 scores, of which the first 120 were taken, 100 rows"):
            call()
    # Scores of every row, of which the first are candidates.
    whole = saved(tmp_path / "t.npy", ROWS)
    rows = dsdm.top_k(dsdm.open_scores(whole).slice(0, 20), 3)
    dsdm.materialize(corpus, rows, tmp_path / "first", selection=by_scores(whole, rows=20))
    assert dsdm.verify(tmp_path / "first").selection


@pytest.mark.parametrize("kind", ["array", "Scores", "expression", "Arrow", "list"])
def test_columns_of_scores_of_other_rows_are_refused(tmp_path, corpus, kind):
    stored = dsdm.open_scores(saved(tmp_path / "s.npy", ROWS - 1))
    vector = {
        "array": np.zeros(ROWS - 1),
        "Scores": stored,
        "expression": (stored + stored) / 2,
        "Arrow": pa.array(np.zeros(ROWS - 1)),
        "list": [0.5] * (ROWS - 1),
    }[kind]
    for scores, name in ((vector, "scores"), ({"mine": vector}, "mine")):
        for call in calls(corpus, tmp_path / "out", scores=scores):
            with pytest.raises(ValueError, match=rf"scores '{name}' .*have 99 values and the source has 100 rows"):
                call()
    for call in calls(corpus, tmp_path / "out", scores=3.5):
        with pytest.raises(TypeError, match="scores= has a float as 'scores'"):
            call()


def of_method(method, **arguments):
    return {"by": "get_indices", "arguments": {"method": method, "k": 3, **arguments}}


def test_the_methods_meet_the_rows_too(tmp_path, corpus, upstream_mini):
    wrong = [
        (of_method("dsdm", target="squad", data_dir=upstream_mini), "5,003 scores, 100 rows"),
        (of_method("dsdm", target="lm_task_mix", data_dir=upstream_mini), "5,003 scores, 100 rows"),
        (of_method("random", seed=1), "rows were drawn from 216,948,746, and there are 100 rows"),
        (of_method("random", seed=1, rows=101), "rows is 101, and there are 100 rows to draw from"),
        (of_method("semdedup", seed=1, data_dir=upstream_mini), r"sdd\.pt: its row ids reach [\d,]+, and there"),
    ]
    for selection, message in wrong:
        for call in calls(corpus, tmp_path / "out", selection=selection):
            with pytest.raises(ValueError, match=message):
                call()
    right = [
        of_method("dsdm", target="squad", data_dir=upstream_mini, rows=100),
        of_method("random", seed=1, rows=100),
        of_method("semdedup", seed=1, data_dir=upstream_mini, rows=100),
    ]
    for number, selection in enumerate(right):
        for call in calls(corpus, tmp_path / f"out{number}", selection=selection):
            call()


def test_the_drop_in_meets_the_rows(corpus, upstream_mini):
    for method, target, message in (
        ("classifier", "squad", "5,003 scores, 100 rows"),
        ("semdedup", None, "there are 100 rows"),
        ("random", None, "drawn from 216,948,746, and there are 100 rows"),
    ):
        place = {} if method == "random" else {"data_dir": upstream_mini}
        with pytest.raises((ValueError, IndexError), match=message):
            selections.dataset_select(method, 0, target, **place, path=corpus.parent)
    first = selections.dataset_select("classifier", 10, "squad", data_dir=upstream_mini, path=corpus.parent, rows=ROWS)
    assert first["id"][:] == dsdm.get_indices("classifier", 10, "squad", data_dir=upstream_mini, rows=ROWS).tolist()


def test_scores_that_are_not_there_are_told_and_not_believed(tmp_path, corpus, caplog):
    missing = str(tmp_path / "gone.npy")
    dsdm.materialize(corpus, [0, 1, 2], tmp_path / "out", selection=by_scores(missing))
    assert f"{missing}: it is not there; its scores are not compared with the rows" in caplog.text
    told = manifest(tmp_path / "out")["selection"]["chosen"]
    assert told["unchecked"] == "../gone.npy: it is not there"
    found = dsdm.verify(tmp_path / "out")
    assert not found.selection
    assert "gone.npy: it is not there" in str(found)
    # Where they come back and are those of other rows, that is found.
    saved(missing, ROWS - 1)
    with pytest.raises(ValueError, match="99 scores, 100 rows"):
        dsdm.verify(tmp_path / "out")


def test_the_command_compares_before_it_writes(run, tmp_path, corpus):
    saved(tmp_path / "s.npy", ROWS - 1)
    for extra in ([], ["--gumbel"], ["--dry-run"]):
        code, _, err = run("materialize", corpus, "out", "--by", "s.npy", "-k", 3, *extra)
        assert code == 1
        assert "there are 99 scores and 100 rows in the shards" in err
    code, _, err = run("materialize", corpus, "out", "--by", "random", "--rows", 101, "-k", 3)
    assert (code, "--rows is 101, and there are 100 rows to draw from" in err) == (1, True)
    write_tensor(tmp_path / "sdd.pt", np.array([3, 100, 7]))
    code, _, err = run("materialize", corpus, "out", "--by", "semdedup", "--data-dir", ".", "-k", 1)
    assert (code, "its row ids reach 100, and there are 100 rows" in err) == (1, True)
    assert not (tmp_path / "out").exists()
    saved(tmp_path / "s.npy", ROWS + 50)
    code, _, err = run("materialize", corpus, "out", "--by", "s.npy", "-k", 3, "--rows", ROWS)
    assert code == 0, err
    assert manifest(tmp_path / "out")["selection"]["chosen"]["source_rows"] == ROWS


# --- what both are known by ---


@pytest.fixture
def written(tmp_path, corpus):
    path = saved(tmp_path / "s.npy", ROWS)
    rows = dsdm.top_k(dsdm.open_scores(path), 3)
    dsdm.materialize(corpus, rows, tmp_path / "out", selection=by_scores(path))
    return tmp_path / "out"


def test_the_manifest_tells_what_both_sides_are_known_by(tmp_path, corpus, written):
    told = manifest(written)
    (source,), (scores,) = told["sources"], told["selection"]["chosen"]["score_files"]
    for file, path in ((source, corpus), (scores, tmp_path / "s.npy")):
        state = path.stat()
        ends = file.pop("ends")
        assert file == {
            "path": f"../{path.name}",
            "bytes": state.st_size,
            "modified_ns": state.st_mtime_ns,
            "rows": ROWS,
        }
        assert len(ends) == 32
        assert int(ends, 16) >= 0
    found = dsdm.verify(written)
    assert (found.sources.same, found.score_files.same) == ([str(corpus)], [str(tmp_path / "s.npy")])
    compared = "have the size, and the first and last bytes, that they had"
    assert str(found).endswith(f"1 of 1 sources {compared}; 1 of 1 score files {compared}")


@pytest.mark.parametrize("by", ["top.npy", "gumbel", "dsdm", "semdedup"])
@pytest.mark.parametrize("dry", [False, True])
def test_scores_that_were_replaced_since_the_rows_were_chosen_are_not_told_for_them(
    run, tmp_path, corpus, monkeypatch, by, dry
):
    """What lies under the name when it is told of is not what the rows were chosen by."""
    path = tmp_path / {"dsdm": "dsdm/squad.pt", "semdedup": "sdd.pt"}.get(by, "top.npy")
    path.parent.mkdir(exist_ok=True)

    def write(path, values):
        write_tensor(path, values) if path.suffix == ".pt" else np.save(path, values)

    of_ids = by == "semdedup"
    write(path, np.arange(ROWS, dtype=np.int32) if of_ids else np.arange(ROWS, dtype=np.float32))
    report = Choice.report

    def replaced(choice, rows):
        report(choice, rows)
        other = path.with_name(f"new{path.suffix}")
        write(other, np.arange(ROWS, dtype=np.int32)[::-1].copy() if of_ids else -np.arange(ROWS, dtype=np.float32))
        other.replace(path)

    chosen = ["--by", by, "--data-dir", tmp_path] if path.suffix == ".pt" else ["--by", path]
    chosen += {"dsdm": ["--target", "squad"], "gumbel": ["--gumbel"]}.get(by, [])
    command = ["materialize", corpus, "out", *chosen, "-k", 3, *(["--dry-run"] if dry else [])]
    with monkeypatch.context() as patched:
        patched.setattr(Choice, "report", replaced)
        code, _, errors_ = run(*command)
    assert code == 1
    assert errors_.splitlines()[-1].startswith(f"dsdm: {path}: the rows were chosen before this file was written")
    assert not (tmp_path / "out").exists()
    assert run(*command)[0] == 0


def test_each_file_of_a_vector_has_its_own_rows(tmp_path, corpus):
    paths = [saved(tmp_path / "a.npy", 40), str(tmp_path / "b.parquet"), str(tmp_path / "c.pt")]
    pq.write_table(pa.table({"score": np.zeros(35, np.float32)}), paths[1])
    write_tensor(tmp_path / "c.pt", np.zeros(25, np.float32))
    rows = dsdm.top_k(dsdm.open_scores(paths), 3)
    dsdm.materialize(corpus, rows, tmp_path / "out", selection={"by": "top_k", "scores": paths, "arguments": {"k": 3}})
    files = manifest(tmp_path / "out")["selection"]["chosen"]["score_files"]
    assert [(file["path"], file["rows"]) for file in files] == [("../a.npy", 40), ("../b.parquet", 35), ("../c.pt", 25)]
    assert dsdm.verify(tmp_path / "out").selection


def rewritten(path, change):
    state, whole = path.stat(), bytearray(path.read_bytes())
    path.write_bytes(change(whole))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_source_that_is_another_is_named(corpus, written):
    rewritten(corpus, lambda whole: whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    with pytest.raises(errors.ChecksumError, match=rf"{corpus}: its first and last bytes had the digest .* source"):
        dsdm.verify(written)
    rewritten(corpus, lambda whole: whole + b"x")
    with pytest.raises(errors.ChecksumError, match=rf"{corpus}: it had \d+ bytes and has \d+; .* this source"):
        dsdm.verify(written)
    corpus.unlink()
    found = dsdm.verify(written)
    assert found.sources.missing == [str(corpus)]
    assert f"1 of 1 sources were not looked at ({corpus} is not there)" in str(found)


def test_a_score_file_that_is_another_is_named(tmp_path, written):
    path = tmp_path / "s.npy"
    # The rows chosen stay the same.
    values = np.load(path)
    values[0] = -1
    np.save(path, values)
    with pytest.raises(errors.ChecksumError, match=rf"{path}: its first and last bytes .* this score file"):
        dsdm.verify(written)
    np.save(path, -values)
    with pytest.raises(errors.ChecksumError, match=rf"{path}: the scores are others now; {written} was written from"):
        dsdm.verify(written)
    saved(path, ROWS - 1)
    with pytest.raises(errors.ChecksumError, match=rf"{path}: it had 528 bytes and has 524"):
        dsdm.verify(written)


def test_a_copy_with_another_time_is_the_same(tmp_path, corpus, written):
    for path in (corpus, tmp_path / "s.npy"):
        os.utime(path, ns=(1, 1))
    found = dsdm.verify(written)
    assert found.selection
    for what, path in (("sources", corpus), ("score files", tmp_path / "s.npy")):
        assert f"1 of 1 {what} have another modification time, and may differ between their ends ({path})" in str(found)


def test_what_verify_compares_of_a_source_is_said(tmp_path):
    """A middle that is another is not seen; that the file was written to since is."""
    path = tmp_path / "big.parquet"
    pq.write_table(pa.table({"n": np.random.default_rng(1).integers(0, 2**60, 20_000)}), path, compression="none")
    dsdm.materialize(path, [1, 2], tmp_path / "out", progress=False)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"other")
    os.utime(path, ns=(1, 1))
    told = str(dsdm.verify(tmp_path / "out"))
    assert "as they were" not in told
    assert "1 of 1 sources have another modification time" in told


def test_a_folder_that_is_not_there_is_not_one_that_dsdm_did_not_write(run, tmp_path, written):
    (tmp_path / "hf").mkdir()
    (written / "dsdm.json").unlink()
    for folder, said in {
        "nope": "nope: there is no such directory",
        "nope/deep": "nope/deep: there is no such directory",
        "hf": "hf: dsdm did not write this directory, or its dsdm.json is gone: there is none in it",
        "c.parquet": "c.parquet: this is no directory; name one that dsdm wrote",
        written: f"{written}: dsdm did not write this directory, or its dsdm.json is gone: there is none in it",
    }.items():
        (tmp_path / "c.parquet").touch()
        assert run("verify", folder) == (1, "", f"dsdm: {said}\n")


@pytest.mark.parametrize(
    "text", ["[]", "3", '"x"', "null", "{", "", '{"a": 1}', '{"crc32": 5}', '{"crc32": "5"}', "\xff"]
)
def test_a_manifest_that_is_none_is_told_without_the_words_of_its_reader(written, text):
    (written / "dsdm.json").write_text(text)
    with pytest.raises(errors.FormatError, match=r"dsdm\.json: this is no manifest of dsdm: ") as caught:
        dsdm.verify(written)
    assert not re.search("Sealed|struct|expected|sequence|`", str(caught.value).replace("expected value", "")), (
        caught.value
    )


def test_of_several_score_files_the_one_that_was_written_to_is_named(tmp_path, corpus):
    paths = [saved(tmp_path / f"{name}.npy", ROWS // 2) for name in "ab"]
    rows = dsdm.top_k(dsdm.open_scores(paths), 3)
    dsdm.materialize(corpus, rows, tmp_path / "out", selection={"by": "top_k", "scores": paths, "arguments": {"k": 3}})
    values = np.load(paths[1])
    values[20] = 1e9
    # Its first and last bytes are the same.
    np.save(paths[1], values)
    os.utime(paths[1], ns=(0, 5))
    with pytest.raises(errors.ChecksumError, match=r"^[^,]*b\.npy: the scores are others now"):
        dsdm.verify(tmp_path / "out")
    told = manifest(tmp_path / "out")["selection"]["chosen"]["score_files"][1]
    os.utime(paths[1], ns=(0, told["modified_ns"]))
    with pytest.raises(errors.ChecksumError, match=r"a\.npy, .*b\.npy: the scores are others now"):
        dsdm.verify(tmp_path / "out")


def test_what_is_drawn_without_scores_is_that_of_its_seed(run, tmp_path, corpus):
    assert run("materialize", corpus, "out", "--by", "random", "-k", 3)[0] == 0
    code, told, _ = run("verify", "out")
    assert (code, "the selection is that of the seed" in told, "scores" in told) == (0, True, False)
    told = {"by": "get_indices", "arguments": {"method": "random", "k": 3, "rows": ROWS, "seed": 1}}
    dsdm.materialize(corpus, [0, 1, 2], tmp_path / "other", selection=told)
    with pytest.raises(errors.ChecksumError, match="other: the draw, which looks at no scores, is another now"):
        dsdm.verify(tmp_path / "other")

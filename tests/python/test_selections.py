"""A selection: what it says, set operations, files, and rows that are written by it."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors

pytestmark = pytest.mark.filterwarnings("ignore:.*come from the front:UserWarning")

SCORES = np.array([0.5, 2, -1, 2, 0.5, 2], np.float32)


@pytest.fixture
def scores(tmp_path: Path) -> dsdm.Scores:
    """Return scores of a file."""
    pq.write_table(pa.table({"score": SCORES, "id": range(6)}), tmp_path / "fineweb.parquet")
    return dsdm.open_scores(tmp_path / "fineweb.parquet", column="score")


def test_one_line_tells_what_was_chosen(scores: dsdm.Scores) -> None:
    assert repr(dsdm.choose(scores, k=2)) == (
        '2 of 6 rows, score >= 2 (3 tied there, 2 taken), top-k of fineweb.parquet["score"]'
    )
    assert repr(dsdm.choose(SCORES, k=1, largest=False)) == "1 of 6 rows, score <= -1, bottom-k"
    assert repr(dsdm.choose(SCORES, k=2, near=1)).endswith("score 0.5 and nearer (2 tied there, 2 taken), nearest to 1")
    drawn = repr(dsdm.choose(SCORES, k=2, gumbel=True, seed=7))
    assert drawn == "2 of 6 rows, Gumbel top-k, seed 7"
    assert repr(dsdm.choose(SCORES, min_score=0.5)) == ("5 of 6 rows, all with score >= 0.5")
    assert repr(dsdm.choose(SCORES, max_score=1)) == "3 of 6 rows, all with score <= 1"
    both = dsdm.choose(SCORES, min_score=-1, max_score=0.75)
    assert repr(both) == "3 of 6 rows, all with score from -1 to 0.75"
    assert repr(dsdm.choose(SCORES, k=2, max_score=1, ties="random", seed=1)) == (
        "2 of 6 rows, score from 0.5 to 1 (2 tied there, 2 taken), top-k with score <= 1, seed 1"
    )
    least = dsdm.choose(SCORES, k=1, min_score=0.25, max_score=1.5, largest=False, ties="random", seed=1)
    assert (
        repr(least)
        == "1 of 6 rows, score from 0.25 to 0.5 (2 tied there, 1 taken), bottom-k with score from 0.25 to 1.5, seed 1"
    )
    middle = dsdm.choose(SCORES, quantile=(0.2, 0.5))
    assert repr(middle) == "2 of 6 rows, score from 0.5 to 1.25, all from the quantile 0.2 to 0.5"
    drawn = dsdm.choose(SCORES, k=2, gumbel=True, seed=7, min_score=0)
    assert repr(drawn) == "2 of 6 rows, Gumbel top-k with score >= 0, seed 7"
    budget = dsdm.choose(SCORES, tokens=30, lengths=np.full(6, 10))
    assert repr(budget) == "3 of 6 rows, score >= 2 (3 tied there, 3 taken), 30 tokens, top-k for at most 30 tokens"


def test_it_is_an_array_of_its_rows() -> None:
    chosen = dsdm.choose(SCORES, k=3)
    assert np.asarray(chosen).tolist() == [1, 3, 5]
    assert np.asarray(chosen, np.float32).dtype == np.float32
    assert len(chosen) == 3
    assert SCORES[chosen].tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="read-only"):
        chosen.indices[0] = 1


def test_sets() -> None:
    best = dsdm.choose(SCORES, k=4)
    least = dsdm.choose(SCORES, k=3, largest=False)
    assert best.indices.tolist() == [1, 3, 5, 0]
    assert least.indices.tolist() == [2, 0, 4]
    assert best.union(least).indices.tolist() == [1, 3, 5, 0, 2, 4]
    assert least.union(best, best).indices.tolist() == [2, 0, 4, 1, 3, 5]
    assert best.intersection(least).indices.tolist() == [0]
    assert best.difference(least).indices.tolist() == [1, 3, 5]
    assert best.difference(least, best).indices.tolist() == []
    assert best.union().indices.tolist() == best.indices.tolist()
    assert repr(best.difference(least)) == "3 of 6 rows, difference of (top-k) and (bottom-k)"
    with pytest.raises(ValueError, match="union of selections from 6 and 5 rows"):
        best.union(dsdm.choose(SCORES[:5], k=1))
    with pytest.raises(TypeError, match="union takes selections, and a list is given"):
        best.union([1, 2])  # type: ignore[arg-type]
    assert best.indices.flags.writeable is False
    assert best.union().indices.flags.writeable is False


RULES = {
    "file": {"k": 3},
    "draw": {"k": 3, "gumbel": True, "seed": 2**63},
    "bounds": {"min_score": -np.inf, "max_score": 2.0},
    "budget": {"tokens": 7, "lengths": np.arange(6)},
    "quantile": {"quantile": [0.25, 0.75]},
    "groups of numbers": {"groups": [1, 1, 1, 2, 2, 2], "per_group": {1: 2, 2: 0.5}},
    "groups of texts": {"groups": list("aabbbb"), "like": {"a": 0.5, "b": np.float32(0.5)}, "k": np.int64(2)},
    "nothing": {"k": 0},
}


@pytest.mark.parametrize("name", RULES)
def test_what_is_saved_is_loaded(name: str, scores: dsdm.Scores, tmp_path: Path) -> None:
    chosen = dsdm.choose(scores, **RULES[name])
    chosen.save(tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").tolist() == chosen.indices.tolist()
    found = dsdm.Selection.load(tmp_path / "x.npy")
    assert found.indices.tolist() == chosen.indices.tolist()
    assert repr(found) == repr(chosen)
    for field in ("n", "cut", "seed", "tokens", "largest", "what", "bounds"):
        assert getattr(found, field) == getattr(chosen, field)
    assert found.record() == chosen.record()
    assert {**found.rule} == {**chosen.rule}
    assert [file.fields() for file in found.files] == [file.fields() for file in scores.identities()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fineweb.parquet", "x.npy", "x.npy.json"]


def test_infinite_cuts_are_kept(tmp_path: Path) -> None:
    for worst in (np.inf, -np.inf):
        dsdm.choose(np.full(3, worst), k=3).save(tmp_path / "x.npy", overwrite=True)
        assert dsdm.Selection.load(tmp_path / "x.npy").cut.score == worst


def test_files_that_are_there_or_do_not_fit(tmp_path: Path) -> None:
    chosen = dsdm.choose(SCORES, k=3)
    with pytest.raises(ValueError, match=r"rows are kept|row numbers are kept in a \.npy file"):
        chosen.save(tmp_path / "x.json")
    chosen.save(tmp_path / "x.npy")
    with pytest.raises(FileExistsError, match=r"x\.npy: it exists"):
        chosen.save(tmp_path / "x.npy")
    (tmp_path / "y.npy.json").touch()
    with pytest.raises(FileExistsError, match=r"y\.npy\.json: it exists"):
        chosen.save(tmp_path / "y.npy")
    assert not (tmp_path / "y.npy").exists()
    np.save(tmp_path / "x.npy", np.array([1, 3, 4]))
    with pytest.raises(errors.ChecksumError, match="its 3 rows are others than the 3 that"):
        dsdm.Selection.load(tmp_path / "x.npy")
    np.save(tmp_path / "bare.npy", np.array([1, 3, 4]))
    with pytest.raises(FileNotFoundError, match=r"bare\.npy\.json: it is not there, .* numpy\.load reads them"):
        dsdm.Selection.load(tmp_path / "bare.npy")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("version", 2, "version is 2, and 1 is known here"),
        ("rows", "3", "rows is '3'"),
        ("rows", True, "rows is True"),
        ("of", 2, "holds rows that are none of 2"),
        ("seed", 1.5, "seed is 1.5"),
        ("bounds", [1], "bounds is"),
        ("bounds", [1, "2"], "bounds is"),
        ("bounds", 1, "bounds is"),
        ("per_group", [["a"]], r"\['a'\] tells of no group"),
        ("per_group", [[1.5, 1]], "tells of no group"),
        ("short", [["a", 1, True]], "tells of no group"),
        ("short", {"a": 1}, "tells of no group"),
        ("files", {"groups": {"files": 1}}, "files is 1"),
        ("files", {"groups": [1]}, r"files\.groups is"),
        ("cut", {"score": "x", "dtype": "float32", "tied": 1, "taken": 1}, "cut"),
        ("cut", {"score": "1"}, "cut"),
        ("files", {"score_files": [{"path": 1}]}, "score_files holds"),
        ("files", {"score_files": {"path": 1}}, r"files\.score_files is"),
        ("files", {"arguments": [1]}, r"files\.arguments is \[1\]"),
        ("files", {"rows": True}, r"files\.rows is True"),
        ("files", None, "files is None"),
        ("rule", None, "rule is None"),
    ],
)
def test_a_file_that_tells_of_no_selection(field: str, value: object, said: str, tmp_path: Path) -> None:
    dsdm.choose(SCORES, k=3).save(tmp_path / "x.npy")
    told = tmp_path / "x.npy.json"
    fields = json.loads(told.read_text())
    told.write_text(json.dumps({**fields, field: value}))
    with pytest.raises(errors.FormatError, match=said):
        dsdm.Selection.load(tmp_path / "x.npy")
    for text in ("", "[1]", "[" * 100_000, "{}", '{"version": 1}'):
        told.write_text(text)
        with pytest.raises(errors.FormatError, match=r"x\.npy\.json: "):
            dsdm.Selection.load(tmp_path / "x.npy")


CORPUS = pa.table({"text": list("abcdef")})


def test_rows_are_written_by_a_selection(scores: dsdm.Scores, tmp_path: Path) -> None:
    chosen = dsdm.choose(scores, k=2)
    dsdm.materialize(CORPUS, chosen, tmp_path / "out")
    assert datasets.load_from_disk(str(tmp_path / "out"))["text"][:] == ["b", "d"]
    told = json.loads((tmp_path / "out" / "dsdm.json").read_text())["selection"]["chosen"]
    assert told["rule"] == 'top-k of fineweb.parquet["score"]'
    assert (told["by"], told["arguments"], told["scores"]) == ("choose", {"k": 2}, ["../fineweb.parquet"])
    assert told["cut"] == {"score": "2.0", "tied": 3, "taken": 2}
    assert told["score_files"][0]["rows"] == 6
    assert dsdm.select(CORPUS, chosen)["text"][:] == ["b", "d"]
    assert dsdm.open_shards(CORPUS).take(chosen)["text"].to_pylist() == ["b", "d"]
    assert dsdm.plan(CORPUS, chosen).rows == 2
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection


AGAIN: dict[str, dict[str, Any]] = {
    "k": {"k": 3},
    "smallest": {"k": 3, "largest": False, "order": "best_last"},
    "fraction": {"fraction": 0.5, "min_score": 0},
    "budget": {"tokens": 7, "lengths": np.arange(6)},
    "bounds": {"min_score": np.float32(0.5), "max_score": np.inf},
    "whole bound": {"min_score": 2, "order": "row"},
    "quantile": {"quantile": (np.float64(0.25), 0.8)},
    "near": {"k": 4, "near": 1.2},
    "drawn ties": {"k": 2, "ties": "random", "seed": 2**64 - 1},
    "drawn ties of a budget": {"tokens": 4, "lengths": np.full(6, 2), "ties": "random", "seed": 7},
    "draw": {"k": 4, "gumbel": True, "temperature": 0.5, "noise": "numpy", "seed": 5},
    "draw within bounds": {"fraction": 0.5, "gumbel": True, "min_score": 0.5},
    "nothing": {"k": 0},
}


@pytest.mark.parametrize("rule", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("loaded", [False, True])
def test_verify_chooses_again(
    rule: dict[str, Any],
    loaded: bool,  # noqa: FBT001 - of the parameters
    scores: dsdm.Scores,  # noqa: ARG001 - its file
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = dsdm.open_scores("fineweb.parquet", column="score")
    chosen = dsdm.choose(relative, **rule)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    if loaded:
        chosen.save("x.npy")
        Path("x.npy").rename("y.npy")
        Path("x.npy.json").rename("y.npy.json")
        chosen = dsdm.Selection.load("y.npy")
    dsdm.materialize(CORPUS, chosen, "out")
    found = dsdm.verify("out", trust_paths=[tmp_path])
    assert found.selection
    if not 0 < len(chosen) < 6:
        return
    others = np.setdiff1d(np.arange(6), chosen)
    dsdm.materialize(CORPUS, [*others[:1], *chosen.indices[1:]], "other", selection=chosen.again)
    with pytest.raises(errors.ChecksumError, match="they choose"):
        dsdm.verify("other", trust_paths=[tmp_path])


def test_what_lies_in_no_file_is_told_and_not_chosen_again(scores: dsdm.Scores, tmp_path: Path) -> None:
    for number, chosen in enumerate(
        (
            dsdm.choose(scores * 2, k=2),
            dsdm.choose(scores, k=2, exclude=[1]),
            dsdm.choose(scores, k=2, only=[1, 2, 3]),
            dsdm.choose(scores, groups=list("aabbcc"), per_group=1),
            dsdm.choose(SCORES, k=2),
            dsdm.choose(scores, k=2).union(dsdm.choose(scores, k=3)),
            dsdm.choose(dsdm.open_scores(tmp_path / "fineweb.parquet", column="score").slice(0, 6) + 0, k=2),
        )
    ):
        out = tmp_path / str(number)
        dsdm.materialize(CORPUS, chosen, out)
        told = json.loads((out / "dsdm.json").read_text())["selection"]["chosen"]
        assert "by" not in told
        assert "chosen_by" in told
        assert all(file["path"] == "../fineweb.parquet" for file in told.get("score_files", []))
        assert not dsdm.verify(out, trust_paths=[tmp_path]).selection


def test_a_selection_of_the_first_rows_is_of_them_or_of_all(scores: dsdm.Scores, tmp_path: Path) -> None:
    chosen = dsdm.choose(scores.slice(0, 4), k=2)
    dsdm.materialize(CORPUS.slice(0, 4), chosen, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "dsdm.json").read_text())["selection"]["chosen"]
    assert (told["rows"], told["of"]) == (4, 4)
    assert dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection
    assert dsdm.choose(scores.slice(1, 5), k=2).again is None


def test_a_score_file_that_was_replaced_since_is_an_error(scores: dsdm.Scores, tmp_path: Path) -> None:
    dsdm.choose(scores, k=2).save(tmp_path / "x.npy")
    pq.write_table(pa.table({"score": SCORES[::-1], "id": range(6)}), tmp_path / "fineweb.parquet")
    with pytest.raises(errors.SourceChangedError, match="the rows were chosen before this file was written"):
        dsdm.materialize(CORPUS, dsdm.Selection.load(tmp_path / "x.npy"), tmp_path / "out")
    (tmp_path / "fineweb.parquet").unlink()
    dsdm.materialize(CORPUS, dsdm.Selection.load(tmp_path / "x.npy"), tmp_path / "out")
    assert not dsdm.verify(tmp_path / "out", trust_paths=[tmp_path]).selection


def test_no_rows_are_written_shuffled(tmp_path: Path) -> None:
    chosen = dsdm.choose(np.arange(6), k=0)
    assert dsdm.materialize(CORPUS, chosen, tmp_path / "out", row_order="shuffle").rows == 0


def test_a_selection_of_another_corpus_is_refused(tmp_path: Path) -> None:
    chosen = dsdm.choose(np.arange(7), k=2)
    ways = (
        lambda: dsdm.materialize(CORPUS, chosen, tmp_path / "out"),
        lambda: dsdm.plan(CORPUS, chosen),
        lambda: dsdm.select(CORPUS, chosen),
        lambda: dsdm.open_shards(CORPUS).take(chosen),
        lambda: dsdm.open_shards(CORPUS).select(chosen),
    )
    for way in ways:
        with pytest.raises(ValueError, match="the selection is from 7 rows, and there are 6"):
            way()
    assert not (tmp_path / "out").exists()


def test_it_is_a_sequence_of_its_rows() -> None:
    chosen = dsdm.choose(SCORES, k=3)
    assert list(chosen) == [1, 3, 5]
    assert (chosen[0], chosen[-1], chosen[1:].tolist(), 3 in chosen) == (1, 5, [3, 5], True)
    rows = datasets.Dataset.from_dict({"text": list("abcdef")}).select(chosen)
    assert rows["text"][:] == ["b", "d", "f"]


def test_rows_of_other_scores_are_not_excluded() -> None:
    other = dsdm.choose(np.arange(7), k=2)
    ways = (
        lambda: dsdm.top_k(SCORES, 2, exclude=other),
        lambda: dsdm.gumbel_top_k(SCORES, 2, exclude=other),
        lambda: dsdm.sample(6, 2, exclude=other),
        lambda: dsdm.choose(SCORES, k=2, exclude=other),
        lambda: dsdm.choose(SCORES, k=2, only=other),
        lambda: dsdm.get_indices("random", 2, rows=6, exclude=other),
    )
    for way in ways:
        with pytest.raises(ValueError, match="is a selection from 7 rows, and there are 6"):
            way()
    assert dsdm.top_k(SCORES, 2, exclude=dsdm.choose(SCORES, k=1)).tolist() == [3, 5]


def test_a_copy_of_scores_and_selection_is_the_same(scores: dsdm.Scores, tmp_path: Path) -> None:
    dsdm.choose(scores, k=2).save(tmp_path / "x.npy")
    copies = tmp_path / "copies"
    copies.mkdir()
    for name in ("x.npy", "x.npy.json", "fineweb.parquet"):
        (copies / name).write_bytes((tmp_path / name).read_bytes())
    (tmp_path / "fineweb.parquet").unlink()
    dsdm.materialize(CORPUS, dsdm.Selection.load(copies / "x.npy"), copies / "out")
    assert dsdm.verify(copies / "out", trust_paths=[copies]).selection


def test_aligned_scores_are_chosen_from() -> None:
    corpus = pa.table({"id": list("abc"), "text": ["one", "two", "three"]})
    aligned = dsdm.align({"c": 0.5, "a": 2.0}, corpus)
    assert dsdm.choose(aligned, k=2, nan="omit").indices.tolist() == [0, 2]
    assert dsdm.top_k(aligned, 1, nan="omit").tolist() == [0]

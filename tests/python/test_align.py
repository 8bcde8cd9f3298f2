"""`align`: scores by id in the order of a corpus, against a plain dictionary."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

GENERATOR = np.random.default_rng(0)
IDS = [f"doc-{number:05}" for number in GENERATOR.permutation(5000)]
CORPUS = pa.table({"id": IDS, "n": range(5000), "text": ["x"] * 5000})
SCORES = dict(zip(GENERATOR.permutation(IDS)[:4000].tolist(), GENERATOR.normal(size=4000), strict=True))
SCORES["of-no-row"] = 1.0
EXPECTED = np.array([SCORES.get(name, np.nan) for name in IDS])


def ways(folder: Path):
    """Return the same scores in every form."""
    names, scores = list(SCORES), np.array(list(SCORES.values()))
    pq.write_table(pa.table({"id": names, "score": scores, "other": scores}), folder / "s.parquet")
    lines = "".join(json.dumps({"id": name, "score": float(score)}) + "\n" for name, score in SCORES.items())
    (folder / "s.jsonl").write_text(lines)
    (folder / "s.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    yield SCORES, {}
    yield (names, scores), {}
    yield (pa.array(names).dictionary_encode(), pa.chunked_array([scores])), {}
    yield (np.array(names), scores.tolist()), {}
    yield folder / "s.parquet", {"column": "score"}
    yield str(folder / "s.jsonl"), {}
    yield folder / "s.jsonl.gz", {"column": "score"}


def test_scores_come_in_the_order_of_the_corpus(tmp_path):
    (tmp_path / "corpus").mkdir()
    for part in range(3):
        pq.write_table(CORPUS[part * 2000 : part * 2000 + 2000], tmp_path / "corpus" / f"part-{part}.parquet")
    for values, options in ways(tmp_path):
        for corpus in (CORPUS, tmp_path / "corpus", dsdm.open_shards(CORPUS)):
            aligned = dsdm.align(values, corpus, **options)
            assert np.array_equal(aligned.scores, EXPECTED, equal_nan=True)
            assert (aligned.missing, aligned.unused, len(aligned)) == (1000, 1, 5000)
    assert repr(aligned) == "scores of 4,000 of 5,000 rows, 1,000 missing, 1 of no row"
    assert np.array_equal(np.asarray(aligned), EXPECTED, equal_nan=True)
    best = dsdm.choose(aligned.scores, k=3, nan="omit")
    assert best.indices.tolist() == np.argsort(-EXPECTED)[:3].tolist()


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint16", "uint64"])
@pytest.mark.parametrize("score", ["float16", "float32", "float64", "int8", "int64"])
def test_ids_are_numbers_of_any_type(dtype, score):
    corpus = pa.table({"key": np.arange(100, dtype=dtype)[::-1]})
    aligned = dsdm.align((np.arange(50, dtype=np.int32), np.arange(50).astype(score)), corpus, on="key")
    expected = np.where(np.arange(100)[::-1] < 50, np.arange(100.0)[::-1], np.nan)
    assert np.array_equal(aligned.scores.astype(float), expected, equal_nan=True)
    assert aligned.scores.dtype == (score if score.startswith("float") else "float64")


def test_numbers_beyond_63_bits_and_below_zero_are_told_apart():
    corpus = pa.table({"id": pa.array([2**64 - 1, 5, 2**63], pa.uint64())})
    aligned = dsdm.align((pa.array([-1, 5], pa.int64()), [1.0, 2.0]), corpus)
    assert np.array_equal(aligned.scores, [np.nan, 2, np.nan], equal_nan=True)
    assert aligned.unused == 1


NUMBERS = pa.table({"id": [1, 2, 3]})
WRONG = {
    "double score": (
        ([1, 2, 1], [0.0, 1.0, 2.0]),
        NUMBERS,
        {},
        ValueError,
        "the id 1 is there twice, at 0 and 2",
    ),
    "double row": (
        {1: 0.0},
        pa.table({"id": [7, 1, 7]}),
        {},
        ValueError,
        '"id" of the corpus: the id 7 is there',
    ),
    "null id": (([1, None], [0.0, 1.0]), NUMBERS, {}, ValueError, "values: the id of row 1 is null"),
    "text and number": ({"1": 0.0}, NUMBERS, {}, TypeError, "ids are large_string, and those of the corpus int64"),
    "floats": ({1.5: 0.0}, NUMBERS, {}, TypeError, "ids are double; whole numbers or texts"),
    "lengths": (([1, 2], [0.0]), NUMBERS, {}, ValueError, "2 ids and 1 scores"),
    "text scores": (([1], ["a"]), NUMBERS, {}, TypeError, "scores holds"),
    "large scores": (([1], [2**53 + 1]), NUMBERS, {}, ValueError, "beyond 2\\^53"),
    "no column": ({1: 0.0}, NUMBERS, {"on": "key"}, ValueError, "key"),
    "on": ({1: 0.0}, NUMBERS, {"on": 3}, TypeError, "on is 3"),
    "nothing": (5, NUMBERS, {}, TypeError, "values are a int; a mapping"),
    "column": ({1: 0.0}, NUMBERS, {"column": "x"}, ValueError, "column is 'x', which is for files"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_says_so(what):
    values, corpus, options, error, said = WRONG[what]
    with pytest.raises(error, match=said):
        dsdm.align(values, corpus, **options)


def test_files_that_leave_a_choice_or_miss_a_column(tmp_path):
    pq.write_table(pa.table({"id": [1], "a": [0.5], "b": [0.5]}), tmp_path / "s.parquet")
    with pytest.raises(ValueError, match=r"which column holds the scores is not said; .* 'a', 'b'"):
        dsdm.align(tmp_path / "s.parquet", NUMBERS)
    (tmp_path / "s.jsonl").write_text('{"key": 1, "a": 0.5}\n')
    with pytest.raises(ValueError, match="there is no column 'id'; there are 'key', 'a'"):
        dsdm.align(tmp_path / "s.jsonl", NUMBERS)
    with pytest.raises(ValueError, match=r"s\.csv: a JSON lines file"):
        dsdm.align(tmp_path / "s.csv", NUMBERS)
    with pytest.raises(FileNotFoundError):
        dsdm.align(tmp_path / "none.parquet", NUMBERS)

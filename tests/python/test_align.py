"""`align`: scores by id in the order of a corpus, against a plain dictionary."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import dsdm
from dsdm import errors

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
    with pa.output_stream(str(folder / "s.ndjson.zst"), compression="zstd") as packed:
        packed.write(lines.encode())
    feather.write_feather(pa.table({"id": pa.array(names).dictionary_encode(), "score": scores}), folder / "s.arrow")
    yield SCORES, {}
    yield (names, scores), {}
    yield (pa.array(names).dictionary_encode(), pa.chunked_array([scores])), {}
    yield (np.array(names), scores.tolist()), {}
    yield folder / "s.parquet", {"column": "score"}
    yield str(folder / "s.jsonl"), {}
    yield folder / "s.jsonl.gz", {"column": "score"}
    yield folder / "s.ndjson.zst", {}
    yield folder / "s.arrow", {}


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
    "null of Arrow": ((pa.array([1, None]), [0.0, 1.0]), NUMBERS, {}, ValueError, "values: the id of row 1 is null"),
    "null row": (
        {1: 0.0},
        pa.table({"id": [1, None]}),
        {},
        ValueError,
        'column "id" of the corpus: the id of row 1 is',
    ),
    "mixed ids": (([1, "a"], [0.0, 1.0]), NUMBERS, {}, TypeError, r"ids\[1\] is 'a', and others are such as 1; whole"),
    "mixed texts": (({"a": 0.0, 7: 1.0}), NUMBERS, {}, TypeError, r"ids\[1\] is 7, and others are such as 'a'"),
    "too large": (({2**70: 0.0}), NUMBERS, {}, TypeError, "for which 64 bits have no room, or that are of both signs"),
    "both signs": (
        ({-1: 0.0, 2**63: 1.0}),
        NUMBERS,
        {},
        TypeError,
        "for which 64 bits have no room, or that are of both",
    ),
    "dates": (({1: 0.0}), pa.table({"id": pa.array([0], pa.date32())}), {}, TypeError, "ids are date32"),
    "text scores twice": (
        ({"1": 0.0}),
        pa.table({"id": ["a", "a"]}),
        {},
        ValueError,
        "the id 'a' is there twice, at 0",
    ),
    "float rows": ({1: 0.0}, pa.table({"id": [1.0]}), {}, TypeError, "ids are double.*give ids.astype"),
    "text and number": ({"1": 0.0}, NUMBERS, {}, TypeError, "ids are large_string, and those of the corpus int64"),
    "floats": ({1.5: 0.0}, NUMBERS, {}, TypeError, "ids are double; whole numbers or texts"),
    "lengths": (([1, 2], [0.0]), NUMBERS, {}, ValueError, "2 ids and 1 scores"),
    "text scores": (([1], ["a"]), NUMBERS, {}, TypeError, r"scores\[0\] is 'a', which is no number"),
    "large scores": (([1], [2**53 + 1]), NUMBERS, {}, ValueError, "beyond 2\\^53"),
    "no column": ({1: 0.0}, NUMBERS, {"on": "key"}, ValueError, "key"),
    "on": ({1: 0.0}, NUMBERS, {"on": 3}, TypeError, "on is 3"),
    "nothing": (5, NUMBERS, {}, TypeError, "values are a int; a mapping"),
    "column": (
        {1: 0.0},
        NUMBERS,
        {"column": "x"},
        ValueError,
        "column is 'x', which is for files of scores, and values are a dict",
    ),
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
    (tmp_path / "s.csv").touch()
    with pytest.raises(ValueError, match=r"s\.csv: a JSON lines file"):
        dsdm.align(tmp_path / "s.csv", NUMBERS)
    with pytest.raises(FileNotFoundError):
        dsdm.align(tmp_path / "none.parquet", NUMBERS)


TEXTS = pa.table({"id": ["2024-01-01", "2024-01-02T03:04:05", "7"]})
LINE = '{"id": 1, "score": 0.5}\n'
# What a file has, the corpus, further options, and the error with what it says.
LINES = {
    "broken": (
        LINE + "\n" + '{"id": 2, "score": \n',
        NUMBERS,
        {},
        errors.FormatError,
        "s.jsonl, line 3: it is no JSON",
    ),
    "list": ("[1, 2]\n", NUMBERS, {}, errors.FormatError, r"s.jsonl, line 1: it is '\[1, 2\]', and no object"),
    "empty": ("", NUMBERS, {}, errors.FormatError, "s.jsonl: there is no line in it; each line is one object"),
    "text": (
        LINE + '{"id": "2", "score": 1}\n',
        NUMBERS,
        {},
        errors.FormatError,
        "line 2: the id 'id' is '2', and those",
    ),
    "number": (
        LINE,
        TEXTS,
        {},
        errors.FormatError,
        "line 1: the id 'id' is 1, and those of the corpus are large_string",
    ),
    "float": ('{"id": 1.0, "score": 1}\n', NUMBERS, {}, errors.FormatError, "line 1: the id 'id' is 1.0, and those of"),
    "too large": (
        '{"id": 18446744073709551616, "score": 1}',
        NUMBERS,
        {},
        errors.FormatError,
        "is 18446744073709551616",
    ),
    "true": ('{"id": true, "score": 1}', NUMBERS, {}, errors.FormatError, "line 1: the id 'id' is True"),
    "null id": (
        LINE + '\n{"id": null, "score": 1}\n',
        NUMBERS,
        {},
        ValueError,
        "line 3: there is no id 'id'; give each",
    ),
    "no id": (LINE + '{"score": 1}\n', NUMBERS, {}, ValueError, "s.jsonl, line 2: there is no id 'id'"),
    "no score": (LINE + '{"id": 2}\n', NUMBERS, {}, ValueError, "line 2: there is no score 'score'; leave it out"),
    "twice": (LINE + "\n\n" + LINE, NUMBERS, {}, ValueError, "the id 1 is there twice, at line 1 and line 4"),
    "text score": (
        LINE + '{"id": 2, "score": "x"}',
        NUMBERS,
        {"column": "score"},
        errors.FormatError,
        "line 2: the score",
    ),
    "text scores": (
        LINE + '{"id": 2, "score": "0.5"}',
        NUMBERS,
        {},
        errors.FormatError,
        "s.jsonl, line 2: the score 'score' is '0.5'; a number is needed",
    ),
    "true score": ('{"id": 2, "score": true}', NUMBERS, {}, errors.FormatError, "line 1: the score 'score' is True; a"),
    "two scores": (
        LINE + '{"id": 2, "score": 1, "other": 3}',
        NUMBERS,
        {},
        ValueError,
        "which column holds the scores is not said; beside the ids there are 'score', 'other': give column=",
    ),
    "double key": (
        LINE + '{"id": 2, "score": 1, "score": 3}',
        NUMBERS,
        {},
        errors.FormatError,
        "line 2: 'score' is there twice, 1 and 3; write it once",
    ),
    "both signs": (
        '{"id": -1, "score": 1}\n{"id": 9223372036854775808, "score": 1}',
        NUMBERS,
        {},
        errors.FormatError,
        "ids of one file are all below 2\\^63 or all from 0",
    ),
    "no number": ('{"id": 2, "score": 1e999}', NUMBERS, {}, errors.FormatError, "scores are numbers that float64 has"),
    "deep": ("[" * 100000 + "\n", NUMBERS, {}, errors.FormatError, "line 1: it is no JSON"),
    "rounded": (
        LINE + '{"id": 2, "score": 9007199254740993}',
        NUMBERS,
        {},
        ValueError,
        "line 2: the score 'score' is 9007",
    ),
    "other id": (
        LINE,
        pa.table({"key": [1]}),
        {"on": "key"},
        errors.SchemaError,
        "no column 'key'; there are 'id', 'sco",
    ),
    "other score": (LINE, NUMBERS, {"column": "x"}, errors.SchemaError, "there is no column 'x'; there are 'score'"),
    "id as score": (LINE, NUMBERS, {"column": "id"}, errors.SchemaError, "there is no column 'id'; there are 'score'"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", LINES)
def test_lines_that_cannot_be_are_named(tmp_path, what, packed):
    text, corpus, options, error, said = LINES[what]
    path = tmp_path / ("s.jsonl.gz" if packed else "s.jsonl")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(error, match=said.replace("s.jsonl", path.name)):
        dsdm.align(path, corpus, **options)


def test_texts_that_look_like_dates_stay_texts(tmp_path):
    (tmp_path / "s.jsonl").write_text(
        "".join(json.dumps({"id": name, "score": at}) + "\n" for at, name in enumerate(["7", "2024-01-01"]))
    )
    assert np.array_equal(dsdm.align(tmp_path / "s.jsonl", TEXTS).scores, [1, np.nan, 0], equal_nan=True)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int8"])
def test_ids_in_lines_are_of_64_bits(tmp_path, dtype):
    ids = [1, 2**63 + 1 if dtype == "uint64" else -5]
    corpus = pa.table({"id": pa.array(ids, dtype)})
    for more in (2**64 - 1, -(2**63)):
        known = [*ids, more] if (more > 0) == (min(ids) > 0) else [1, more]
        (tmp_path / "s.jsonl").write_text("".join(f'{{"id": {name}, "score": {name % 100}}}\n' for name in known))
        expected = [name % 100 if name in known else np.nan for name in ids]
        aligned = dsdm.align(tmp_path / "s.jsonl", corpus)
        assert np.array_equal(aligned.scores, expected, equal_nan=True)
        assert aligned.unused == 1
    values = {2**64 - 1: 0.5, 1: 0.25}
    assert dsdm.align(values, corpus).scores[0] == 0.25


def test_files_that_are_none(tmp_path):
    for name in ("none.jsonl", "none.parquet", "none.jsonl.zst"):
        with pytest.raises(FileNotFoundError, match=f"there is no such file of scores.*{name}"):
            dsdm.align(tmp_path / name, NUMBERS)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \*\.arrow, \*\.parquet or \*\.jsonl files here"):
        dsdm.align(tmp_path / "folder.jsonl", NUMBERS)
    for name in ("s.jsonl.gz", "s.jsonl.zst"):
        (tmp_path / name).write_text(LINE)
        with pytest.raises(errors.FormatError, match=f"{name}: it cannot be decompressed"):
            dsdm.align(tmp_path / name, NUMBERS)
    (tmp_path / "s.parquet").write_text(LINE)
    with pytest.raises(errors.FormatError, match=r"s\.parquet"):
        dsdm.align(tmp_path / "s.parquet", NUMBERS)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_where_no_row_has_a_score_it_is_an_error(tmp_path, run, monkeypatch, count):
    """One id in common is enough, and none at all is not."""
    monkeypatch.chdir(tmp_path)
    ids = [*(f"{number}" for number in range(count)), "x-7", "x-8"]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps({"id": name, "score": 0.5}) + "\n" for name in ids))
    corpus = pa.table({"id": [f"{number}" for number in range(30)]})
    pq.write_table(corpus, "c.parquet")
    arguments = [
        "materialize",
        "c.parquet",
        "out",
        "--by",
        "s.jsonl",
        "--on",
        "id",
        "--nan",
        "omit",
        "-k",
        max(count, 1),
    ]
    code, _, said = run(*arguments)
    if count:
        expected = np.where(np.arange(30) < count, 0.5, np.nan)
        for values in ("s.jsonl", dict.fromkeys(ids, 0.5)):
            assert np.array_equal(dsdm.align(values, corpus).scores, expected, equal_nan=True)
        assert (code, f"scores of {count} of 30 rows" in said) == (0, True)
        assert dsdm.open_shards("out")[:]["id"] == ids[:count]
        return
    why = r"none of these 2 ids is among the 30 of the column \"id\" of the corpus: the first of these is 'x-7' "
    for values, kind in (("s.jsonl", "large_string"), (dict.fromkeys(ids, 0.5), "large_string")):
        with pytest.raises(ValueError, match=rf"{why}\({kind}\), and of those '0' \(string\); .* by on=, or write"):
            dsdm.align(values, corpus)
    assert (code, "'x-7' (large_string), and of those '0' (string); name" in " ".join(said.split())) == (1, True)
    assert "by --on, or write the ids of both" in " ".join(said.split())
    assert not Path("out").exists()
    with pytest.raises(ValueError, match=r"of these is 7 \(int64\), and of those 8 \(uint8\)"):
        dsdm.align({7: 0.5}, pa.table({"id": pa.array([8], pa.uint8())}))
    # Where there are none, none is wrong.
    assert len(dsdm.align("s.jsonl", corpus[:0])) == 0
    assert dsdm.align((corpus["id"][:0], np.zeros(0)), corpus).missing == 30

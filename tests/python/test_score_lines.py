"""Scores in JSON lines, held against what Python's json reads line by line."""

import gzip
import json
import math
import os
import pickle
import re
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import dsdm
from dsdm import errors
from dsdm.cli import app

PACKED = {"": bytes, ".gz": gzip.compress, ".zst": lambda text: pa.compress(text, "zstd", asbytes=True)}


def written(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def opened(folder, lines, column="score", **options):
    return dsdm.open_scores(written(folder / "s.jsonl", lines), column=column, **options)


def oracle(lines, take=lambda row: row["score"]):
    """Give the numbers that json reads, in the type that holds all, or nothing."""
    values = [take(json.loads(line)) for line in lines]
    if all(isinstance(value, int) for value in values):
        for dtype in (np.int64, np.uint64):
            if all(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max for value in values):
                return np.array(values, dtype)
        return None
    if any(isinstance(value, int) and abs(value) > 2**53 for value in values):
        return None
    return np.array(values, np.float64)


def same(found, expected):
    assert found.dtype == expected.dtype
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    kept = ~np.isnan(expected)
    assert found[kept].tobytes() == expected[kept].tobytes()


# --- what is read ---

INTEGERS = st.one_of(
    st.integers(-5, 5),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(2**53 - 2, 2**53 + 2),
    st.integers(2**63 - 2, 2**63 + 1),
    st.integers(-(2**53) - 2, -(2**53) + 2),
)
FLOATS = st.floats().map(json.dumps) | st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})\.[0-9]{1,25}([eE][+-]?[0-9]{1,2})?", fullmatch=True
)
NUMBERS = st.one_of(
    st.lists(INTEGERS.map(str), min_size=1, max_size=20),
    st.lists(FLOATS, min_size=1, max_size=20),
    st.lists(FLOATS | INTEGERS.map(str), min_size=1, max_size=6),
)


@given(NUMBERS, st.sampled_from(list(PACKED)), st.data())
def test_values_are_those_that_python_reads(tmp_path_factory, numbers, packed, data):
    others = st.dictionaries(
        st.text().filter(lambda key: key != "score"), st.text() | st.none() | st.lists(st.floats())
    )
    lines = []
    for number in numbers:
        around = json.dumps(data.draw(others), ensure_ascii=data.draw(st.booleans()))
        fields = [field for field in (around[1:-1], f'"score": {number}') if field]
        lines.append("{" + ", ".join(fields[:: data.draw(st.sampled_from([1, -1]))]) + "}")
    text = "".join(line + data.draw(st.sampled_from(["\n", "\r\n", "\n \t\n"])) for line in lines)
    path = tmp_path_factory.mktemp("lines") / f"s.jsonl{packed}"
    path.write_bytes(PACKED[packed](text.encode()))
    expected = oracle(lines)
    if expected is None:
        with pytest.raises(errors.SchemaError, match=r"line \d+.*the integer"):
            dsdm.open_scores(path, column="score")
    else:
        for io in ("mmap", "pread"):
            same(dsdm.open_scores(path, column="score", io=io)[:], expected)


@pytest.mark.parametrize("packed", PACKED)
def test_many_lines_over_many_blocks_are_all_there(tmp_path, packed):
    random = np.random.default_rng(5)
    values = random.normal(size=60_000)
    lines = [
        json.dumps({"text": "x" * int(size), "meta": {"score": value}})
        for value, size in zip(values, random.integers(0, 90, 60_000), strict=True)
    ]
    path = tmp_path / f"s.jsonl{packed}"
    path.write_bytes(PACKED[packed]("\n".join(lines).encode()))
    scores = dsdm.open_scores(path, column="meta.score")
    same(scores[:], values)
    assert not scores.is_mapped
    assert scores.column == "meta.score"
    assert dsdm.top_k(scores, 100).tolist() == np.argsort(-values, kind="stable")[:100].tolist()


@pytest.mark.parametrize(
    ("column", "line", "take"),
    [
        ("score", {"score": 1, "x": {"score": 2}}, lambda row: row["score"]),
        ("meta.score", {"score": 1, "meta": {"score": 2.5}}, lambda row: row["meta"]["score"]),
        ("a.b.c", {"a": {"b.c": 3}}, lambda row: row["a"]["b.c"]),
        ('["a.b"]', {"a.b": 1, "a": {"b": 2}}, lambda row: row["a.b"]),
        ('["a"]["b"]', {"a.b": 1, "a": {"b": 2}}, lambda row: row["a"]["b"]),
        ("s[2]", {"s": [1, 2, 3.5]}, lambda row: row["s"][2]),
        ("m.s[0]", {"m": {"s": [7, 8]}}, lambda row: row["m"]["s"][0]),
        ("s", {"s": [4]}, lambda row: row["s"][0]),
        ("wörter", {"wörter": 4}, lambda row: row["wörter"]),
        ("", {"": 4}, lambda row: row[""]),
    ],
)
def test_names_are_those_of_tables(tmp_path, column, line, take):
    for ascii_alone in (True, False):
        lines = [json.dumps(line, ensure_ascii=ascii_alone)] * 3
        same(opened(tmp_path, lines, column)[:], oracle(lines, take))


def test_the_only_column_that_can_be_the_scores_is_taken(tmp_path):
    assert opened(tmp_path, ['{"text": "a", "score": 1}', '{"text": "b", "score": 0.5}'], None)[:].tolist() == [1, 0.5]
    assert opened(tmp_path, ['{"score": 5}'], None).column == "score"
    for lines, said in (
        (['{"id": 1, "score": 0.5}'], r'more than one column holds numbers; choose with column="id" or column="score"'),
        (['{"score": 0.5}', '{"score": 0.5, "late": 1}'], r'column="score" or column="late"'),
        (['{"text": "a", "n": 5}'], r"may be ids of the rows"),
        (['{"s": 0.5, "m": {"t": 1.5}}'], r"may not be the scores"),
        (['{"s": 0.5, "m": {"t": "a"}}', '{"s": 0.5, "m": 3}'], r"may not be the scores"),
        (['{"text": "a"}'], r"no column holds integers or floats"),
        (['{"m": {"s": 0.5}}'], r'choose with column="m\.s"'),
    ):
        with pytest.raises(errors.SchemaError, match=said):
            opened(tmp_path, lines, None)


def test_booleans_are_read_where_they_are_asked_for(tmp_path):
    lines = ['{"s": true}', '{"s": false}', '{"s": true}']
    scores = opened(tmp_path, lines, "s", booleans=True)
    assert (scores.dtype, scores[:].tolist()) == (np.uint8, [1, 0, 1])
    with pytest.raises(errors.SchemaError, match=r"line 1.*boolean.*booleans=True"):
        opened(tmp_path, lines, "s")
    with pytest.raises(errors.SchemaError, match=r"line 4.*number, and booleans=True"):
        opened(tmp_path, [*lines, '{"s": 1}'], "s", booleans=True)


# --- what is refused ---


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"score": null}', "this is null"),
        ('{"other": 1}', 'there is no "score"'),
        ('{"score": "0.5"}', "this is a text"),
        ('{"score": true}', "boolean"),
        ('{"score": {"a": 1}}', ""),
        ('{"score": [0.5]}', "the first line has no list"),
        ('{"score": 1, "score": 1}', "there twice"),
        ('{"\\u0073core": 1, "score": 1}', "there twice"),
        ('{"score": 1e400}', "beyond float64"),
        ('{"score": 18446744073709551616}', "beyond int64 and uint64"),
        ('{"score": 9007199254740993}', r"float of line 1.*could tie"),
        ('{"score": 1', "no JSON"),
        ('{"score": 1} {}', "another value is behind it"),
        ('{"score": .5}', "no JSON"),
        ('{"score": +1}', "no JSON"),
        ('{"score": inf}', "no JSON"),
        ('{"score": -NaN}', "no JSON"),
        ('{"score": 1, "t": "\\ud800"}', "no JSON"),
        ("0.5", "each line must be an object"),
        ("[0.5]", "each line must be an object"),
    ],
)
def test_what_is_no_score_is_told_by_its_line(tmp_path, line, said):
    for after in ([], ['{"score": 2.5}']):
        with pytest.raises(errors.FormatError, match=rf"s\.jsonl: .*line 3.*{said}|more than one column|an object"):
            opened(tmp_path, ['{"score": 0.25}', "", line, *after])


def test_names_that_mean_two_values_in_any_lines_are_refused(tmp_path):
    with pytest.raises(errors.SchemaError, match=re.escape("""column='["a.b"]' or column='["a"]["b"]'""")):
        opened(tmp_path, ['{"a.b": 1}', '{"a": {"b": 1}}'], "a.b")
    with pytest.raises(errors.SchemaError, match=r'there is no such column; choose with column="a\.b"'):
        opened(tmp_path, ['{"a": {"b": 1}}'], "b")


def test_lists_have_one_length(tmp_path):
    for column, lines, said in (
        ("s", ['{"s": [1, 2]}'], r"line 1.*a list of 2 values"),
        (
            "s[1]",
            ['{"s": [1, 2]}', '{"s": [1, 2, 3]}'],
            r"line 2.*a list of 3 values, and the first line has a list of 2",
        ),
        ("s[2]", ['{"s": [1, 2]}'], r"line 1.*number 2 of lists.*has 2 values"),
        ("s[0]", ['{"s": 1}'], r"line 1.*leave \[0\] out"),
    ):
        with pytest.raises(errors.SchemaError, match=said):
            opened(tmp_path, lines, column)
    with pytest.raises(errors.SchemaError, match=r"line 1.*reduce=\"mean\" is not for JSON lines"):
        opened(tmp_path, ['{"s": [1, 2]}'], "s", reduce="mean")
    with pytest.raises(ValueError, match="reduce='mean' is for files with several values"):
        opened(tmp_path, ['{"s": 1}'], "s", reduce="mean")


def test_lines_beyond_the_limits_are_refused(tmp_path):
    deep = "[" * 65 + "]" * 65
    with pytest.raises(errors.FormatError, match=r"line 2.*deeper in each other than 64"):
        opened(tmp_path, ['{"score": 1}', f'{{"score": 1, "t": {deep}}}'])
    lines = [json.dumps({"score": 1, str(number): "a"}) for number in range(10_001)]
    with pytest.raises(errors.FormatError, match=r"line 10000.*more than 10000 fields"):
        opened(tmp_path, lines)
    assert len(opened(tmp_path, lines[:9_999])) == 9_999


def test_files_that_hold_no_lines_are_told(tmp_path):
    path = tmp_path / "s.jsonl"
    for content in (b"", b"\n \n"):
        path.write_bytes(content)
        with pytest.raises(errors.TruncatedError, match=r"s\.jsonl.*(0 bytes|no lines)"):
            dsdm.open_scores(path)
    whole = gzip.compress(b'{"score": 1}\n' * 9_000)
    packed = tmp_path / "s.jsonl.gz"
    packed.write_bytes(whole[:-9])
    with pytest.raises(errors.FormatError, match=r"s\.jsonl\.gz.*cut"):
        dsdm.open_scores(packed)
    path.write_bytes(whole)
    with pytest.raises(errors.FormatError, match=r"s\.jsonl.*compressed with gzip"):
        dsdm.open_scores(path)
    packed.write_bytes(gzip.compress(b"0.5\n"))
    with pytest.raises(errors.FormatError, match=r"line 1: each line must be an object"):
        dsdm.open_scores(packed)


def test_options_of_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="key='a' is for"):
        opened(tmp_path, ['{"score": 1}'], key="a")
    with pytest.raises(errors.SchemaError, match="shape= is for raw values"):
        opened(tmp_path, ['{"score": 1}'], shape=(1,), dtype="int64")
    with pytest.raises(errors.SchemaError, match="it holds int64 and dtype=float32"):
        opened(tmp_path, ['{"score": 1}'], dtype="float32")
    assert opened(tmp_path, ['{"score": 1}'], dtype="int64")[:].tolist() == [1]


# --- with others ---


def test_a_file_that_changed_is_refused(tmp_path):
    scores = opened(tmp_path, ['{"score": 1}', '{"score": 2}'])
    os.utime(scores.paths[0], ns=(0, 0))
    with pytest.raises(errors.SourceChangedError):
        dsdm.top_k(scores, 1)


def test_directories_hold_lines(tmp_path):
    for number in range(3):
        written(tmp_path / f"part-{number}.jsonl", [json.dumps({"score": number + 0.5})])
    written(tmp_path / "notes.json", ["{}"])
    assert dsdm.open_scores(tmp_path)[:].tolist() == [0.5, 1.5, 2.5]
    np.save(tmp_path / "more.npy", np.zeros(2))
    with pytest.raises(IsADirectoryError, match=r"of several kinds are here \(more\.npy, part-0\.jsonl\)"):
        dsdm.open_scores(tmp_path)


def test_lines_are_opened_beside_other_files_and_anew(tmp_path):
    scores = opened(tmp_path, ['{"score": 1.5}', '{"score": NaN}'])
    same(pickle.loads(pickle.dumps(scores))[:], scores[:])  # noqa: S301 - own bytes
    np.save(tmp_path / "a.npy", np.array([0.25]))
    both = dsdm.open_scores([tmp_path / "a.npy", tmp_path / "s.jsonl"], column="score", verify=True)
    assert len(both) == 3
    assert math.isnan(both[2])
    both.check()


def test_the_command_reads_lines(tmp_path):
    lines = [json.dumps({"id": number, "score": zlib.crc32(bytes([number])) / 7}) for number in range(50)]
    path = written(tmp_path / "x.jsonl", lines)
    best = np.argsort(-oracle(lines), kind="stable")[:3]
    out = tmp_path / "best.npy"
    ran = CliRunner().invoke(app, ["indices", str(path), "--column", "score", "-k", "3", "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    assert np.load(out).tolist() == best.tolist()
    ran = CliRunner().invoke(app, ["scores", str(path), "--column", "score"])
    assert ran.exit_code == 0, ran.output
    assert "50" in ran.output
    ran = CliRunner().invoke(app, ["scores", str(path)])
    assert ran.exit_code == 1
    assert isinstance(ran.exception, errors.SchemaError)

"""JSON lines that are no table: each is refused with the file, the line, the column, what is there and what to do."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm import errors, open_shards

GOOD = '{"a": 1, "b": "x"}'


def put(folder, lines, name="a.jsonl"):
    path = folder / name
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape") if isinstance(lines, list) else lines)
    return path


def refused(kind, source, *said, **options):
    with pytest.raises(kind) as caught:
        open_shards(source, **options)
    message = str(caught.value)
    assert all(words in message for words in said), message
    return message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", ["each line must be an object", "jq -c"]),
        ('[{"a": 1}, {"a": 2}]', ["a list is here", "jq -c"]),
        ("3", ["each line must be an object", 'begins with b"3"']),
        ('"text"', ["each line must be an object"]),
        ("null", ["each line must be an object"]),
        ("{", ["must be whole on its line"]),
        ('{"a": 1', ["must be whole on its line", "EOF"]),
        ('{"a": 1}}', ["one object is on each line", 'b"}"']),
        ('{"a": 1} {"a": 2}', ["one object is on each line", "begin a new line"]),
        ('{"a": 1,}', ["no JSON at byte 8"]),
        ('{"a" 1}', ["no JSON"]),
        ("{'a': 1}", ["no JSON"]),
        ('{"a": 01}', ["no JSON"]),
        ('{"a": 1.}', ["no JSON"]),
        ('{"a": +1}', ["a value is expected", 'b"+1}"']),
        ('{"a": nil}', ["no JSON"]),
        ('{"a": NaN}', ["NaN and Infinity are no JSON", "write null"]),
        ('{"a": -Infinity}', ["NaN and Infinity are no JSON"]),
        ('{"a": "\\ud800"}', ["no JSON", "hex escape"]),
        ('{"b": "\\q"}', ["no JSON", "escape"]),
        ('{"b": "\t"}', ["no JSON", "control character"]),
        ('{"b": "\udcff"}', ["no JSON", "unicode"]),
        ('{"a": 1, "a": 1}', ['column "a"', "there twice in one object"]),
        ('{"a": 1, "\\u0061": 2}', ['column "a"', "there twice in one object"]),
        ('{"c": [{"d": {"e": 1, "e": 2}}]}', ['column "c[].d.e"', "there twice in one object"]),
        ('{"c": ' + "[" * 65 + "]" * 65 + "}", ["deeper in each other than 64"]),
        ("{" + ", ".join(f'"{n}": 1' for n in range(10_001)) + "}", ["more than 10000 fields"]),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, line, said):
    for name in ("a.jsonl", "a.jsonl.gz"):
        lines = f"{GOOD}\n\n{GOOD}\n{line}\n{GOOD}".encode("utf-8", "surrogateescape")
        path = put(tmp_path, gzip.compress(lines) if name.endswith("gz") else lines, name)
        refused(errors.FormatError, path, f"{path}: at line 4: ", *said)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", '"x"'], ["at line 2", "text is here, and a number at line 1"]),
        (['"x"', "null", "1"], ["at line 3", "a number is here, and text at line 1"]),
        (["true", "1"], ["a number is here, and true or false at line 1"]),
        (["[1]", "1"], ["a number is here, and a list at line 1"]),
        (['{"a": 1}', "[1]"], ["a list is here, and an object at line 1"]),
        (['{"d": 1}', '{"d": "x"}'], ['column "c.d"', "text is here"]),
        (['[{"d": 1}]', '[{"d": {}}]'], ['column "c[].d"', "an object is here"]),
        (["9007199254740993", "0.5"], ["at line 1", "an integer beyond 2^53 is here", "at line 2", "float64"]),
        (["0.5", "1", "-9007199254740993"], ["at line 3", "beyond 2^53", "at line 1"]),
        (["18446744073709551616"], ["neither int64 nor uint64", "write it as text"]),
        (["-9223372036854775809"], ["neither int64 nor uint64"]),
        (["9223372036854775808", "-1"], ["at line 1", "beyond those of int64", "below zero at line 2"]),
        (["1e400"], ["beyond those of float64"]),
        (["1" * 400 + ".5"], ["beyond those of float64"]),
    ],
)
def test_values_that_have_no_type_together_are_named_with_their_column(tmp_path, values, said):
    lines = [f'{{"id": 1, "c": {value}}}' for value in values]
    path = put(tmp_path, lines)
    message = refused(errors.SchemaError, path, "column", *said)
    assert "leave the column out" in message
    assert open_shards(path, columns=["id"])[:] == {"id": [1] * len(values)}
    # The same where each line is a file.
    if len(lines) > 1:
        paths = [put(tmp_path, [line], f"{number}.jsonl") for number, line in enumerate(lines)]
        refused(errors.SchemaError, paths, "at line 1", "columns=")


def test_files_have_the_same_columns(tmp_path):
    one, other = put(tmp_path, [GOOD], "0.jsonl"), put(tmp_path, ['{"a": 2}'], "1.jsonl")
    refused(errors.SchemaError, [one, other], str(other), 'column "b"', "missing here")
    refused(errors.SchemaError, [other, one], str(one), 'column "b"', "not in", "columns=")
    assert open_shards([other, one], columns=["a"])[:] == {"a": [2, 1]}


def test_a_file_without_lines(tmp_path):
    refused(errors.TruncatedError, put(tmp_path, b"", "0.jsonl"), "0 bytes")
    for name, data in (("1.jsonl", b"\n \n"), ("2.jsonl.gz", gzip.compress(b"")), ("3.jsonl", b"\xef\xbb\xbf")):
        refused(errors.TruncatedError, put(tmp_path, data, name), name, "no lines")


def test_compressed_files_that_are_cut_or_of_something_else(tmp_path):
    packed = gzip.compress((GOOD + "\n").encode() * 1000)
    refused(errors.TruncatedError, put(tmp_path, packed[:-1], "a.jsonl.gz"), "a.jsonl.gz", "the file is cut")
    refused(errors.FormatError, put(tmp_path, packed + b"behind them", "b.jsonl.gz"), "b.jsonl.gz")
    refused(errors.FormatError, put(tmp_path, packed, "c.jsonl"), "by its name it is not compressed", "c.jsonl")
    refused(errors.FormatError, put(tmp_path, packed, "c.jsonl.zst"), "by its name it is compressed with zstd")
    for name, data in (("d.csv.gz", b"a,b\n1,2\n"), ("d.gz", b"PAR1" + bytes(99))):
        refused(errors.FormatError, put(tmp_path, gzip.compress(data), name), "compressed with gzip", "gunzip")


def test_names_that_promise_lines_do_not_hide_what_is_compressed(tmp_path):
    refused(errors.FormatError, put(tmp_path, gzip.compress(b'[{"a": 1}]'), "a.json.gz"), "at line 1", "jq -c '.[]'")
    refused(errors.FormatError, put(tmp_path, gzip.compress(b"PAR1" + bytes(99)), "a.json.gz"), "Parquet", "gunzip")


def test_one_list_as_json_is_told_how_to_become_lines(tmp_path):
    refused(errors.FormatError, put(tmp_path, ["[", '{"a": 1}', "]"], "a.json"), "line 1", "jq -c '.[]'")


def test_names_of_other_formats_are_believed(tmp_path):
    for name in ("a.arrow", "a.parquet"):
        refused(errors.FormatError, put(tmp_path, [GOOD], name), "JSON text", ".jsonl", "as Parquet")


# --- directories ---


def test_directories_take_lines_and_no_other_json(tmp_path):
    put(tmp_path, [GOOD], "0.jsonl")
    put(tmp_path, gzip.compress(GOOD.encode()), "1.json.gz")
    put(tmp_path, [json.dumps({"what": "no row"})], "config.json")
    assert open_shards(tmp_path)[:] == {"a": [1, 1], "b": ["x", "x"]}
    alone = tmp_path / "alone"
    alone.mkdir()
    put(alone, [GOOD], "part.json")
    refused(FileNotFoundError, alone, "*.jsonl", f"{alone}/*.json")
    assert open_shards(f"{alone}/*.json")[:] == {"a": [1], "b": ["x"]}


def test_lines_beside_parquet_are_refused(tmp_path):
    put(tmp_path, [GOOD], "0.jsonl")
    pq.write_table(pa.table({"a": [2], "b": ["y"]}), tmp_path / "1.parquet")
    refused(ValueError, tmp_path, "0.jsonl and 1.parquet", "of two formats", f"{tmp_path}/**/*.parquet")
    # Named one by one, they are one table.
    assert open_shards([tmp_path / "0.jsonl", tmp_path / "1.parquet"])[:] == {"a": [1, 2], "b": ["x", "y"]}


def test_a_file_that_changed_is_told(tmp_path):
    for name in ("a.jsonl", "a.jsonl.gz"):
        data = (GOOD + "\n").encode() * 10
        path = put(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)
        opened = open_shards(path)
        path.write_bytes(path.read_bytes() + b"\n")
        with pytest.raises(errors.SourceChangedError):
            opened.take([3])

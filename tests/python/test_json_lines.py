"""Corpora of JSON lines, against the ``json`` of Python line by line, and beside pyarrow and ``load_dataset``."""

import gzip
import json
import math
import pickle
import signal
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.json
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors, open_shards
from dsdm.dataset import open_dataset
from tests.oracle import json_lines as oracle

TEXTS = st.text(max_size=8) | st.sampled_from(["2024-01-01T00:00:00Z", "2024-01-01", "1", "null", "\ud7ff\U0010ffff"])
NUMBERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.integers(-5, 5)
    | st.sampled_from([2**53, 2**53 + 1, -(2**53), 2**63 - 1, 2**63, -(2**63), 2**64 - 1])
    | st.floats(allow_nan=False, allow_infinity=False)
)
COLUMNS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    "uint": st.integers(0, 2**64 - 1),
    "text": TEXTS,
    "bool": st.booleans(),
    "null": st.none(),
    "list": st.lists(st.integers(-9, 9) | st.none(), max_size=3),
    "lists": st.lists(st.lists(TEXTS, max_size=2), max_size=2),
    "object": st.fixed_dictionaries(
        {"a": st.integers(-9, 9)}, optional={"b": TEXTS | st.none(), 'c\n"é': st.booleans()}
    ),
    "objects": st.lists(st.fixed_dictionaries({}, optional={"x": st.floats(0, 1), "y": st.none()}), max_size=3),
}
ROW = st.fixed_dictionaries({"first": st.integers(0, 9)}, optional={k: v | st.none() for k, v in COLUMNS.items()})
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\r\n"])
PACKED = ["jsonl", "ndjson", "json", "jsonl.gz", "json.gz", "jsonl.zst"]


def packed(data, ending):
    if ending.endswith(".gz"):
        half = len(data) // 2
        return gzip.compress(data[:half]) + gzip.compress(data[half:])
    if ending.endswith(".zst"):
        half = len(data) // 2
        return b"".join(pa.Codec("zstd").compress(part, asbytes=True) for part in (data[:half], data[half:]))
    return data


def put(folder, datas, endings):
    paths = []
    for number, (data, ending) in enumerate(zip(datas, endings, strict=True)):
        paths.append(folder / f"{number}.{ending}")
        paths[-1].write_bytes(packed(data, ending))
    return paths


@st.composite
def texts_of_lines(draw):
    rows = draw(st.lists(ROW, min_size=1, max_size=12))
    ascii_alone = draw(st.booleans())
    lines = [json.dumps(row, ensure_ascii=ascii_alone) + draw(ENDS) for row in rows]
    text = draw(st.sampled_from(["", "\ufeff", "\n", " \r\n"])) + "".join(lines)
    return (text.rstrip() if draw(st.booleans()) else text).encode("utf-8", "surrogatepass")


def same(found, expected):
    """Whether values are the same, to the sign of zeros."""
    if isinstance(expected, float):
        return isinstance(found, float) and found == expected
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


def expected_of(datas):
    """Give the types, the rows and the order of columns that files have together, or None where they are no table."""
    try:
        schema, rows = oracle.read(datas)
    except (oracle.NoTableError, ValueError):
        return None
    names = [list(dict.fromkeys(name for row in oracle.lines(data) for name in row)) for data in datas]
    if any(set(one) != set(names[0]) or not one for one in names):
        return None
    return schema, rows, names[0]


def check(paths, datas, **options):
    """Hold files against the oracle."""
    expected = expected_of(datas)
    if expected is None:
        with pytest.raises((errors.FormatError, errors.SchemaError, errors.TruncatedError)):
            open_shards(paths, **options)
        return
    schema, rows, names = expected
    opened = open_shards(paths, **options)
    assert len(opened) == len(rows)
    assert opened.schema.names == names
    assert all(opened.schema.field(name).type == schema.field(name).type for name in names), (opened.schema, schema)
    wanted = np.random.default_rng(len(rows)).permutation(np.repeat(np.arange(len(rows)), 2))
    for row, number in zip(opened.take(wanted).to_pylist(), wanted, strict=True):
        assert same(row, {name: rows[number][name] for name in names}), (row, rows[number])


@settings(max_examples=150, deadline=None)
@given(st.lists(texts_of_lines(), min_size=1, max_size=3), st.data())
def test_rows_and_types_are_those_of_json_loads(tmp_path_factory, datas, data):
    folder = tmp_path_factory.mktemp("lines")
    endings = [data.draw(st.sampled_from(PACKED)) for _ in datas]
    check(put(folder, datas, endings), datas, threads=data.draw(st.integers(1, 3)))


WORDS = [
    *("{", "}", "[", "]", ":", ",", '"a"', '"b"', '"\\u0061"', "{}", "\n", " ", "\x00", "\ufeff"),
    *("1", "-0", "01", "1.", ".5", "1e5", "1e999", "+1", "9007199254740993", "18446744073709551616", "1.5"),
    *("true", "nul", "null", "NaN", "-Infinity"),
    *('"\\ud800"', '"\\udc00"', '"\\ud83d\\ude00"', '"\\x"', '"\t"', '"2024-01-01"'),
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=9), st.binary(max_size=2), st.integers(0, 60))
def test_what_python_refuses_is_refused(tmp_path_factory, words, more, at):
    """A line that is put together of any words, and bytes that are no UTF-8, beside lines that are whole."""
    line = '{"a": ' + "".join(words) + "}"
    data = line.encode()
    data = b'{"a": null}\n' + data[:at] + more + data[at:] + b'\n{"a": null}\n'
    paths = put(tmp_path_factory.mktemp("words"), [data], ["jsonl"])
    check(paths, [data])


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_numbers_are_exact_or_refused(tmp_path_factory, numbers):
    assume(all(not isinstance(number, float) or math.isfinite(number) for number in numbers))
    data = "".join(json.dumps({"n": number}) + "\n" for number in numbers).encode()
    check(put(tmp_path_factory.mktemp("numbers"), [data], ["jsonl"]), [data])


@pytest.fixture(scope="module")
def rows():
    """Rows of any length, of many megabytes in all, whose last tells what no other does."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(30_000):
        row = {"id": number, "text": "é\n" * int(rng.integers(0, 600)), "meta": {"score": float(rng.random())}}
        if number % 7 == 0:
            row["tags"] = [str(number)] * int(rng.integers(0, 4))
        found.append(row)
    found[-1]["meta"]["late"] = True
    return found


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_nothing_depends_on_threads_or_on_pieces(tmp_path, rows, ending):
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert len(data) > 40 << 20, "several pieces, each of several blocks"
    paths = put(tmp_path, [data], [ending])
    schema, expected = oracle.read([data])
    for threads in (1, 2, 5):
        opened = open_shards(paths, threads=threads)
        assert opened.schema.equals(schema)
        wanted = np.random.default_rng(threads).permutation(len(rows))[:5000]
        assert opened.take(wanted).to_pylist() == [expected[row] for row in wanted]
    assert opened[-3:]["id"] == [29_997, 29_998, 29_999]
    lines = data.splitlines(keepends=True)
    lines[20_000] = b'{"id": 1, "id": 2}\n'
    lines[25_000] = b"{\n"
    paths = put(tmp_path, [b"".join(lines)], [ending])
    for threads in (1, 2, 5):
        with pytest.raises(errors.FormatError, match='at line 20001: column "id": the field is there twice'):
            open_shards(paths, threads=threads)


def test_pyarrow_and_datasets_have_the_same_rows(tmp_path):
    rows = [
        {"id": 1, "text": "a", "x": 0.5, "tags": ["a", None], "meta": {"n": 1}, "ok": True, "none": None},
        {"id": 2, "text": None, "x": 2.5, "tags": [], "meta": {"n": 2}, "ok": False},
        {"id": -3, "text": "ü", "x": -1e300, "meta": None},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = open_shards(path)
    table = opened.take(range(3))
    by_pyarrow = pyarrow.json.read_json(path)
    assert table.to_pylist() == by_pyarrow.to_pylist()
    assert table.schema.names == by_pyarrow.schema.names
    loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert opened.features == loaded.features
    assert table.to_pylist() == list(loaded)


def test_texts_that_look_like_times_stay_texts(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"t": "2024-01-01T00:00:00Z"}\n{"t": "2024-01-02"}\n')
    assert open_shards(path)[:] == {"t": ["2024-01-01T00:00:00Z", "2024-01-02"]}


@pytest.mark.parametrize("ending", ["jsonl", "json.gz", "jsonl.zst"])
def test_everything_that_opens_rows_opens_lines(tmp_path, ending):
    rows = [{"id": number, "text": "x" * (number % 13), "group": "ab"[number % 2]} for number in range(500)]
    texts = ["".join(json.dumps(row) + "\n" for row in part).encode() for part in (rows[:200], rows[200:])]
    source = tmp_path / "corpus"
    source.mkdir()
    put(source, texts, [ending, ending])
    indices = np.random.default_rng(0).permutation(500)[:300]
    expected = [rows[number] for number in indices]
    for form in ("arrow", "parquet"):
        out = tmp_path / form
        report = dsdm.materialize(source, indices, out, format=form, num_shards=3)
        assert report.rows == 300
        assert list(open_shards(out)) == expected
        assert dsdm.verify(out).rows == 300
    assert list(dsdm.select(source, indices)) == expected
    assert list(open_dataset(source).select(indices)) == expected
    assert open_shards(source, columns=["id"])[:] == {"id": list(range(500))}
    scores = np.random.default_rng(1).random(500)
    by_group = dsdm.choose(scores, per_group=3, groups=open_shards(source).column("group"))
    best = {name: sorted((-scores[n], n) for n in range(500) if rows[n]["group"] == name)[:3] for name in "ab"}
    assert sorted(by_group.indices) == sorted(n for found in best.values() for _, n in found)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_runs_of_rows_are_right_in_any_order(tmp_path, rows, ending):
    """A compressed file is read on from where the last run ended, or from its beginning again."""
    data = "".join(json.dumps({"id": row["id"], "text": row["text"][:100]}) + "\n" for row in rows).encode()
    opened = open_shards(put(tmp_path, [data, data], [ending, ending]))
    rng = np.random.default_rng(5)
    starts = [*range(0, 3000, 500), *rng.integers(0, 2 * len(rows) - 600, 12), *range(20_000, 40_000, 2500)]
    for start, length in zip(map(int, starts), rng.integers(1, 600, len(starts)), strict=True):
        expected = [rows[row % len(rows)] for row in range(start, start + length)]
        found = opened[start : start + int(length)]
        assert found["id"] == [row["id"] for row in expected]
        assert found["text"] == [row["text"][:100] for row in expected]


def test_lines_that_dsdm_wrote_are_opened_again(tmp_path):
    table = pa.table({"id": range(300), "text": ["𠀀é"] * 300, "list": [[1.5], [], None] * 100})
    dsdm.materialize(table, range(299, -1, -1), tmp_path / "out", format="jsonl", num_shards=2)
    opened = open_shards(tmp_path / "out")
    assert opened.take(range(299, -1, -1)).to_pylist() == table.to_pylist()
    again = pickle.loads(pickle.dumps(opened))  # noqa: S301
    assert again[:] == opened[:]


def test_ctrl_c_ends_the_first_pass(tmp_path, rows):
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (path,) = put(tmp_path, [data], ["jsonl"])
    code = "import signal, sys, dsdm; signal.signal(signal.SIGINT, signal.default_int_handler); print(flush=True);"
    command = [sys.executable, "-c", f"{code} dsdm.open_shards([sys.argv[1]] * 60)", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate()
    assert said.rstrip().endswith("KeyboardInterrupt"), said

"""The comparison that `make foreign` and the mutator stand on sees what it must see, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.foreign import corpus, jobs, scores
from tests.oracle.equality import difference, table_difference
from tests.oracle.outcomes import BOTH, CRASH, EQUAL, HERE, THERE, TYPE, WRONG
from tests.oracle.readers import FILE, NPY, PARQUET, STREAM, RefusedError, format_of, read_table
from tests.oracle.types import alike, documented

ROOT = Path(__file__).parents[2]
LISTS = pa.list_(pa.int32())
PAIRS = [
    ([0.0], [-0.0], pa.float64()),
    ([1, None], [1, 0], pa.int8()),
    ([1, 2], [1], pa.int16()),
    ([True, False], [True, True], pa.bool_()),
    (["a", ""], ["a", None], pa.string()),
    (["a", "b"], ["a", "c"], pa.large_string()),
    ([b"ab"], [b"a"], pa.binary()),
    ([[1, 2], [3]], [[1], [2, 3]], LISTS),
    ([[1], []], [[1], None], LISTS),
    ([[1, 2], None], [[1, 3], None], pa.list_(pa.int32(), 2)),
    ([{"a": [1]}], [{"a": [2]}], pa.struct([("a", LISTS)])),
    ([[("k", 1)]], [[("k", 2)]], pa.map_(pa.string(), pa.int64())),
    ([10**20], [10**20 + 1], pa.decimal128(38, 0)),
]


@pytest.mark.parametrize(("ours", "theirs", "kind"), PAIRS, ids=[str(kind) for _, _, kind in PAIRS])
def test_what_differs_is_told_and_what_does_not_is_not(ours, theirs, kind):
    ours, theirs = pa.array(ours, kind), pa.array(theirs, kind)
    assert "expected" in difference(ours, theirs)
    for same in (ours, theirs):
        assert difference(same, same) is None
        padded = pa.concat_arrays([same[:1], same, same[:1]])
        assert difference(padded.slice(1, len(same)), same) is None


def test_a_nan_is_itself_and_no_other():
    quiet, other = (pa.array(np.array([bits], np.uint32).view(np.float32)) for bits in (0x7FC00000, 0x7FC00001))
    assert difference(quiet, quiet) is None
    assert difference(quiet, other) == "row 0: nan, and nan expected"


def test_encodings_do_not_matter_and_types_do():
    texts = pa.array(["a", None, "bc", "a"])
    for same in (texts.dictionary_encode(), texts.cast(pa.string_view()), texts.cast(pa.large_string())):
        assert difference(texts, same) is None
        assert difference(same, texts) is None
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int16()), pa.array([7, 8]))
    assert difference(pa.array([7, 8, 8]), runs) is None
    assert difference(pa.array([1], pa.int8()), pa.array([1], pa.int16())) == "row: the type int8, and int16 expected"
    assert difference(pa.array([[1]], LISTS), pa.array([[1]], pa.list_view(pa.int32()))) is None
    for empty in (pa.int8(), LISTS, pa.struct([("a", pa.int8())])):
        assert "expected" in difference(pa.array([], pa.string()), pa.array([], empty))


def test_tables_are_compared_by_their_names_and_rows():
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    assert table_difference(table, table) is None
    assert "['a', 'b'] expected" in table_difference(table.select(["b", "a"]), table)
    assert table_difference(table.slice(1), table) == "1 rows, and 2 expected"
    assert table_difference(table.set_column(1, "b", pa.array(["x", "z"])), table).startswith("column 'b', row 1: b'z'")


def test_the_documented_types():
    for stored, expected in [
        (pa.dictionary(pa.int8(), pa.string_view()), pa.string()),
        (pa.list_view(pa.binary_view()), pa.list_(pa.binary())),
        (pa.struct([("x", pa.decimal32(5, 2))]), pa.struct([("x", pa.decimal128(5, 2))])),
        (pa.large_list(pa.field("element", pa.int8(), nullable=False)), pa.large_list(pa.int8())),
    ]:
        assert alike(documented(stored), expected)
        assert not alike(stored, expected) or stored.id == expected.id
    assert not alike(pa.struct([("x", pa.int8())]), pa.struct([("y", pa.int8())]))
    assert not alike(pa.list_(pa.int8(), 2), pa.list_(pa.int8(), 3))


def test_each_class_of_a_corpus(tmp_path):
    table = pa.table({"a": pa.array([1, 2, 3], pa.int32())})
    path = str(tmp_path / "a.parquet")
    pq.write_table(table, path)
    assert corpus.check(path, read_table(path, PARQUET)) == (EQUAL, "")
    assert corpus.check(path, RefusedError("no")) == (THERE, "no")
    wrong = pa.table({"a": pa.array([1, 2, 4], pa.int32())})
    assert corpus.check(path, wrong)[0] == WRONG
    assert corpus.check(path, table.set_column(0, "a", pa.array([1, 2, 3])))[0] == WRONG
    large = pa.table({"a": pa.array(["x"], pa.large_string())})
    pq.write_table(large, path)
    assert corpus.check(path, large.cast(pa.schema([("a", pa.string())])))[0] == TYPE
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    assert corpus.check(str(tmp_path / "b.parquet"), RefusedError("no"))[0] == BOTH
    assert corpus.check(str(tmp_path / "b.parquet"), table)[0] == HERE


def test_each_class_of_scores(tmp_path):
    table = pa.table({"a": pa.array([1.5, 2], pa.float32()), "t": ["x", "y"], "n": pa.array([1, None])})
    path = str(tmp_path / "a.parquet")
    pq.write_table(table, path)
    assert scores.check(path, read_table(path, PARQUET)) == (EQUAL, "")
    assert scores.check(path, table.select(["t", "n"]))[0] == BOTH
    assert scores.check(path, table.set_column(0, "a", pa.array([1.5, 3], pa.float32())))[0] == WRONG
    assert scores.check(path, table.set_column(0, "a", pa.array(["1.5", "2"])))[0] == WRONG
    assert scores.check(path, table.set_column(1, "t", pa.array([1, 2])))[0] == HERE
    np.save(tmp_path / "a.npy", np.array([1, 2], ">i2"))
    assert scores.check_array(str(tmp_path / "a.npy"), np.array([1, 2], ">i2")) == (EQUAL, "")
    assert scores.check_array(str(tmp_path / "a.npy"), np.array([1, 3], ">i2"))[0] == WRONG


def test_files_are_told_by_content_and_by_name_and_taken_once(tmp_path):
    table = pa.table({"a": [1]})
    (tmp_path / "sub").mkdir()
    for name in ("a.bin", "sub/b.parquet"):
        pq.write_table(table, tmp_path / name)
    for name, writer in (("c.feather", pa.ipc.new_file), ("d", pa.ipc.new_stream)):
        with writer(str(tmp_path / name), table.schema) as sink:
            sink.write_table(table)
    np.save(tmp_path / "e.npy", np.arange(3))
    (tmp_path / "broken.stream").write_bytes(b"junk")
    (tmp_path / "notes.txt").write_text("nothing")
    found = {os.path.relpath(path, tmp_path): form for path, form in jobs.found([tmp_path])}
    assert found == {"a.bin": PARQUET, "broken.stream": STREAM, "c.feather": FILE, "d": STREAM, "e.npy": NPY}
    assert format_of(tmp_path / "notes.txt") is None


def run(folder, before="pass"):
    """Run the command in a process of its own, which forks: this one has threads."""
    code = f"import os, sys; from tests.foreign import jobs, __main__; {before}; sys.exit(__main__.main())"
    command = [sys.executable, "-c", code, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    return ran.returncode, ran.stdout.splitlines()


def test_a_run_counts_and_fails_on_a_crash(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    np.save(tmp_path / "e.npy", np.arange(3))
    code, lines = run(tmp_path)
    assert code == 0
    assert [line.split()[-7:] for line in lines[1:]] == [["1", *"000000"]] * 3
    code, lines = run(tmp_path, "jobs.check = lambda *_: os.abort()")
    assert code == 1
    assert f"{CRASH}\tParquet, corpus\t{tmp_path}/a.parquet\texit status -6" in "\n".join(lines)
    code, lines = run(tmp_path, "jobs.SECONDS = 0.2; jobs.check = lambda *_: __import__('time').sleep(60)")
    assert code == 1
    assert f"{CRASH}\tParquet, corpus\t{tmp_path}/a.parquet\tno answer in 0.2 s" in "\n".join(lines)

"""Score files in one directory that are parts of one vector, or a vector each for the same rows: told, or refused.

The oracle joins the files in the order of their names. What is refused is decided here by the plan of each case: files
with as many rows, whose names differ by more than numbers.
"""

import json
import subprocess
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

RNG = np.random.default_rng(8)
REFUSED = "may be parts of one vector or a vector each for the same rows"


def write(path, values):
    """Write scores in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, scores=values)
    elif path.suffix == ".bin":
        values.tofile(path)
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"score": values}), path)
    elif path.suffix == ".arrow":
        table = pa.table({"score": values})
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("".join(json.dumps({"score": float(value)}) + "\n" for value in values))


def files(folder, names, sizes):
    """Write a file of each name and size, and return their values."""
    values = [RNG.normal(size=size).astype(np.float32) for size in sizes]
    for name, of_file in zip(names, values, strict=True):
        write(folder / name, of_file)
    return values


def reading(suffix):
    return {"dtype": "float32"} if suffix == ".bin" else {}


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".bin", ".parquet", ".arrow", ".jsonl"])
@pytest.mark.parametrize("found_by", ["directory", "glob"])
def test_targets_are_no_vector(tmp_path, suffix, found_by):
    names = [f"{target}{suffix}" for target in ("jeopardy", "lambada", "squad")]
    values = files(tmp_path, names, (40, 40, 40))
    where = tmp_path if found_by == "directory" else f"{tmp_path}/*{suffix}"
    with pytest.raises(ValueError, match=REFUSED) as refused:
        dsdm.open_scores(where, **reading(suffix))
    assert str(where) in str(refused.value)
    assert names[0] in str(refused.value)
    assert names[1] in str(refused.value)
    assert "40 rows each" in str(refused.value)
    given = dsdm.open_scores([tmp_path / name for name in names], **reading(suffix))
    assert np.array_equal(np.asarray(given), np.concatenate(values))
    for name, of_file in zip(names, values, strict=True):
        assert np.array_equal(np.asarray(dsdm.open_scores(tmp_path / name, **reading(suffix))), of_file)


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        pytest.param(("0.npy", "1.npy", "2.npy"), (9, 9, 4), id="numbers"),
        pytest.param(("part-00.npy", "part-01.npy"), (9, 9), id="a series"),
        pytest.param(("x-00000-of-00002.npy", "x-00001-of-00002.npy"), (9, 9), id="a series with its count"),
        pytest.param(("part-0-1f2e3d4c.npy", "part-1-aabbccdd.npy"), (9, 9), id="hashes"),
        pytest.param(("0/scores.npy", "1/scores.npy"), (9, 9), id="numbered directories"),
        pytest.param(("lang=de/0.npy", "lang=en/1.npy"), (9, 9), id="directories of a column"),
        pytest.param(("lang=de/0.npy", "lang=en/0.npy"), (9, 8), id="directories of a column with other rows"),
        pytest.param(("part-0-12345678.npy", "part-1-aabbccdd.npy"), (9, 9), id="a hash of digits"),
        pytest.param(("1.npy", "2.npy", "3.npy"), (9, 9, 9), id="numbers from 1"),
        pytest.param(("part1.npy", "part3.npy"), (9, 9), id="numbers with a gap"),
        pytest.param(("000_00000.npy", "000_00001.npy", "001_00000.npy"), (9, 9, 9), id="two numbers"),
        pytest.param(("ckpt-1000.npy", "ckpt-2000.npy"), (9, 5), id="far numbers with other rows"),
        pytest.param(("books.npy", "web.npy"), (9, 7), id="other numbers of rows"),
        pytest.param(("books.npy", "none.npy", "web.npy", "wiki.npy"), (9, 0, 0, 7), id="no rows"),
        pytest.param(("squad.npy",), (9,), id="one"),
    ],
)
def test_parts_are_one_vector(tmp_path, names, sizes):
    values = files(tmp_path, names, sizes)
    assert np.array_equal(np.asarray(dsdm.open_scores(tmp_path)), np.concatenate(values))


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        pytest.param(("squad/0.npy", "web/0.npy"), (9, 9), id="directories of targets"),
        pytest.param(("books.npy", "squad.npy", "web.npy"), (5, 9, 9), id="two of three"),
        pytest.param(("part-0.npy", "part-1.npy", "squad.npy"), (9, 9, 9), id="beside a series"),
        pytest.param(("a/squad-0.npy", "a/web-0.npy"), (1, 1), id="one row"),
        pytest.param(("lang=de/0.npy", "lang=en/0.npy"), (9, 9), id="directories of a column"),
        pytest.param(("1a2b3c4d/x.npy", "5e6f7a8b/x.npy"), (9, 9), id="hashes alone"),
        pytest.param(("wmt14.npy", "wmt16.npy"), (9, 9), id="far numbers"),
        pytest.param(("squad-2024-01-01.npy", "squad-2025-01-01.npy"), (9, 9), id="years"),
        pytest.param(("jeopardy/0.npy", "jeopardy/1.npy", "squad/0.npy", "squad/1.npy"), (5, 4, 6, 3), id="sums"),
        pytest.param(("squad-0.npy", "squad-1.npy", "squad.npy"), (5, 4, 9), id="all beside its parts"),
        pytest.param(("lang=de/squad.npy", "lang=de/web.npy"), (9, 9), id="in a directory of a column"),
    ],
)
def test_what_is_no_series_is_refused(tmp_path, names, sizes):
    values = files(tmp_path, names, sizes)
    with pytest.raises(ValueError, match=REFUSED):
        dsdm.open_scores(tmp_path)
    with pytest.raises(ValueError, match=REFUSED):
        dsdm.open_scores([tmp_path])
    listed = dsdm.open_scores([tmp_path / name for name in names])
    assert np.array_equal(np.asarray(listed), np.concatenate(values))


def test_directories_in_a_list_are_in_its_order(tmp_path):
    values = files(tmp_path, ("squad/0.npy", "web/0.npy"), (9, 9))
    found = dsdm.open_scores([tmp_path / "web", tmp_path / "squad"])
    assert np.array_equal(np.asarray(found), np.concatenate(values[::-1]))


def test_the_command_says_so(tmp_path):
    data, rows = tmp_path / "data", tmp_path / "rows.npy"
    files(data, ("jeopardy.npy", "squad.npy"), (9, 9))
    for command in (["scores", data], ["indices", data, "-k", 3, "-o", rows]):
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dsdm", *map(str, command)], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert REFUSED in ended.stderr
        assert not rows.exists()


def test_numbers_may_be_missing_from_a_part(tmp_path):
    values = files(tmp_path, ("part-3.npy", "part-5.npy"), (9, 9))
    with pytest.raises(ValueError, match=REFUSED):
        dsdm.open_scores(tmp_path)
    for said in ({"partial": True}, {"sort": "name"}):
        assert np.array_equal(np.asarray(dsdm.open_scores(tmp_path, **said)), np.concatenate(values))


def test_whole_data_sets_are_no_parts(tmp_path):
    for name, shards in (("jeopardy", 2), ("squad", 4)):
        table = datasets.Dataset.from_dict({"score": RNG.normal(size=40).astype(np.float32)})
        table.save_to_disk(tmp_path / name, num_shards=shards)
    with pytest.raises(ValueError, match=r"40 rows each, with those of their names, and " + REFUSED):
        dsdm.open_scores(tmp_path)
    assert len(dsdm.open_scores(tmp_path / "squad")) == 40


@pytest.mark.parametrize("suffix", [".parquet", ".npy"])
def test_scores_that_have_the_names_of_the_shards_are_theirs(tmp_path, suffix):
    corpus, scores = tmp_path / "corpus", tmp_path / "scores"
    values = files(corpus, ("books.parquet", "web.parquet"), (9, 9))
    for name, of_file in zip(("books", "web"), values, strict=True):
        write(scores / f"{name}{suffix}", of_file)
    out = tmp_path / "out"
    by = corpus if suffix == ".parquet" else scores
    command = ["materialize", corpus, out, "--by", by, "-k", 4]
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "dsdm", *map(str, command)], capture_output=True, text=True, check=True
    )
    assert "4 rows selected of 18 in 2 files" in ended.stderr
    assert dsdm.open_shards(out)[:]["score"] == np.sort(np.concatenate(values))[::-1][:4].tolist()


def test_files_that_are_named_are_told_to_be_one_vector(tmp_path):
    files(tmp_path, ("jeopardy.npy", "squad.npy"), (9, 9))
    named = [str(tmp_path / name) for name in ("jeopardy.npy", "squad.npy")]
    command = [sys.executable, "-m", "dsdm", "indices", *named, "-k", "3", "-o", str(tmp_path / "rows.npy")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert (
        f"{named[0]} and {named[1]} have 9 rows each, and are taken as parts of one vector of 18 rows" in ended.stderr
    )
    assert "3 rows selected of 18 in 2 files" in ended.stderr


@pytest.mark.parametrize("other", [True, False])
def test_tables_of_other_rows_are_parts(tmp_path, other):
    ids = [[f"{name}-{row}" if other else str(row) for row in range(9)] for name in ("books", "web")]
    scores = np.split(RNG.normal(size=18), 2)
    for name, of_file, keys in zip(("books", "web"), scores, ids, strict=True):
        pq.write_table(pa.table({"id": keys, "score": of_file}), tmp_path / f"{name}.parquet")
    if other:
        assert np.array_equal(np.asarray(dsdm.open_scores(tmp_path, column="score")), np.concatenate(scores))
        return
    with pytest.raises(ValueError, match=REFUSED):
        dsdm.open_scores(tmp_path, column="score")

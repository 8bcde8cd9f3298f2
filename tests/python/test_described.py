"""Corpora that were described and not opened: the same rows, of the files alone that hold them."""

import base64
import gc
import json
import multiprocessing
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsdm import errors
from dsdm._native import Corpus, OutputOptions

KINDS = ["arrow", "parquet", "jsonl"]
ROWS = 7


def write(path, kind, first, rows=ROWS):
    """Write rows whose numbers begin with this one, and return them."""
    ids = range(first, first + rows)
    table = pa.table({"id": list(ids), "text": [f"row {i}" for i in ids], "ids": [[i] * (i % 3) for i in ids]})
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=3)
    elif kind == "arrow":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    return table


def write_all(folder, kind, files):
    paths = [folder / f"{number:05}.{kind}" for number in range(files)]
    whole = pa.concat_tables([write(path, kind, ROWS * number) for number, path in enumerate(paths)])
    return paths, whole


def sent(corpus, folder):
    """Send what is told of a corpus as a job does: text, and a table of files in Parquet."""
    head, files = corpus.describe()
    pq.write_table(pa.Table.from_pylist(files), folder / "sources.parquet")
    return json.dumps(json.loads(head)), pq.read_table(folder / "sources.parquet").to_pylist()


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_described_corpus_gives_the_rows_of_the_opened_one(tmp_path, kind, io):
    paths, whole = write_all(tmp_path, kind, 5)
    corpus = Corpus.open(paths, io=io)
    described = Corpus.from_description(*sent(corpus, tmp_path))
    assert (len(described), described.io, described.schema) == (35, io, corpus.schema)
    assert described.identities() == corpus.identities()
    assert (described.nbytes, described.in_place) == (corpus.nbytes, corpus.in_place)
    assert described.open_files == 0
    rows = np.array([34, 8, 7, 33, 8])
    unit = described.open_for(rows, threads=2)
    assert (unit.open_files, described.open_files) == (2, 0)
    for path in (paths[0], paths[2], paths[3]):
        path.unlink()
    assert unit.take(rows).to_pydict() == whole.take(rows).to_pydict()
    assert described.run(7, 9).to_pydict() == whole.slice(7, 2).to_pydict()
    assert described.open_files == 1
    with pytest.raises(FileNotFoundError, match=r"00002"):
        described.take(np.array([14]))


def test_columns_of_directories_and_columns_that_are_missing_are_described(tmp_path):
    write(tmp_path / "a.parquet", "parquet", 0)
    pq.write_table(pa.table({"id": pa.array([1, 2], pa.int16()), "more": ["x", None]}), tmp_path / "b.parquet")
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    constants = [("lang", False, ["en", None]), ("year", True, ["2025", "2026"])]
    corpus = Corpus.open(paths, schema="union", constants=constants)
    corpus = corpus.select(["year", "more", "id", "lang"]).rename(["y", "m", "i", "l"], {"told": "é"})
    head, files = sent(corpus, tmp_path)
    described = Corpus.from_description(head, files)
    assert described.schema.equals(corpus.schema, check_metadata=True)
    assert (described.missing, described.constants) == ("union", constants)
    assert described.stored_names == ["year", "more", "id", "lang"]
    rows = np.arange(9)
    assert described.take(rows) == corpus.take(rows)
    told = json.loads(head)
    stored = [pa.ipc.open_stream(base64.b64decode(text)).schema for text in [told["schema"], *told["stored"]]]
    assert [schema.names for schema in stored] == [["y", "m", "i", "l"], ["id", "text", "ids"], ["id", "more"]]
    assert [file["units"] for file in files] == [[2, 3, 1, 1], [1, 2]]
    assert [file["constants"] for file in files] == [["en", "2025"], [None, "2026"]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_changed_is_told_with_both_states(tmp_path, kind):
    paths, _ = write_all(tmp_path, kind, 2)
    described = Corpus.from_description(*sent(Corpus.open(paths), tmp_path))
    size = paths[1].stat().st_size
    write(paths[1], kind, 1000, 99)
    states = rf"00001\.{kind}: .*it had {size} bytes and has {paths[1].stat().st_size} \(then .*, now .*\)"
    for read in (lambda: described.open_for(np.array([9])), lambda: described.take(np.array([9]))):
        with pytest.raises(errors.SourceChangedError, match=states):
            read()
    assert described.take(np.array([3]))["id"].to_pylist() == [3]


def test_what_is_no_description_is_refused(tmp_path):
    paths, _ = write_all(tmp_path, "arrow", 2)
    head, files = sent(Corpus.open(paths), tmp_path)
    for wrong in ("", "[]", "{}", head.replace('"version": 1', '"version": 2'), head.replace("id", "other", 1)):
        with pytest.raises(ValueError, match="describe"):
            Corpus.from_description(wrong, files)
    with pytest.raises(ValueError, match=r"its container is \"csv\"; it is one of \"arrow\""):
        Corpus.from_description(head, [{**files[0], "container": "csv"}])
    with pytest.raises(ValueError, match="lie in no file"):
        Corpus.from_stream(pa.table({"a": [1]})).describe()
    with pytest.raises(IndexError, match=r"index 14 at position 1 is out of range"):
        Corpus.from_description(head, files).open_for(np.array([0, 14]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", ["arrow", "parquet", "jsonl"])
def test_what_is_written_of_a_described_corpus_is_the_same_to_the_byte(tmp_path, kind, written):
    paths, _ = write_all(tmp_path, kind, 6)
    corpus = Corpus.open(paths)
    described = Corpus.from_description(*sent(corpus, tmp_path))
    rows = np.array([41, 0, 9, 8, 40, 14])
    for name, source in (("opened", corpus), ("described", described)):
        (tmp_path / name).mkdir()
        source.materialize(rows, OutputOptions(tmp_path / name / "out", format=written, num_shards=2))
    assert described.open_files == 4
    files = [path for path in (tmp_path / "opened").rglob("*") if path.is_file()]
    assert len(files) > 2
    for path in files:
        other = tmp_path / "described" / path.relative_to(tmp_path / "opened")
        assert path.read_bytes() == other.read_bytes(), path


def _taken(corpus, rows, into):
    into.put(corpus.take(rows).to_pydict())


def test_a_forked_child_reads_what_its_parent_opened(tmp_path):
    paths, whole = write_all(tmp_path, "parquet", 3)
    described = Corpus.from_description(*sent(Corpus.open(paths), tmp_path))
    rows = np.array([20, 0, 8])
    described.take(rows)
    context = multiprocessing.get_context("fork")
    into = context.SimpleQueue()
    child = context.Process(target=_taken, args=(described, rows, into))
    child.start()
    assert into.get() == whole.take(rows).to_pydict()
    child.join()
    assert child.exitcode == 0


MANY = """
    import gc, os, resource, sys
    import numpy as np
    import pyarrow as pa
    from dsdm._native import Corpus

    kind, io, files = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Corpus.from_stream(pa.table({"x": [1]})).take(np.array([0]))  # what is imported late opens files too
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    open_now = lambda: len(os.listdir("/proc/self/fd"))
    begun = open_now()
    corpus = Corpus.open([f"{number:05}.{kind}" for number in range(files)], io=io)
    described = Corpus.from_description(*corpus.describe())
    del corpus
    gc.collect()
    assert open_now() == begun and described.open_files == 0
    for unit in range(3):
        rows = np.random.default_rng(unit).permutation(files * 7)[: files * 2]
        there = described.open_for(rows)
        wanted = len(set((rows // 7).tolist()))
        assert there.open_files == wanted > 256 and described.open_files == 0
        found = there.take(rows)
        assert found["id"].to_pylist() == rows.tolist()
        assert found["text"].to_pylist() == [f"row {row}" for row in rows]
        assert found["ids"].to_pylist() == [[row] * (row % 3) for row in rows.tolist()]
        assert open_now() < 256
        del there
        gc.collect()
        assert open_now() == begun, (open_now(), begun)
    # Opened one by one as rows are read, they share handles as well.
    for row in range(3, files * 7, 7):
        assert described.run(row, row + 1)["id"].to_pylist() == [row]
    assert described.open_files == files and open_now() < 256
"""


@pytest.mark.disk
@pytest.mark.parametrize(
    ("kind", "io", "files"),
    [
        ("parquet", "mmap", 1500),
        ("parquet", "pread", 1500),
        ("arrow", "mmap", 2000),
        ("arrow", "pread", 1500),
        ("jsonl", "mmap", 1500),
    ],
)
def test_more_files_than_may_be_open_are_read_by_units(tmp_path, kind, io, files):
    write_all(tmp_path, kind, files)
    code = [sys.executable, "-c", textwrap.dedent(MANY), kind, io, str(files)]
    done = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


def open_now():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_opened_for_a_unit_is_closed_with_it(tmp_path):
    paths, _ = write_all(tmp_path, "arrow", 40)
    described = Corpus.from_description(*sent(Corpus.open(paths), tmp_path))
    gc.collect()
    begun = open_now()
    unit = described.open_for(np.arange(280))
    assert open_now() == begun + 40
    del unit
    assert open_now() == begun

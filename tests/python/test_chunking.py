"""Content-defined chunks of Parquet: the same rows, in pages that outputs with most rows in common share."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from tests.fuzz.folders import largest_file

ROWS = 6000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"abcdefghijklmnop qrst", np.uint8)
    texts = [letters[rng.integers(0, len(letters), rng.integers(500, 4000))].tobytes().decode() for _ in range(ROWS)]
    lists = pa.array([rng.integers(0, 2**31, rng.integers(0, 300)) for _ in range(ROWS)], pa.list_(pa.int32()))
    names = [None if row % 5 == 0 else f"name {row % 7}" for row in range(ROWS)]
    return pa.table({"text": texts, "ids": lists, "score": rng.normal(size=ROWS), "name": names})


@pytest.fixture(scope="module")
def source(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "a.parquet"
    pq.write_table(table, path, row_group_size=700)
    return path


def write(source, out, rows=range(ROWS), **options):
    given = {"format": "parquet", "num_shards": 1, "progress": False, "content_defined_chunking": True, **options}
    return dsdm.materialize(source, rows, out, **given)


def shards(out):
    return sorted((out / "data").iterdir())


def pages(path):
    """Give the pages of a file: the bytes of each, and what its header says."""
    whole, file = path.read_bytes(), pq.ParquetFile(path).metadata
    found = []
    for group in range(file.num_row_groups):
        for column in range(file.num_columns):
            chunk = file.row_group(group).column(column)
            at = chunk.dictionary_page_offset or chunk.data_page_offset
            end = at + chunk.total_compressed_size
            while at < end:
                header, begin = read_struct(whole, at)
                found.append((whole[at : begin + header[3]], header, chunk.path_in_schema))
                at = begin + header[3]
    return found


def read_struct(data, at):
    """Read a struct of Thrift in the compact protocol: its numbers and structs by the numbers of their fields."""
    found, number = {}, 0
    while data[at] != 0:
        kind, step, at = data[at] & 15, data[at] >> 4, at + 1
        number += step
        if kind == 12:
            found[number], at = read_struct(data, at)
        elif kind == 8:
            length, at = read_varint(data, at)
            at += length
        elif kind in {5, 6}:
            zigzag, at = read_varint(data, at)
            found[number] = (zigzag >> 1) ^ -(zigzag & 1)
        else:
            assert kind in {1, 2}, kind
    return found, at + 1


def read_varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def shared(one, other):
    """Give the share of the bytes of one file's pages that are pages of another too."""
    there = {page for page, *_ in pages(*other)}
    mine = [page for page, *_ in pages(*one)]
    return sum(len(page) for page in mine if page in there) / sum(map(len, mine))


def test_rows_are_the_same_and_every_page_has_a_checksum(source, table, tmp_path):
    rows = np.random.default_rng(1).integers(0, ROWS, 5000)
    for count in (1, 3):
        out = tmp_path / str(count)
        write(source, out, rows, num_shards=count)
        found = pq.read_table(out / "data", page_checksum_verification=True)
        assert found.replace_schema_metadata().equals(table.take(rows))
        opened = datasets.load_dataset(str(out), cache_dir=str(tmp_path / f"cache {count}"), split="train")
        assert opened.data.table.combine_chunks().equals(table.take(rows).cast(opened.data.schema).combine_chunks())
        assert dsdm.verify(out).rows == 5000
        assert dsdm.open_shards(out).take(range(5000)).equals(dsdm.open_shards(source).take(rows))


def test_outputs_that_have_most_rows_in_common_share_most_pages(source, tmp_path):
    write(source, tmp_path / "all")
    write(source, tmp_path / "less", range(1, ROWS))
    write(source, tmp_path / "middle", [row for row in range(ROWS) if row != ROWS // 2])
    for name in ("plain", "plain less"):
        write(source, tmp_path / name, range(len(name) > 5, ROWS), content_defined_chunking=False)
    opened = datasets.Dataset(pq.read_table(source))
    opened.to_parquet(str(tmp_path / "theirs.parquet"))
    opened.select(range(1, ROWS)).to_parquet(str(tmp_path / "theirs less.parquet"))
    theirs = shared([tmp_path / "theirs less.parquet"], [tmp_path / "theirs.parquet"])
    for name in ("less", "middle"):
        # The dictionaries at the beginning of columns differ, in what datasets writes too.
        mine = shared(shards(tmp_path / name), shards(tmp_path / "all"))
        assert mine > theirs - 0.05 > 0.7, (mine, theirs)
    assert shared(shards(tmp_path / "plain less"), shards(tmp_path / "plain")) < 0.3


def test_chunks_are_those_of_datasets(source, tmp_path):
    """Pages of one row group end at the same rows as in what datasets writes, and the file tells the same of them."""
    write(source, tmp_path / "out", columns=["text", "score"])
    (path,) = shards(tmp_path / "out")
    mine = pq.ParquetFile(path)
    opened = datasets.Dataset(pq.read_table(source, columns=["text", "score"]))
    opened.to_parquet(str(tmp_path / "theirs.parquet"), batch_size=ROWS)
    theirs = pq.ParquetFile(tmp_path / "theirs.parquet")
    key = b"content_defined_chunking"
    assert json.loads(mine.metadata.metadata[key]) == json.loads(theirs.metadata.metadata[key])
    assert json.loads(mine.metadata.metadata[key]) == datasets.config.DEFAULT_CDC_OPTIONS
    assert mine.metadata.num_row_groups == theirs.metadata.num_row_groups == 1
    for name in ("text", "score"):
        ends = [set(np.cumsum(values_of(path, name))) for path in (path, tmp_path / "theirs.parquet")]
        assert len(ends[0] & ends[1]) > 0.8 * len(ends[1])
    assert len(values_of(path, "text")) > 10


def values_of(path, name):
    """Give how many values each data page of a column has."""
    return [header[5][1] for _, header, column in pages(path) if column == name and header[1] == 0]


def test_bytes_depend_on_neither_threads_nor_memory(source, tmp_path):
    found = []
    for threads, memory in ((1, 1), (2, "1GB")):
        out = tmp_path / str(threads)
        write(source, out, num_shards=2, threads=threads, memory_limit=memory)
        found.append([path.read_bytes() for path in shards(out)])
    assert found[0] == found[1]


def test_without_it_the_bytes_are_those_of_before(source, tmp_path):
    write(source, tmp_path / "a", content_defined_chunking=False)
    dsdm.materialize(source, range(ROWS), tmp_path / "b", format="parquet", num_shards=1, progress=False)
    names = ("data/train-00000-of-00001.parquet", "dsdm.json")
    assert [(tmp_path / "a" / name).read_bytes() for name in names] == [
        (tmp_path / "b" / name).read_bytes() for name in names
    ]
    assert b"content_defined_chunking" not in pq.ParquetFile(shards(tmp_path / "b")[0]).metadata.metadata


@pytest.mark.parametrize("value", [1, "yes", None])
def test_what_is_no_flag_is_refused(source, tmp_path, value):
    with pytest.raises(TypeError, match=r"content_defined_chunking is .*True or False"):
        write(source, tmp_path / "out", content_defined_chunking=value)


@pytest.mark.parametrize("form", ["arrow", "jsonl", "tokens", "bin"])
def test_other_formats_have_no_such_pages(source, tmp_path, form):
    for call in (dsdm.materialize, dsdm.plan):
        with pytest.raises(ValueError, match=rf'content_defined_chunking=True .*format="{form}" has none'):
            call(source, [1], tmp_path / "out", format=form, content_defined_chunking=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_other_chunks_does_not_go_on(source, tmp_path):
    out, left = tmp_path / "out", tmp_path / ".out.dsdm-unfinished"
    # A shard of one row again and again is small.
    rows, options = [0] * ROWS + list(range(ROWS)), {"num_shards": 2, "threads": 1}
    with largest_file(1 << 20), pytest.raises(OSError, match="writing"):
        write(source, out, rows, content_defined_chunking=False, **options)
    assert (left / "journal").exists()
    said = "content-defined chunking: .* had nothing, and this call has true"
    with pytest.raises(errors.ResumeMismatchError, match=said):
        write(source, out, rows, **options)
    assert write(source, out, rows, content_defined_chunking=False, **options).kept == 1
    assert dsdm.verify(out).rows == 2 * ROWS

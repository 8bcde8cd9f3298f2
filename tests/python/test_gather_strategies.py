"""Rows are the same however they are read: by every layout, order, number of threads and memory limit."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = [pa.uint16(), pa.int8(), pa.int32(), pa.uint64(), pa.float32(), pa.float64()]


@st.composite
def columns(draw, rows):
    """Draw a column: numbers or lists of them, of one length or ragged, with nulls at either level or without."""
    number = draw(st.sampled_from(NUMBERS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    distinct = draw(st.sampled_from([1, 3, 100, 5000]))
    lengths = draw(st.sampled_from(["one", "ragged", "with empty", "long runs"]))
    nulls = draw(st.sampled_from(["none", "none", "none", "rows", "items"]))
    kind = draw(st.sampled_from(["number", "list", "list", "list", "large list", "fixed list"]))

    def numbers(count):
        values = rng.integers(0, min(distinct, 120 if number == pa.int8() else distinct), count)
        if lengths == "long runs":
            values = np.sort(values)
        mask = rng.random(count) < 0.1 if nulls == "items" else None
        return pa.array(values.astype(number.to_pandas_dtype()), mask=mask)

    if kind == "number":
        return numbers(rows)
    if kind == "fixed list":
        each = draw(st.integers(1, 9))
        return pa.FixedSizeListArray.from_arrays(numbers(rows * each), each)
    each = draw(st.integers(1, 40))
    counts = np.full(rows, each)
    if lengths == "ragged":
        counts = rng.integers(1, each + 1, rows)
    elif lengths == "with empty":
        counts = rng.integers(0, 3, rows)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    mask = pa.array(rng.random(rows) < 0.2) if nulls == "rows" else None
    large = kind == "large list"
    lists = pa.LargeListArray if large else pa.ListArray
    return lists.from_arrays(
        pa.array(offsets, pa.int64() if large else pa.int32()), numbers(int(offsets[-1])), mask=mask
    )


@st.composite
def tables(draw):
    """Draw a table of one to three columns, and row numbers in it: random, ascending or all."""
    rows = draw(st.integers(1, 700))
    count = draw(st.integers(1, 3))
    table = pa.table({f"c{i}": draw(columns(rows)) for i in range(count)})
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    wanted = rng.integers(0, rows, draw(st.integers(0, 2 * rows)))
    order = draw(st.sampled_from(["random", "ascending", "all"]))
    return table, {"random": wanted, "ascending": np.sort(wanted), "all": np.arange(rows)}[order]


def plain(table):
    """Give the values of a table, whatever its types are called."""
    return table.to_pydict()


@pytest.mark.parametrize("io", ["mmap", "pread"])
@quick
@given(
    drawn=tables(),
    codec=st.sampled_from(["none", "snappy", "zstd", "gzip", "lz4"]),
    dictionary=st.booleans(),
    version=st.sampled_from(["1.0", "2.0"]),
    group=st.integers(1, 800),
    page=st.sampled_from([64, 1000, 1 << 20]),
    dictionary_page=st.sampled_from([64, 1 << 20]),
    batch=st.integers(1, 400),
)
def test_parquet_rows_are_those_that_pyarrow_reads(
    tmp_path, io, drawn, codec, dictionary, version, group, page, dictionary_page, batch
):
    table, wanted = drawn
    path = tmp_path / "a.parquet"
    pq.write_table(
        table,
        path,
        compression=codec,
        use_dictionary=dictionary,
        data_page_version=version,
        row_group_size=group,
        data_page_size=page,
        dictionary_pagesize_limit=dictionary_page,
        write_batch_size=batch,
    )
    expected = plain(pq.read_table(path).take(wanted))
    shards = dsdm.open_shards(path, io=io)
    assert plain(shards.take(wanted)) == expected


@pytest.mark.parametrize("io", ["mmap", "pread"])
@quick
@given(
    drawn=tables(),
    batch=st.integers(1, 400),
    codec=st.sampled_from([None, None, "lz4", "zstd"]),
    stream=st.booleans(),
)
def test_arrow_rows_are_those_that_pyarrow_reads(tmp_path, io, drawn, batch, codec, stream):
    table, wanted = drawn
    path = tmp_path / "a.arrow"
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table, max_chunksize=batch)
    expected = plain(table.take(wanted))
    assert plain(dsdm.open_shards(path, io=io).take(wanted)) == expected
    assert plain(dsdm.open_shards(table).take(wanted)) == expected


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("codecs", [(None, "zstd"), ("lz4", None), (None, "lz4", None)])
def test_a_stream_may_have_batches_that_are_packed_and_others_that_are_not(tmp_path, codecs, io):
    """As streams have that were joined from several writers'."""
    table = pa.table({"a": pa.array([[n, n + 1] for n in range(900)], pa.list_(pa.int32()))})

    def stream(part, codec):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(part, max_chunksize=100)
        return sink.getvalue().to_pybytes()

    end = b"\xff\xff\xff\xff\0\0\0\0"
    head = stream(table.slice(0, 0), None).removesuffix(end)
    each = 900 // len(codecs)
    parts = [stream(table.slice(each * n, each), codec) for n, codec in enumerate(codecs)]
    path = tmp_path / "a.arrow"
    path.write_bytes(head + b"".join(part.removesuffix(end)[len(head) :] for part in parts) + end)
    assert pa.ipc.open_stream(path.read_bytes()).read_all().equals(table)
    rows = np.random.default_rng(0).permutation(900)
    shards = dsdm.open_shards(path, io=io)
    assert shards.take(rows).equals(table.take(rows).cast(shards.schema))
    dsdm.materialize(shards, rows, tmp_path / "packed-and-not")
    dsdm.materialize(table, rows, tmp_path / "table")
    assert digest(tmp_path / "packed-and-not") == digest(tmp_path / "table")


def digest(folder):
    """Give a digest of all files of a folder, with their names, but for dsdm.json, which names the sources."""
    files = sorted(file for file in folder.iterdir() if file.name != "dsdm.json")
    return [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]


def plain_nulls(column):
    """Tell whether there is a null in a column or in the lists of it."""
    return column.null_count > 0 or (pa.types.is_nested(column.type) and column.combine_chunks().values.null_count > 0)


def layouts(table, folder):
    """Write a table in every layout; give the paths."""
    for name, new, codec in (
        ("stream.arrow", pa.ipc.new_stream, None),
        ("file.arrow", pa.ipc.new_file, None),
        ("packed.arrow", pa.ipc.new_stream, "zstd"),
    ):
        with new(folder / name, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table, max_chunksize=300)
    pq.write_table(table, folder / "a.parquet", row_group_size=450)
    return [folder / name for name in ("stream.arrow", "file.arrow", "packed.arrow", "a.parquet")]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=tables())
def test_the_bytes_written_depend_on_the_rows_alone(memory_path, drawn):
    table, wanted = drawn
    folder = Path(tempfile.mkdtemp(dir=memory_path))
    digests = {}
    has_nulls = any(plain_nulls(column) for column in table.columns)
    for path in layouts(table, folder):
        for threads, limit, io in (
            (1, None, "mmap"),
            (2, "1kB", "mmap"),
            (8, "20kB", "pread"),
            (8, None, "mmap"),
            (2, None, "pread"),
        ):
            out = folder / f"{path.stem}-{threads}-{limit}"
            options = {"threads": threads, "memory_limit": limit, "io": io, "num_shards": min(3, max(1, len(wanted)))}
            dsdm.materialize(path, wanted, out, **options)
            # What bytes stand under a null is no value: one file has them as it has them, others have others, and a
            # copy that is decoded has none.
            digests.setdefault((path.name, io) if has_nulls else "all", set()).add(str(digest(out)))
    assert all(len(found) == 1 for found in digests.values())


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("rows", [1, 40, 3000])
def test_sparse_and_dense_selections_of_wide_rows_are_the_same_rows(tmp_path, rows, io):
    """One row in many is read by its position, many are copied from the map."""
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(3000 * 200, dtype=np.int32)), 200)})
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    wanted = np.random.default_rng(rows).permutation(3000)[:rows]
    assert plain(dsdm.open_shards(tmp_path / "a.arrow", io=io).take(wanted)) == plain(table.take(wanted))


def test_a_pass_whose_rows_are_larger_than_told_is_cut_in_two(tmp_path):
    """A dictionary's keys do not tell how long the texts are that they stand for."""
    keys = pa.array(np.arange(20_000) % 7, pa.int32())
    texts = pa.array([str(i) * 6000 for i in range(7)])
    table = pa.table({"text": pa.DictionaryArray.from_arrays(keys, texts)})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=False, row_group_size=2000)
    wanted = np.random.default_rng(0).permutation(20_000)
    report = dsdm.materialize(tmp_path / "a.parquet", wanted, tmp_path / "out", memory_limit="70MB")
    assert (report.rows, report.passes) == (20_000, 1) or report.passes > 1
    shards = dsdm.open_shards(tmp_path / "out")
    found = shards.take(np.arange(0, 20_000, 371))["text"].to_pylist()
    assert found == [texts[int(row) % 7].as_py() for row in wanted[::371]]


@pytest.mark.parametrize("io", ["mmap", "pread"])
@quick
@given(
    rows=st.integers(0, 300),
    picks=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60),
    inside=st.integers(0, 3),
    threads=st.integers(1, 9),
    limit=st.sampled_from([1, 5000, 1 << 30]),
    layout=st.sampled_from(["stream.arrow", "packed.arrow", "a.parquet", "table"]),
    even=st.booleans(),
)
def test_rows_of_the_whole_range_are_those_that_pyarrow_takes_or_refused(
    tmp_path_factory, io, rows, picks, inside, threads, limit, layout, even
):
    """Whatever number is asked for, repeated or not: the rows of pyarrow's take, or the first that is none."""
    lists = [[n] * (3 if even else n % 4) for n in range(rows)]
    table = pa.table({"n": pa.array(range(rows), pa.int64()), "l": pa.array(lists, pa.list_(pa.int32()))})
    folder = tmp_path_factory.mktemp("ranges")
    source = table
    if layout == "a.parquet":
        source = folder / layout
        pq.write_table(table, source, row_group_size=70)
    elif layout != "table":
        source = folder / layout
        codec = "zstd" if layout == "packed.arrow" else None
        with pa.ipc.new_stream(source, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table, max_chunksize=70)
    # Most are made to be rows that there are, as one that is not hides all others.
    wanted = [pick % rows if rows and (inside or not place) else pick for place, pick in enumerate(picks)]
    outside = [place for place, row in enumerate(wanted) if not 0 <= row < rows]
    shards = dsdm.open_shards(source, io="mmap" if layout == "table" else io)
    if outside:
        message = rf"index {wanted[outside[0]]} at position {outside[0]} is out of range"
        with pytest.raises(IndexError, match=message):
            shards._source.corpus.take(np.array(wanted, np.int64), memory_limit=limit, threads=threads)
        return
    found = shards._source.corpus.take(np.array(wanted, np.int64), memory_limit=limit, threads=threads)
    assert plain(found) == plain(table.take(pa.array(wanted, pa.int64())))

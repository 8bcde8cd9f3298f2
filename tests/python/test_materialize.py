"""Materialized rows against `datasets.Dataset.select`: every type, source, order, cut and size of memory."""

import datetime as dt
import decimal
import io
import json
import sys

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from tests.corpora.rows import (
    ROWS,
    SCHEMAS,
    SOURCES,
    arrow_file,
    assert_same,
    contents,
    holed,
    ids_of,
    indices_of,
    mixed,
    plain,
    plain_dataset,
    runs,
    stream,
    texts,
)

pytestmark = pytest.mark.disk


@pytest.mark.parametrize("indices", ["sorted", "repeated"])
@pytest.mark.parametrize("kind", ["stream", "file", "parquet", "table"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_type_comes_out_as_datasets_gives_it(tmp_path, schema, kind, indices):
    table = pa.table(SCHEMAS[schema]())
    source = SOURCES[kind](table, tmp_path)
    # Parquet has no seconds: what is in the file is what counts.
    expected = plain_dataset(plain(pq.read_table(source) if kind == "parquet" else table))
    rows = indices_of(indices)
    report = dsdm.materialize(source, rows, tmp_path / "out")
    assert (report.rows, report.shards) == (len(rows), 1)
    assert_same(datasets.load_from_disk(str(tmp_path / "out")), expected.select(rows))


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_rows(tmp_path, kind):
    table = mixed()
    source = SOURCES[kind](table, tmp_path)
    expected = plain_dataset(table if "no schema" not in kind else pq.read_table(source))
    for indices in ("none", "one", "all", "sorted", "shuffled", "repeated", "a run"):
        rows = indices_of(indices)
        dsdm.materialize(source, rows, tmp_path / indices)
        assert_same(datasets.load_from_disk(str(tmp_path / indices)), expected.select(rows))


def test_types_that_datasets_has_not_come_out_in_those_it_has(tmp_path):
    words = holed(texts(10))
    stored = pa.table(
        {
            "string view": pa.array(words, pa.string_view()),
            "binary view": pa.array([word and word.encode() for word in words], pa.binary_view()),
            "fixed": pa.array([b"%04d" % row for row in range(ROWS)], pa.binary(4)),
            "list view": pa.array(holed(runs(int)), pa.list_view(pa.int32())),
            "categories": pa.array(runs(str), pa.list_(pa.dictionary(pa.int32(), pa.string()))),
            "views": pa.array(runs(str), pa.list_(pa.string_view())),
            "short": pa.array(holed([decimal.Decimal(row) / 100 for row in range(ROWS)]), pa.decimal32(5, 2)),
            "longer": pa.array(holed([decimal.Decimal(row) / 100 for row in range(ROWS)]), pa.decimal64(15, 2)),
            "date": pa.array([dt.date(2020, 1, 1)] * ROWS, pa.date64()),
        }
    )
    types = [pa.string(), pa.binary(), pa.binary(4), pa.list_(pa.int32()), pa.list_(pa.string()), pa.list_(pa.string())]
    types += [pa.decimal128(5, 2), pa.decimal128(15, 2), pa.date64()]
    expected = pa.table(
        [pa.array(column.to_pylist(), kind) for column, kind in zip(stored.columns, types, strict=True)],
        names=stored.column_names,
    )
    rows = indices_of("repeated")
    for index, source in enumerate([stored, arrow_file(stored, tmp_path)]):
        dsdm.materialize(source, rows, tmp_path / str(index))
        assert_same(datasets.load_from_disk(str(tmp_path / str(index))), plain_dataset(expected).select(rows))


def test_a_table_of_no_rows_or_no_batches(tmp_path):
    empty = mixed().slice(0, 0)
    for index, source in enumerate([empty, empty.schema.empty_table(), stream(empty, tmp_path)]):
        report = dsdm.materialize(source, [], tmp_path / str(index))
        assert (report.rows, report.shards) == (0, 1)
        assert_same(datasets.load_from_disk(str(tmp_path / str(index))), plain_dataset(empty))


# --- how the work is done changes nothing ---


def test_what_is_written_of_no_rows_opens_or_is_refused(tmp_path):
    table = pa.table({"input_ids": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32()))})
    dsdm.materialize(table, [], tmp_path / "arrow")
    assert_same(datasets.load_from_disk(str(tmp_path / "arrow")), plain_dataset(table.slice(0, 0)))
    dsdm.materialize(table, [], tmp_path / "tokens", format="tokens")
    assert len(np.load(tmp_path / "tokens" / "tokens-00000-of-00001.npy")) == 0
    with pytest.raises(ValueError, match=r"load_dataset opens no Parquet without rows; .* format='arrow'"):
        dsdm.materialize(table, [], tmp_path / "parquet", format="parquet")
    assert not (tmp_path / "parquet").exists()


LONG = 4500  # several of the blocks of 1000 rows in which output is made


@pytest.fixture(scope="module")
def long_source(tmp_path_factory):
    rng = np.random.default_rng(11)
    ids = [rng.integers(0, 2**16, rng.integers(0, 6), dtype=np.uint16) for _ in range(LONG)]
    table = pa.table({"ids": pa.array(ids, pa.list_(pa.uint16())), "word": [str(row) for row in range(LONG)]})
    folder = tmp_path_factory.mktemp("long")
    for index, start in enumerate(range(0, LONG, 2000)):
        pq.write_table(table.slice(start, 2000), folder / f"{index}.parquet", row_group_size=700)
    return folder, table


@pytest.mark.parametrize("io", ["mmap", "pread"])
@given(
    length=st.integers(0, 6000) | st.integers(0, 41),
    seed=st.integers(0, 2**32),
    threads=st.sampled_from([1, 2, 7]),
    memory=st.sampled_from([1, 100_000, 300_000, 2**40]),
    num_shards=st.sampled_from([None, 1, 2, 3, 40]),
)
@settings(max_examples=40, deadline=None)
def test_rows_are_right_for_any_length_threads_memory_and_shards(
    long_source, new_in_memory, io, length, seed, threads, memory, num_shards
):
    folder, table = long_source
    rows = np.random.default_rng(seed).integers(0, LONG, length)
    out = new_in_memory() / "out"
    options = {"threads": threads, "memory_limit": memory, "num_shards": num_shards, "io": io}
    if num_shards is not None and num_shards > max(1, length):
        for call in (dsdm.materialize, dsdm.plan) if length else (dsdm.materialize,):
            with pytest.raises(
                ValueError,
                match=rf"num_shards is {num_shards}, and {length} rows? (is|are) written: .* {max(1, length)}$",
            ):
                call(folder, rows, out, **options)
        assert not out.exists()
        return
    report = dsdm.materialize(folder, rows, out, **options)
    assert report.shards == (num_shards or 1)
    assert report.passes >= (0 if length == 0 else length // 1000 if memory == 1 else 1)
    found = datasets.load_from_disk(str(out))
    assert found.data.table.select(table.column_names).combine_chunks().equals(table.take(rows).combine_chunks())


@pytest.mark.parametrize("options", [{}, {"num_shards": 3}, {"max_shard_size": 30_000}])
def test_the_bytes_depend_on_neither_threads_nor_memory(long_source, tmp_path, options):
    rows = np.random.default_rng(12).integers(0, LONG, 6000)
    written, passes = [], set()
    for threads in (1, 2, 7):
        for memory in (1, 200_000, None):
            out = tmp_path / f"{threads} {memory}"
            report = dsdm.materialize(
                long_source[0], rows, out, threads=threads, memory_limit=memory, scores=np.arange(LONG), **options
            )
            written.append(contents(out))
            passes.add(report.passes)
    assert all(each == written[0] for each in written)
    assert len(passes) == 3


def test_sources_of_the_same_rows_give_the_same_bytes(long_source, tmp_path):
    folder, table = long_source
    rows = np.random.default_rng(13).integers(0, LONG, 3000)
    dsdm.materialize(folder, rows, tmp_path / "from parquet", num_shards=2)
    dsdm.materialize(table, rows, tmp_path / "from memory", num_shards=2)
    one, other = contents(tmp_path / "from parquet"), contents(tmp_path / "from memory")
    # The manifests name the sources.
    assert one.pop("dsdm.json") != other.pop("dsdm.json")
    assert one == other


# --- how the output is cut, ordered and added to ---


@pytest.mark.parametrize("size", [20_000, "50kB", "0.1 MB", 10**9])
def test_shards_are_about_as_large_as_was_asked(long_source, tmp_path, size):
    folder, table = long_source
    report = dsdm.materialize(folder, range(LONG), tmp_path / "out", max_shard_size=size)
    files = sorted((tmp_path / "out").glob("*.arrow"))
    limit = {"50kB": 50_000, "0.1 MB": 100_000}.get(size, size)
    assert len(files) == report.shards == pytest.approx(table.nbytes // limit + 1, abs=2)
    assert report.bytes == sum(file.stat().st_size for file in files)
    assert max(file.stat().st_size for file in files) < 1.5 * limit
    assert [file.name for file in files] == [f"data-{index:05}-of-{len(files):05}.arrow" for index in range(len(files))]
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    assert [entry["filename"] for entry in state["_data_files"]] == [file.name for file in files]


def test_shards_are_cut_where_datasets_cuts_them(tmp_path):
    table = mixed()
    plain_dataset(table).save_to_disk(tmp_path / "theirs", num_shards=7)
    dsdm.materialize(table, range(ROWS), tmp_path / "ours", num_shards=7)
    for name in sorted(path.name for path in (tmp_path / "theirs").glob("*.arrow")):
        ours, theirs = (pa.ipc.open_stream(tmp_path / who / name).read_all() for who in ("ours", "theirs"))
        assert ours.to_pylist() == theirs.to_pylist()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"num_shards": 0}, ValueError, "num_shards is 0; at least 1"),
        ({"num_shards": 2.0}, TypeError, r"num_shards must be a whole number and is 2\.0"),
        ({"num_shards": True}, TypeError, "num_shards .* True"),
        ({"max_shard_size": "much"}, ValueError, "max_shard_size='much'.*'500MB'"),
        ({"max_shard_size": 0}, ValueError, "max_shard_size is 0 bytes"),
        ({"max_shard_size": 1.5}, TypeError, r"max_shard_size .* 1\.5"),
        ({"memory_limit": -1}, ValueError, "memory_limit is -1 bytes"),
        ({"threads": 0}, ValueError, "threads is 0; a number from 1"),
        ({"format": "lance"}, ValueError, "format='lance' is none of 'arrow'"),
        ({"row_order": "best"}, ValueError, "row_order='best' is none of 'given', 'row', 'shuffle'"),
    ],
)
def test_options_that_make_no_sense_are_named(tmp_path, options, kind, message):
    with pytest.raises(kind, match=message):
        dsdm.materialize(mixed(), [0], tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_order(tmp_path):
    table = mixed()
    rows = indices_of("repeated")
    dsdm.materialize(table, rows, tmp_path / "given", row_order="given")
    assert ids_of(tmp_path / "given") == rows.tolist()
    dsdm.materialize(table, rows, tmp_path / "row", row_order="row", row_ids="row")
    assert ids_of(tmp_path / "row") == sorted(rows.tolist())
    assert ids_of(tmp_path / "row") == datasets.load_from_disk(str(tmp_path / "row"))["row"][:]
    report = dsdm.materialize(table, rows, tmp_path / "seeded", row_order="shuffle", seed=5, row_ids="row")
    assert report.seed == 5
    assert ids_of(tmp_path / "seeded") == np.random.default_rng(5).permutation(rows).tolist()
    assert ids_of(tmp_path / "seeded") == datasets.load_from_disk(str(tmp_path / "seeded"))["row"][:]


def test_a_shuffle_without_a_seed_can_be_repeated(tmp_path):
    table = mixed()
    reports = [dsdm.materialize(table, range(ROWS), tmp_path / name, row_order="shuffle") for name in "ab"]
    assert reports[0].seed != reports[1].seed
    assert reports[0].fingerprint != reports[1].fingerprint
    assert f"shuffled with seed {reports[0].seed}" in str(reports[0])
    again = dsdm.materialize(table, range(ROWS), tmp_path / "c", row_order="shuffle", seed=np.int64(reports[0].seed))
    assert again.fingerprint == reports[0].fingerprint
    assert contents(tmp_path / "a") == contents(tmp_path / "c")


# --- what is told ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal_only(tmp_path, monkeypatch):
    def shown(name, stderr, **options):
        monkeypatch.setattr(sys, "stderr", stderr)
        dsdm.materialize(mixed(), range(ROWS), tmp_path / name, **options)
        return stderr.getvalue()

    assert f"{ROWS}/{ROWS}" in shown("terminal", Terminal())
    assert shown("file", io.StringIO()) == ""
    assert shown("none", Terminal(), progress=False) == ""
    assert f"{ROWS}/{ROWS}" in shown("asked", io.StringIO(), progress=True)


def test_what_a_bar_raises_ends_the_work(tmp_path, monkeypatch):
    class Broken:
        def __enter__(self):
            return self

        def __call__(self, done):
            message = f"no more after {done}"
            raise RuntimeError(message)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("dsdm.rows.materializing.bar", lambda *_, **__: Broken())
    # Many passes over one row group take long enough for a bar to move.
    rows = np.random.default_rng(0).permutation(300_000)
    pq.write_table(pa.table({"row": rows}), tmp_path / "a.parquet")
    with pytest.raises(RuntimeError, match="no more after"):
        dsdm.materialize(tmp_path / "a.parquet", rows, tmp_path / "out", memory_limit=1, threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_the_report_says_what_was_written(tmp_path):
    report = dsdm.materialize(mixed(), range(10), tmp_path / "out", num_shards=2)
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    assert report.path == str(tmp_path / "out")
    assert (report.rows, report.shards, report.passes, report.seed) == (10, 2, 1, None)
    assert report.bytes == sum(file.stat().st_size for file in (tmp_path / "out").glob("*.arrow"))
    assert report.fingerprint == state["_fingerprint"]
    assert report.seconds > 0
    assert str(report).startswith(f"{report.path}: 10 rows in 2 shards, ")
    assert "rows in 1 shard," in str(dsdm.materialize(mixed(), range(10), tmp_path / "one"))

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
from datasets.table import InMemoryTable
from hypothesis import given, settings
from hypothesis import strategies as st

import dsdm
from dsdm import errors
from dsdm.dataset import open_dataset

ROWS = 230


# --- what is in the rows ---


def holed(values):
    """Make every fifth value null."""
    return [None if row % 5 == 3 else value for row, value in enumerate(values)]


def texts(seed):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abc äß语🦀"), rng.integers(0, 9))) for _ in range(ROWS)]


def runs(make, seed=0):
    """Make a list of up to four values for each row, of what `make` gives for a number."""
    rng = np.random.default_rng(seed)
    return [[make(int(value)) for value in rng.integers(0, 100, rng.integers(0, 5))] for _ in range(ROWS)]


def integers():
    types = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    rng = np.random.default_rng(0)
    numbers = {str(kind): pa.array(holed(rng.integers(0, 100, ROWS).tolist()), kind) for kind in types}
    return numbers | {f"lists of {kind}": pa.array(holed(runs(int)), pa.list_(kind)) for kind in types}


def tokens():
    values = np.random.default_rng(1).integers(0, 2**16, (ROWS, 32), dtype=np.uint16)
    return {"input_ids": pa.array(list(values), pa.list_(pa.uint16()))}


def fixed_sizes():
    rng = np.random.default_rng(2)
    triples = rng.integers(0, 100, (ROWS, 3)).tolist()
    return {
        "triples": pa.array(holed(triples), pa.list_(pa.uint16(), 3)),
        "holed": pa.array([holed([1, 2, 3, row]) for row in range(ROWS)], pa.list_(pa.int32(), 4)),
        "pairs of words": pa.array([[word, None] for word in texts(3)], pa.list_(pa.string(), 2)),
    }


def strings():
    words = texts(4)
    blobs = [word.encode() for word in words]
    return {
        "string": pa.array(holed(words), pa.string()),
        "large": pa.array(holed(words), pa.large_string()),
        "binary": pa.array(holed(blobs), pa.binary()),
        "large binary": pa.array(holed(blobs), pa.large_binary()),
        "lists": pa.array(runs(str), pa.list_(pa.string())),
    }


def structs():
    inner = [{"word": word, "numbers": [row, row]} for row, word in enumerate(texts(5))]
    outer = [{"id": row, "inner": value} for row, value in enumerate(holed(inner))]
    numbers = pa.list_(pa.int64())
    kind = pa.struct({"id": pa.int32(), "inner": pa.struct({"word": pa.string(), "numbers": numbers})})
    return {"nested": pa.array(holed(outer), kind), "plain": pa.array([{"x": row / 2} for row in range(ROWS)])}


def lists_of_structs():
    kind = pa.list_(pa.struct({"role": pa.string(), "turn": pa.int16()}))
    return {"messages": pa.array(holed(runs(lambda n: {"role": str(n), "turn": n})), kind)}


def lists_of_lists():
    kind = pa.list_(pa.list_(pa.int32()))
    return {"blocks": pa.array(holed(runs(lambda n: holed(range(n % 7)))), kind)}


def large_lists():
    return {
        "large": pa.array(holed(runs(int)), pa.large_list(pa.int64())),
        "of large": pa.array(runs(str), pa.large_list(pa.large_string())),
    }


def categories():
    rng = np.random.default_rng(6)
    names = pa.array(["web", "books", "code", "law"])
    columns = {}
    for kind in (pa.int8(), pa.uint16(), pa.int32()):
        keys = pa.array(holed(rng.integers(0, 4, ROWS).tolist()), kind)
        columns[str(kind)] = pa.DictionaryArray.from_arrays(keys, names)
    columns["numbers"] = pa.array(holed(rng.integers(0, 4, ROWS).tolist()), pa.int64()).dictionary_encode()
    return columns


def nothing():
    return {"null": pa.nulls(ROWS), "only nulls": pa.nulls(ROWS, pa.list_(pa.int32())), "x": pa.array(range(ROWS))}


def booleans():
    rng = np.random.default_rng(7)
    return {
        "bool": pa.array(holed((rng.random(ROWS) < 0.5).tolist())),
        "lists": pa.array(runs(lambda n: n % 3 == 0), pa.list_(pa.bool_())),
    }


def floats():
    values = np.random.default_rng(8).normal(size=ROWS)
    values[:5] = [np.nan, np.inf, -np.inf, -0.0, 0.0]
    return {
        "float16": pa.array(values.astype(np.float16)),
        "float32": pa.array(holed(values.astype(np.float32)), pa.float32()),
        "float64": pa.array(values),
        "lists": pa.array(runs(float), pa.list_(pa.float32())),
    }


def times():
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    moments = holed([start + dt.timedelta(hours=row) for row in range(ROWS)])
    naive = [moment and moment.replace(tzinfo=None) for moment in moments]
    columns = {f"timestamp {unit}": pa.array(naive, pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")}
    columns["zone"] = pa.array(moments, pa.timestamp("us", tz="UTC"))
    columns["date"] = pa.array([moment and moment.date() for moment in moments])
    columns["time"] = pa.array([moment and moment.time() for moment in naive], pa.time64("us"))
    columns["time32"] = columns["time"].cast(pa.time32("s"))
    columns["duration"] = pa.array([dt.timedelta(seconds=row) for row in range(ROWS)], pa.duration("ms"))
    return columns


def decimals():
    values = holed([decimal.Decimal(row) / 100 for row in range(ROWS)])
    return {"128": pa.array(values, pa.decimal128(10, 2)), "256": pa.array(values, pa.decimal256(50, 3))}


SCHEMAS = {
    make.__name__: make
    for make in (
        integers,
        tokens,
        fixed_sizes,
        strings,
        structs,
        lists_of_structs,
        lists_of_lists,
        large_lists,
        categories,
        nothing,
        booleans,
        floats,
        times,
        decimals,
    )
}


def mixed():
    """Give a table of several columns, which every kind of source can hold."""
    return pa.table({"id": pa.array(range(ROWS)), **tokens(), **strings(), **lists_of_structs()})


# --- where the rows come from ---


def stream(table, folder, **options):
    with pa.ipc.new_stream(folder / "a.arrow", table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=70)
    return folder / "a.arrow"


def arrow_file(table, folder):
    # Batches of a file share its dictionaries.
    table = table.unify_dictionaries()
    with pa.ipc.new_file(folder / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=70)
    return folder / "a.arrow"


def parquet(table, folder, **options):
    pq.write_table(table, folder / "a.parquet", **options)
    return folder / "a.parquet"


def shards(table, folder):
    (folder / "shards").mkdir()
    for index, start in enumerate(range(0, len(table), 100)):
        pq.write_table(table.slice(start, 100), folder / "shards" / f"{index}.parquet", row_group_size=30)
    return folder / "shards"


def saved(table, folder):
    plain_dataset(table).save_to_disk(folder / "saved", num_shards=3)
    return folder / "saved"


def plain_dataset(table):
    return datasets.Dataset(InMemoryTable(table))


def mapped(table, folder):
    """Give a dataset with an indices mapping, over files."""
    doubled = datasets.load_from_disk(str(saved(pa.concat_tables([table, table]), folder)))
    return doubled.select([row + ROWS * (row % 2) for row in range(len(table))])


def concatenated(table, folder):
    pieces = [plain_dataset(table.slice(0, 90)), datasets.load_from_disk(str(saved(table.slice(90), folder)))]
    return datasets.concatenate_datasets(pieces)


SOURCES = {
    "stream": stream,
    "stream, lz4": lambda table, folder: stream(table, folder, compression="lz4"),
    "stream, zstd": lambda table, folder: stream(table, folder, compression="zstd"),
    "file": arrow_file,
    "save_to_disk": saved,
    "parquet": parquet,
    **{
        f"parquet, {codec}": lambda table, folder, codec=codec: parquet(table, folder, compression=codec)
        for codec in ("none", "gzip", "brotli", "zstd", "lz4")
    },
    "parquet, plain": lambda table, folder: parquet(table, folder, use_dictionary=False),
    "parquet, small groups": lambda table, folder: parquet(table, folder, row_group_size=17),
    "parquet, small pages": lambda table, folder: parquet(table, folder, data_page_size=64, write_batch_size=8),
    "parquet, second version of pages": lambda table, folder: parquet(table, folder, data_page_version="2.0"),
    "parquet, no schema of Arrow": lambda table, folder: parquet(table, folder, store_schema=False),
    "shards": shards,
    "dataset": lambda table, _: plain_dataset(table),
    "dataset, mapped": mapped,
    "dataset, concatenated": concatenated,
    "table": lambda table, _: table,
    "table, cut": lambda table, _: pa.concat_tables([table.slice(0, 1), table.slice(1, 100), table.slice(101)]),
    "lazy dataset": lambda table, folder: open_dataset(parquet(table, folder)),
    "open shards": lambda table, folder: dsdm.open_shards(stream(table, folder)),
}


def indices_of(kind, rows=ROWS):
    rng = np.random.default_rng(9)
    return {
        "none": np.empty(0, np.int64),
        "one": np.array([rows - 1]),
        "all": np.arange(rows),
        "sorted": np.flatnonzero(rng.random(rows) < 0.2),
        "shuffled": rng.permutation(rows),
        "repeated": rng.integers(0, rows, 2 * rows),
        "a run": np.arange(60, 140),
    }[kind]


def plain(table):
    """Give a table in the types that rows come out in: values for dictionaries."""
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    return table


def assert_same(found, expected):
    """Compare two datasets row by row; NaN is the same as NaN."""
    assert found.features == expected.features
    assert len(found) == len(expected)
    for row, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert repr(a) == repr(b), row


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


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    long_source, tmp_path_factory, io, length, seed, threads, memory, num_shards
):
    folder, table = long_source
    rows = np.random.default_rng(seed).integers(0, LONG, length)
    out = tmp_path_factory.mktemp("out") / "out"
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


def ids_of(folder):
    return datasets.load_from_disk(str(folder))["id"][:]


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


def test_row_ids_and_scores_are_those_of_the_rows(tmp_path):
    table, rows = mixed(), indices_of("repeated")
    rng = np.random.default_rng(14)
    scores = {
        "half": rng.normal(size=ROWS).astype(np.float16),
        "single": rng.normal(size=ROWS).astype(np.float32),
        "big-endian": rng.normal(size=ROWS).astype(">f8"),
        "rank": rng.permutation(ROWS),
        "list": rng.random(ROWS).tolist(),
    }
    dsdm.materialize(table, rows, tmp_path / "out", row_ids="row", scores=scores)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == [*table.column_names, "row", *scores]
    assert {name: found.features[name].dtype for name in ("row", *scores)} == {
        "row": "int64",
        "half": "float16",
        "single": "float32",
        "big-endian": "float64",
        "rank": "int64",
        "list": "float64",
    }
    added = found.data.table
    assert added["row"].to_pylist() == rows.tolist()
    for name, values in scores.items():
        np.testing.assert_array_equal(added[name].to_numpy(), np.asarray(values)[rows])
    assert_same(found.select_columns(table.column_names), plain_dataset(table).select(rows))


def test_one_vector_of_scores_is_the_column_scores(tmp_path):
    values = np.random.default_rng(15).normal(size=ROWS).astype(np.float32)
    (values.view(np.uint32) >> 16).astype(np.uint16).tofile(tmp_path / "scores.raw")
    opened = dsdm.open_scores(tmp_path / "scores.raw", dtype="bfloat16")
    rows = dsdm.top_k(opened, 10)
    dsdm.materialize(mixed(), rows, tmp_path / "out", columns=["id"], scores=opened)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found["id"][:] == rows.tolist()
    assert found["scores"][:] == opened[rows].tolist()
    assert found.features["scores"].dtype == "float32"


def test_added_columns_follow_a_mapping(tmp_path):
    """Row numbers and scores are those of the dataset given, not those of the table beneath it."""
    dataset = plain_dataset(mixed()).select(range(100, 200))
    dsdm.materialize(dataset, [7, 3], tmp_path / "out", row_ids="row", scores=np.arange(100) * 0.5)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert (found["id"][:], found["row"][:], found["scores"][:]) == ([107, 103], [7, 3], [3.5, 1.5])


def test_added_columns_that_make_no_sense_are_named(tmp_path):
    table = mixed()
    with pytest.raises(errors.SchemaError, match=r"row_ids= adds a column 'id'.*input_ids"):
        dsdm.materialize(table, [0], tmp_path / "out", row_ids="id")
    with pytest.raises(errors.SchemaError, match=r"scores= adds a column 'id'"):
        dsdm.materialize(table, [0], tmp_path / "out", scores={"id": np.ones(ROWS)})
    with pytest.raises(ValueError, match=r"both add a column 'x'"):
        dsdm.materialize(table, [0], tmp_path / "out", row_ids="x", scores={"x": np.ones(ROWS)})
    with pytest.raises(ValueError, match=rf"shape \({ROWS}, 2\)"):
        dsdm.materialize(table, [0], tmp_path / "out", scores=np.ones((ROWS, 2)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["stream", "file", "parquet", "save_to_disk", "dataset, mapped", "table"])
def test_columns_are_read_alone_and_in_the_order_named(tmp_path, kind):
    names = ["messages", "id", "large"]
    source = SOURCES[kind](mixed(), tmp_path)
    rows = indices_of("shuffled")
    dsdm.materialize(source, rows, tmp_path / "out", columns=names)
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.column_names == names
    assert_same(found, plain_dataset(mixed().select(names)).select(rows))
    with pytest.raises(TypeError, match=r"columns='id' is one name.*\['id'\]"):
        dsdm.materialize(source, rows, tmp_path / "no", columns="id")
    with pytest.raises(ValueError, match=r'no column "ID"; the columns are .*input_ids'):
        dsdm.materialize(source, rows, tmp_path / "no", columns=["id", "ID"])
    with pytest.raises(ValueError, match=r'column "id" is there twice'):
        dsdm.materialize(source, rows, tmp_path / "no", columns=["id", "id"])
    with pytest.raises(ValueError, match="no column is left"):
        dsdm.materialize(source, rows, tmp_path / "no", columns=[])
    assert not (tmp_path / "no").exists()


# --- features ---


def featured():
    features = datasets.Features(
        {
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "image": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
            "labels": datasets.Sequence(datasets.ClassLabel(names=["a", "b", "c"])),
            "grid": datasets.Array2D((2, 3), "int32"),
            "fixed": datasets.Sequence(datasets.Value("float32"), length=2),
            "turns": [{"role": datasets.ClassLabel(names=["user", "assistant"]), "text": datasets.Value("string")}],
            "wide": datasets.LargeList(datasets.Value("int8")),
        }
    )
    rows = [
        {
            "label": row % 2,
            "labels": [row % 3] * (row % 4),
            "image": {"bytes": b"%d" % row, "path": None},
            "grid": [[row, 1, 2], [3, 4, row]],
            "fixed": [row, row / 2],
            "turns": [{"role": turn % 2, "text": str(turn)} for turn in range(row % 3)],
            "wide": [row % 100],
        }
        for row in range(50)
    ]
    dataset = datasets.Dataset.from_list(rows, features=features)
    return dataset.cast_column("image", datasets.Image(decode=False))


@pytest.mark.parametrize("kind", ["dataset", "save_to_disk", "parquet", "lazy"])
def test_features_are_those_of_the_source(tmp_path, kind):
    dataset = featured()
    dataset.save_to_disk(tmp_path / "saved")
    dataset.to_parquet(tmp_path / "a.parquet")
    source = {
        "dataset": dataset,
        "save_to_disk": tmp_path / "saved",
        "parquet": tmp_path / "a.parquet",
        "lazy": open_dataset(tmp_path / "a.parquet"),
    }[kind]
    rows = [49, 3, 3, 0]
    dsdm.materialize(source, rows, tmp_path / "out", row_ids="row")
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert found.features["row"] == datasets.Value("int64")
    assert_same(found.remove_columns("row"), dataset.select(rows))


def test_features_that_say_more_than_the_type_are_believed(tmp_path):
    features = datasets.Features({"pair": datasets.Translation(["en", "de"]), "x": datasets.Value("large_string")})
    dataset = datasets.Dataset.from_dict({"pair": [{"en": "one", "de": "eins"}] * 3, "x": list("abc")}, features)
    dsdm.materialize(dataset, [2, 0], tmp_path / "out")
    assert_same(datasets.load_from_disk(str(tmp_path / "out")), dataset.select([2, 0]))


def test_features_of_renamed_and_cast_columns_are_those_of_the_dataset(tmp_path):
    dataset = featured().select_columns(["label", "fixed"]).rename_column("label", "y")
    dataset = dataset.cast_column("fixed", datasets.Sequence(datasets.Value("float64"), length=2))
    dsdm.materialize(dataset, [1, 0], tmp_path / "out")
    assert_same(datasets.load_from_disk(str(tmp_path / "out")), dataset.select([1, 0]))


# --- the place of the output ---


def test_an_output_that_is_there_is_replaced_only_when_asked(tmp_path):
    table, out = mixed(), tmp_path / "out"
    dsdm.materialize(table, [0, 1, 2], out, num_shards=3)
    before = contents(out)
    with pytest.raises(FileExistsError, match="overwrite=True") as caught:
        dsdm.materialize(table, [5], out)
    assert caught.value.filename == str(out)
    assert contents(out) == before
    dsdm.materialize(table, [5], out, overwrite=True)
    assert ids_of(out) == [5]
    assert len(list(out.glob("*.arrow"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_a_dataset_is_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    dsdm.materialize(mixed(), [1], home, overwrite=True)
    assert ids_of(home) == [1]
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("a file")
    for target in (thesis, tmp_path / "file"):
        with pytest.raises(FileExistsError):
            dsdm.materialize(mixed(), [1], target)
        with pytest.raises(ValueError, match=rf"{target.name}: overwrite=True replaces a dataset.*none"):
            dsdm.materialize(mixed(), [1], target, overwrite=True)
    assert (thesis / "thesis.tex").read_text() == "years"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home", "thesis"]


def test_folders_above_the_output_are_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = dsdm.materialize(mixed(), [1], "a/b/c/")
    assert report.path == "a/b/c/"
    assert ids_of(tmp_path / "a" / "b" / "c") == [1]


@pytest.mark.parametrize("kind", ["path", "dataset", "mapped dataset", "lazy dataset", "shards"])
@pytest.mark.parametrize("place", ["itself", "inside", "above", "a link to it"])
def test_the_output_is_never_the_source(tmp_path, kind, place):
    (tmp_path / "above").mkdir()
    path = saved(mixed(), tmp_path / "above")
    (tmp_path / "link").symlink_to(path)
    before = contents(path)
    source = {
        "path": lambda: path,
        "dataset": lambda: datasets.load_from_disk(str(path)),
        "mapped dataset": lambda: datasets.load_from_disk(str(path)).select([2, 1]),
        "lazy dataset": lambda: open_dataset(path).select([2, 1]),
        "shards": lambda: dsdm.open_shards(path),
    }[kind]()
    targets = {"itself": path, "inside": path / "inside", "above": path.parent, "a link to it": tmp_path / "link"}
    with pytest.raises(ValueError, match=r"the output would .*source.*choose another directory"):
        dsdm.materialize(source, [1], targets[place], overwrite=True)
    assert contents(path) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["above", "link"]


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

"""Rows of every type, every source in which they can lie, and their comparison."""

import datetime as dt
import decimal

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.table import InMemoryTable

import dsdm
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


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ids_of(folder):
    return datasets.load_from_disk(str(folder))["id"][:]

"""How large shards of lists are, of what was asked for: of every kind of file, in every format of tokens and Arrow."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

STORED = {"tokens": "npy", "bin": "bin", "modded-nanogpt": "bin", "megatron": "bin", "litdata": "bin", "arrow": "arrow"}
"""The ending of the files that hold the rows."""
LENGTHS = {"short": (1, 4), "middle": (40, 61), "long": (900, 1101)}
TOKENS = 240_000


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Write rows of each length and type to each kind of file, and return their paths and the lengths of the rows."""
    folder, made = tmp_path_factory.mktemp("sources"), {}
    rng = np.random.default_rng(2)
    for name, (least, end) in LENGTHS.items():
        lengths = rng.integers(least, end, 2 * TOKENS // (least + end - 1))
        for kind in ("uint16", "int32", "int64"):
            values = pa.array(rng.integers(0, 30_000, lengths.sum()).astype(kind))
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            table = pa.table({"input_ids": pa.ListArray.from_arrays(pa.array(offsets), values)})
            stem = folder / f"{name}-{kind}"
            with pa.OSFile(f"{stem}.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=1000)
            pq.write_table(table, f"{stem}.parquet", row_group_size=5000)
            Path(f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
            for ending in ("arrow", "parquet", "jsonl"):
                made[name, kind, ending] = f"{stem}.{ending}", lengths
            made[name, kind, "table"] = table, lengths
    return made


def sizes_of(out, form):
    """Return the bytes of each file of rows, in their order, without those that tell where rows begin."""
    files = [path for path in Path(out).glob(f"*.{STORED[form]}") if not path.name.endswith(".offsets.npy")]
    return [path.stat().st_size for path in sorted(files)]


@pytest.mark.parametrize("form", STORED)
@pytest.mark.parametrize("ending", ["arrow", "parquet", "jsonl", "table"])
@pytest.mark.parametrize("kind", ["uint16", "int32", "int64"])
@pytest.mark.parametrize("length", LENGTHS)
def test_shards_are_about_as_large_as_was_asked_for(sources, tmp_path, form, ending, kind, length):
    source, lengths = sources[length, kind, ending]
    how = {"format": form, **({"token_dtype": "uint16"} if form == "bin" else {})}
    rows = np.random.default_rng(1).permutation(len(lengths))[: len(lengths) // 2]
    for asked in (40_000, 100_000):
        planned = dsdm.plan(source, rows, max_shard_size=asked, **how)
        report = dsdm.materialize(source, rows, tmp_path / str(asked), max_shard_size=asked, progress=False, **how)
        sizes = sizes_of(tmp_path / str(asked), form)
        assert len(sizes) == report.shards == planned.shards > 1
        assert all(0.5 * asked <= size <= 1.5 * asked for size in sizes[:-1]), (asked, sizes)


@pytest.mark.parametrize("ending", ["arrow", "parquet", "jsonl", "table"])
def test_tokens_are_counted_as_they_are_stored(sources, ending):
    """Of files without a head, the number of shards is that of the bytes of all rows, and what was asked for."""
    source, lengths = sources["short", "int32", ending]
    for asked in (1_000, 33_333, 10**7):
        shards = math.ceil(int(lengths.sum()) * 2 / asked)
        how = {"format": "bin", "token_dtype": "uint16", "max_shard_size": asked}
        assert dsdm.plan(source, range(len(lengths)), **how).shards == shards


@pytest.mark.parametrize("outer", [pa.list_, pa.large_list])
@pytest.mark.parametrize("ending", ["arrow", "parquet", "table"])
def test_lists_without_tokens_take_no_room(tmp_path, ending, outer):
    """Of ten rows, nine have no token, and one is null or has some: beside a column that is not written."""
    lists = [[at % 7] * 20 if at % 10 == 0 else None if at % 100 == 1 else [] for at in range(5_000)]
    texts = [str(at) * 50 for at in range(len(lists))]
    table = pa.table({"text": texts, "input_ids": pa.array(lists, outer(pa.int32()))})
    source = table if ending == "table" else tmp_path / f"c.{ending}"
    if ending == "parquet":
        pq.write_table(table, source, row_group_size=700)
    elif ending == "arrow":
        with pa.OSFile(str(source), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=700)
    rows = [at for at in range(5_000) if at % 100 != 1]
    asked = 1_000
    shards = math.ceil(500 * 20 * 2 * len(rows) / (5_000 * asked))
    how = {"format": "bin", "token_dtype": "uint16", "max_shard_size": asked, "columns": ["input_ids"]}
    assert dsdm.plan(source, rows, **how).shards == shards
    assert dsdm.materialize(source, rows, tmp_path / "out", progress=False, **how).shards == shards
    sizes = sizes_of(tmp_path / "out", "bin")
    assert all(0.5 * asked <= size <= 1.5 * asked for size in sizes[:-1])


def test_the_plan_counts_what_is_written_in_another_type_and_the_files_that_are_taken_in(tmp_path, monkeypatch):
    """A plan of a column of images has as many shards as are written, with the bytes of the files."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    for row in range(40):
        Path(f"{row}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(10_000))
    paths = [str(tmp_path / f"{row}.png") for row in range(40)]
    images = datasets.Dataset.from_dict({"image": paths}).cast_column("image", datasets.Image())
    planned = dsdm.plan(images, range(40), max_shard_size=100_000)
    assert planned.shards == dsdm.materialize(images, range(40), "out", max_shard_size=100_000).shards >= 4
    texts = pa.array(["x" * 40] * 2000).dictionary_encode()
    days = pa.table({"text": texts, "day": pa.array(range(2000), pa.date32())})
    for form in ("arrow", "parquet", "jsonl"):
        how = {"format": form, "max_shard_size": 10_000}
        assert dsdm.plan(days, range(2000), **how).shards == dsdm.materialize(days, range(2000), form, **how).shards

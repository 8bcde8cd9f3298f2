"""Each way of reading rows, forced alone by `DSDM_STRATEGY`: the same rows and the same bytes."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dsdm

STRATEGIES = ["", "copy", "decode", "expand", "positional"]
NAMES = ["plain.arrow", "plain.feather", "packed.arrow", "a.parquet"]
KINDS = ["fixed", "varying", "nulls", "null lists", "hidden", "hidden numbers"]
ROWS = 240


def part(path, table):
    """Write a table as the name of the file says; return its path."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=100)
        return path
    new = pa.ipc.new_file if path.suffix == ".feather" else pa.ipc.new_stream
    options = pa.ipc.IpcWriteOptions(compression="zstd" if "packed" in path.name else None)
    with new(path, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=70)
    return path


def columns(rng, kind):
    """Return the columns of a part of `ROWS` rows."""
    number = np.int32
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(rng.integers(0, 1000, ROWS * 5, number)), 5)
    even = pa.ListArray.from_arrays(
        pa.array(np.arange(ROWS + 1, dtype=np.int32) * 7), pa.array(rng.integers(0, 9, ROWS * 7, number))
    )
    counts = rng.integers(0, 6, ROWS)
    ends = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    varying = pa.ListArray.from_arrays(ends, pa.array(rng.integers(0, 1000, int(counts.sum()), number)))
    hidden = rng.random(ROWS) < 0.2
    numbers = rng.integers(1, 1000, ROWS, number)
    nulls = pa.array(np.where(hidden, 0, numbers), mask=hidden)
    texts = pa.array([None if hide else "x" * int(n) for hide, n in zip(hidden, counts, strict=True)], pa.string())
    return {
        "fixed": {"a": fixed, "b": even, "n": pa.array(rng.integers(0, 9, ROWS))},
        "varying": {"a": varying, "b": even, "t": texts.fill_null("")},
        "nulls": {"a": fixed, "n": nulls, "t": texts},
        "null lists": {
            "a": pa.array(varying.to_pylist(), varying.type, mask=hidden),
            "f": pa.array(fixed.to_pylist(), fixed.type, mask=hidden),
        },
        "hidden": hidden_lists(rng, hidden),
        "hidden numbers": {
            "n": pa.array(numbers, mask=hidden),
            "s": pa.StructArray.from_arrays([pa.array(numbers), varying], ["n", "a"], mask=pa.array(hidden)),
        },
    }[kind]


def hidden_lists(rng, hidden):
    """Return lists and texts of which some are null and have items or bytes all the same."""
    mask, ends = pa.array(hidden), np.arange(ROWS + 1, dtype=np.int32) * 3
    numbers = pa.array(rng.integers(1, 1000, ROWS * 3, np.int32))
    valid = pa.py_buffer(np.packbits(~hidden, bitorder="little").tobytes())
    texts = [valid, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"abc" * ROWS)]
    texts = pa.Array.from_buffers(pa.string(), ROWS, texts)
    pairs = pa.array(np.arange(ROWS // 2 + 1, dtype=np.int32) * 2)
    return {
        "a": pa.ListArray.from_arrays(pa.array(ends), numbers, mask=mask),
        "f": pa.FixedSizeListArray.from_arrays(numbers, 3, mask=mask),
        "t": texts,
        "l": pa.concat_arrays([pa.ListArray.from_arrays(pairs, texts)] * 2),
    }


def digest(folder):
    """Return a digest of each file of a directory but dsdm.json, which names the sources."""
    files = sorted(file for file in folder.iterdir() if file.name != "dsdm.json")
    return [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]


def sources(folder, kind, names, rng):
    """Write a part by each name; return the paths, and all rows as a table."""
    tables = [pa.table(columns(rng, kind)) for _ in names]
    named = zip(range(len(names)), names, tables, strict=True)
    return [part(folder / f"{place}-{name}", table) for place, name, table in named], pa.concat_tables(tables)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    some=st.sampled_from([1, 20, 300, 900]),
    threads=st.integers(1, 4),
    limit=st.sampled_from([None, "1kB", "20kB"]),
    io=st.sampled_from(["mmap", "mmap", "pread"]),
    seed=st.integers(0, 99),
)
def test_rows_and_bytes_are_the_same_by_every_strategy(
    new_in_memory, monkeypatch, kind, names, some, threads, limit, io, seed
):
    rng = np.random.default_rng(seed)
    folder = new_in_memory()
    paths, table = sources(folder, kind, names, rng)
    wanted = rng.integers(0, len(table), some)
    expected = table.take(wanted).to_pydict()
    monkeypatch.delenv("DSDM_STRATEGY", raising=False)
    dsdm.materialize(table, wanted, folder / "table", num_shards=min(2, some))
    for strategy in STRATEGIES:
        monkeypatch.setenv("DSDM_STRATEGY", strategy)
        shards = dsdm.open_shards(paths, io=io)
        assert shards.take(wanted).to_pydict() == expected, strategy
        out = folder / f"out-{strategy}"
        dsdm.materialize(shards, wanted, out, num_shards=min(2, some), threads=threads, memory_limit=limit)
        # What number stands under a null is not in Parquet. It is the same by every strategy, as all else is.
        same = folder / ("out-" if kind == "hidden numbers" else "table")
        assert digest(out) == digest(same), strategy
        assert dsdm.open_shards(out).take(np.arange(some)).to_pydict() == expected, strategy


@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_each_strategy_is_the_one_that_is_forced_where_it_can_be(tmp_path, monkeypatch, io):
    rng = np.random.default_rng(0)
    paths, table = sources(tmp_path, "fixed", ["plain.arrow", "packed.arrow", "a.parquet", "plain.feather"], rng)
    wanted = rng.permutation(len(table))
    of = [slice(ROWS * place, ROWS * (place + 1)) for place in range(4)]
    copied = [0, 3] if io == "mmap" else []
    for strategy, how in (
        ("copy", "mapped_bytes"),
        ("positional", "positional_rows"),
        ("decode", None),
        ("expand", None),
    ):
        monkeypatch.setenv("DSDM_STRATEGY", strategy)
        shards = dsdm.open_shards(paths, io=io)
        for place, span in enumerate(of):
            found = shards._source.corpus.plan(np.arange(span.start, span.stop))
            used = {name for name in ("mapped_bytes", "positional_rows", "decoded_bytes") if getattr(found, name)}
            assert used == {how if how and place in copied else "decoded_bytes"}, (strategy, place)
        found = shards._source.corpus.plan(wanted)
        if how and copied:
            assert getattr(found, how)
            assert found.decoded_bytes
            assert found.positional_rows == (2 * ROWS if strategy == "positional" else 0)
        assert shards.take(wanted).equals(table.take(wanted).cast(shards.schema)), strategy


def test_one_packed_part_leaves_the_others_where_they_lie(tmp_path, monkeypatch):
    """Nothing is forced: the rows of a packed part are decoded, and those of its neighbours are not."""
    monkeypatch.delenv("DSDM_STRATEGY", raising=False)
    paths, table = sources(tmp_path, "varying", ["plain.arrow", "packed.arrow"], np.random.default_rng(1))
    found = dsdm.open_shards(paths)._source.corpus.plan(np.arange(len(table)))
    assert 0 < found.decoded_bytes <= paths[1].stat().st_size
    assert found.mapped_bytes or found.positional_rows


def test_a_part_with_a_text_that_is_none_is_decoded_alone(tmp_path):
    """Which is found out where its rows are wanted, and not before."""
    good = pa.table({"t": ["a", "b", "c"] * 80})
    paths = [part(tmp_path / name, good) for name in ("good.arrow", "bad.arrow")]
    damaged = bytearray(paths[1].read_bytes())
    place = damaged.index(b"abcabc")
    damaged[place + 1] = 0xFF
    paths[1].write_bytes(damaged)
    shards = dsdm.open_shards(paths)
    wanted = np.delete(np.arange(480), 241)[::-1].copy()
    assert shards.take(wanted)["t"].to_pylist() == ["abc"[row % 3] for row in wanted]
    with pytest.raises(dsdm.FormatError, match="row 1"):
        shards.take([0, 241])


@pytest.mark.parametrize("value", ["Copy", "mmap", " ", "copy,decode"])
def test_an_unknown_strategy_is_refused_by_the_names_of_those_that_are_known(tmp_path, monkeypatch, value):
    path = part(tmp_path / "plain.arrow", pa.table({"a": [1, 2, 3]}))
    shards = dsdm.open_shards(path)
    monkeypatch.setenv("DSDM_STRATEGY", value)
    for call in (
        lambda: shards.take([0]),
        lambda: dsdm.materialize(shards, [0], tmp_path / "out"),
        lambda: dsdm.plan(shards, [0]),
    ):
        with pytest.raises(ValueError, match=r'DSDM_STRATEGY is .*"copy", "decode", "expand", "positional"'):
            call()
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv("DSDM_STRATEGY", "decode")
    assert shards.take([2])["a"].to_pylist() == [3]

"""Arrow's C interface and the system end a text at a NUL: what would be cut there is refused by name."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import errors
from dsdm.dataset import open_dataset
from dsdm.reference.fetch import fetch
from dsdm.selections import get_candidate_dataset

NAME = "a\0x"


def within(kind):
    return {
        "struct": pa.struct({NAME: pa.int64()}),
        "list": pa.list_(pa.field(NAME, pa.int64())),
        "list of structs": pa.list_(pa.struct({"b": pa.struct({NAME: pa.int64()})})),
        "fixed": pa.list_(pa.field(NAME, pa.int64()), 2),
        "large": pa.large_list(pa.struct({NAME: pa.int64()})),
        "map": pa.map_(pa.string(), pa.struct({NAME: pa.int64()})),
        "dictionary": pa.dictionary(pa.int32(), pa.struct({NAME: pa.int64()})),
        "zone": pa.timestamp("s", "UTC\0x"),
        "zone within": pa.list_(pa.timestamp("s", "UTC\0x")),
    }[kind]


def tables(table):
    yield table
    yield table.to_reader()
    yield from table.to_batches()


def test_the_name_of_a_column(tmp_path):
    table = pa.table({"b": [1], NAME: [2]})
    for source in tables(table):
        with pytest.raises(errors.SchemaError, match=r"column 'a\\x00x': the name 'a\\x00x' has a NUL in it"):
            dsdm.open_shards(source)
    with pytest.raises(errors.SchemaError, match="has a NUL in it"):
        dsdm.materialize(table, [0], tmp_path / "out")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.arrow", "a.parquet"):
        with pytest.raises(errors.FormatError, match="has a NUL in it"):
            dsdm.open_shards(tmp_path / name)


@pytest.mark.parametrize(
    "kind",
    ["struct", "list", "list of structs", "fixed", "large", "map", "dictionary", "zone", "zone within"],
)
def test_names_within_a_column(kind):
    table = pa.schema([("b", pa.int8()), ("c", within(kind))]).empty_table()
    for source in tables(table):
        with pytest.raises(errors.SchemaError, match=r"column 'c'.*has a NUL in it"):
            dsdm.open_shards(source)


def test_metadata_is_not_cut():
    table = pa.table({"a": [1]}).replace_schema_metadata({"k\0x": "v\0y"})
    assert dsdm.open_shards(table).schema.metadata == {b"k\0x": b"v\0y"}


def test_the_name_of_a_column_that_is_added(tmp_path):
    with pytest.raises(ValueError, match=r"row_ids='a\\x00b'.*NUL"):
        dsdm.materialize(pa.table({"a": [1]}), [0], tmp_path / "out", row_ids="a\0b")
    with pytest.raises(ValueError, match=r"scores= has 'a\\x00b'.*NUL"):
        dsdm.materialize(pa.table({"a": [1]}), [0], tmp_path / "out", scores={"a\0b": np.zeros(1)})


# --- paths ---

PATH = r"""'.*a\\x00b.*', with a NUL in it, which no path can have"""


def refusals(folder):
    """Give what names each path that is written to or read from, and calls with it."""
    table, path = pa.table({"a": [1]}), f"{folder}/a\0b"
    yield "out_dir", lambda: dsdm.materialize(table, [0], path)
    yield "out_dir", lambda: dsdm.materialize(table, [0], path.encode())
    yield "out_dir", lambda: dsdm.materialize(f"{folder}/none.parquet", [0], path)
    yield "out_dir", lambda: dsdm.plan(table, [0], path)
    yield "the directory", lambda: dsdm.verify(path)
    yield "trust_paths", lambda: dsdm.verify(folder, trust_paths=[path])
    yield "data_dir", lambda: fetch(["dsdm/squad.pt"], data_dir=path)
    yield "data_dir", lambda: dsdm.get_indices("dsdm", 1, "squad", data_dir=path)
    yield "cache_dir", lambda: get_candidate_dataset(cache_dir=path)
    rows = open_dataset([folder / "c.parquet"])
    yield "dataset_path", lambda: rows.save_to_disk(path)
    yield "path_or_buf", lambda: rows.to_parquet(path)
    yield "indices_cache_file_name", lambda: rows.select([0], indices_cache_file_name=path)
    yield "cache_file_name", lambda: rows.select([0]).flatten_indices(cache_file_name=path)
    for open_ in (dsdm.open_scores, dsdm.open_shards):
        for what in (path, Path(path), [path], f"{path}/*", path.encode()):
            yield "the path", lambda open_=open_, what=what: open_(what)
    told = {"by": "top_k", "scores": [path], "arguments": {"k": 1}}
    yield "the path", lambda: dsdm.materialize(table, [0], folder / "out", selection=told)


def test_a_path_is_refused_by_the_name_of_its_argument_and_nothing_is_left(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "c.parquet")
    for name, call in refusals(tmp_path):
        with pytest.raises(ValueError, match=f"{name} is {PATH}") as refused:
            call()
        assert "\0" not in str(refused.value)
        assert [path.name for path in tmp_path.iterdir()] == ["c.parquet"]


def test_so_is_one_of_the_command(run, tmp_path):
    np.save(tmp_path / "s.npy", np.arange(3.0))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "c.parquet")
    before = sorted(tmp_path.iterdir())
    for arguments, option in (
        (("indices", "s.npy", "-k", 1, "-o", "a\0b.npy"), "'--out' / '-o'"),
        (("materialize", "c.parquet", "a\0b", "--by", "s.npy", "-k", 1), "'OUT'"),
        (("fetch", "dsdm/squad.pt", "--data-dir", "a\0b"), "'--data-dir'"),
        (("demo", "a\0b"), "'[DIR]'"),
        (("verify", "a\0b"), "'DIR'"),
    ):
        code, said, errors = run(*arguments)
        assert (code, said) == (2, "")
        assert option in errors
        assert r"a\x00b" in errors
        assert "embedded null" not in errors
        assert "\0" not in errors
    assert sorted(tmp_path.iterdir()) == before

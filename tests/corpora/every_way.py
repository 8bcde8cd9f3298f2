"""A table as every kind of source, and its rows as every way of writing gives them."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

import dsdm
from dsdm.dataset import open_dataset

ROWS = [2, 0, 1, 1]


def as_table(table, folder):  # noqa: ARG001 - as the others
    return table


def as_arrow(table, folder):
    with pa.ipc.new_stream(folder / "source.arrow", table.schema) as writer:
        writer.write_table(table)
    return folder / "source.arrow"


def as_parquet(table, folder):
    pq.write_table(table, folder / "source.parquet")
    return folder / "source.parquet"


def as_plain_parquet(table, folder):
    """Parquet that tells its types by its own schema alone, as other writers leave it."""
    pq.write_table(table, folder / "source.parquet", store_schema=False)
    return folder / "source.parquet"


SOURCES = [as_table, as_arrow, as_parquet]


def read_parquet(folder):
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(folder.parent / "cache"))


def every_way(source, folder):
    """The rows as every way of writing and selecting gives them."""
    dsdm.materialize(source, ROWS, folder / "arrow")
    yield "arrow", datasets.load_from_disk(str(folder / "arrow"))
    dsdm.materialize(source, ROWS, folder / "parquet", format="parquet")
    yield "parquet", read_parquet(folder / "parquet")
    yield "select", dsdm.select(source, ROWS)
    yield "lazy", open_dataset(source).select(ROWS).flatten_indices()


def values_of(dataset, column="x"):
    return dataset.with_format("arrow")[:].column(column).to_pylist()

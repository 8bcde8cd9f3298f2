"""One small dataset, its files in every format, and datasets over them that are opened lazily."""

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from dsdm.dataset import open_dataset

ROWS = 60


def rows_of(row):
    return {
        "id": row,
        "ids": [row] * (row % 4),
        "text": f"row {row}",
        "label": row % 3,
        "turn": {"role": str(row % 2), "words": [str(row)]},
    }


FEATURES = datasets.Features(
    {
        "id": datasets.Value("int64"),
        "ids": datasets.Sequence(datasets.Value("uint16")),
        "text": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["a", "b", "c"]),
        "turn": {"role": datasets.Value("string"), "words": datasets.Sequence(datasets.Value("string"))},
    }
)


def plain_dataset():
    return datasets.Dataset.from_list([rows_of(row) for row in range(ROWS)], features=FEATURES)


def folder(tmp_path_factory):
    """Give a folder with the rows as three Parquet shards, as Arrow, and as `save_to_disk` leaves them."""
    folder = tmp_path_factory.mktemp("corpus")
    table = plain_dataset().data.table
    (folder / "parquet").mkdir()
    for index in range(3):
        part = table.slice(20 * index, 20)
        pq.write_table(part, folder / "parquet" / f"train-{index:05}-of-00003.parquet", row_group_size=7)
    with pa.ipc.new_stream(folder / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=9)
    plain_dataset().save_to_disk(folder / "saved", num_shards=2)
    return folder


def lazy(request, folder):
    if request.param == "dataset":
        return open_dataset(plain_dataset())
    if request.param == "table":
        return open_dataset(plain_dataset().data.table)
    name, _, io = request.param.partition(" by ")
    return open_dataset(folder / name, io=io or "mmap")


def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def alike(found, expected):
    assert isinstance(found, datasets.Dataset)
    assert found.features == expected.features
    assert found.column_names == expected.column_names
    assert found.num_rows == len(found) == len(expected)
    assert found.format == expected.format
    assert found.with_format(None)[:] == expected.with_format(None)[:]
    assert list(found.with_format(None)) == list(expected.with_format(None))

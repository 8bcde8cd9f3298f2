"""Damaged Parquet files that other readers, or the decoder alone, read to values that nobody wrote."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.errors import FormatError

FILES = Path(__file__).parents[1] / "fixtures" / "damaged"
DAMAGED = {
    "list_levels_1": r"row group 0.*column \"tok\.list\.element\" goes on with a list that has no items",
    "list_levels_2": r"row group 0.*column \"input_ids\.list\.element\" goes on with a list that has no items",
    "header_type": r"row group 0.*the page header at byte 63 is broken off or damaged",
    "header_type_uncompressed": r"row group 0.*the page header at byte 259 is broken off or damaged",
    "list_rows": r"row group 0.*column \"lists\.list\.element\" has fewer repetition levels than the 41 values",
    "list_annotation": r"footer.*the group \"lists\" of the schema is a JSON .*and a List",
    "chunk_type": r"footer.*a chunk of column \"id\" is of the type numbered 2, and the schema says INT32",
    "level_counts": r"row group 0.*column \"struct\.x\" counts 3 definition levels, and by the schema the highest is 1",
    "level_counts_flat": r"row group 0.*column \"score\" counts 2 definition levels, and .* the highest is 0",
    "footer_type": r"footer.*its fields are not of their types",
    "byte_stream_split": r"row group 0.*holds other than the \d+ values .*BYTE_STREAM_SPLIT",
}


def test_every_file_is_one_of_those():
    assert {path.stem for path in FILES.iterdir()} == set(DAMAGED)


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("backwards", [False, True])
def test_it_is_refused_and_the_place_named(name, backwards):
    with pytest.raises(FormatError, match=rf"{name}\.parquet: {DAMAGED[name]}"):
        read(FILES / f"{name}.parquet", backwards)


def read(path, backwards):
    shards = dsdm.open_shards(path)
    rows = range(len(shards))
    return shards.take(rows[::-1] if backwards else rows)


@pytest.mark.parametrize("name", ["chunk_type", "level_counts_flat"])
def test_scores_of_another_type_are_refused(name):
    column = {"chunk_type": "id"}.get(name, "score")
    with pytest.raises(FormatError, match=rf"{name}\.parquet: .*{column}"):
        dsdm.open_scores(FILES / f"{name}.parquet", column=column)


@pytest.mark.parametrize("kind", [pa.int32(), pa.string()], ids=str)
def test_pages_that_begin_more_rows_than_there_are_before_the_last(tmp_path, kind):
    """Rows would be cut short, and those behind them never looked at."""
    rows, levels = 16, 24
    items = pa.array([str(item) for item in range(2 * rows)]).cast(kind)
    table = pa.table({"x": pa.ListArray.from_arrays(np.arange(0, 2 * rows + 1, 2, dtype=np.int32), items)})
    path = tmp_path / "x.parquet"
    options = {"compression": "none", "use_dictionary": False, "data_page_size": 1, "write_batch_size": levels}
    pq.write_table(table, path, **options)
    assert read(path, backwards=False)["x"].to_pylist() == table["x"].to_pylist()
    # Every second level goes on with a list: now each begins one.
    data = path.read_bytes()
    pairs = b"\xaa" * (levels // 8)
    assert data.count(pairs) == 1
    path.write_bytes(data.replace(pairs, bytes(levels // 8)))
    for backwards in (False, True):
        with pytest.raises(FormatError, match=r"row group 0.*ends 24 rows of the column, and its row group has 16"):
            read(path, backwards)

"""Time zones of Parquet that is stored in another unit than the writer had: they are those that pyarrow reads."""

import datetime as dt
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

BERLIN, TOKYO = (pa.timestamp("s", zone) for zone in ("Europe/Berlin", "Asia/Tokyo"))
TIMES = [0, 10**9, None]
COLUMNS = {
    "seconds": (pa.array(TIMES, BERLIN), {}),
    "an offset": (pa.array(TIMES, pa.timestamp("s", "+05:30")), {}),
    "nanoseconds of version 1": (pa.array(TIMES, pa.timestamp("ns", "Europe/Berlin")), {"version": "1.0"}),
    "nanoseconds of version 2.4": (pa.array(TIMES, pa.timestamp("ns", "Europe/Berlin")), {"version": "2.4"}),
    "milliseconds": (pa.array([0, None], pa.timestamp("us", "Europe/Berlin")), {"coerce_timestamps": "ms"}),
    "microseconds": (pa.array(TIMES, pa.timestamp("ns", "Europe/Berlin")), {"coerce_timestamps": "us"}),
    "lists": (pa.array([[0, 1], None], pa.list_(BERLIN)), {}),
    "large lists": (pa.array([[0, 1], None], pa.large_list(BERLIN)), {}),
    "lists of one length": (pa.array([[0, 1], None], pa.list_(BERLIN, 2)), {}),
    "structs": (
        pa.array(
            [{"a": 0, "b": {"c": [5]}}, None],
            pa.struct([("a", BERLIN), ("b", pa.struct([("c", pa.list_(TOKYO))]))]),
        ),
        {},
    ),
    "the same unit": (pa.array(TIMES, pa.timestamp("us", "Asia/Tokyo")), {}),
    "UTC": (pa.array(TIMES, pa.timestamp("s", "UTC")), {}),
    "none": (pa.array(TIMES, pa.timestamp("s")), {}),
}


def zones(kind: pa.DataType) -> list[str | None]:
    """Return the time zones in a type."""
    if pa.types.is_timestamp(kind):
        return [kind.tz]
    return [zone for at in range(kind.num_fields) for zone in zones(kind.field(at).type)]


@pytest.mark.parametrize("name", COLUMNS)
def test_zones_are_those_of_pyarrow(name: str, tmp_path: Path) -> None:
    column, options = COLUMNS[name]
    beside = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * len(column), pa.binary(16)))
    table = pa.table({"x": range(len(column)), "t": column, "u": beside})
    pq.write_table(table, tmp_path / "a.parquet", **options)
    expected = pq.read_table(tmp_path / "a.parquet").column("t")
    rows = range(len(column))
    read = dsdm.open_shards(tmp_path / "a.parquet").take(rows).column("t")
    assert zones(read.type) == zones(expected.type)
    assert read.to_pylist() == expected.to_pylist()
    dsdm.materialize(tmp_path / "a.parquet", rows, tmp_path / "out")
    assert datasets.load_from_disk(str(tmp_path / "out"))["t"][:] == expected.to_pylist()


def test_shards_of_several_units_have_one_zone(tmp_path: Path) -> None:
    for part, unit in enumerate(("ms", "s")):
        times = pa.array([1000], pa.timestamp(unit, "Europe/Berlin"))
        pq.write_table(pa.table({"t": times}), tmp_path / f"part-{part}.parquet")
    read = dsdm.open_shards(tmp_path).take([0, 1]).column("t")
    assert read.type == pa.timestamp("ms", "Europe/Berlin")
    day = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert read.to_pylist() == [day + dt.timedelta(seconds=1), day + dt.timedelta(seconds=1000)]


def test_a_schema_beside_the_footer_that_is_damaged_is_none(tmp_path: Path) -> None:
    table = pa.table({"t": pa.array(TIMES, BERLIN)}).replace_schema_metadata({"ARROW:schema": "@"})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=False)
    read = dsdm.open_shards(tmp_path / "a.parquet").take([0]).column("t")
    assert read.type == pa.timestamp("ms", "UTC")

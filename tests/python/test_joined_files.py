"""Files that were joined one behind the other are no one file: of Parquet the last footer would lead into the first."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm

OPTIONS = [
    {},
    {"use_dictionary": False, "compression": None},
    {"write_page_index": True},
    {"row_group_size": 7},
    {"version": "1.0", "data_page_version": "2.0"},
]


def write(path, start, options):
    table = pa.table({"n": range(start, start + 30), "text": [f"row {row}" for row in range(start, start + 30)]})
    pq.write_table(table, path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("count", [2, 3])
def test_joined_files_are_refused(tmp_path, options, count):
    files = [write(tmp_path / "one.parquet", 100 * number, options) for number in range(count)]
    (tmp_path / "all.parquet").write_bytes(b"".join(files))
    seam = sum(map(len, files[:-1]))
    message = rf"all\.parquet: .*at byte {seam} one file ends and another begins"
    for call in (dsdm.open_shards, lambda path: dsdm.open_scores(path, column="n")):
        with pytest.raises(dsdm.FormatError, match=message):
            call(tmp_path / "all.parquet")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_file_is_read(tmp_path, options):
    write(tmp_path / "one.parquet", 5, options)
    assert dsdm.open_shards(tmp_path / "one.parquet").take([3])["n"].to_pylist() == [8]


def test_bytes_that_nothing_tells_of_are_left_alone(tmp_path):
    whole = write(tmp_path / "one.parquet", 5, {})
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    (tmp_path / "gap.parquet").write_bytes(whole[:-footer] + b"PAR1 and so on" + whole[-footer:])
    assert dsdm.open_shards(tmp_path / "gap.parquet").take([3])["n"].to_pylist() == [8]


def test_files_without_rows_too(tmp_path):
    empty = pa.table({"n": pa.array([], pa.int64())})
    pq.write_table(empty, tmp_path / "empty.parquet")
    whole = (tmp_path / "empty.parquet").read_bytes()
    (tmp_path / "all.parquet").write_bytes(write(tmp_path / "one.parquet", 0, {}) + whole)
    with pytest.raises(dsdm.FormatError, match="one file ends and another begins"):
        dsdm.open_shards(tmp_path / "all.parquet")

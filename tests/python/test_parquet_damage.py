"""Damaged Parquet files that other readers, or the decoder alone, read to values that nobody wrote."""

from pathlib import Path

import pytest

import dsdm
from dsdm.errors import FormatError

FILES = Path(__file__).parents[1] / "fixtures" / "damaged"
DAMAGED = {
    "list_levels_1": r"row group 0.*column \"tok\.list\.element\" goes on with a list that has no items",
    "list_levels_2": r"row group 0.*column \"input_ids\.list\.element\" goes on with a list that has no items",
    "header_type": r"row group 0.*the page header at byte 63 is broken off or damaged",
    "header_type_uncompressed": r"row group 0.*the page header at byte 259 is broken off or damaged",
}


def test_every_file_is_one_of_those():
    assert {path.stem for path in FILES.iterdir()} == set(DAMAGED)


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("backwards", [False, True])
def test_it_is_refused_and_the_place_named(name, backwards):
    path = FILES / f"{name}.parquet"
    shards = dsdm.open_shards(path)
    rows = range(len(shards))
    with pytest.raises(FormatError, match=rf"{name}\.parquet: {DAMAGED[name]}"):
        shards.take(rows[::-1] if backwards else rows)

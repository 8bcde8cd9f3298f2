"""Structures that are deep, or of many or of long parts: refused or read within limits, and told in few words."""

import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

import dsdm
import dsdm.dataset

DEEP = "[" * 200_000
LONG = "x" * 1_000_000


@pytest.fixture
def out(tmp_path):
    dsdm.materialize(pa.table({"a": [1, 2, 3]}), [0, 2], tmp_path / "out", progress=False)
    return tmp_path / "out"


@pytest.mark.parametrize("text", [DEEP, '{"a":' * 200_000, f"[{DEEP}]", "[" + "0," * 2_000_000 + "0]"])
@pytest.mark.parametrize("name", ["dsdm.json", "state.json", "dataset_info.json"])
def test_json_that_is_deep_or_of_many_values_is_refused_by_every_reader(out, name, text):
    (out / name).write_text(text)
    calls = {
        "dsdm.json": [dsdm.verify],
        "state.json": [dsdm.open_shards, dsdm.verify],
        "dataset_info.json": [dsdm.verify, dsdm.dataset.open_dataset],
    }[name]
    for call in calls:
        with pytest.raises(dsdm.FormatError, match=r"is the limit|bytes were written"):
            call(out)
    if name == "dsdm.json":
        with pytest.raises(ValueError, match="is the limit"):
            dsdm.materialize(pa.table({"a": [1]}), [0], out, overwrite=True, progress=False)


def test_a_file_of_json_has_a_size(out):
    with (out / "state.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(dsdm.FormatError, match="it has 67108865 bytes, and of JSON at most 67108864 are read"):
        dsdm.open_shards(out)


def bomb(path):
    """Write a dict of 60,000 items that share one key of 800,000 bytes: 48 GB, if each had its own."""
    key = b"X" + (800_000).to_bytes(4, "little") + b"k" * 800_000
    items = b"h\x00N" * 60_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}(" + key + b"q\x00N" + items + b"u.")
        archive.writestr("a/version", b"3\n")


def test_items_of_a_pickle_share_a_key(tmp_path):
    bomb(tmp_path / "bomb.pt")
    code = (
        "import resource, sys, dsdm\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "for key in (None, 'k' * 800_000, 'no'):\n"
        "    try: dsdm.open_scores(sys.argv[1], key=key)\n"
        "    except dsdm.FormatError as error: print(len(str(error)), str(error)[-60:])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bomb.pt")]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    lines = ran.stdout.splitlines()
    assert len(lines) == 3, ran
    assert all(int(line.split()[0]) < 2_000 for line in lines), lines


def test_long_names_are_cut_in_messages(tmp_path):
    pq.write_table(pa.table({LONG: [1.0]}), tmp_path / "a.parquet")
    with ipc.new_stream(str(tmp_path / "a.arrow"), pa.schema([(LONG, pa.string())])):
        pass
    np.save(tmp_path / "s.npy", np.arange(3.0))
    calls = [
        lambda: dsdm.open_scores(tmp_path / "a.parquet", column="y"),
        lambda: dsdm.open_scores(tmp_path / "a.arrow", column=LONG),
        lambda: dsdm.open_shards(tmp_path / "a.parquet", columns=["y"]),
        lambda: dsdm.open_shards(tmp_path / "a.parquet", columns=[LONG + "y"]),
        lambda: dsdm.open_shards(tmp_path / LONG),
        lambda: dsdm.open_scores(tmp_path / "s.npy", key=LONG),
        lambda: dsdm.open_scores(tmp_path / "s.npy", dtype=LONG),
        lambda: dsdm.get_indices(LONG, 3),
        lambda: dsdm.get_indices("dsdm", 3, LONG),
        lambda: dsdm.materialize(tmp_path / "a.parquet", [0], tmp_path / "x", row_ids=LONG, progress=False),
        lambda: dsdm.materialize(tmp_path / "a.parquet", [0], tmp_path / "x", format=LONG, progress=False),
        lambda: dsdm.top_k(np.arange(3.0), 1, order=LONG),
    ]
    for number, call in enumerate(calls):
        with pytest.raises((ValueError, TypeError, OSError, LookupError)) as caught:
            call()
        said = caught.value.strerror if isinstance(caught.value, OSError) else str(caught.value)
        assert len(said) < 4_100, number


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_tables_of_many_columns_open(tmp_path, kind):
    """Of looks at each column for each other, there would be 2 * 10^10."""
    table = pa.table({f"c{number}": pa.array([], pa.int8()) for number in range(100_000)})
    path = tmp_path / f"wide.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)
    assert len(dsdm.open_shards([path, path]).column_names) == 100_000
    with pytest.raises(ValueError, match=r"there is no column \"no\"; the columns are .*\"c99\"\] and 99900 more"):
        dsdm.open_shards(path, columns=["no"])


def test_a_manifest_beside_its_source_is_read_within_the_limits(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "dsdm.json").write_text(DEEP)
    (tmp_path / "sub" / "a.parquet").write_bytes(b"")
    with pytest.raises(dsdm.FormatError, match="is no manifest of dsdm"):
        dsdm.open_shards(tmp_path)

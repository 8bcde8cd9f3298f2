"""Images and other files that rows name by their paths: taken into what is written, as datasets takes them in."""

import struct
import zlib
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm import open_shards

ROWS = [3, 0, 1, 3, 2]


def png(shade):
    """A picture of one point."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    points = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", points) + chunk(b"IEND", b"")


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Four pictures in a folder, by paths that are relative to where the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for shade in range(4):
        (tmp_path / "pictures" / f"{shade}.png").write_bytes(png(shade))
    return [f"pictures/{shade}.png" for shade in range(4)]


def stored(path=None, content=None):
    return {"bytes": content, "path": path}


def dataset_of(values, feature):
    """A dataset whose column is stored as it is given: nothing is read or encoded."""
    features = datasets.Features({"x": feature, "id": datasets.Value("int64")})
    kinds = features.arrow_schema.types
    columns = [pa.array(values, kinds[0]), pa.array(range(len(values)), kinds[1])]
    return datasets.Dataset(pa.table(columns, schema=features.arrow_schema))


IMAGE = datasets.Image(decode=False)
SHAPES = {
    "image": (IMAGE, stored),
    "audio": (datasets.Audio(decode=False), stored),
    "video": (datasets.Video(decode=False), stored),
    "pdf": (datasets.Pdf(decode=False), stored),
    "list": (datasets.List(IMAGE), lambda path: [stored(path), stored(path, b"own")]),
    "large list": (datasets.LargeList(IMAGE), lambda path: [stored(path), None]),
    "fixed list": (datasets.List(IMAGE, length=2), lambda path: [stored(None, b"own"), stored(path)]),
    "struct": ({"a": datasets.Value("int8"), "b": IMAGE}, lambda path: {"a": 1, "b": stored(path)}),
    "list of structs": (datasets.List({"b": IMAGE}), lambda path: [{"b": stored(path)}, {"b": None}, None]),
    "empty lists": (datasets.List(IMAGE), lambda path: [stored(path)] if path.endswith("0.png") else []),
}


def saved(dataset, rows):
    """The values as datasets saves them."""
    dataset.select(rows).save_to_disk("saved")
    return datasets.load_from_disk("saved").data.table.column("x").to_pylist()


@pytest.mark.parametrize("shape", SHAPES)
def test_files_are_taken_in_as_datasets_takes_them_in(pictures, shape):
    feature, value_of = SHAPES[shape]
    values = [value_of(path) for path in pictures]
    dataset = dataset_of(values, feature)
    expected = saved(dataset, ROWS)
    table = dataset.data.table
    pq.write_table(table, "source.parquet")
    with pa.ipc.new_stream("source.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    for number, source in enumerate([dataset, table, "source.parquet", "source.arrow"]):
        dsdm.materialize(source, ROWS, f"arrow{number}", num_shards=2)
        found = datasets.load_from_disk(f"arrow{number}")
        assert found.features["x"] == feature
        assert found.data.table.column("x").to_pylist() == expected
        assert found["id"][:] == ROWS
        dsdm.materialize(source, ROWS, f"parquet{number}", format="parquet")
        (shard,) = Path(f"parquet{number}").rglob("*.parquet")
        assert pq.read_table(shard)["x"].to_pylist() == expected
        assert dsdm.verify(f"arrow{number}").rows == len(ROWS)


def test_holes_names_and_bytes_that_are_there_stay(pictures, tmp_path):
    values = [None, stored(), stored("a/b/c.png", b"own"), stored(None, b"own"), stored(str(tmp_path / pictures[2]))]
    values += [stored("http://somewhere/d.png", b"own"), stored(pictures[1], b"")]
    dataset = dataset_of(values, IMAGE)
    dsdm.materialize(dataset, range(len(values)), "out")
    found = datasets.load_from_disk("out").data.table.column("x").to_pylist()
    assert found == [
        None,
        stored(),
        stored("c.png", b"own"),
        stored(None, b"own"),
        stored("2.png", png(2)),
        stored("d.png", b"own"),
        stored("1.png", b""),
    ]


def test_rows_that_are_taken_or_selected_keep_their_paths(pictures):
    dataset = dataset_of([stored(path) for path in pictures], IMAGE)
    expected = [stored(pictures[row]) for row in ROWS]
    assert open_shards(dataset).take(ROWS)["x"].to_pylist() == expected
    for limit in ("1GB", 1):
        assert dsdm.select(dataset, ROWS, memory_limit=limit).data.table.column("x").to_pylist() == expected


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("pictures/none.png", FileNotFoundError, r'reading the file of column "x" in row 2 of the output'),
        ("", FileNotFoundError, r'reading the file of column "x" in row 2 of the output'),
        ("pictures", ValueError, r'column "x" names "pictures" in row 2 of the output, which is not a file'),
        ("https://host/a.png", ValueError, r'column "x" names "https://host/a.png" in row 2 of the output.*download'),
        ("zip://a.png::pictures.zip", ValueError, r'column "x" names "zip://.*in row 2 of the output'),
    ],
)
@pytest.mark.parametrize("layout", ["arrow", "parquet"])
def test_a_file_that_cannot_be_read_is_named_with_its_row(pictures, path, kind, says, layout):
    dataset = dataset_of([stored(pictures[0]), stored(path)], IMAGE)
    dsdm.materialize(dataset, [0], "fine", format=layout)
    with pytest.raises(kind, match=says) as caught:
        dsdm.materialize(dataset, [0, 0, 1], "out", format=layout)
    if kind is FileNotFoundError:
        assert caught.value.filename == path
    assert not Path("out").exists()


def test_a_run_that_continues_makes_shards_with_files_anew(pictures):
    dataset = dataset_of([stored(path) for path in [*pictures, "pictures/4.png"]], IMAGE)
    pq.write_table(dataset.data.table, "source.parquet")
    with pytest.raises(FileNotFoundError):
        dsdm.materialize("source.parquet", range(5), "out", num_shards=5, threads=1)
    assert Path(".out.dsdm-unfinished").exists()
    for shade in range(5):
        Path(f"pictures/{shade}.png").write_bytes(png(100 + shade))
    report = dsdm.materialize("source.parquet", range(5), "out", num_shards=5)
    assert report.kept == 0
    found = datasets.load_from_disk("out").data.table.column("x").to_pylist()
    assert found == [stored(f"{shade}.png", png(100 + shade)) for shade in range(5)]


def test_shards_are_as_large_as_their_files(pictures):
    for path in pictures:
        Path(path).write_bytes(b"x" * 100_000)
    dataset = dataset_of([stored(path) for path in pictures] * 25, IMAGE)
    report = dsdm.materialize(dataset, range(100), "out", max_shard_size="1MB")
    assert 10 <= report.shards <= 12
    sizes = [path.stat().st_size for path in Path("out").glob("*.arrow")]
    assert max(sizes) < 1_200_000

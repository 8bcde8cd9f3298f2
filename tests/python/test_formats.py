"""Parquet and token shards against the rows, their manifest, and what finds damage in any format."""

import json
import shutil
import zlib

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

import dsdm
from dsdm import errors
from dsdm.checks import FORMATS
from tests.corpora import words
from tests.corpora.words import CHOSEN, ROWS, contents, shards_of, write

table = pytest.fixture(words.table, scope="module")
source = pytest.fixture(words.source, scope="module")
written = pytest.fixture(words.written, scope="module")


@pytest.mark.parametrize("form", FORMATS)
def test_the_bytes_depend_on_neither_threads_nor_memory(source, written, tmp_path_factory, form):
    folder = tmp_path_factory.mktemp("again")  # beside the first: dsdm.json tells the way from it to the source
    for threads in (1, 2, 8):
        for memory in (1, "1GB"):
            out = folder / f"{threads} {memory}"
            write(source, out, form, threads=threads, memory_limit=memory)
            assert contents(out) == contents(written / form)


# --- parquet ---


def test_parquet_shards_are_those_of_the_hub(written, table, tmp_path):
    folder = written / "parquet"
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert names == [f"train-{shard:05}-of-00003.parquet" for shard in range(3)]
    expected = table.take(CHOSEN)
    for arguments in ({"path": str(folder)}, {"path": "parquet", "data_dir": str(folder)}):
        opened = datasets.load_dataset(**arguments, cache_dir=str(tmp_path / arguments["path"].replace("/", "-")))
        assert list(opened) == ["train"]
        assert opened["train"].data.table.combine_chunks().equals(expected.cast(opened["train"].data.schema))
        assert opened["train"].features == datasets.Features.from_arrow_schema(dsdm.open_shards(table).schema)
    assert dsdm.open_shards(folder).take(range(len(CHOSEN))).equals(dsdm.open_shards(table).take(CHOSEN))
    found = pq.read_table(folder / "data", page_checksum_verification=True)
    assert found.replace_schema_metadata().equals(expected)


def test_every_page_of_parquet_has_a_checksum(written, tmp_path):
    path = written / "parquet" / "data" / "train-00001-of-00003.parquet"
    footer = pq.ParquetFile(path).metadata
    group = footer.row_group(0)
    whole = path.read_bytes()
    assert group.num_columns == 5
    for column in range(group.num_columns):
        chunk = group.column(column)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        assert chunk.compression == "ZSTD"
        assert chunk.has_offset_index
        damaged = bytearray(whole)
        damaged[start + chunk.total_compressed_size - 1] ^= 1
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        with pytest.raises(OSError, match="CRC checksum verification failed"):
            pq.read_table(tmp_path / "damaged.parquet", page_checksum_verification=True)
        with pytest.raises(errors.FormatError):
            dsdm.open_shards(tmp_path / "damaged.parquet").take(range(800))


def test_row_groups_of_parquet_are_of_bounded_size(tmp_path):
    rows = 40_000
    values = pa.array(np.random.default_rng(2).integers(0, 2**32, rows * 1024, dtype=np.uint32))
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(values, 1024)})
    pieces = []
    for threads in (1, 3):
        dsdm.materialize(table, range(rows), tmp_path / str(threads), format="parquet", num_shards=1, threads=threads)
        path = tmp_path / str(threads) / "data" / "train-00000-of-00001.parquet"
        footer = pq.ParquetFile(path).metadata
        groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
        assert sum(group.num_rows for group in groups) == rows
        assert max(group.total_byte_size for group in groups) < 100 << 20
        assert len(groups) == 3
        pieces.append(zlib.crc32(path.read_bytes()))
    assert pieces[0] == pieces[1]
    last = pq.ParquetFile(path).read_row_group(2, columns=["x"]).column(0)
    assert last.combine_chunks().equals(table.column(0).slice(rows - len(last)).combine_chunks())


def test_added_columns_and_features_are_in_parquet_too(source, tmp_path):
    scores = np.random.default_rng(3).normal(size=ROWS).astype(np.float32)
    write(source, tmp_path / "out", "parquet", row_ids="id", scores=scores, columns=["word"])
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert opened.column_names == ["word", "id", "scores"]
    assert opened["id"][:] == CHOSEN.tolist()
    assert opened["scores"][:] == scores[CHOSEN].tolist()


# --- tokens ---


def tokens_of(folder):
    """Read rows as a trainer does that maps the files."""
    told = json.loads((folder / "tokens.json").read_text())
    for shard in told["shards"]:
        flat = np.load(folder / shard["file"], mmap_mode="r")
        assert flat.dtype == told["dtype"]
        assert flat.size == shard["tokens"]
        if shard["length"] is not None:
            assert flat.shape == (shard["rows"], shard["length"])
            yield from flat
        else:
            bounds = np.load(folder / shard["offsets"], mmap_mode="r")
            assert (flat.shape, bounds.shape) == ((shard["tokens"],), (shard["rows"] + 1,))
            yield from np.split(flat, bounds[1:-1])


@pytest.mark.parametrize(
    ("column", "rows"), [("input_ids", CHOSEN), ("fixed", CHOSEN), ("fixed", []), ("input_ids", [3])]
)
@pytest.mark.parametrize("kind", ["list", "large list", "fixed size list"])
def test_tokens_are_those_of_the_rows(table, tmp_path, column, rows, kind):
    values = table[column]
    if kind == "large list":
        values = values.cast(pa.large_list(values.type.value_type))
    elif kind == "fixed size list":
        values = table["fixed"].cast(pa.list_(pa.int32(), 7))
    write(
        pa.table({column: values}),
        tmp_path / "out",
        "tokens",
        rows,
        columns=[column],
        num_shards=min(4, max(1, len(rows))),
    )
    found = [row.tolist() for row in tokens_of(tmp_path / "out")]
    assert found == values.take(pa.array(rows, pa.int64())).to_pylist()
    told = json.loads((tmp_path / "out" / "tokens.json").read_text())
    assert (told["rows"], told["tokens"]) == (len(rows), sum(map(len, found)))
    assert told["column"] == column


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_tokens_keep_their_type(tmp_path, kind):
    values = np.array([0, 1, np.iinfo(kind).max, np.iinfo(kind).min], dtype=kind)
    table = pa.table({"input_ids": pa.array([values, values[::-1]], pa.list_(pa.from_numpy_dtype(kind)))})
    write(table, tmp_path / "out", "tokens", [1, 0, 1], num_shards=1)
    found = np.load(tmp_path / "out" / "tokens-00000-of-00001.npy")
    assert found.dtype == kind
    assert found.tolist() == [values[::-1].tolist(), values.tolist(), values[::-1].tolist()]
    assert (tmp_path / "out" / "tokens-00000-of-00001.npy").read_bytes()[128:] == found.tobytes()


REFUSED = {
    "a null row": ({"input_ids": [[1], None, [2]]}, {}, errors.SchemaError, r'row 2: the column "input_ids" is null'),
    "a null token": ({"input_ids": [[1], [], [2, None]]}, {}, errors.SchemaError, r"row 1: .*token that is null"),
    "words": (
        {"input_ids": [["a"], [], []]},
        {},
        errors.SchemaError,
        r"it holds List\(Utf8\), and token files hold lists of",
    ),
    "numbers": ({"input_ids": [1.5, 2.5, 3]}, {}, errors.SchemaError, r"it holds Float64, and token files hold lists"),
    "no such column": ({"ids": [[1], [], []]}, {}, ValueError, r'no column "input_ids"; the columns are \["ids"\]'),
    "more": ({"a": [[1]] * 3, "b": [[1]] * 3}, {"columns": ["a", "b"]}, ValueError, r'hold one column .*\["a", "b"\]'),
    "row ids": ({"input_ids": [[1]] * 3}, {"row_ids": "row"}, ValueError, r"add none by row_ids= or scores="),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_token_files_cannot_hold_is_refused(tmp_path, what):
    columns, options, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        write(pa.table(columns), tmp_path / "out", "tokens", [0, 2, 1], num_shards=1, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_none_is_named(table, tmp_path):
    with pytest.raises(
        ValueError, match=r"format='csv' is none of 'arrow', 'parquet', 'jsonl', 'tokens', 'bin', .*'litdata'"
    ):
        write(table, tmp_path / "out", "csv")


# --- the manifest ---


@pytest.mark.parametrize("form", FORMATS)
def test_the_manifest_tells_what_is_there(source, written, form):
    told = json.loads((written / form / "dsdm.json").read_text())
    files = [file for shard in told["shards"] for file in shard["files"]] + told["files"]
    found = contents(written / form)
    assert {file["name"] for file in files} | {"dsdm.json"} == set(found)
    for file in files:
        assert (file["bytes"], file["crc32"]) == (len(found[file["name"]]), f"{zlib.crc32(found[file['name']]):08x}")
    state = source.stat()
    (of_source,) = told["sources"]
    assert (of_source.pop("rows"), len(of_source.pop("ends"))) == (ROWS, 32)
    assert of_source == {
        "path": f"../../{source.parent.name}/a.parquet",
        "bytes": state.st_size,
        "modified_ns": state.st_mtime_ns,
    }
    assert (told["dsdm"], told["format"], told["rows"]) == (dsdm.__version__, form, len(CHOSEN))
    assert [shard["rows"] for shard in told["shards"]] == [834, 833, 833]
    given = xxhash.xxh3_128(CHOSEN.astype("<i8").tobytes()).hexdigest()
    assert told["selection"] == {"rows": len(CHOSEN), "given": given, "order": "given", "seed": None}


def test_the_manifest_tells_of_order_and_seed(source, tmp_path):
    report = write(source, tmp_path / "out", "arrow", row_order="shuffle", selection={"by": "hand", "file": tmp_path})
    told = json.loads((tmp_path / "out" / "dsdm.json").read_text())["selection"]
    assert (told["order"], told["seed"]) == ("shuffle", report.seed)
    assert told["chosen"] == {"by": "hand", "file": str(tmp_path)}
    with pytest.raises(TypeError, match="selection= can hold what JSON can, and holds a set"):
        write(source, tmp_path / "no", "arrow", selection={"by": {1}})


# --- what verify finds ---


@pytest.fixture(params=FORMATS)
def copy(request, written, tmp_path):
    shutil.copytree(written / request.param, tmp_path / "copy")
    return tmp_path / "copy"


def test_what_is_as_it_was_written_is_verified(copy):
    found = dsdm.verify(copy, threads=2)
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file() and path.name != "dsdm.json")
    assert (found.rows, found.shards, found.bytes, found.selection) == (len(CHOSEN), 3, size, False)
    assert found.format in str(found)
    assert "does not tell how the rows were chosen" in str(found)


@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_flipped_byte_is_found_and_named(copy, place):
    files = [file for shard in json.loads((copy / "dsdm.json").read_text())["shards"] for file in shard["files"]]
    for file in files:
        path = copy / file["name"]
        whole = path.read_bytes()
        at = round(place * (len(whole) - 1))
        damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes(damaged)
        sums = rf"{path}: its bytes have the checksum {zlib.crc32(damaged):08x} and were written with {file['crc32']}"
        with pytest.raises(errors.ChecksumError, match=sums):
            dsdm.verify(copy)
        path.write_bytes(whole)
    dsdm.verify(copy)


def test_other_damage_is_named_too(copy):
    path = copy / shards_of(copy)[1]["name"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(errors.TruncatedError, match=rf"{path}: {len(whole)} bytes were written and {len(whole) - 1}"):
        dsdm.verify(copy)
    path.write_bytes(whole + b"x")
    with pytest.raises(errors.FormatError, match=rf"{len(whole)} bytes were written and {len(whole) + 1} are there"):
        dsdm.verify(copy)
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        dsdm.verify(copy)
    assert caught.value.filename == str(path)
    path.write_bytes(whole)
    manifest = copy / "dsdm.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"rows": 834', '"rows": 835'))
    with pytest.raises(errors.ChecksumError, match=r"dsdm.json: the manifest has the checksum .* and says .*edited"):
        dsdm.verify(copy)
    manifest.write_text(text[:-9])
    with pytest.raises(errors.FormatError, match=r"dsdm.json: this is no manifest"):
        dsdm.verify(copy)
    manifest.unlink()
    with pytest.raises(FileNotFoundError, match="dsdm did not write this directory"):
        dsdm.verify(copy)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("arrow", "data-00001-of-00004.arrow"),
        ("arrow", "more/x.arrow"),
        ("parquet", "data/train-00001-of-00002.parquet"),
        ("parquet", "data/test-00000-of-00001.parquet"),
        ("parquet", "data/train-00000-of-00001.csv"),
        ("parquet", "x.parquet"),
        ("parquet", "old/x.PARQUET"),
        ("parquet", "state.json"),
        ("tokens", "tokens-00003-of-00004.npy"),
        ("tokens", "x.bin"),
        ("tokens", "x.parquet"),
        ("bin", "x.npy"),
        ("modded-nanogpt", "tokens-00003-of-00004.bin"),
        ("megatron", "x.bin"),
        ("litdata", "chunk-0-0.bin"),
    ],
)
def test_a_file_that_readers_would_take_as_well_is_named(written, tmp_path, form, name):
    copy = shutil.copytree(written / form, tmp_path / "copy")
    stray = copy / name
    stray.parent.mkdir(exist_ok=True)
    shutil.copy(copy / shards_of(copy)[0]["name"], stray)
    with pytest.raises(errors.FormatError, match=rf"{stray}: this is not of the output.*move it out of the directory"):
        dsdm.verify(copy)


def test_a_data_set_in_an_output_is_named_where_it_would_be_read(written, tmp_path):
    for form in FORMATS:
        copy = shutil.copytree(written / form, tmp_path / form)
        shutil.copytree(written / "arrow", copy / "inside")
        if form == "arrow":
            # What lies in its state.json is all that is read.
            dsdm.verify(copy)
            continue
        with pytest.raises(errors.FormatError, match=rf"{copy / 'inside'}: this is not of the output"):
            dsdm.verify(copy)


def test_files_that_no_reader_takes_may_lie_in_an_output(copy):
    for name in ("README.md", "notes.json", "_x.parquet", ".x.arrow", "x.txt"):
        (copy / name).write_text("x")
    if "state.json" in {path.name for path in copy.iterdir()}:
        (copy / "cache-0123456789abcdef.arrow").write_text("x")
        (copy / "x.parquet").write_text("x")
    assert dsdm.verify(copy).rows == len(CHOSEN)

"""Read the token files of trainers with their own readers, and compare the tokens with the rows they were made of.

``python tests/compat/read_trainers.py make DIR`` writes outputs, where dsdm is installed. With ``read`` in place of
``make`` it reads them, where some of megatron-core, litdata and numpy are: in another environment, as two of them bring
PyTorch. What these write themselves of the same rows is compared byte for byte.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("bin", "modded-nanogpt", "megatron", "litdata")
ROWS = 400
BLOCK = 16
SHARDS = (1, 3)


def cases() -> dict[str, list[Any]]:
    """Give rows by the type of their tokens: some of one length, some of any."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Any]] = {}
    for kind in ("uint16", "int32", "int64"):
        most = min(2**16 - 1, np.iinfo(kind).max)
        found[f"{kind} fixed"] = list(rng.integers(0, most, (ROWS, 2 * BLOCK)).astype(kind))
        lengths = rng.integers(0, 60, ROWS)
        found[f"{kind} ragged"] = [rng.integers(0, most, length).astype(kind) for length in lengths]
    return found


def stored_type(form: str, kind: str) -> str | None:
    """Give the type that is named for tokens: where nothing tells readers what it is, they expect uint16."""
    return "uint16" if form == "bin" or (form == "litdata" and kind == "int64") else None


def make(folder: Path) -> None:
    """Write every case in every format."""
    import pyarrow as pa

    import dsdm

    for name, rows in cases().items():
        table = pa.table({"input_ids": pa.array(rows, pa.list_(pa.from_numpy_dtype(rows[0].dtype)))})
        for form in FORMATS:
            for shards in SHARDS:
                out = folder / form / f"{name} {shards}"
                out.parent.mkdir(parents=True, exist_ok=True)
                options = {"format": form, "num_shards": shards, "progress": False}
                dtype = stored_type(form, rows[0].dtype.name)
                dsdm.materialize(table, range(ROWS), out, token_dtype=dtype, **options)
                dsdm.verify(out)


def shards_of(out: Path) -> list[dict[str, Any]]:
    shards: list[dict[str, Any]] = json.loads((out / "tokens.json").read_text())["shards"]
    return shards


def by_shard(out: Path, rows: list[Any]) -> list[tuple[Path, list[Any]]]:
    """Give the shards of an output, each with the rows that are to be in it."""
    found, begin = [], 0
    for shard in shards_of(out):
        found.append((out / shard["file"], rows[begin : begin + shard["rows"]]))
        begin += shard["rows"]
    assert begin == len(rows)
    return found


def read_mapped(out: Path, rows: list[Any], header: int) -> None:
    """Map tokens as nanoGPT, OLMo and modded-nanogpt do: as uint16, whatever is there."""
    for path, expected in by_shard(out, rows):
        if header:
            told = np.fromfile(path, "<i4", 256)
            assert told[:3].tolist() == [20240520, 1, sum(map(len, expected))]
        assert np.array_equal(np.memmap(path, np.uint16, "r", offset=header), np.concatenate(expected))


def read_megatron(out: Path, rows: list[Any]) -> None:
    """Open shards as Megatron-LM does, and write the same with its builder."""
    import torch
    from megatron.core.datasets.indexed_dataset import IndexedDataset, IndexedDatasetBuilder

    for path, expected in by_shard(out, rows):
        for mmap in (True, False):
            opened = IndexedDataset(str(path.with_suffix("")), mmap=mmap)
            assert len(opened) == len(expected)
            assert opened.document_indices.tolist() == list(range(len(expected) + 1))
            for row, tokens in enumerate(expected):
                assert opened[row].dtype == tokens.dtype
                assert np.array_equal(opened[row], tokens)
        with tempfile.TemporaryDirectory() as made:
            builder = IndexedDatasetBuilder(f"{made}/a.bin", dtype=expected[0].dtype.type)
            for tokens in expected:
                builder.add_document(torch.from_numpy(tokens.astype("int64")), [len(tokens)])
            builder.finalize(f"{made}/a.idx")
            assert Path(made, "a.bin").read_bytes() == path.read_bytes()
            assert Path(made, "a.idx").read_bytes() == path.with_suffix(".idx").read_bytes()


def read_litdata(out: Path, rows: list[Any]) -> None:
    """Open an output as litdata does, and write the same with its writer."""
    import torch
    from litdata import StreamingDataset, TokensLoader
    from litdata.streaming.writer import BinaryWriter

    shards = by_shard(out, rows)
    opened = StreamingDataset(str(out), item_loader=TokensLoader(block_size=BLOCK), shuffle=False)
    blocks: list[Any] = []
    for _, expected in shards:
        whole = np.concatenate(expected)
        blocks.extend(whole[: len(whole) // BLOCK * BLOCK].reshape(-1, BLOCK))
    assert len(opened) == len(blocks)
    for number, block in enumerate(blocks):
        assert np.array_equal(opened[number].numpy(), block), number
    assert np.array_equal(np.stack([block.numpy() for block in opened]), np.stack(blocks))
    index = json.loads((out / "index.json").read_text())
    for (path, expected), told in zip(shards, index["chunks"], strict=True):
        with tempfile.TemporaryDirectory() as made:
            writer = BinaryWriter(made, chunk_bytes="1GB", item_loader=TokensLoader())
            for number, tokens in enumerate(expected):
                writer[number] = torch.from_numpy(tokens)
            writer.done()
            writer.merge(1)
            (chunk,) = Path(made).glob("*.bin")
            assert chunk.read_bytes() == path.read_bytes()
            theirs = json.loads(Path(made, "index.json").read_text())
            (theirs_of,) = theirs["chunks"]
            assert {**theirs_of, "filename": ""} == {**told, "filename": ""}
            # How they cut is no matter, and releases have more and more to say.
            ours = {key: told for key, told in index["config"].items() if key not in {"chunk_size", "chunk_bytes"}}
            assert ours == {key: theirs["config"][key] for key in ours}


READERS: dict[str, tuple[str, Callable[[Path, list[Any]], None]]] = {
    "bin": ("numpy", lambda out, rows: read_mapped(out, rows, 0)),
    "modded-nanogpt": ("numpy", lambda out, rows: read_mapped(out, rows, 1024)),
    "megatron": ("megatron-core", read_megatron),
    "litdata": ("litdata", read_litdata),
}


def read(folder: Path) -> None:
    """Read every output whose reader is installed, and say which."""
    for form, (package, reader) in READERS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            print(f"{form}: {package} is not installed")  # noqa: T201 - the report
            continue
        count = 0
        for name, rows in cases().items():
            for shards in SHARDS:
                dtype = "uint16" if form == "modded-nanogpt" else stored_type(form, rows[0].dtype.name)
                stored = rows if dtype is None else [row.astype(dtype) for row in rows]
                reader(folder / form / f"{name} {shards}", stored)
                count += 1
        print(f"{form}: {package} {found} reads all {count} outputs")  # noqa: T201 - the report


if __name__ == "__main__":
    {"make": make, "read": read}[sys.argv[1]](Path(sys.argv[2]))

"""Slow, plain readers of the token files of trainers, by what `docs/formats/trainers.md` says of their bytes.

Each gives the rows of a directory as arrays, and looks at every byte that is not a token.
"""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = Iterator[NDArray[np.generic]]

MEGATRON = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2"}
LITDATA = {11: "u1", 12: "i1", 14: "<i2", 16: "<i4", 18: "<i8", 20: "<u2"}


def sidecar(folder: Path, form: str) -> tuple[list[Path], str]:
    """Give the shards that ``tokens.json`` names, and the type of their tokens."""
    told = json.loads((folder / "tokens.json").read_text())
    assert (told["format"], told["version"]) == (form, 1)
    return [folder / shard["file"] for shard in told["shards"]], told["dtype"]


def numbers(whole: bytes, at: int, kind: str, count: int) -> list[int]:
    """Read so many numbers at a place, all of which must be there."""
    size = np.dtype(kind).itemsize * count
    assert 0 <= at <= at + size <= len(whole)
    return [int(number) for number in np.frombuffer(whole[at : at + size], kind)]


def cut(tokens: NDArray[np.generic], ends: list[int]) -> Rows:
    """Cut tokens where rows end."""
    begin = 0
    for end in ends:
        assert begin <= end
        yield tokens[begin:end]
        begin = end
    assert begin == len(tokens)


def ends_beside(path: Path) -> list[int]:
    whole = path.with_name(path.name + ".index").read_bytes()
    return numbers(whole, 0, "<u8", len(whole) // 8)


def of_bin(folder: Path) -> Rows:
    files, kind = sidecar(folder, "bin")
    for path in files:
        yield from cut(np.fromfile(path, np.dtype(kind).newbyteorder("<")), ends_beside(path))


def of_modded_nanogpt(folder: Path) -> Rows:
    files, kind = sidecar(folder, "modded-nanogpt")
    assert kind == "uint16"
    for path in files:
        whole = path.read_bytes()
        magic, version, count, *zeros = numbers(whole, 0, "<i4", 256)
        assert (magic, version, zeros) == (20240520, 1, [0] * 253)
        tokens = np.frombuffer(whole[1024:], "<u2")
        assert len(tokens) == count
        yield from cut(tokens, ends_beside(path))


def of_megatron(folder: Path) -> Rows:
    files, _ = sidecar(folder, "megatron")
    for path in files:
        index = path.with_suffix(".idx").read_bytes()
        assert index[:9] == b"MMIDIDX\0\0"
        assert numbers(index, 9, "<u8", 1) == [1]
        kind = np.dtype(MEGATRON[index[17]])
        count, documents = numbers(index, 18, "<u8", 2)
        assert documents == count + 1
        lengths = numbers(index, 34, "<i4", count)
        begins = numbers(index, 34 + 4 * count, "<i8", count)
        assert numbers(index, 34 + 12 * count, "<i8", documents) == list(range(documents))
        assert len(index) == 34 + 12 * count + 8 * documents
        whole, end = path.read_bytes(), 0
        for length, begin in zip(lengths, begins, strict=True):
            assert begin == end
            end += length * kind.itemsize
            yield np.frombuffer(whole[begin:end], kind)
        assert end == len(whole)


def of_litdata(folder: Path) -> Rows:
    index = json.loads((folder / "index.json").read_text())
    files, _ = sidecar(folder, "litdata")
    assert [folder / chunk["filename"] for chunk in index["chunks"]] == files
    (told,) = index["config"]["data_format"]
    name, code = told.split(":")
    assert (name, index["config"]["item_loader"]) == ("no_header_tensor", "TokensLoader")
    kind = np.dtype(LITDATA[int(code)])
    for path, chunk in zip(files, index["chunks"], strict=True):
        whole = path.read_bytes()
        (count,) = numbers(whole, 0, "<u4", 1)
        places = numbers(whole, 4, "<u4", count + 1)
        assert (places[0], places[-1]) == (4 * (count + 2), len(whole))
        assert (chunk["chunk_bytes"], chunk["chunk_size"]) == (len(whole), count)
        assert chunk["dim"] == (len(whole) - places[0]) // kind.itemsize
        for begin, end in pairwise(places):
            yield np.frombuffer(whole[begin:end], kind)


READERS: dict[str, Callable[[Path], Rows]] = {
    "bin": of_bin,
    "modded-nanogpt": of_modded_nanogpt,
    "megatron": of_megatron,
    "litdata": of_litdata,
}

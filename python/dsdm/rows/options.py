"""How rows are laid out: the format, the order, the columns and the shards, as they are asked for."""

import secrets
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dsdm.checks import check_flag, check_seed, one_of, said
from dsdm.rows.sizes import to_bytes

_FORMATS = ("arrow", "parquet", "tokens")
_ORDERS = ("given", "row", "shuffle")
_TOKENS_COLUMN = "input_ids"


def check_layout(
    format: str,  # noqa: A002
    order: str,
    columns: Sequence[str] | None,
    num_shards: int | None,
) -> tuple[Sequence[str] | None, int | None]:
    """Refuse what there is not, and give the columns and the number of shards that are meant."""
    _one_of("format", format, _FORMATS)
    _one_of("order", order, _ORDERS)
    if format == "tokens" and columns is None:
        columns = [_TOKENS_COLUMN]
    return columns, _count(num_shards)


def check_run(
    max_shard_size: int | str | None,
    num_shards: int | None,
    memory_limit: int | str | None,
    *,
    resume: object,
    verify: object,
    overwrite: object,
    progress: object,
    paths: object,
) -> tuple[int, int | None]:
    """Refuse what there is not, and give the size of a shard and the memory in bytes."""
    for name, flag in (("resume", resume), ("verify", verify), ("overwrite", overwrite)):
        check_flag(name, flag)
    if verify and not resume:
        message = "verify=True looks at what an interrupted run left, and resume=False removes it; give one of them"
        raise ValueError(message)
    if max_shard_size is not None and num_shards is not None:
        message = f"max_shard_size={max_shard_size!r} and num_shards={num_shards} are both given; give one of them"
        raise ValueError(message)
    one_of("paths", paths, ("relative", "absolute"))
    if progress is not None:
        check_flag("progress", progress)
    limit = None if memory_limit is None else to_bytes(memory_limit, "memory_limit")
    return to_bytes("500MB" if max_shard_size is None else max_shard_size, "max_shard_size"), limit


def check_added(row_ids: object, selection: object) -> None:
    """Refuse a name of a column that is no text, and what tells of a selection and is no mapping."""
    if row_ids is not None and not isinstance(row_ids, str):
        message = f"row_ids is {row_ids!r}; the name of a column is needed"
        raise TypeError(message)
    if row_ids is not None and "\0" in row_ids:
        message = f"row_ids={row_ids!r} is the name of a column and has a NUL in it, where Arrow would cut it"
        raise ValueError(message)
    if selection is not None and not isinstance(selection, Mapping):
        message = f"selection is a {type(selection).__name__}; a mapping that tells how rows were chosen is needed"
        raise TypeError(message)


def in_order(indices: NDArray[np.int64], order: str, seed: int | None) -> tuple[NDArray[np.int64], int | None]:
    """Give the indices in the order asked for, and the seed if they are shuffled."""
    if order != "shuffle":
        if seed is not None:
            message = f"seed={said(seed)} belongs to order='shuffle', and the order is {order!r}"
            raise ValueError(message)
        return (np.sort(indices) if order == "row" else indices), None
    check_seed(seed)
    if seed is None:
        seed = secrets.randbits(63)
    return np.random.default_rng(int(seed)).permutation(indices), int(seed)


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        message = f"{name}={value!r} is none of {', '.join(map(repr, accepted))}"
        raise ValueError(message)


def _count(num_shards: int | None) -> int | None:
    if num_shards is not None and (isinstance(num_shards, bool) or not isinstance(num_shards, int | np.integer)):
        message = f"num_shards must be a whole number and is {num_shards!r}"
        raise TypeError(message)
    if num_shards is not None and num_shards < 1:
        message = f"num_shards is {said(num_shards)}; at least 1 is needed"
        raise ValueError(message)
    if num_shards is not None and num_shards >= 2**63:
        message = f"num_shards is {said(num_shards)}; it must be below 2^63"
        raise ValueError(message)
    return None if num_shards is None else int(num_shards)

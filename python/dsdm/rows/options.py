"""The arguments of :func:`dsdm.materialize` and :func:`dsdm.plan`, which are the same, and what they may be."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm._native import token_dtypes
from dsdm.arrays.scalars import plain_number
from dsdm.checks import (
    FORMATS,
    ROW_ORDERS,
    TOKEN_DTYPES,
    TOKEN_FORMATS,
    Format,
    Io,
    PathNames,
    RowOrder,
    Schema,
    Sort,
    TokenDtype,
    check_flag,
    check_path_names,
    check_seed,
    one_of,
    said,
)
from dsdm.rows.row_numbers import interruptibly
from dsdm.rows.sizes import to_bytes

_TOKENS_COLUMN = "input_ids"
DEFAULT_SPLIT = "train"
"""The split that files of the hub are of, where nobody says."""

# As datasets has it.
_SPLIT = re.compile(r"\w+(\.\w+)*")
# Names of files are 255 bytes at most, with the number and the suffix of a shard, and of one that is not finished.
_MOST_OF_SPLIT = 200
_OF_THE_HUB = {"parquet": "Parquet", "jsonl": "JSON lines"}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The arguments as they were given: one field for each."""

    source: Any
    indices: Any
    out_dir: Any
    format: Format
    token_dtype: TokenDtype | None
    row_order: RowOrder
    seed: int | None
    columns: Sequence[str] | None
    row_ids: str | None
    scores: Any
    max_shard_size: int | str | None
    num_shards: int | None
    content_defined_chunking: bool
    split: str | None
    card: bool
    threads: int | None
    memory_limit: int | str | None
    resume: bool
    verify: bool
    overwrite: bool
    selection: Mapping[str, Any] | None
    paths: PathNames
    progress: bool | None
    sort: Sort | None
    partial: bool
    io: Io
    schema: Schema
    hive: bool


@dataclass(frozen=True)
class Layout:
    """How rows are laid out, after the checks."""

    columns: Sequence[str] | None
    num_shards: int | None
    shard_bytes: int
    """How large a shard may be, if no number of them is given."""
    memory_limit: int | None


def checked(arguments: Arguments) -> Layout:
    """Refuse arguments that cannot be or do not go together, and return the layout that they mean.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what it is and what it may be.

    """
    _one_of("format", arguments.format, FORMATS)
    _one_of("row_order", arguments.row_order, ROW_ORDERS)
    _check_token_dtype(arguments.token_dtype, arguments.format)
    columns = arguments.columns
    if columns is None and arguments.format in TOKEN_FORMATS:
        columns = [_TOKENS_COLUMN]
    num_shards = _count(arguments.num_shards)
    _check_run(arguments)
    memory_limit = None if arguments.memory_limit is None else to_bytes(arguments.memory_limit, "memory_limit")
    size = "500MB" if arguments.max_shard_size is None else arguments.max_shard_size
    layout = Layout(columns, num_shards, to_bytes(size, "max_shard_size"), memory_limit)
    _check_added(arguments.row_ids, arguments.selection)
    _check_told(arguments)
    return layout


def _check_token_dtype(dtype: object, form: Format) -> None:
    """Refuse a type of tokens that there is not, one of what are no tokens, and one that the format has not."""
    if dtype is None:
        return
    one_of("token_dtype", dtype, TOKEN_DTYPES)
    accepted = token_dtypes(form)
    if not accepted:
        message = (
            f'token_dtype="{dtype}" is for formats of tokens, and format="{form}" keeps the types of the columns; '
            "leave it out, or give one of " + ", ".join(f'format="{name}"' for name in TOKEN_FORMATS)
        )
        raise ValueError(message)
    if dtype not in accepted:
        choices = ", ".join(f'"{name}"' for name in accepted)
        message = f'token_dtype is "{dtype}", which format="{form}" has no tokens of; it is one of {choices}'
        raise ValueError(message)


def _check_run(arguments: Arguments) -> None:
    """Refuse what does not go together, and flags that are none."""
    for name in ("resume", "verify", "overwrite", "content_defined_chunking", "card"):
        check_flag(name, getattr(arguments, name))
    if arguments.content_defined_chunking and arguments.format != "parquet":
        message = (
            f'content_defined_chunking=True says where pages of Parquet end, and format="{arguments.format}" has '
            'none; leave it out, or give format="parquet"'
        )
        raise ValueError(message)
    if arguments.verify and not arguments.resume:
        message = "verify=True looks at what an interrupted run left, and resume=False removes it; give one of them"
        raise ValueError(message)
    size, number = arguments.max_shard_size, arguments.num_shards
    if size is not None and number is not None:
        message = f"max_shard_size={size!r} and num_shards={number} are both given; give one of them"
        raise ValueError(message)
    check_path_names(arguments.paths)
    if arguments.progress is not None:
        check_flag("progress", arguments.progress)


def _check_told(arguments: Arguments) -> None:
    """Refuse a split or a card where the format has no place for it, and a split by a name that datasets refuses."""
    split, form = arguments.split, arguments.format
    if split is not None and not isinstance(split, str):
        message = f"split is {split!r}; the name of a split is needed"
        raise TypeError(message)
    if split is not None and form in TOKEN_FORMATS:
        message = f'split={split!r} is for what datasets opens, which is not what format="{form}" writes; leave it out'
        raise ValueError(message)
    if split is not None and (not _SPLIT.fullmatch(split) or split == "all"):
        message = (
            f"split={split!r} is no name of a split for datasets; give letters, digits and _, with single points "
            'between, such as "validation", and not "all", which is what datasets calls all splits'
        )
        raise ValueError(message)
    if split is not None and len(split.encode("utf-8", "surrogatepass")) > _MOST_OF_SPLIT:
        message = (
            f"split={split[:20] + '…'!r} has {len(split)} characters, and names of files begin with it; give at most "
            f"{_MOST_OF_SPLIT} bytes"
        )
        raise ValueError(message)
    if arguments.card and form not in _OF_THE_HUB:
        message = (
            f'card=True is for what the hub shows, which is not what format="{form}" writes; leave it out, or give '
            'format="parquet" or format="jsonl"'
        )
        raise ValueError(message)


def _check_added(row_ids: object, selection: object) -> None:
    """Refuse a name of a column that is no text, and a record of a selection that is no mapping."""
    if row_ids is not None and not isinstance(row_ids, str):
        message = f"row_ids is {row_ids!r}; the name of a column is needed"
        raise TypeError(message)
    if row_ids is not None and "\0" in row_ids:
        message = f"row_ids={row_ids!r} is the name of a column and has a NUL in it, where Arrow would cut it"
        raise ValueError(message)
    if selection is not None and not isinstance(selection, Mapping):
        message = f"selection is a {type(selection).__name__}; a mapping that tells how rows were chosen is needed"
        raise TypeError(message)


def in_order(rows: NDArray[np.int64], row_order: RowOrder, seed: int | None) -> tuple[NDArray[np.int64], int | None]:
    """Return rows in the order in which they are written, and the seed if they are shuffled."""
    check_seed_of_order(seed, row_order)
    if row_order != "shuffle":
        return (interruptibly(lambda: np.sort(rows), len(rows)) if row_order == "row" else rows), None
    chosen = secrets.randbits(63) if seed is None else int(seed)
    return interruptibly(lambda: _shuffled(rows, chosen), len(rows)), chosen


def _shuffled(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    # numpy does not copy what is empty, and shuffles it where it lies, which may be read-only.
    return np.random.default_rng(seed).permutation(rows) if len(rows) else rows.copy()


def check_seed_of_order(seed: int | None, row_order: str, name: str = "seed") -> None:
    """Refuse a seed that no shuffle takes, and one without a shuffle."""
    if seed is not None and row_order != "shuffle":
        message = f"seed={said(seed)} belongs to row_order='shuffle', and row_order is {row_order!r}"
        raise ValueError(message)
    check_seed(seed, name)


def check_shards(num_shards: int | None, rows: int, format: str) -> None:  # noqa: A002 - as it is called
    """Refuse more shards than there are rows, of which some would have none; one may have none, but for the hub."""
    if format in _OF_THE_HUB and not rows:
        message = (
            f"no rows are to be written, and datasets.load_dataset opens no {_OF_THE_HUB[format]} without rows; choose "
            "rows, or write format='arrow', which opens with datasets.load_from_disk"
        )
        raise ValueError(message)
    if num_shards is not None and num_shards > max(rows, 1):
        few = "1 row is" if rows == 1 else f"{rows:,} rows are"
        message = (
            f"num_shards is {num_shards:,}, and {few} written: no shard is without a row; ask for at most "
            f"{max(rows, 1):,}"
        )
        raise ValueError(message)


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        message = f"{name}={value!r} is none of {', '.join(map(repr, accepted))}"
        raise ValueError(message)


def _count(num_shards: int | None) -> int | None:
    num_shards = plain_number("num_shards", num_shards)
    if num_shards is not None and (isinstance(num_shards, bool) or not isinstance(num_shards, int)):
        message = f"num_shards must be a whole number and is {num_shards!r}"
        raise TypeError(message)
    if num_shards is not None and num_shards < 1:
        message = f"num_shards is {said(num_shards)}; at least 1 is needed"
        raise ValueError(message)
    if num_shards is not None and num_shards >= 2**63:
        message = f"num_shards is {said(num_shards)}; it must be below 2^63"
        raise ValueError(message)
    return num_shards

"""Files in an output that are none of it, and that readers of the directory would take for rows of it."""

import re
from collections.abc import Iterator
from pathlib import Path

from dsdm.checks import TOKEN_FORMATS
from dsdm.paths.belongs import ARRAYS, ROWS, Use, walk

_ARROW = Use("rows", {suffix: kind for suffix, kind in ROWS.kinds.items() if kind == "Arrow"})
_TAKEN = {"arrow": _ARROW, "parquet": ROWS, "jsonl": ROWS, **dict.fromkeys(TOKEN_FORMATS, ARRAYS)}
"""What of a directory readers take that go by the names of files: those of token arrays take `.npy` and `.bin`."""

# Where `load_dataset` looks first, for files of any format.
_SPLIT = re.compile(r".+-[0-9]{5}-of-[0-9]+\..+")
_READ_FIRST = ("state.json", "dataset_dict.json")


def strays(folder: str, form: str, written: set[str]) -> Iterator[str]:
    """Yield the paths of an output that its readers would take, and that are none of those written.

    What no reader takes may lie there: other kinds of files, names that begin with ``_`` or ``.``, what ``map`` left
    in its cache, and beside the shards that ``state.json`` lists other data sets.
    """
    tree = walk(folder, _TAKEN[form])
    yield from (path for path in tree.files if path not in written)
    if form == "arrow":
        return
    yield from tree.sets
    yield from (name for name in _READ_FIRST if Path(folder, name).is_file() and name not in written)
    if form in {"parquet", "jsonl"}:
        beside = sorted(f"data/{path.name}" for path in Path(folder, "data").glob("*") if _SPLIT.fullmatch(path.name))
        yield from (path for path in beside if path not in written)

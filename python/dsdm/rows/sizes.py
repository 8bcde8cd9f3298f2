"""Sizes as people write them."""

import re
from decimal import Decimal

from dsdm.arrays.scalars import plain_number
from dsdm.checks import said

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?)?B?\s*", re.IGNORECASE)


def to_bytes(size: int | str, name: str) -> int:
    """Return a size in bytes.

    >>> to_bytes("500MB", "max_shard_size"), to_bytes("1GiB", "memory_limit"), to_bytes(7, "x")
    (500000000, 1073741824, 7)
    """
    size = plain_number(name, size)
    if isinstance(size, bool) or not isinstance(size, int | str):
        message = f"{name} must be a number of bytes or text such as '500MB', and is {size!r}"
        raise TypeError(message)
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if not match:
            message = f"{name}={size!r} is no size; write it as '500MB', '2GB' or '1GiB'"
            raise ValueError(message)
        amount = Decimal(match[1]) * _UNITS[(match[2] or "").upper()]
        if amount >= 2**63:
            message = f"{name}={size!r} is too large; it must be below 2^63 bytes"
            raise ValueError(message)
        size = int(amount)
    if size < 1:
        message = f"{name} is {said(size)} bytes; at least 1 is needed"
        raise ValueError(message)
    if size >= 2**63:
        message = f"{name} is {said(size)} bytes; it must be below 2^63"
        raise ValueError(message)
    return size


def readable(size: float) -> str:
    """Return a number of bytes as text.

    >>> readable(512), readable(20_480_000), readable(4.1e9)
    ('512 B', '20.5 MB', '4.1 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def many(count: int, what: str, more: str = "s") -> str:
    """Return a number of things as text.

    >>> many(1, "read"), many(2000, "pass", "es")
    ('1 read', '2,000 passes')
    """
    return f"{count:,} {what}{'' if count == 1 else more}"

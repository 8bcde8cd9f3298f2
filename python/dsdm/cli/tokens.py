"""As many whole rows as a number of tokens has room for, by the lengths that the rows have."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsdm.cli.options.size import Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dsdm import Selection
    from dsdm.dataset import Shards

# Rows whose lengths are looked at first.
_FIRST = 64


class Lengths:
    """The tokens of rows: the lengths of their lists in a column."""

    def __init__(self, shards: "Shards", column: str) -> None:
        """Look at the type of the column.

        Raises
        ------
        ValueError
            If there is no such column, or it holds no lists.

        """
        import pyarrow as pa

        choose = (
            "name the column of lists of tokens by --tokens-column, or a column of whole numbers that tell how many "
            "tokens rows have by --lengths, or where all rows have the same number of tokens, say it by --row-tokens"
        )
        if column not in shards.column_names or not len(shards):
            message = (
                f"--tokens needs rows with a column {column!r}, and the shards have {len(shards):,} rows "
                f"with the columns {', '.join(shards.column_names)}; {choose}"
            )
            raise ValueError(message)
        kind = shards.schema.field(column).type
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(check(kind) for check in lists):
            message = f"--tokens needs lists in the column {column!r}, and it holds {kind}; "
            if pa.types.is_integer(kind):
                message += (
                    f"if these tell how many tokens each row has, say --lengths {shlex.quote(column)} and no "
                    "--tokens-column"
                )
            elif any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string)):
                message += f"--lengths {shlex.quote(column)} counts the bytes of its texts as tokens; else {choose}"
            else:
                message += choose
            raise ValueError(message)
        self.of_rows = shards.lengths(column)
        self.fixed = self.of_rows.fixed
        """That of every row which is not null, if the type says so."""

    def known(self, rows: "Selection") -> "Selection":
        """Return rows whose tokens are known: that all have as many, a type says of those alone that are not null.

        Raises
        ------
        ValueError
            For a row that is null.

        """
        if self.fixed is not None:
            self.of_rows[rows.indices]
        return rows


def too_few(tokens: int, rows: int, there: int) -> ValueError:
    """Return the error of rows that have fewer tokens together than are asked for."""
    return ValueError(
        f"--tokens is {tokens:,}, and the {rows:,} rows that can be chosen have {there:,}; ask for no more"
    )


def rows_within(
    tokens: int, most: int, rank: Callable[[int], "NDArray[np.int64]"], lengths: Lengths
) -> tuple[int, int]:
    """Return how many of the first of ranked rows have at most so many tokens together, and these tokens.

    ``rank(k)`` gives the first `k` rows, for `k` up to `most`. More of them are looked at until they are enough.

    Raises
    ------
    ValueError
        If all rows together have fewer tokens, with both numbers.

    """
    import numpy as np

    known, ends, wanted = np.empty(0, np.int64), np.empty(0, np.int64), min(_FIRST, most)
    while True:
        ranked = rank(wanted)
        if not np.array_equal(ranked[: len(known)], known):
            message = "the first rows of a larger selection are others than those of a smaller one"
            raise RuntimeError(message)
        before = int(ends[-1]) if len(ends) else 0
        ends = np.concatenate([ends, before + np.cumsum(lengths.of_rows[ranked[len(known) :]])])
        known = ranked
        total = int(ends[-1]) if len(ends) else 0
        if total > tokens:
            rows = int(np.searchsorted(ends, tokens, side="right"))
            return rows, int(ends[rows - 1]) if rows else 0
        if wanted == most:
            break
        guess = wanted * tokens // total + wanted // 16 if total else 0
        wanted = min(most, max(2 * wanted, guess + 1))
    if total < tokens:
        raise too_few(tokens, most, total)
    return most, total


def sized_by(
    size: Size, row_tokens: Callable[[], int], lengths: Lengths | None, most: Callable[[], int], *, by_rule: bool
) -> dict[str, Any]:
    """Return the arguments of :func:`dsdm.choose` that say how many rows, of as many as `most` can be chosen.

    `by_rule` is whether the rule has lengths of its own, beside which none of a column are needed.

    Raises
    ------
    ValueError
        If the tokens are more than those of all rows, where each has as many.

    """
    if size.tokens is None:
        given = {"k": size.count, "fraction": size.fraction}
        return {name: value for name, value in given.items() if value is not None}
    if by_rule:
        return {"tokens": size.tokens}
    if lengths is None or lengths.fixed is not None:
        each = row_tokens() if lengths is None else lengths.fixed or row_tokens()
        k = size.tokens // each
        if k > (there := most()):
            raise too_few(size.tokens, there, there * each)
        return {"k": k}
    return {"tokens": size.tokens, "lengths": lengths.of_rows}


@dataclass(frozen=True)
class Counted:
    """What a number of tokens counts: of rows, by a column, a file or a number."""

    by: str
    """``"list items"``, ``"text bytes"``, ``"bytes"``, ``"numbers"`` or ``"row tokens"``."""
    name: str | None
    """The column or the file, as the command was told it."""
    each: int | None = None
    """Those of every row, where all have as many."""
    drawn: int | None = None
    """Those of the rows, where they were drawn one by one."""

    def tokens(self, found: "Selection") -> int:
        """Return the tokens of the chosen rows."""
        known = found.tokens if self.drawn is None else self.drawn
        return len(found) * (self.each or 0) if known is None else known

    def told(self, found: "Selection") -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"tokens": self.tokens(found), "by": self.by, "in": self.name}

    def __str__(self) -> str:
        """Return it as the end of a sentence."""
        ways = {
            "list items": f"as the items of the lists in {self.name}",
            "text bytes": f"as the bytes of the texts in {self.name}",
            "bytes": f"as the bytes in {self.name}",
            "numbers": f"by the numbers in {self.name}",
            "row tokens": f"as {self.each:,} for each row (--row-tokens)" if self.each is not None else "",
        }
        return f"counted {ways[self.by]}"


def counted_by(
    size: Size, arguments: Mapping[str, Any], named: str | None, lengths: Lengths | None, row_tokens: int | None
) -> Counted | None:
    """Return what a number of tokens counts; None where none was asked for.

    `named` is ``--lengths``, and `arguments` are those of :func:`dsdm.choose`, with the lengths that it means.
    """
    import pyarrow as pa

    if named is not None:
        kind = getattr(arguments.get("lengths"), "type", None)
        return Counted("numbers" if kind is None else _unit(kind), named)
    if size.tokens is None:
        return None
    if lengths is None:
        return Counted("row tokens", None, row_tokens)
    return Counted(_unit(pa.list_(pa.null())), lengths.of_rows.column, lengths.fixed)


def _unit(kind: Any) -> str:
    """Return what the length of a value of a type is."""
    import pyarrow as pa

    if pa.types.is_integer(kind):
        return "numbers"
    if any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string)):
        return "text bytes"
    return "bytes" if any(check(kind) for check in (pa.types.is_binary, pa.types.is_large_binary)) else "list items"

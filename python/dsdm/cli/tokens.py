"""As many whole rows as a number of tokens has room for, by the lengths that the rows have."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dsdm.cli.options.size import Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
            "name the column of lists of tokens by --tokens-column, or where all rows have the same number of tokens, "
            "say it by --row-tokens"
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
            message = f"--tokens needs lists in the column {column!r}, and it holds {kind}; {choose}"
            raise ValueError(message)
        self.of_rows = shards.lengths(column)
        self.fixed = self.of_rows.fixed
        """That of every row, if the type says so."""


def too_few(tokens: int, rows: int, there: int) -> ValueError:
    """Return the error of rows that have fewer tokens together than are asked for."""
    return ValueError(
        f"--tokens is {tokens:,}, and the {rows:,} rows that can be chosen have {there:,}; ask for no more"
    )


def rows_within(tokens: int, most: int, rank: Callable[[int], "NDArray[np.int64]"], lengths: Lengths) -> int:
    """Return how many of the first of ranked rows have at most so many tokens together.

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
            return int(np.searchsorted(ends, tokens, side="right"))
        if wanted == most:
            break
        guess = wanted * tokens // total + wanted // 16 if total else 0
        wanted = min(most, max(2 * wanted, guess + 1))
    if total < tokens:
        raise too_few(tokens, most, total)
    return most


def sized_by(size: Size, row_tokens: Callable[[], int], lengths: Lengths | None, *, by_rule: bool) -> dict[str, Any]:
    """Return the arguments of :func:`dsdm.choose` that say how many rows.

    `by_rule` is whether the rule has lengths of its own, beside which none of a column are needed.
    """
    if size.tokens is None:
        given = {"k": size.count, "fraction": size.fraction}
        return {name: value for name, value in given.items() if value is not None}
    if by_rule:
        return {"tokens": size.tokens}
    if lengths is None or lengths.fixed is not None:
        return {"k": size.tokens // (row_tokens() if lengths is None else lengths.fixed or row_tokens())}
    return {"tokens": size.tokens, "lengths": lengths.of_rows}

"""The size of a selection: exactly one of a count, a share of the rows and a number of tokens."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import typer

from dsdm.cli.options.numbers import decimal_of

_MOST = 2**63


@dataclass(frozen=True)
class Size:
    """How much is to be selected, as it was asked for."""

    count: int | None
    fraction: float | None
    tokens: int | None

    def rows(self, population: int, row_tokens: Callable[[], int]) -> int:
        """Return the number of rows out of `population`; `row_tokens` is asked only if tokens were given."""
        if self.count is not None:
            return self.count
        if self.fraction is not None:
            return math.floor(Decimal(repr(self.fraction)) * population)
        return (self.tokens or 0) // row_tokens()


def parse_size(
    count: int | None, fraction: float | None, tokens: str | None, row_tokens: int | None, *, optional: bool = False
) -> Size:
    """Return exactly one of the three, or end with a usage error that names them.

    There may be none of them where it is `optional`.
    """
    given = [
        name for name, value in (("-k", count), ("--fraction", fraction), ("--tokens", tokens)) if value is not None
    ]
    if len(given) != 1 and (given or not optional):
        found = " and ".join(given) or "none of them"
        rules = "" if given else ", or a rule that says how many (--min-score, --max-score, --quantile, --per-group)"
        message = f"give exactly one of -k, --fraction and --tokens{rules}; {found} given"
        raise typer.BadParameter(message)
    if fraction is not None and not 0 <= fraction <= 1:
        message = f"--fraction is {fraction}; a share from 0 to 1 is needed"
        raise typer.BadParameter(message)
    if row_tokens is not None and (tokens is None or row_tokens < 1):
        message = f"--row-tokens is {row_tokens}; it goes with --tokens, and is at least 1"
        raise typer.BadParameter(message)
    return Size(count, fraction, None if tokens is None else _whole(tokens))


def _whole(text: str) -> int:
    number = decimal_of(text)
    if not number.is_finite() or number < 0:
        message = f"--tokens is {text!r}; a number such as 26_000_000_000, 2.6e10 or 26B is needed"
        raise typer.BadParameter(message)
    if number >= _MOST:
        message = f"--tokens is {text!r}; it must be below 2^63"
        raise typer.BadParameter(message)
    if number != number.to_integral_value():
        message = f"--tokens is {text!r}, which is no whole number; 2.5B, say, is 2,500,000,000"
        raise typer.BadParameter(message)
    return int(number)

"""Numbers as people write them: ``5``, ``26_000_000_000``, ``2.6e10``, ``26B``; what is none is shown."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import typer

_DIGITS = re.compile(r"[+-]?[0-9]{1,4000}")
# Beyond it, the digits of a power of ten are nobody's number.
_MOST_EXPONENT = 40
_POWERS = {"K": 3, "M": 6, "B": 9, "T": 12}


def whole_number(text: str | int) -> int:
    """Return a whole number, or end with a usage error that shows what was given.

    >>> whole_number("1_000"), whole_number("1e3"), whole_number("2.6B"), whole_number("-3")
    (1000, 1000, 2600000000, -3)
    """
    if isinstance(text, int):
        return text
    plain = text.strip().replace("_", "").replace(",", "")
    if _DIGITS.fullmatch(plain):
        return int(plain)
    number = decimal_of(plain)
    if number.is_finite() and number.adjusted() > _MOST_EXPONENT:
        message = f"{text!r} is too large"
        raise typer.BadParameter(message)
    if not number.is_finite() or number != number.to_integral_value():
        message = f"{text!r} is no whole number; write it as 5000, 5_000, 5e3 or 5K"
        raise typer.BadParameter(message)
    return int(number)


def whole_between(least: int, most: int) -> Callable[[str | int], int]:
    """Return a parser of whole numbers from the one to the other.

    >>> whole_between(1, 10)("1e1")
    10
    """

    def parse(text: str | int) -> int:
        number = whole_number(text)
        if not least <= number <= most:
            message = f"{text!r:.50} is not from {least:,} to {most:,}"
            raise typer.BadParameter(message)
        return number

    return parse


def decimal_of(text: str) -> Decimal:
    """Return a number as it was written, perhaps of thousands (K), millions (M), billions (B) or trillions (T).

    >>> decimal_of("26e9") == decimal_of("26_000M") == decimal_of("26b")
    True
    """
    plain = text.strip().replace("_", "").replace(",", "")
    power = _POWERS.get(plain[-1:].upper(), 0)
    try:
        number = Decimal(plain[:-1] if power else plain)
    except InvalidOperation:
        return Decimal("nan")
    # Beyond what a context holds there is no number that anybody means.
    return number.scaleb(power) if number.is_finite() and number.adjusted() <= _MOST_EXPONENT else number


def real_number(text: str | float) -> float:
    """Return a number, or end with a usage error that shows what was given."""
    try:
        return float(text)
    except ValueError:
        message = f"{text!r} is no number; write it as 0.05 or 5e-2"
        raise typer.BadParameter(message) from None

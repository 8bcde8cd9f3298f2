"""What a report tells of a selection, computed the plain way from arrays."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


def bin_of(value: float, edges: list[float]) -> int:
    """Return the last bin whose lower edge is not above a value."""
    place = 0
    for at, edge in enumerate(edges[:-1]):
        if value >= edge:
            place = at
    return place


def outside(values: NDArray[Any]) -> dict[str, int]:
    as_float = values.astype(np.float64)
    return {
        "nan": sum(bool(value != value) for value in as_float),  # noqa: PLR0124
        "minus_infinity": sum(bool(value == -np.inf) for value in as_float),
        "plus_infinity": sum(bool(value == np.inf) for value in as_float),
    }


def counts(values: NDArray[Any], edges: list[float]) -> list[int]:
    found = [0] * (len(edges) - 1)
    # Python compares integers and floats as the numbers that they are.
    for value in values.tolist():
        if value - value == 0:
            found[bin_of(value, edges)] += 1
    return found


def room(least: float, most: float) -> tuple[float, float]:
    """Return the float64 nearest to two numbers, or where that leaves one outside the next."""
    low, high = float(least), float(most)
    return low if low <= least else float(np.nextafter(low, -np.inf)), (
        high if high >= most else float(np.nextafter(high, np.inf))
    )


def quantiles(values: NDArray[Any]) -> list[float]:
    """Return those of the finite values: exact, by sorting them."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    ascending = np.sort(values)
    if len(ascending) == 0:
        return []
    found = []
    for share in SHARES:
        at = Fraction(repr(share)) * (len(ascending) - 1)
        below = int(at)
        if at == below:
            found.append(ascending[below].item())
        else:
            low, high = map(Fraction, ascending[below : below + 2].tolist())
            between = low + (high - low) * (at - below)
            found.append(ascending[below].item() if low == high else float(between))
    return found


def ranked(values: NDArray[Any], rows: list[int], *, largest: bool = True, near: float | None = None) -> list[int]:
    """Return rows without NaN, the best first, and of equal ones the lower first."""

    def key(row: int) -> tuple[float, int]:
        value = values[row].item()
        return (abs(value - near) if near is not None else -value if largest else value), row

    return sorted((row for row in rows if values[row] == values[row]), key=key)

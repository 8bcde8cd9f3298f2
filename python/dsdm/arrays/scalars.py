"""Numbers that others hold, as Python's: scalars of numpy, arrays without a dimension, whatever is a whole number."""

import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np


def plain_number(name: str, value: Any) -> Any:
    """Return the same number as Python has it, so that it is recorded, said and compared alike; all else as it is.

    >>> plain_number("min_score", np.float32(0.1)), plain_number("k", np.array(3)), plain_number("k", "3")
    (0.10000000149011612, 3, '3')

    Raises
    ------
    ValueError
        For a number that no float64 is, such as a longdouble between two of them: rows could lie between both.

    """
    value = without_dimension(value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.str_):
        return str(value)
    try:
        return operator.index(value)
    except TypeError:
        pass
    if not isinstance(value, Real | np.floating):
        return value
    try:
        found = float(value)
    except OverflowError:
        found = None
    # NaN is no number of any kind, and refused as such by whoever takes numbers.
    if found is None or (found != value and value == value):  # noqa: PLR0124 - NaN
        near = "" if found is None or np.isinf(found) else f"; the nearest one is {found!r}"
        message = f"{name} is {value!s}, a {type(value).__name__} that no float64 is equal to; give a float{near}"
        raise ValueError(message)
    return found


def without_dimension(value: Any) -> Any:
    """Return the value of an array of numpy without a dimension; anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def plain_numbers(name: str, value: Any) -> Any:
    """Return numbers as Python has them: one, those of a list or a tuple, or those of a mapping with its keys.

    Raises
    ------
    ValueError
        As :func:`plain_number`.

    """
    if isinstance(value, Mapping):
        pairs = [((of, one), (plain_number(name, of), plain_numbers(name, one))) for of, one in value.items()]
        # Mappings of other kinds, which may say what goes for names that they do not have, stay what they are.
        same = all(of is plain and one is number for (of, one), (plain, number) in pairs)
        return value if same else dict(pair for _, pair in pairs)
    if isinstance(value, tuple):
        return tuple(plain_numbers(name, one) for one in value)
    return [plain_numbers(name, one) for one in value] if isinstance(value, list) else plain_number(name, value)

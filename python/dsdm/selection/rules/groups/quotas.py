"""Groups of rows, and how many of each are to be chosen."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, checks
from dsdm.selection.rules.groups.values import group_values
from dsdm.selection.rules.rule import as_written

_SHOWN = 10
"""Groups that a message lists."""


class Parts(dict[Any, int]):
    """How many rows of each group were chosen: of those that are not named, none."""

    unnamed = 0


class Copies(Parts):
    """How many copies of the rows of each group there are, as was told: of groups that are not named, no row is."""

    unnamed = 1


class Groups:
    """The group of each row, and the names of all groups in their order."""

    def __init__(self, groups: Any, n: int, threads: int | None, null_groups: str = "error") -> None:
        """Take one whole number or text for each of `n` rows; nulls as `null_groups` says.

        Raises
        ------
        TypeError
            If they are neither whole numbers nor texts.
        ValueError
            If there are more or fewer of them, or one is missing.

        """
        values = group_values(groups, n, nulls=null_groups != "error")
        self.names: list[Any]
        """In ascending order, which is what decides where nothing else does: null comes last, as None."""
        self.codes: NDArray[np.uint32]
        """The position of each row's group among the names."""
        self.dropped: NDArray[np.bool_] | None = None
        """Which rows have no group and may not be chosen, if there are any; their codes mean nothing."""
        if not values.null_count:
            self.names, self.codes = _of_close_numbers(values, threads) or _of_any(values)
            return
        there = values.is_valid().to_numpy(zero_copy_only=False)
        valid = values.drop_null()
        names, codes = _of_close_numbers(valid, threads) or _of_any(valid)
        # Where no row has a group, there is still one to divide by, of which no row may be chosen.
        is_group = null_groups == "group" or not names
        self.names = [*names, None] if is_group else names
        self.codes = np.full(n, len(names) if is_group else 0, np.uint32)
        self.codes[there] = codes
        self.dropped = ~there if null_groups == "drop" else None

    def __len__(self) -> int:
        """Return how many groups there are."""
        return len(self.names)

    def counted(self, codes: NDArray[np.uint32]) -> dict[Any, int]:
        """Return how many of some rows, by their groups' positions, are of each group that they are of."""
        found = np.bincount(codes, minlength=len(self)).tolist()
        return {name: count for name, count in zip(self.names, found, strict=True) if count}

    def by_name(
        self,
        what: str,
        given: Mapping[Any, Any],
        how: str = "say 0 for groups of which nothing is to be chosen",
    ) -> list[Any]:
        """Return what a mapping has for each group.

        `how` says what to do where it does not name some.

        Raises
        ------
        ValueError
            For a name that is no group, and for groups that it does not name.

        """
        there = set(self.names)
        if unknown := [name for name in given if name not in there]:
            message = f"{what} names {listed(unknown)}, which no row is of; there are {listed(self.names)}"
            raise ValueError(message)
        if isinstance(given, Parts):
            return [given.get(name, given.unnamed) for name in self.names]
        if missing := [name for name in self.names if name not in given]:
            message = f"{what} does not name {listed(missing)}; {how}"
            raise ValueError(message)
        return [given[name] for name in self.names]


def _of_close_numbers(values: Any, threads: int | None) -> tuple[list[int], NDArray[np.uint32]] | None:
    """Return the groups by whole numbers and the position of each row's; None for texts and for numbers far apart."""
    import pyarrow as pa

    if not pa.types.is_integer(values.type):
        return None
    numbers = np.require(values.to_numpy(), requirements=["C", "A"])
    return _native.group_codes((numbers.view(np.uint8), numbers.dtype.name), threads)


def _of_any(values: Any) -> tuple[list[Any], NDArray[np.uint32]]:
    """Return the groups and the position of each row's."""
    encoded = values.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place_of = np.empty(len(names), np.uint32)
    place_of[order] = np.arange(len(names), dtype=np.uint32)
    return [names[place] for place in order], place_of[encoded.indices.to_numpy()]


def listed(names: list[Any]) -> str:
    """Return names for a message: the first of them, and how many more."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def share_of(what: str, share: Any, count: int) -> int:
    """Return a share of a number of rows, rounded down: of the decimal number that was written.

    >>> share_of("fraction", 0.29, 100)  # in binary, it is a little less
    29

    Raises
    ------
    ValueError
        For a share that is not from 0 to 1.

    """
    value = as_written(what, share)
    if not 0 <= value <= 1:
        message = f"{what} is {checks.said(share)}; a share is from 0 to 1"
        raise ValueError(message)
    return int(Fraction(repr(value)) * count)


def sizes(what: str, given: Any, groups: Groups, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of each group are asked for: a whole number each, or a share of those that may be chosen.

    `given` is one of them for all groups, or a mapping from the name of each group.
    """
    each = groups.by_name(what, given) if isinstance(given, Mapping) else [given] * len(groups)
    return np.array([_size(what, one, int(count)) for one, count in zip(each, counts, strict=True)], np.int64)


def check_size(what: str, given: Any) -> None:
    """Refuse what is no number of rows, and no share of them."""
    _size(what, given, 0)


def _size(what: str, given: Any, count: int) -> int:
    if isinstance(given, float | np.floating):
        return share_of(what, given, count)
    if not hasattr(given, "__index__"):
        message = f"{what} has {given!r:.200}; a whole number of rows is needed, or a share as a float"
        raise TypeError(message)
    return checks.count_of(given, what)


def apportioned(total: int, weights: list[Any]) -> NDArray[np.int64]:
    """Divide a number among groups in proportion to weights, by largest remainder; the first group wins a tie.

    >>> apportioned(10, [1, 1, 1]).tolist()
    [4, 3, 3]

    Raises
    ------
    ValueError
        For a weight below 0 or that is no number, and where all are 0; for a number above 0 and no groups.

    """
    if not weights:
        if total:
            message = f"{total:,} are to be chosen, and there is no group, since there are no rows; ask for 0"
            raise ValueError(message)
        return np.zeros(0, np.int64)
    exact = weights_of(weights)
    whole = sum(exact)
    parts = [total * weight / whole for weight in exact]
    quotas = np.array([int(part) for part in parts], np.int64)
    by_remainder = sorted(range(len(parts)), key=lambda at: (-(parts[at] - int(parts[at])), at))
    quotas[by_remainder[: total - int(quotas.sum())]] += 1
    return quotas


def weights_of(weights: list[Any]) -> list[Fraction]:
    """Return weights as the decimal numbers that were written.

    Raises
    ------
    ValueError
        For a weight below 0 or that is no number, and where all are 0.

    """
    exact = []
    for weight in weights:
        value = as_written("like", weight)
        if not (value >= 0 and np.isfinite(value)):
            message = f"like has the share {checks.said(weight)}; shares are numbers of at least 0, within float64"
            raise ValueError(message)
        exact.append(Fraction(repr(value)))
    if sum(exact) == 0:
        message = "like has no share above 0, so that there is no group to choose from"
        raise ValueError(message)
    return exact


def met(
    quotas: NDArray[np.int64],
    counts: NDArray[np.int64],
    groups: Groups,
    short: str,
    weights: list[Any] | None,
    *,
    what: str = "rows",
) -> NDArray[np.int64]:
    """Return quotas that the groups can meet, of rows or of what else is counted.

    Raises
    ------
    ValueError
        With ``short="error"``, if a group has too few rows: with these groups, what is asked of each and what it has.

    """
    lacking = np.flatnonzero(quotas > counts)
    if not len(lacking):
        return quotas
    if short == "error":
        each = [f"{groups.names[at]!r} ({counts[at]:,} of {quotas[at]:,})" for at in lacking[:_SHOWN]]
        more = f" and {len(lacking) - _SHOWN:,} more" if len(lacking) > _SHOWN else ""
        message = (
            f"{len(lacking)} of {len(groups)} groups have fewer {what} than are to be chosen of them: "
            f"{', '.join(each)}{more}; short='keep' takes all that these have, and short='fill' takes the rest from "
            "the others"
        )
        raise ValueError(message)
    if short == "keep":
        return np.minimum(quotas, counts)
    return _filled(quotas, counts, weights or quotas.tolist(), what)


def _filled(quotas: NDArray[np.int64], counts: NDArray[np.int64], weights: list[Any], what: str) -> NDArray[np.int64]:
    """Return all that groups have which have too few, and of the others the rest in the proportions of the weights.

    Nothing is taken of a group of which nothing is to be chosen.

    Raises
    ------
    ValueError
        If those of which something is to be chosen have too few together.

    """
    total = int(quotas.sum())
    wanted = np.array([float(weight) > 0 for weight in weights])
    there = int(counts[wanted].sum())
    if there < total:
        message = (
            f"{total:,} {what} are to be chosen, and the groups of which any are to be chosen have {there:,}; ask for "
            "fewer, or short='keep' takes all that they have"
        )
        raise ValueError(message)
    full = np.zeros(len(quotas), np.bool_)
    while True:
        share = [0 if done else weight for weight, done in zip(weights, full, strict=True)]
        rest = total - int(counts[full].sum())
        found = np.where(full, counts, apportioned(rest, share) if rest else 0)
        over = found > counts
        if not over.any():
            return found
        full |= over

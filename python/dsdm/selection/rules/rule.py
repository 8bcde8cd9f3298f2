"""The arguments of :func:`~dsdm.selection.rules.choose.choose`, and whether they go together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from dsdm import checks
from dsdm.arrays.scalars import plain_numbers, without_dimension
from dsdm.selection.inputs import check_options
from dsdm.selection.rules.ranked.ranking import Number

Short: TypeAlias = Literal["error", "keep", "fill"]
"""What to do where a group has fewer rows than are to be chosen of it."""
Ties: TypeAlias = Literal["row", "random"]
"""Which of the rows that tie at the cut are chosen."""
NullGroups: TypeAlias = Literal["error", "group", "drop"]
"""What rows are whose group is null: an error, a group of their own, or none that may be chosen."""
_SHORTS: tuple[str, ...] = get_args(Short)
NULL_GROUPS: tuple[str, ...] = get_args(NullGroups)
TIES: tuple[str, ...] = get_args(Ties)
_LIKES = ("equal", "proportional")

_MOST_WHOLE = 2**126
"""Whole numbers below this are compared as they are."""

_NUMBERS = (
    *("k", "fraction", "tokens", "at_least", "min_score", "max_score", "quantile", "near", "per_group", "like"),
    *("repeat", "replace", "largest", "gumbel", "temperature", "seed", "threads"),
)
"""The arguments that are numbers or flags, or have some for groups."""

_UNTOLD = ("scores", "lengths", "groups", "seed", "exclude", "only", "threads", "rows_from")
"""Arguments that a rule is not told by: arrays, and what is told beside it or changes no row."""

LEAVES_OUT = "what leaves a group out is 0 in per_group= or like=, or its rows in exclude="
"""How nothing is chosen of a group, for messages."""

_SHARES = ("fraction", "quantile", "per_group", "like")
"""Arguments in which a float is a share."""


@dataclass(frozen=True)
class Rule:
    """The arguments of :func:`choose`, with its defaults."""

    scores: Any
    k: Any = None
    fraction: Any = None
    tokens: Any = None
    lengths: Any = None
    at_least: Any = False
    min_score: Any = None
    max_score: Any = None
    quantile: Any = None
    near: Any = None
    groups: Any = None
    per_group: Any = None
    like: Any = None
    short: Any = "error"
    null_groups: Any = "error"
    repeat: Any = 1
    replace: Any = False
    largest: Any = True
    ties: Any = "row"
    gumbel: Any = False
    temperature: Any = 1.0
    seed: Any = None
    noise: Any = "philox"
    order: Any = "best_first"
    nan: Any = "raise"
    exclude: Any = None
    only: Any = None
    threads: Any = None
    rows_from: Mapping[str, str] = field(default_factory=dict)
    """The paths by which `exclude` and `only` were named."""

    def __post_init__(self) -> None:
        """Take numbers as Python has them: what is compared, recorded and said is one number then.

        Raises
        ------
        ValueError
            For a number that no float64 is equal to.

        """
        for name in _NUMBERS:
            given = getattr(self, name)
            given = tuple(given) if name == "quantile" and isinstance(given, list) else given
            value = _shares_as_written(given) if name in _SHARES else given
            object.__setattr__(self, name, plain_numbers(name, value))

    def check(self) -> None:
        """Refuse values that are wrong in themselves, and those that do not go together.

        Raises
        ------
        ValueError
            For a rule that says too little or too much.

        """
        check_options(self.order, self.nan, self.threads)
        checks.one_of("short", self.short, _SHORTS)
        checks.one_of("null_groups", self.null_groups, NULL_GROUPS)
        checks.one_of("ties", self.ties, TIES)
        checks.one_of("noise", self.noise, checks.NOISES)
        if isinstance(self.like, str):
            checks.one_of("like", self.like, _LIKES)
        for name in ("largest", "gumbel", "at_least", "replace"):
            checks.check_flag(name, getattr(self, name))
        checks.check_temperature(self.temperature)
        checks.check_seed(self.seed)
        if not isinstance(self.repeat, Mapping):
            at_least_one("repeat", self.repeat)
        sizes = self._given("k", "fraction", "tokens", "per_group")
        if len(sizes) > 1:
            message = f"{' and '.join(sizes)} are given, which both say how many rows; give one of them"
            raise ValueError(message)
        if not sizes and not self._given("min_score", "max_score", "quantile"):
            message = (
                "nothing says how many rows; give k, fraction, tokens, min_score, max_score, quantile or per_group"
            )
            raise ValueError(message)
        for name, needs in self._needs():
            message = f"{name} is given, which means something with {needs} alone; leave it out, or give {needs}"
            raise ValueError(message)
        for one, other in self._exclusive():
            message = f"{one} and {other} are given, which do not go together; leave one of them out"
            raise ValueError(message)

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    def _needs(self) -> list[tuple[str, str]]:
        """Return the arguments that mean nothing here, with what each needs."""
        total = self._given("k", "fraction", "tokens")
        divides = self.per_group is not None or (self.like is not None and bool(total))
        wrong = {
            ("lengths", "tokens"): self.lengths is not None and self.tokens is None,
            ("tokens", "lengths"): self.tokens is not None and self.lengths is None,
            ("at_least", "tokens"): self.at_least and self.tokens is None,
            ("per_group", "groups"): self.groups is None and self.per_group is not None,
            ("like", "groups"): self.groups is None and self.like is not None,
            ("groups", "per_group (or like, beside k, fraction or tokens)"): self.groups is not None and not divides,
            ("repeat by group", "groups"): self.groups is None and isinstance(self.repeat, Mapping),
            ("short", "groups"): self.groups is None and self.short != "error",
            ("null_groups", "groups"): self.groups is None and self.null_groups != "error",
            ("seed", "gumbel=True, replace=True or ties='random'"): self.seed is not None and not self.draws,
            ("temperature", "gumbel=True"): not self.gumbel and self.temperature != 1.0,
            ("noise", "gumbel=True"): not self.gumbel and self.noise != "philox",
            ("replace=True", "k or fraction"): self.replace and self.k is None and self.fraction is None,
            ("near", "k, fraction, tokens or per_group"): self.near is not None
            and not total
            and self.per_group is None,
        }
        return [names for names, is_wrong in wrong.items() if is_wrong]

    def _exclusive(self) -> list[tuple[str, str]]:
        """Return the arguments that do not go together."""
        as_number = self.nan in ("largest", "smallest")
        wrong = {
            ("like", "per_group"): self.like is not None and self.per_group is not None,
            ("largest=False", "gumbel=True"): self.gumbel and not self.largest,
            ("ties='random'", "gumbel=True"): self.gumbel and self.ties == "random",
            ("ties='random'", f"nan={self.nan!r}"): self.ties == "random" and as_number,
            ("ties='random'", "near"): self.near is not None and self.ties == "random",
            **{("replace=True", name): self.replace and given for name, given in self._not_replaced().items()},
            ("near", "gumbel=True"): self.near is not None and self.gumbel,
            ("near", "largest=False"): self.near is not None and not self.largest,
            ("near", f"nan={self.nan!r}"): self.near is not None and as_number,
            ("quantile", f"nan={self.nan!r}"): self.quantile is not None and as_number,
        }
        return [names for names, is_wrong in wrong.items() if is_wrong]

    def _not_replaced(self) -> dict[str, bool]:
        """Return what has no meaning for rows that are drawn with replacement, and whether it is there."""
        return {
            "gumbel=True": bool(self.gumbel),
            "ties='random'": self.ties == "random",
            "near": self.near is not None,
            "groups": self.groups is not None,
            "tokens": self.tokens is not None,
            f"nan={self.nan!r}": self.nan in ("largest", "smallest"),
        }

    @property
    def takes_all(self) -> bool:
        """Whether all rows between the bounds are chosen, by their scores."""
        return not self.gumbel and not self._given("k", "fraction", "tokens", "per_group")

    @property
    def draws(self) -> bool:
        """Whether a seed decides which rows are chosen."""
        return bool(self.gumbel or self.replace) or self.ties == "random"

    def told(self) -> dict[str, Any]:
        """Return what was asked for: the arguments that are numbers, texts or mappings of them, and not the default."""
        told = {field.name: field.default for field in fields(self) if field.name not in _UNTOLD}
        given = {name: getattr(self, name) for name in told}
        return {name: value for name, value in given.items() if value is not None and value != told[name]}


def _shares_as_written(value: Any) -> Any:
    """Return shares, one or several, so that they are told as the numbers that they were taken for."""
    if isinstance(value, Mapping):
        written = {name: _shares_as_written(share) for name, share in value.items()}
        return value if all(share is value[name] for name, share in written.items()) else written
    if isinstance(value, tuple | list):
        return (tuple if isinstance(value, tuple) else list)(map(_shares_as_written, value))
    value = without_dimension(value)
    return as_written("share", value) if isinstance(value, float | np.floating) else value


def number(name: str, value: Any) -> Number:
    """Return a number as the engine compares it with scores.

    Of whole numbers that are larger than it takes, a float, which has the same scores above or below it.

    Raises
    ------
    TypeError
        For what is no number.

    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | np.number):
        message = f"{name} is {value!r}; a number is needed"
        raise TypeError(message)
    if isinstance(value, Integral | np.integer):
        whole = int(value)
        return whole if abs(whole) < _MOST_WHOLE else _as_float(whole, name)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def as_written(name: str, share: Any) -> float:
    """Return a share as the decimal number that it is written as: the shortest one of its own type.

    >>> as_written("fraction", np.float32(0.29)), float(np.float32(0.29))
    (0.29, 0.28999999165534973)

    Raises
    ------
    TypeError
        For what is no number.

    """
    found = float(number(name, share))
    written = float(str(share)) if isinstance(share, np.floating) else found
    return written + 0.0  # of -0.0, which is no other share, 0.0


def _as_float(whole: int, name: str) -> float:
    """Return the nearest float: of a lower bound one that is not less, and of an upper one that is not more."""
    try:
        found = float(whole)
    except OverflowError:
        found = math.inf if whole > 0 else -math.inf
    if name == "min_score" and found < whole:
        return math.nextafter(found, math.inf)
    return math.nextafter(found, -math.inf) if name == "max_score" and found > whole else found


def is_beyond(value: Any) -> bool:
    """Return whether a number is finite and beyond all of float64.

    >>> is_beyond(10**400), is_beyond(10**300), is_beyond(float("inf"))
    (True, False, False)
    """
    return value is not None and math.isinf(number("value", value)) and abs(value) != math.inf


def at_least_one(name: str, value: Any) -> int:
    """Return a whole number of at least 1.

    Raises
    ------
    TypeError
        For what is no whole number.
    ValueError
        For one below 1.

    """
    count = checks.count_of(value, name)
    if count < 1:
        message = f"{name} is {count}; a row is chosen once or more often"
        raise ValueError(message)
    return count


def finite(name: str, value: Any) -> Number:
    """Return a number that is neither infinite nor NaN.

    Raises
    ------
    ValueError
        For one that is.

    """
    found = number(name, value)
    if not math.isfinite(found):
        message = f"{name} is {checks.said(value)}; a finite number is needed, within float64"
        raise ValueError(message)
    return found

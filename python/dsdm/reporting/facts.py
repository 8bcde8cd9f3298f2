"""What is found out about selections: plain numbers and texts, which become JSON, text and HTML."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
"""The layout of what :meth:`SelectionReport.to_dict` returns."""


@dataclass(frozen=True)
class Histogram:
    """Counts of values by bins. A bin holds its lower edge; the last one holds both of its edges."""

    edges: list[float]
    """One more than there are bins, ascending."""
    rows: list[int]
    """Rows of each bin, chosen or not."""
    chosen: list[int]
    """Those of them that were chosen."""


@dataclass(frozen=True)
class Quantile:
    """A quantile of the finite scores, as ``numpy.quantile`` has it by default: of all rows, and of the chosen ones."""

    share: float
    all: int | float
    chosen: int | float | None


@dataclass(frozen=True)
class Part:
    """Rows of a file or of a group, and how many of them were chosen."""

    name: str
    rows: int | None
    """None where nothing tells how many there are."""
    chosen: int


@dataclass(frozen=True)
class Outside:
    """Scores that are in no bin."""

    nan: int = 0
    minus_infinity: int = 0
    plus_infinity: int = 0


@dataclass(frozen=True)
class ScoreFacts:
    """What the scores are that rows were chosen by."""

    files: list[Part]
    """Empty for scores in memory; `rows` and `chosen` are those of the whole vector where it is computed of several."""
    dtype: str
    rows: int
    """Rows that have a score: the sum of the histogram and of those outside of it."""
    finite: int
    outside: Outside
    """Of all rows."""
    chosen_outside: Outside
    """Of the chosen ones."""
    excluded: int | None
    """Rows that the rule did not look at; None where the record does not tell it."""
    mean: float | None
    """Of the finite scores."""
    least: int | float | None
    most: int | float | None
    quantiles: list[Quantile]
    histogram: Histogram | None
    """None where no score is finite."""


@dataclass(frozen=True)
class LengthStats:
    """Lengths of rows, such as their tokens."""

    rows: int
    total: int
    least: int
    most: int
    mean: float
    median: float
    """As ``numpy.median`` has it."""


@dataclass(frozen=True)
class LengthFacts:
    """Lengths of the chosen rows, and of all rows where that costs no look at each of them."""

    by: str
    """The column, or ``lengths``."""
    unit: str
    """What is counted: ``items`` of lists, ``bytes`` of texts (in UTF-8) and of bytes, or ``numbers`` as they are."""
    chosen: LengthStats | None
    """None where no row was chosen."""
    all: LengthStats | None
    histogram: Histogram | None
    """Of the chosen rows; `rows` is that of all rows where these are known, else that of the chosen ones."""


@dataclass(frozen=True)
class Example:
    """A row of the corpus."""

    row: int
    score: int | float
    text: str | None
    """None where the corpus is not at hand."""
    is_cut: bool
    """Whether the row has more text than that."""


@dataclass(frozen=True)
class Examples:
    """Rows to look at, ordered by their scores: a draw prefers others."""

    best: list[Example]
    """The best rows that were chosen, the best first."""
    worst: list[Example]
    """The worst rows that were chosen, the worst first."""
    not_chosen: list[Example]
    """The best rows that were not chosen and may have been, the best first."""


@dataclass(frozen=True)
class CutFacts:
    """Where the chosen rows end."""

    score: int | float
    tied: int
    taken: int


@dataclass(frozen=True)
class SelectionFacts:
    """What is known of one selection. What is None is named in `unknown`, with the reason."""

    name: str
    rule: str
    """In words."""
    method: str | None
    """The method of the reference, by which selections are families."""
    of: int | None
    """Rows of the corpus, or of the vector; None where nothing tells it."""
    rows: int
    """Chosen rows."""
    cut: CutFacts | None
    seed: int | None
    tokens: int | None
    """That the rule counted, for a budget."""
    scores: ScoreFacts | None
    sources: list[Part] | None
    """The files of the corpus, in their order."""
    groups: list[Part] | None
    """The groups, those of the most chosen rows first."""
    lengths: LengthFacts | None
    examples: Examples | None
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Overlap:
    """Rows that two selections share."""

    first: int
    """The place of a selection among those of the report, from 0."""
    second: int
    shared: int
    either: int
    """Rows that one of them has, or both."""
    jaccard: float | None
    """`shared` by `either`; None where neither has a row."""
    method: str | None
    """The method that both are by, if it is one."""


def plain(value: Any) -> Any:
    """Return facts as JSON has them: a float that JSON has no number for is its text.

    >>> plain(Quantile(0.5, float("inf"), 2))
    {'share': 0.5, 'all': 'inf', 'chosen': 2}
    """
    if dataclasses.is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(of) for name, of in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value

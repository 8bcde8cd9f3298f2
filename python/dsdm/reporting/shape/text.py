"""A report as lines of text, plain and aligned."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from dsdm.reporting.facts import (
    Example,
    Histogram,
    LengthFacts,
    LengthStats,
    Overlap,
    Part,
    ScoreFacts,
    SelectionFacts,
)
from dsdm.rows.sizes import many
from dsdm.shown import shown

_BAR = 40
_WHOLE = 1e9
"""Floats that are whole and less than this are shown with all digits."""
_NAME = 100
"""Characters of the name of a file or a group."""
_LISTED = 20
"""Files and groups that are listed: the rest is one line."""


BLOCKS = "█░"
"""What the chosen part of a bar is drawn with, and the rest of it."""


def as_text(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap], marks: str = BLOCKS) -> Iterator[str]:
    """Yield the lines of a report, in none of which a name or a row acts on a terminal."""
    yield from map(shown, _lines(selections, overlaps, marks))


def _lines(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap], marks: str) -> Iterator[str]:
    for at, facts in enumerate(selections):
        if at:
            yield ""
        yield from _selection(facts, marks)
    if overlaps:
        yield ""
        yield from overlap_table(selections, overlaps)


def number(value: float | None) -> str:
    """Return a number as it is shown: whole ones with all digits, others with six.

    >>> number(1234567), number(1024.0), number(0.123456789), number(None)
    ('1,234,567', '1,024', '0.123457', '-')
    """
    if value is None:
        return "-"
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < _WHOLE)
    return f"{int(value):,}" if whole else f"{value:.6g}"


def share(part: int, whole: int | None) -> str:
    """Return a share in percent.

    >>> share(1, 8), share(0, 0)
    ('12.5 %', '-')
    """
    return f"{100 * part / whole:.1f} %" if whole else "-"


def summary(facts: SelectionFacts) -> Iterator[tuple[str, str]]:
    """Yield the names and values that say in short what a selection is."""
    of = "" if facts.of is None else f" of {facts.of:,}"
    yield "rows", f"{facts.rows:,}{of} ({share(facts.rows, facts.of)})" if facts.of else f"{facts.rows:,}"
    yield "rule", facts.rule
    if facts.seed is not None:
        yield "seed", str(facts.seed)
    if facts.tokens is not None:
        yield "tokens", f"{facts.tokens:,}"
    if facts.cut is not None:
        tied = f" (of {many(facts.cut.tied, 'row')} that may be chosen, {facts.cut.taken:,} taken)"
        yield "worst score", number(facts.cut.score) + tied
    for name, why in facts.unknown.items():
        yield f"no {name}", why


def _selection(facts: SelectionFacts, marks: str) -> Iterator[str]:
    yield facts.name
    pairs = [*summary(facts), *([] if facts.scores is None else score_summary(facts.scores))]
    width = max(len(name) for name, _ in pairs)
    yield from (f"  {name:<{width}}  {value}" for name, value in pairs)
    yield from tables(facts, marks)
    if facts.examples is not None:
        kinds = (
            ("best rows", facts.examples.best),
            ("worst chosen rows", facts.examples.worst),
            ("best rows that were not chosen", facts.examples.not_chosen),
        )
        for title, examples in kinds:
            yield from _examples(title, examples)


def tables(facts: SelectionFacts, marks: str) -> Iterator[str]:
    """Yield all that is counted of a selection, an empty line before each part."""
    if facts.scores is not None:
        yield from _scores(facts.scores, facts.cut.score if facts.cut else None, marks)
    if facts.sources:
        folder, files = by_folder(facts.sources)
        yield ""
        yield from table([f"file in {folder}" if folder else "file", *PART_TITLES], [*parts_rows(files)], left=1)
    if facts.groups:
        yield ""
        yield from table(["group", *PART_TITLES], [*parts_rows(facts.groups)], left=1)
    if facts.lengths is not None:
        yield from _lengths(facts.lengths, marks)


def score_summary(scores: ScoreFacts) -> Iterator[tuple[str, str]]:
    """Yield what is said of a score vector in short."""
    files = ", ".join(part.name for part in scores.files[:3]) + (", …" if scores.files[3:] else "")
    yield "scores", f"{scores.rows:,} of {scores.dtype}" + (f" in {files}" if files else ", in memory")
    outside, mine = scores.outside, scores.chosen_outside
    yield "NaN", f"{outside.nan:,} ({mine.nan:,} chosen)"
    if outside.minus_infinity or outside.plus_infinity:
        yield "infinite", f"{outside.minus_infinity:,} below, {outside.plus_infinity:,} above"
    yield "excluded", "not known" if scores.excluded is None else f"{scores.excluded:,}"
    yield "mean", number(scores.mean)


def _scores(scores: ScoreFacts, cut: float | None, marks: str) -> Iterator[str]:
    if scores.quantiles:
        yield ""
        rows = [[f"{100 * one.share:g} %", number(one.all), number(one.chosen)] for one in scores.quantiles]
        yield from table(["quantile", "all rows", "chosen"], rows, left=0)
    if scores.histogram is not None:
        yield ""
        yield from _histogram("score from", scores.histogram, cut, marks)


def _histogram(title: str, histogram: Histogram, cut: float | None, marks: str) -> Iterator[str]:
    most = max(1, *histogram.rows, *histogram.chosen)
    rows = []
    for low, count, chosen in zip(histogram.edges[:-1], histogram.rows, histogram.chosen, strict=True):
        # What is there is seen, however little of it.
        full, whole = (-(-_BAR * part // most) for part in (chosen, count))
        rows.append([number(low), f"{count:,}", f"{chosen:,}", marks[0] * full + marks[1] * (whole - full)])
    lines = list(table([title, "rows", "chosen", ""], rows, left=0, last_left=True))
    yield lines[0]
    at = None if cut is None else _bin_of(histogram, cut)
    for place, line in enumerate(lines[1:]):
        yield line + (f"  <- worst chosen score {number(cut)}" if place == at else "")


def _bin_of(histogram: Histogram, value: float) -> int | None:
    """Return the bin of a value; None for one that is in none."""
    if not histogram.edges[0] <= value <= histogram.edges[-1]:
        return None
    below = sum(edge <= value for edge in histogram.edges) - 1
    return min(below, len(histogram.rows) - 1)


PART_TITLES = ["rows", "chosen", "share"]


def by_folder(files: Sequence[Part]) -> tuple[str, list[Part]]:
    """Return the directory in which files lie, and the files by their names in it."""
    folder = os.path.dirname(files[0].name) if len(files) == 1 else os.path.commonpath([one.name for one in files])  # noqa: PTH120
    return folder, [replace(one, name=os.path.relpath(one.name, folder) if folder else one.name) for one in files]


def parts_rows(parts: Sequence[Part], most: int = _LISTED) -> Iterator[list[str]]:
    """Yield the cells of files or groups, the rest of more than so many as one."""
    for part in parts[:most]:
        name = part.name if len(part.name) <= _NAME else f"{part.name[: _NAME - 1]}…"
        yield [name, number(part.rows), f"{part.chosen:,}", share(part.chosen, part.rows)]
    if rest := parts[most:]:
        rows = None if any(part.rows is None for part in rest) else sum(part.rows or 0 for part in rest)
        chosen = sum(part.chosen for part in rest)
        yield [f"{len(rest):,} more", number(rows), f"{chosen:,}", share(chosen, rows)]


def length_rows(lengths: LengthFacts) -> Iterator[list[str]]:
    """Yield the cells of what is said of lengths: the chosen rows, and all."""
    of: list[tuple[str, LengthStats | None]] = [("chosen rows", lengths.chosen), ("all rows", lengths.all)]
    for name, stats in of:
        if stats is not None:
            yield [name, *map(number, (stats.rows, stats.total, stats.least, stats.median, stats.mean, stats.most))]


def length_title(lengths: LengthFacts) -> str:
    """Return what lengths are of, and what they count."""
    return f"lengths by {lengths.by}" + ("" if lengths.unit == "numbers" else f", in {lengths.unit}")


LENGTH_TITLES = ["", "rows", "total", "least", "median", "mean", "most"]


def _lengths(lengths: LengthFacts, marks: str) -> Iterator[str]:
    yield ""
    yield from table([length_title(lengths), *LENGTH_TITLES[1:]], [*length_rows(lengths)], left=1)
    if lengths.histogram is not None and len(lengths.histogram.rows) > 1:
        yield ""
        yield from _histogram("length from", lengths.histogram, None, marks)


def _examples(title: str, examples: Sequence[Example]) -> Iterator[str]:
    if examples:
        yield ""
        yield f"  {title}"
    for one in examples:
        text = "" if one.text is None else " ".join(one.text.split()) + ("…" if one.is_cut else "")
        yield f"    row {one.row:,}, score {number(one.score)}" + (f": {text}" if text else "")


def overlap_rows(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap]) -> Iterator[list[str]]:
    """Yield the cells of each pair."""
    for one in overlaps:
        names = selections[one.first].name, selections[one.second].name
        jaccard = "-" if one.jaccard is None else f"{one.jaccard:.4f}"
        yield [one.method or "-", *names, f"{one.shared:,}", f"{one.either:,}", jaccard]


OVERLAP_TITLES = ["method of both", "one", "other", "shared rows", "rows of either", "Jaccard"]


def overlap_table(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap]) -> Iterator[str]:
    """Yield what pairs share."""
    yield "overlap"
    yield from table(OVERLAP_TITLES, [*overlap_rows(selections, overlaps)], left=3)


def table(titles: list[str], rows: list[list[str]], *, left: int, last_left: bool = False) -> Iterator[str]:
    """Yield lines of aligned cells, the first `left` columns to the left, and the others to the right."""
    every = [titles, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(titles))]
    for row in every:
        cells = [
            f"{cell:<{width}}" if at < left or (last_left and at == len(row) - 1) else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()

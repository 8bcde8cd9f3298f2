"""A report as one page: no network, no script, light and dark, at any width."""

import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from dsdm.reporting.facts import Example, Overlap, Part, ScoreFacts, SelectionFacts
from dsdm.reporting.shape.elements import Markup, element, joined, table
from dsdm.reporting.shape.pictures import bar, histogram
from dsdm.reporting.shape.text import (
    LENGTH_TITLES,
    OVERLAP_TITLES,
    PART_TITLES,
    by_folder,
    length_rows,
    length_title,
    number,
    overlap_rows,
    parts_rows,
    score_summary,
    summary,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded and nothing runs, whatever a row holds."""
_LISTED = 500
"""Files and groups that are listed, so that a phone shows the page: the rest is one line."""


def as_page(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap]) -> str:
    """Return the page of a report."""
    title = selections[0].name if len(selections) == 1 else f"{len(selections):,} selections"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} - dsdm report"),
        element("style", _style()),
    )
    body = element("body", element("main", *_parts(selections, overlaps, "s")), class_="dsdm-report")
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def as_part(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap]) -> str:
    """Return a report as a part of a page, such as a notebook."""
    text = joined(list(_parts(selections, overlaps, "s")))
    # Another report of the same page has other names.
    place = f"r{zlib.crc32(text.encode()):08x}-s"
    return element("div", element("style", _style()), *_parts(selections, overlaps, place), class_="dsdm-report")


@cache
def _style() -> Markup:
    return Markup(resources.files(__package__).joinpath("page.css").read_text("utf-8"))


def _parts(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap], place: str) -> Iterator[Markup]:
    yield element("h1", "Selections" if len(selections) > 1 else "Selection")
    if len(selections) > 1:
        links = [element("a", facts.name, href=f"#{place}{at}") for at, facts in enumerate(selections)]
        yield element("nav", element("ul", *(element("li", link) for link in links)), aria_label="Selections")
    for at, facts in enumerate(selections):
        yield element(
            "section", *_selection(facts, f"{place}{at}"), id=f"{place}{at}", aria_labelledby=f"{place}{at}-name"
        )
    if overlaps:
        rows = list(overlap_rows(selections, overlaps))
        shown = table("Rows that two selections share", OVERLAP_TITLES, rows, names=3)
        yield element(
            "section", element("h2", "Overlap", id=f"{place}-overlap"), shown, aria_labelledby=f"{place}-overlap"
        )


def _selection(facts: SelectionFacts, place: str) -> Iterator[Markup]:
    yield element("h2", facts.name, id=f"{place}-name")
    yield _pairs([*summary(facts), *([] if facts.scores is None else score_summary(facts.scores))])
    if facts.scores is not None:
        yield from _scores(facts.scores, None if facts.cut is None else facts.cut.score, place)
    if facts.sources:
        folder, files = by_folder(facts.sources)
        yield element("h3", "Files of the corpus")
        if folder:
            yield element("p", f"in {folder}", class_="soft")
        yield _shares("Rows by file", "file", files)
    if facts.groups:
        yield element("h3", "Groups")
        yield _shares("Rows by group", "group", facts.groups)
    if facts.lengths is not None:
        yield element("h3", length_title(facts.lengths).replace("lengths", "Lengths", 1))
        yield table("Lengths of rows", LENGTH_TITLES, list(length_rows(facts.lengths)), names=1)
        # Rows of one length need no picture.
        if facts.lengths.histogram is not None and len(facts.lengths.histogram.rows) > 1:
            yield histogram("Lengths", "length", facts.lengths.histogram, None, f"{place}-lengths")
    if facts.examples is not None:
        yield _examples("Best rows", facts.examples.best)
        yield _examples("Worst chosen rows", facts.examples.worst)
        yield _examples("Best rows that were not chosen", facts.examples.not_chosen)


def _pairs(pairs: Sequence[tuple[str, str]]) -> Markup:
    return element("dl", *(joined([element("dt", name), element("dd", value)]) for name, value in pairs))


def _scores(scores: ScoreFacts, cut: float | None, place: str) -> Iterator[Markup]:
    yield element("h3", "Scores")
    if scores.histogram is not None:
        yield histogram("Histogram of the scores", "score", scores.histogram, cut, f"{place}-scores")
    if scores.quantiles:
        rows = [[f"{100 * one.share:g} %", number(one.all), number(one.chosen)] for one in scores.quantiles]
        yield table("Quantiles of the finite scores", ["quantile", "all rows", "chosen rows"], rows, names=0)


def _shares(caption: str, what: str, parts: Sequence[Part]) -> Markup:
    bars = [bar(part.chosen, part.rows) for part in parts[:_LISTED]] + [Markup("")] * (len(parts) > _LISTED)
    rows = [[*cells, drawn] for cells, drawn in zip(parts_rows(parts, _LISTED), bars, strict=True)]
    return table(caption, [what, *PART_TITLES, ""], rows, names=1)


def _examples(title: str, examples: Sequence[Example]) -> Markup:
    if not examples:
        return Markup("")
    items = []
    for one in examples:
        said = element("p", f"row {one.row:,} · score {number(one.score)}")
        text = Markup("") if one.text is None else element("pre", one.text + ("…" if one.is_cut else ""), dir="auto")
        items.append(element("li", said, text))
    return joined([element("h3", title), element("ol", *items)])

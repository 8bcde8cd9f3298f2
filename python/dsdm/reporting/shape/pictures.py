"""Pictures of a report, as SVG that stretches to its place: words about it stand beside it."""

from dsdm.reporting.facts import Histogram
from dsdm.reporting.shape.elements import Markup, element, joined, table
from dsdm.reporting.shape.text import number
from dsdm.rows.sizes import many

_HEIGHT = 100.0
_LEAST = 0.8
"""What is there is seen, however few rows it is."""


def histogram(title: str, of: str, told: Histogram, cut: float | None, place: str) -> Markup:
    """Return a figure with the bars of a histogram, the part that was chosen of each, and where it was cut.

    `place` is a name that no other picture of the page has; `of` is what the values are.
    """
    most = max(1, *told.rows, *told.chosen)
    bars = []
    for at, (rows, chosen) in enumerate(zip(told.rows, told.chosen, strict=True)):
        for kind, count in (("rest", rows), ("chosen", chosen)):
            if count:
                height = max(_HEIGHT * count / most, _LEAST)
                sizes = {"width": "0.96", "height": f"{height:.2f}", "y": f"{_HEIGHT - height:.2f}"}
                bars.append(element("rect", x=f"{at + 0.02:.2f}", class_=kind, **sizes))
    at_cut = _place(told, cut)
    line = []
    if at_cut is not None:
        ends_of_line = {"x1": f"{at_cut:.3f}", "x2": f"{at_cut:.3f}", "y1": "0", "y2": f"{_HEIGHT:.0f}"}
        # Of the color of the page below it, so that it is seen on any bar.
        line = [element("line", class_=kind, **ends_of_line) for kind in ("halo", "cut")]
    ends = number(told.edges[0]), number(told.edges[-1])
    words = (
        f"{many(len(told.rows), 'bin')} of {of} from {ends[0]} to {ends[1]}; at most {most:,} rows in one; "
        f"{sum(told.chosen):,} of {sum(told.rows):,} rows are chosen"
    )
    words += "" if at_cut is None else f"; the worst chosen score is {number(cut)}"
    picture = element(
        "svg",
        element("title", title, id=f"{place}-title"),
        element("desc", words, id=f"{place}-desc"),
        *bars,
        *line,
        role="img",
        aria_labelledby=f"{place}-title {place}-desc",
        viewBox=f"0 0 {len(told.rows)} {_HEIGHT:.0f}",
        preserveAspectRatio="none",
    )
    axis = element("div", element("span", ends[0]), element("span", of), element("span", ends[1]), class_="axis")
    return joined([element("figure", picture, axis, _caption(told, most, cut if line else None)), _numbers(of, told)])


def _caption(told: Histogram, most: int, cut: float | None) -> Markup:
    keys: list[object] = []
    if told.rows != told.chosen:
        keys += [element("span", class_="key rest"), "all rows"]
    keys += [element("span", class_="key chosen"), "chosen rows"]
    if cut is not None:
        keys += [element("span", class_="key cut"), f"worst chosen score, {number(cut)}"]
    return element("figcaption", element("span", *keys), f" · the highest bar is {many(most, 'row')}")


def _numbers(of: str, told: Histogram) -> Markup:
    """Return the numbers behind a picture, which are folded away."""
    rows = [
        [number(low), number(high), f"{count:,}", f"{chosen:,}"]
        for low, high, count, chosen in zip(told.edges, told.edges[1:], told.rows, told.chosen, strict=False)
    ]
    numbers = table(f"Rows by {of}", ["from", "to", "rows", "chosen"], rows, names=0)
    return element("details", element("summary", f"The numbers of this picture ({many(len(rows), 'bin')})"), numbers)


def _place(told: Histogram, value: float | None) -> float | None:
    """Return where a value lies among the bins; None for one outside of them."""
    if value is None or not told.edges[0] <= value <= told.edges[-1]:
        return None
    span = told.edges[-1] - told.edges[0]
    return len(told.rows) * ((value - told.edges[0]) / span) if span else 0.5


def bar(part: int, whole: int | None) -> Markup:
    """Return a small bar of a share, for which the number stands beside it."""
    if not whole:
        return Markup("")
    inside = element("rect", width=f"{min(100, 100 * part / whole):.2f}", height="8", class_="chosen")
    return element("svg", inside, class_="bar", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true")

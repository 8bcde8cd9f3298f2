"""Elements of HTML and SVG. What is not an element is text: it is escaped, and no character of it acts."""

import html
from collections.abc import Sequence

from dsdm.shown import shown

_VOID = frozenset({"meta", "rect", "line"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(text: object) -> Markup:
    r"""Return text as HTML that shows it; line breaks and tabs stay, all else that acts is spelled.

    >>> safe("<b>\u202e\n&")
    '&lt;b&gt;\\u202e\n&amp;'
    """
    if isinstance(text, Markup):
        return text
    lines = str(text).expandtabs(4).split("\n")
    # Half of a pair, as the name of a file can have, is no character.
    shown_lines = "\n".join(map(shown, lines)).encode("utf-8", "backslashreplace").decode()
    return Markup(html.escape(shown_lines))


def element(kind: str, /, *inside: object, **attributes: object) -> Markup:
    """Return an element. An underscore at the end of the name of an attribute is left out, others are hyphens.

    >>> element("p", "a < b", class_="x", aria_label='"')
    '<p class="x" aria-label="&quot;">a &lt; b</p>'
    """
    given = "".join(
        f' {key if key in _KEPT else key.rstrip("_").replace("_", "-")}="{safe(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if kind in _VOID:
        return Markup(f"<{kind}{given}/>")
    return Markup(f"<{kind}{given}>{joined(inside)}</{kind}>")


_KEPT = frozenset({"viewBox", "preserveAspectRatio"})


def joined(parts: Sequence[object]) -> Markup:
    """Return parts one after the other."""
    return Markup("".join(map(safe, parts)))


def table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[object]], *, names: int) -> Markup:
    """Return a table whose first `names` columns are names, and the others numbers; a wide one scrolls by itself."""
    kinds = ["name" if at < names else None for at in range(len(titles))]
    head = element(
        "tr", *(element("th", title, scope="col", class_=kind) for title, kind in zip(titles, kinds, strict=True))
    )
    body = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    whole = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)

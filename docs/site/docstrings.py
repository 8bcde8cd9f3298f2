"""Docstrings as the site shows them: Markdown out of numpydoc with roles of Sphinx."""

import re
from collections.abc import Callable

_ROLE = re.compile(r":(?:func|class|meth|mod|exc|attr|data):`~?([\w.]+)`")
_PAGE = re.compile(r"``docs/([\w/-]+)\.md``")
_DOCTEST = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_TOGETHER = re.compile(r"^(\w+(?:,\s+\w+)+)\n((?: {4}.*\n|\n(?= {4}))+)", re.MULTILINE)
_UP = "../../"
"""The way from a page of the reference to the pages of ``docs``."""


def as_markdown(text: str, link: Callable[[str], str]) -> str:
    """Return a docstring with links in place of roles, and an example outside of a section as code."""
    text = _TOGETHER.sub(_once, f"{text}\n").removesuffix("\n")
    text = _ROLE.sub(lambda found: link(found[1]), text)
    text = _PAGE.sub(lambda found: f"[{found[1]}]({_UP}{found[1]}.html)", text)
    if "Examples\n---" not in text:
        text = _DOCTEST.sub(r"```pycon\n\g<0>\n```", text)
    return text


def _once(found: re.Match[str]) -> str:
    """Return what is told of several arguments together once: at the first, to which the others lead.

    Readers of numpydoc take such a line apart, and give all of them the type of the first.
    """
    first, *others = re.split(r",\s+", found[1])
    together = ", ".join(f"`{name}`" for name in (first, *others))
    told = f"{first}\n    ({together}) {found[2].strip()}\n"
    return told + "".join(f"{name}\n    See `{first}`.\n" for name in others)

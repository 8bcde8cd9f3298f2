"""Look for what is wrong in a built site: ``python docs/site/check.py site``.

A link leads to a file that is there, and where it names a place in it, to that place. Nothing is loaded from elsewhere:
no script, style, font or picture. Every page can be reached from the first.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "data", "poster"}
"""Attributes of what a browser fetches without being asked."""
STYLE = re.compile(r"url\(\s*['\"]?(?P<url>[^'\")]+)|@import\s+['\"](?P<imported>[^'\"]+)")
NO_PAGE = {"404.html"}


class Page(HTMLParser):
    """The places of a page and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.doubles: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.headings = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what one element refers to."""
        self.headings += tag == "h1"
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.doubles += [value] if value in self.places else []
                self.places.add(value)
            elif name == "href":
                (self.links if tag == "a" else self.loaded).append(value)
            elif name in LOADED:
                self.loaded.append(value.split()[0] if name == "srcset" else value)
            elif name == "style":
                self.loaded += _urls(value)


def main(site: Path) -> None:
    """Print what is wrong, and end with 1 if anything is."""
    found = list(wrong(site))
    pages = len(list(site.rglob("*.html")))
    print(*found, f"{pages} pages, {len(found)} things that are wrong", sep="\n")
    sys.exit(1 if found else 0)


def wrong(site: Path) -> Iterator[str]:
    """Give what is wrong, each with the page."""
    pages = {path.relative_to(site).as_posix(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    reached, left = {"index.html"}, ["index.html"]
    while left:
        name = left.pop()
        for link in pages[name].links if name in pages else []:
            target = _target(name, link)
            if target in pages and target not in reached:
                reached.add(target)
                left.append(target)
    for name in sorted(pages.keys() - reached - NO_PAGE):
        yield f"{name}: no page leads here"
    for name, page in pages.items():
        yield from (f"{name}: {problem}" for problem in _wrong(site, pages, name))
        yield from (f"{name}: two places have the name {place}" for place in page.doubles)
        if page.headings != 1:
            yield f"{name}: {page.headings} first headings; one is needed"
    for style in sorted(site.rglob("*.css")):
        for url in _urls(style.read_text("utf-8")):
            if urlsplit(url).scheme not in {"", "data"} or url.startswith("//"):
                yield f"{style.relative_to(site)}: it loads {url}"


def _wrong(site: Path, pages: dict[str, Page], name: str) -> Iterator[str]:
    for url in pages[name].loaded:
        parts = urlsplit(url)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"it loads {url}"
        elif not (site / _target(name, url)).is_file():
            yield f"it loads {url}, which is not there"
    for link in pages[name].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if parts.scheme not in {"https", "mailto"}:
                yield f"the link {link} is neither https nor of the site"
            continue
        target = _target(name, link)
        if not (site / target).is_file():
            yield f"the link {link} leads nowhere"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
            yield f"the link {link} leads to no place of {target}"


def _target(name: str, link: str) -> str:
    """Return the file that a link of a page leads to, by its way from the root of the site."""
    path = unquote(urlsplit(link).path)
    steps: list[str] = [] if path.startswith("/") else name.split("/")[:-1]
    if not path:
        return name
    for step in path.split("/"):
        if step == ".." and steps:
            steps.pop()
        elif step not in {"", ".", ".."}:
            steps.append(step)
    return "/".join(steps) + ("index.html" if path.endswith("/") and not steps else "")


def _urls(style: str) -> list[str]:
    return [found["url"] or found["imported"] for found in STYLE.finditer(style)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

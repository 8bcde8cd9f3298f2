"""Open every page of the built site in headless Chromium: ``make browse-docs``.

Each is opened at the width of a phone and of a desk, light and dark, from a server on this machine. Nothing may be
asked of another, fail, or lie beyond the edge, and the search must find.
"""

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dsdm.cli.saying import say
from tests.browser.chromium import Browser, browser

_WIDTHS = (390, 1280)
_SCHEMES = ("light", "dark")
_SECONDS = 20
_PARTS = """({
  width: document.documentElement.scrollWidth, inside: document.documentElement.clientWidth,
  beyond: [...document.querySelectorAll('article *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1
    && !one.closest('pre, .md-typeset__scrollwrap, .md-typeset__table, table')).map(one => one.outerHTML.slice(0, 90)),
  headings: [...document.querySelectorAll('article h1')].map(one => one.textContent),
  broken: [...document.images].filter(one => !one.complete || !one.naturalWidth).map(one => one.src),
  background: getComputedStyle(document.body).backgroundColor,
  color: getComputedStyle(document.querySelector('article')).color
})"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


def main(site: Path, pictures: Path) -> None:
    """Look at each page, and leave a picture of it."""
    pictures.mkdir(exist_ok=True)
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/"
    wrong: list[str] = []
    try:
        with browser() as page:
            for name in names:
                for width in _WIDTHS:
                    for scheme in _SCHEMES:
                        page.open_url(root + name, width, scheme)
                        case = f"{name}, {width} px, {scheme}"
                        wrong += [f"{case}: {problem}" for problem in _wrong(page, root)]
                        shot = f"{name.removesuffix('.html').replace('/', '.')}-{width}-{scheme}.png"
                        page.shot(pictures / shot)
            page.open_url(root + "index.html", _WIDTHS[1], "light")
            wrong += [] if _finds(page) else ["the search finds nothing"]
    finally:
        server.shutdown()
    if wrong:
        sys.exit("\n".join(wrong))
    say(f"{len(names)} pages are as they must be; the pictures are in {pictures}")


def _wrong(page: Browser, root: str) -> list[str]:
    """Say what no page may have."""
    found, events = page.ask(_PARTS), page.events
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    failed = [event for event in events if event["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]
    wrong = [f"it asks {url}" for url in asked if not url.startswith((root, "data:"))]
    wrong += [f"the browser says {str(event['params'])[:300]}" for event in failed]
    wrong += [f"{one} is no picture" for one in found["broken"]]
    wrong += [f"beyond the edge: {one}" for one in found["beyond"][:3]]
    if found["width"] > found["inside"]:
        wrong.append(f"it is {found['width']} px wide and has {found['inside']}")
    if len(found["headings"]) != 1:
        wrong.append(f"its first headings are {found['headings']}")
    return wrong


def _finds(page: Browser) -> bool:
    """Search as a reader does, and tell whether the page comes up."""
    page.ask("document.querySelector('.md-search__button').click()")
    links = """[...document.querySelectorAll('*')].filter(one => one.shadowRoot)
      .flatMap(one => [...one.shadowRoot.querySelectorAll('a')]).map(one => one.href)"""
    if not _until(lambda: page.ask("document.activeElement.shadowRoot?.activeElement?.tagName === 'INPUT'")):
        return False
    page.call("Input.insertText", text="token budget")
    return _until(lambda: any("token-budget.html" in link for link in page.ask(links)))


def _until(holds: Callable[[], bool]) -> bool:
    """Wait for what a page does in its own time."""
    ends = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "browser"))

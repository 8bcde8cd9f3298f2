"""Open reports at the width of a phone and of a desk, light and dark, and look for what must be there.

The pictures are written to ``browser/`` in the current directory, or to the directory that is named, to be looked at.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import dsdm
from dsdm.cli.saying import say
from dsdm.demo import run
from tests.browser.chromium import Browser, browser

_WIDTHS = (360, 1280)
_SCHEMES = ("light", "dark")
_TEXT, _GRAPHICS = 4.5, 3.0
"""The contrasts that WCAG 2.2 asks for (AA): of text, and of graphics."""

_PARTS = """({
  width: document.documentElement.scrollWidth,
  inside: document.documentElement.clientWidth,
  beyond: [...document.querySelectorAll('body *')].filter(one => !one.closest('.wide')
    && !one.closest('details:not([open])') && one.getBoundingClientRect().right > innerWidth + 0.5
  ).map(one => one.outerHTML.slice(0, 80)),
  scripts: document.scripts.length,
  sections: document.querySelectorAll('main > section').length,
  pictures: [...document.querySelectorAll('figure > svg')].map(one => ({
    title: one.querySelector('title').textContent, desc: one.querySelector('desc').textContent,
    bars: one.querySelectorAll('rect').length, width: one.getBoundingClientRect().width,
    height: one.getBoundingClientRect().height})),
  details: document.querySelectorAll('details').length,
  tables: document.querySelectorAll('table').length,
  headings: [...document.querySelectorAll('h1, h2, h3')].map(one => one.textContent),
  texts: [...document.querySelectorAll('pre')].map(one => one.textContent),
  colors: ['body', 'dt', 'dd', 'figcaption', 'th', 'td', 'summary', 'li > p', 'pre', 'nav a'].flatMap(name => {
    const one = document.querySelector(name);
    if (!one) return [];
    let below = one;
    while (below && getComputedStyle(below).backgroundColor === 'rgba(0, 0, 0, 0)') below = below.parentElement;
    return [[name, getComputedStyle(one).color, getComputedStyle(below).backgroundColor, 'text']];
  }).concat(['rect.rest', 'rect.chosen'].map(name => [name, getComputedStyle(document.querySelector(name)).fill,
    getComputedStyle(document.body).backgroundColor, 'graphics'])),
  focusable: document.querySelectorAll('.wide[tabindex="0"]').length
})"""


def main(pictures: Path) -> None:
    """Make the reports, and look at each in every way."""
    pictures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as page:
        for name, path, check in (("demo", *_demo(Path(folder))), ("hostile", *_hostile(Path(folder)))):
            for width in _WIDTHS:
                for scheme in _SCHEMES:
                    page.open(path, width, scheme)
                    found = page.ask(_PARTS)
                    _check_page(page, found, (name, width, scheme))
                    check(page, found)
                    page.shot(pictures / f"{name}-{width}-{scheme}.png")
                    say(f"{name}, {width} px, {scheme}: {found['tables']} tables, {len(found['pictures'])} pictures")
            backgrounds = {scheme: _background(page, path, scheme) for scheme in _SCHEMES}
            assert backgrounds["light"] > 10 * backgrounds["dark"], backgrounds
    say(f"as they must be; the pictures are in {pictures}")


def _check_page(page: Browser, found: Any, case: tuple[str, int, str]) -> None:
    """Fail for what no report may have."""
    assert found["width"] <= found["inside"], (case, found["width"], found["inside"])
    assert found["beyond"] == [], (case, found["beyond"])
    assert found["scripts"] == 0, case
    for picture in found["pictures"]:
        assert picture["title"], case
        assert len(picture["desc"]) > 20, case
        assert picture["bars"] > 0, case
        assert picture["width"] > 300, (case, picture)
        assert picture["height"] > 100, (case, picture)
    assert found["details"] == len(found["pictures"]), case
    for name, color, below, kind in found["colors"]:
        contrast = _contrast(_rgb(color), _rgb(below))
        assert contrast >= (_TEXT if kind == "text" else _GRAPHICS), (case, name, color, below, contrast)
    asked = [event for event in page.events if event.get("method") == "Network.requestWillBeSent"]
    assert [one["params"]["request"]["url"][:8] for one in asked] == ["file:///"], case
    for event in page.events:
        assert event["method"] not in {"Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"}, (
            event
        )
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    images = [one for one in nodes if one.get("role", {}).get("value") in {"image", "img"}]
    assert len(images) == len(found["pictures"]), case
    assert all(len(one["name"]["value"]) > 20 for one in images), case


def _demo(folder: Path) -> tuple[Path, Any]:
    """Make the report of the demonstration."""
    run(folder / "demo", 400)
    names = ["dsdm-squad", "dsdm-jeopardy", "classifier-squad", "random"]
    subsets = [folder / "demo" / "subsets" / name for name in names]
    groups = np.arange(400) % 5
    report = dsdm.report(*subsets, lengths="input_ids", groups=groups, trust_paths=[folder])
    report.save(folder / "demo.html")
    shown = [one.text for facts in report.selections if facts.examples for one in facts.examples.best]

    def check(page: Browser, found: Any) -> None:
        assert found["sections"] == len(names) + 1
        assert len(found["pictures"]) == 3
        assert [str(path) for path in subsets] == [text for text in found["headings"] if text.startswith(str(folder))]
        assert {"Selections", "Scores", "Files of the corpus", "Groups", "Best rows", "Overlap"} <= {*found["headings"]}
        assert "Worst chosen rows" in found["headings"]
        assert "Best rows that were not chosen" in found["headings"]
        assert sum(text[:20] in whole for text in shown for whole in found["texts"]) >= len(shown)
        assert found["focusable"] == found["tables"]
        page.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
        opened = page.ask(_PARTS)
        assert opened["width"] <= opened["inside"]
        assert opened["beyond"] == []
        page.ask("document.querySelectorAll('details').forEach(one => { one.open = false })")

    return folder / "demo.html", check


def _hostile(folder: Path) -> tuple[Path, Any]:
    """Make a report whose rows, names and groups mean no good."""
    bad = [
        "<script>alert(1)</script>",
        "\u202e\u2066evil",
        "x" * 100_000,
        '"><img src=http://x.invalid/ onerror=alert(2)>',
    ]
    bad += ["</pre></style></main><h1>no</h1>", "\x1b[2J\x00", "&lt;b&gt; & ]]>", "\u200f" * 50 + "شر"]
    values = np.arange(len(bad), dtype=np.float32)
    table = pa.table({"text": bad})
    np.save(folder / "<b>'&amp;\u202e.npy", values)
    chosen = dsdm.choose(dsdm.open_scores(folder / "<b>'&amp;\u202e.npy"), k=4)
    report = chosen.report(corpus=table, groups=[text[:300] for text in bad], examples=8)
    report.save(folder / "hostile.html")

    def check(_: Browser, found: Any) -> None:
        assert len(found["texts"]) == 3 * 4
        whole = "".join(found["texts"])
        assert "<script>alert(1)</script>" in whole
        assert "\\u202e\\u2066evil" in whole
        assert not set("\u202e\u2066\x1b\u200f") & set(whole)
        assert "no" not in found["headings"]

    return folder / "hostile.html", check


def _background(page: Browser, path: Path, scheme: str) -> float:
    page.open(path, _WIDTHS[0], scheme)
    return _luminance(_rgb(page.ask("getComputedStyle(document.body).backgroundColor")))


def _rgb(color: str) -> list[float]:
    assert color.startswith("rgb("), color
    return [int(part) / 255 for part in color[4:-1].split(",")]


def _luminance(rgb: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: list[float], other: list[float]) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "browser"))

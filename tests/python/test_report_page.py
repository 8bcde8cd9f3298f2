"""The page of a report: well-formed, with all of its parts, and with the numbers of the arrays."""

import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

import dsdm
from dsdm.reporting.shape.elements import element, safe
from tests.oracle import reporting as oracle
from tests.python.test_terminals import ACTING

N = 500
BAD = [
    "<script>alert(1)</script>",
    "\u202eevil\u2066",
    'x"><img src=x onerror=y>',
    "</pre></main>",
    "&lt;",
    "\x1b[2J\x00",
]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Give scores, rows, and the report of two selections of them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    values = rng.normal(size=N).astype(np.float32)
    values[:7] = [np.nan, np.inf, -np.inf, 0, 0, 0, np.nan]
    np.save("s.npy", values)
    table = pa.table({"text": [BAD[row % len(BAD)] + f" row {row}" for row in range(N)]})
    scores = dsdm.open_scores("s.npy")
    one = dsdm.choose(scores, k=60, nan="omit")
    other = dsdm.choose(scores, k=40, gumbel=True, seed=1, nan="omit")
    lengths = rng.integers(0, 2000, N)
    groups = [("web", "<b>books</b>", "code\u202e")[row % 3] for row in range(N)]
    report = dsdm.report(one, other, corpus=table, lengths=lengths, groups=groups, bins=11)
    return values, table, (one, other), report


def tree(page):
    """Parse a page as XML, which it is behind its first line."""
    first, _, rest = page.partition("\n")
    assert first == "<!doctype html>"
    return ET.fromstring(rest)  # noqa: S314 - it is ours


class Balanced(HTMLParser):
    """A reader of HTML that fails where elements are not closed as they were opened."""

    VOID = frozenset({"meta", "rect", "line"})

    def __init__(self):
        super().__init__()
        self.ahead, self.seen, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        assert (dict(attrs).keys() & {"src", "srcset", "style", "action"}) == set()
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.ahead.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in self.VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.ahead.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_well_formed_and_loads_nothing(made):
    made[-1].save("r.html")
    page = Path("r.html").read_text("utf-8")
    reader = Balanced()
    reader.feed(page)
    reader.close()
    assert reader.ahead == []
    assert set(reader.seen) & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"} == {"a"}
    links = [value for name, value in reader.attributes if name == "href"]
    ids = [value for name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 5
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {word for name, value in reader.attributes if name == "aria-labelledby" for word in value.split()} <= set(
        ids
    )
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src &#x27;none&#x27;" in page
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in page
    assert "prefers-color-scheme: dark" in page
    assert not ACTING.search(page.replace("\n", ""))
    assert page.count("<h1>") == 1


def test_rows_and_names_are_text(made):
    _, table, _, report = made
    report.save("r.html")
    found = tree(Path("r.html").read_text("utf-8"))
    shown = ["".join(one.itertext()) for one in found.iter("pre")]
    told = [
        example.text
        for facts in report.selections
        for kind in (facts.examples.best, facts.examples.worst, facts.examples.not_chosen)
        for example in kind
    ]
    assert len(shown) == len(told) == 18
    assert shown == [ACTING.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text) for text in told]
    assert set(told) <= set(table["text"].to_pylist())
    cells = {"".join(cell.itertext()) for cell in found.iter("td")}
    assert {"<b>books</b>", "code\\u202e", "web"} <= cells


def tables(found):
    """Give the cells of the body of each table, by its caption, in the order of the page."""
    kept = {}
    for one in found.iter("table"):
        rows = [["".join(cell.itertext()) for cell in row] for row in one.find("tbody")]
        kept.setdefault(one.find("caption").text, []).append(rows)
    return kept


def test_numbers_are_those_of_the_arrays(made):
    values, _, selections, report = made
    report.save("r.html")
    found = tree(Path("r.html").read_text("utf-8"))
    kept = tables(found)
    edges = report.selections[0].scores.histogram.edges
    for told, selection in zip(kept["Rows by score"], selections, strict=True):
        assert [int(row[2]) for row in told] == oracle.counts(values, edges)
        assert [int(row[3]) for row in told] == oracle.counts(values[selection.indices], edges)
        assert [float(row[0]) for row in told] == pytest.approx(edges[:-1], rel=1e-5)
    for told, selection in zip(kept["Quantiles of the finite scores"], selections, strict=True):
        assert [row[0] for row in told] == ["0 %", "1 %", "10 %", "25 %", "50 %", "75 %", "90 %", "99 %", "100 %"]
        assert [float(row[1]) for row in told] == pytest.approx(oracle.quantiles(values), rel=1e-5)
        assert [float(row[2]) for row in told] == pytest.approx(oracle.quantiles(values[selection.indices]), rel=1e-5)
    for told, selection in zip(kept["Rows by group"], selections, strict=True):
        chosen = [int((selection.indices % 3 == group).sum()) for group in range(3)]
        names = ["web", "<b>books</b>", "code\\u202e"]
        assert {row[0]: int(row[2]) for row in told} == dict(zip(names, chosen, strict=True))
    one, other = (set(selection.indices.tolist()) for selection in selections)
    ((_, _, _, shared, either, jaccard),) = kept["Rows that two selections share"][0]
    assert (int(shared), int(either)) == (len(one & other), len(one | other))
    assert float(jaccard) == pytest.approx(len(one & other) / len(one | other), abs=1e-4)
    pairs = {}
    for listed in found.iter("dl"):
        terms = [one.text for one in listed.iter("dt")]
        pairs |= dict(zip(terms, [one.text for one in listed.iter("dd")], strict=True))
    assert pairs["NaN"] == "2 (0 chosen)"
    assert pairs["infinite"] == "1 below, 1 above"


def test_pictures_have_a_bar_for_each_bin_that_has_rows(made):
    report = made[-1]
    report.save("r.html")
    found = tree(Path("r.html").read_text("utf-8"))
    pictures = [one for one in found.iter("svg") if one.get("role") == "img"]
    assert len(pictures) == 4
    told = [one for facts in report.selections for one in (facts.scores.histogram, facts.lengths.histogram)]
    for picture, histogram in zip(pictures, told, strict=True):
        title, desc = picture.find("title"), picture.find("desc")
        assert picture.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert f"{sum(histogram.chosen):,} of {sum(histogram.rows):,} rows are chosen" in desc.text
        most = max(histogram.rows)
        for kind, counts in (("rest", histogram.rows), ("chosen", histogram.chosen)):
            bars = {int(float(bar.get("x"))): bar for bar in picture.iter("rect") if bar.get("class") == kind}
            assert sorted(bars) == [at for at, count in enumerate(counts) if count]
            for at, bar in bars.items():
                assert float(bar.get("height")) == pytest.approx(max(100 * counts[at] / most, 0.8), abs=0.01)
                assert float(bar.get("y")) + float(bar.get("height")) == pytest.approx(100, abs=0.02)
    lines = [line for line in pictures[0].iter("line") if line.get("class") == "cut"]
    cut, edges = report.selections[0].cut.score, report.selections[0].scores.histogram.edges
    assert float(lines[0].get("x1")) == pytest.approx(11 * (cut - edges[0]) / (edges[-1] - edges[0]), abs=1e-3)
    assert not list(pictures[2].iter("line"))


def test_colors_have_the_contrast_that_readers_need():
    style = resources.files("dsdm.reporting.shape").joinpath("page.css").read_text("utf-8")
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6});", part)) for part in style.split("@media", 1))

    def luminance(color):
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for colors in (light, dark):
        assert colors.keys() == {"page", "ink", "soft", "line", "card", "rest", "chosen", "cut"}
        for one, other, least in [
            *((ink, below, 4.5) for ink in ("ink", "soft") for below in ("page", "card")),
            *((drawn, "page", 3) for drawn in ("rest", "chosen", "cut")),
        ]:
            low, high = sorted((luminance(colors[one]), luminance(colors[other])))
            assert (high + 0.05) / (low + 0.05) >= least, (one, other)


def test_a_notebook_shows_it_beside_others(made):
    report = made[-1]
    first, second = report._repr_html_(), dsdm.report(made[2][0], bins=3)._repr_html_()
    both = ET.fromstring(f"<div>{first}{second}</div>")  # noqa: S314 - it is ours
    ids = [one.get("id") for one in both.iter() if one.get("id")]
    assert len(ids) == len(set(ids)) > 8
    # Nothing but the report is styled.
    style = re.sub(r"@media[^{]*\{(.*?\n)\}", r"\1", both.find("div/style").text, flags=re.DOTALL)
    selectors = [each for rule in re.findall(r"([^{}]+)\{", style) for each in rule.split(",")]
    assert all(re.match(r"\s*(body)?\.dsdm-report", each) for each in selectors), selectors


def test_a_page_is_written_whole_and_replaces_nothing_unasked(made, run):
    report = made[-1]
    report.save("r.html")
    before = Path("r.html").read_bytes()
    with pytest.raises(FileExistsError, match=r"r\.html: it exists; name another file, or give overwrite=True"):
        dsdm.report(made[2][0]).save("r.html")
    with pytest.raises(ValueError, match=r"r\.txt: a report is an \.html file"):
        report.save("r.txt")
    with pytest.raises(TypeError, match="overwrite is 1"):
        report.save("r.html", overwrite=1)
    assert Path("r.html").read_bytes() == before
    made[2][0].save("one.npy")
    assert run("report", "one.npy", "--html", "one.html")[0] == 0
    assert Path("one.html").read_text("utf-8").startswith("<!doctype html>\n<html")
    for arguments, status, message in (
        (["--html", "one.html"], 1, "one.html: it exists; name another file, or give --overwrite"),
        (["--html", "one"], 2, "--html is one, and a page is an .html file"),
        (["--html", "no/one.html"], 1, "no/one.html: there is no directory no"),
    ):
        code, _, errors = run("report", "one.npy", *arguments)
        assert (code, message in " ".join(errors.split())) == (status, True), errors
    assert run("report", "one.npy", "--html", "one.html", "--overwrite", "--bins", "3")[0] == 0
    dsdm.report("one.npy", bins=3).save("same.html")
    assert "(3 bins)" in Path("one.html").read_text("utf-8")


def test_text_that_is_no_element_is_escaped():
    assert (
        element("p", "<b>", element("i", "&"), title="'\"\n") == '<p title="&#x27;&quot;\n">&lt;b&gt;<i>&amp;</i></p>'
    )
    assert safe("a\tb\r\x00\ud800") == "a   b\\r\\x00\\ud800"

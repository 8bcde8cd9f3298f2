"""What reports show of rows of every type and size, and what notebooks show: text, whatever it holds."""

import datetime as dt
import decimal
import json
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dsdm
from dsdm.reporting.measure.texts import _shown

N = 20
HOSTILE = "<script>alert(1)</script>\"'&\u202e\nx\x1b[2J"
SPELLED = "<script>alert(1)</script>\"'&\\u202e\\nx\\x1b[2J"


class Parsed(HTMLParser):
    """The elements of a page, with the texts that it shows."""

    def __init__(self, page):
        super().__init__()
        self.open, self.kinds, self.texts = [], set(), []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.kinds.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, _attrs):
        self.kinds.add(tag)

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    """Read a page, or a part of one, in which nothing may act."""
    found = Parsed(page)
    assert not found.kinds & {"script", "img", "iframe", "link", "object", "form"}
    assert not any(ord(mark) < 32 and mark != "\n" for mark in page)
    assert "\u202e" not in page
    return found


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Give scores of a file in the directory of the test."""
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", np.arange(N, dtype=np.float32))
    return dsdm.open_scores("s.npy")


def texts_of(corpus, scores, **options):
    """Give the text of the best row."""
    found = dsdm.report(dsdm.choose(scores, k=5), corpus=corpus, **options)
    json.dumps(found.to_dict(), allow_nan=False)
    parsed(found._repr_html_())
    return found.selections[0].examples.best[0].text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (b"\xff\x00", pa.binary(), "b'\\xff\\x00'"),
        (b"abc\xff", pa.binary(4), "b'abc\\xff'"),
        ([("a", 1), ("b", None)], pa.map_(pa.string(), pa.int32()), "[{key: a, value: 1}, {key: b, value: null}]"),
        ({"a": [1, None], "b": {"c": "x"}}, None, "{a: [1, null], b: {c: x}}"),
        ([[1], [2, 3]], pa.list_(pa.list_(pa.int8(), -1)), "[[1], [2, 3]]"),
        ([1, 2], pa.list_(pa.int8(), 2), "[1, 2]"),
        (decimal.Decimal("1.50"), pa.decimal128(9, 2), "1.50"),
        (dt.date(2020, 1, 2), pa.date32(), "2020-01-02"),
        (2**30, pa.date32(), f"date32[day] {2**30}"),
        (2**62, pa.timestamp("s"), f"timestamp[s] {2**62}"),
        (np.float16(1.5), pa.float16(), "1.5"),
        (None, pa.null(), "null"),
        ([], pa.list_(pa.int64()), "[]"),
    ],
    ids=str,
)
def test_values_of_every_type_are_shown(scores, value, kind, text):
    column = pa.array([None] * (N - 1) + [value], kind)
    assert texts_of(pa.table({"c": column}), scores) == text
    assert texts_of(pa.table({"c": column, "n": range(N)}), scores) == f"c: {text}\nn: {N - 1}"


@pytest.mark.parametrize("unit", ["timestamp", "duration"])
def test_nanoseconds_are_shown_also_where_python_has_none(scores, unit):
    text = texts_of(pa.table({"c": pa.array([1] * N, getattr(pa, unit)("ns"))}), scores)
    assert "1" in text  # by pandas where it is there, else by the number


def test_a_field_of_structs_is_the_text(scores):
    rows = [{"text": f"row {row}", "note": {"by": HOSTILE}} for row in range(N)]
    pq.write_table(pa.table({"meta": rows}), "nested.parquet")
    assert texts_of("nested.parquet", scores, text="meta.text") == f"row {N - 1}"
    assert texts_of("nested.parquet", scores, text="meta.note.by") == HOSTILE
    assert texts_of("nested.parquet", scores) == f"{{text: row {N - 1}, note: {{by: {HOSTILE}}}}}"
    with pytest.raises(ValueError, match=r"^text is 'meta\.x', and the rows have 'meta'"):
        texts_of("nested.parquet", scores, text="meta.x")
    twice = pa.table({"meta": rows, "meta.text": ["other"] * N})
    with pytest.raises(ValueError, match=r"^text is 'meta\.text', which is"):
        texts_of(twice, scores, text="meta.text")


def test_no_more_is_made_of_a_large_value_than_is_shown(tracing):
    long = "é" * 20_000_000
    values = [{"t": long}, [long, long], [("k", long)], [{"t": [long]}], [[long]] * 3]
    kinds = [None, None, pa.map_(pa.string(), pa.string()), None, None]
    for value, kind in zip(values, kinds, strict=True):
        array = pa.array([value], kind)
        with tracing() as most:
            text, more = _shown(array, 30)
        assert (len(text), more) == (30, True)
        assert most() < 1_000_000
    many = pa.array([list(range(1_000_000))])
    with tracing() as most:
        assert _shown(many, 9) == ("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9"[:9], True)
    assert most() < 100_000


@pytest.fixture
def tracing():
    """Give a block, after which it is known how much memory Python took in it at most."""
    import tracemalloc
    from contextlib import contextmanager

    @contextmanager
    def traced():
        tracemalloc.start()
        try:
            yield lambda: peak[0]
        finally:
            peak.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    peak = []
    return traced


def test_a_page_lists_500_groups_and_sums_the_others():
    n = 3000
    values = np.arange(n, dtype=np.float32)
    groups = np.array([f"g{row % 1000}" for row in range(n)])
    found = dsdm.choose(values, k=700).report(scores=values, groups=groups)
    assert len(found.selections[0].groups) == 1000
    texts = parsed(found._repr_html_()).texts
    named = [text for text in texts if text.startswith("g") and text[1:].isdigit()]
    assert named == [part.name for part in found.selections[0].groups[:500]]
    rest = found.selections[0].groups[500:]
    at = texts.index("500 more")
    assert texts[at + 1 : at + 3] == [f"{sum(part.rows for part in rest):,}", f"{sum(part.chosen for part in rest):,}"]


def test_what_notebooks_show_is_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "<img src=x onerror=alert(1)>\u202e\n'"
    rows = pa.table({HOSTILE: [f"{row}" for row in range(N)], "text": [HOSTILE] * N})
    pq.write_table(rows, f"{name}.parquet")
    pq.write_table(pa.table({HOSTILE: np.arange(N, dtype=np.float32)}), "s.parquet")
    scores = dsdm.open_scores("s.parquet", column=HOSTILE)
    shards = dsdm.open_shards(f"{name}.parquet")
    chosen = dsdm.choose(scores, k=5)
    plan = dsdm.plan(shards, chosen, "out")
    written = dsdm.materialize(shards, chosen, f"{name}-out", progress=False)
    report = dsdm.report(chosen, corpus=shards, groups=HOSTILE)
    for one in (scores, shards, chosen, plan, written, report):
        parsed(one._repr_html_())
    for one in (scores, shards, chosen):
        assert SPELLED in "".join(parsed(one._repr_html_()).texts)
    spelled = name.replace("\u202e", "\\u202e").replace("\n", "\\n")
    assert spelled in "".join(parsed(written._repr_html_()).texts)
    assert "<script>alert(1)</script>\"'&\\u202e\nx\\x1b[2J" in parsed(report._repr_html_()).texts

"""How the site is made: links that hold, the reference of the command, the table of the environment, and its checks."""

import re
import runpy
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

import dsdm
from dsdm.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def script():
    """Run a script of the site by its name, which gives what it defines."""
    before = list(sys.path)
    yield lambda name: runpy.run_path(str(DOCS / "site" / f"{name}.py"))
    sys.path[:] = before


def listed(navigation):
    """Give the pages of a navigation."""
    for one in navigation:
        for value in [one] if isinstance(one, str) else one.values():
            yield from [value] if isinstance(value, str) else listed(value)


def test_every_page_is_in_the_navigation_once(script):
    stage, command = script("stage"), script("command")
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    pages |= {*stage["OF_ROOT"].values()} | {f"reference/command/{name}" for name in command["pages"]()}
    found = list(listed(CONFIG["nav"]))
    assert sorted(found) == sorted(pages)


@pytest.mark.parametrize(
    ("text", "staged"),
    [
        ("[a](trust.md)", "[a](trust.md)"),
        ("[a](trust.md#what-is-not-promised)", "[a](trust.md#what-is-not-promised)"),
        ("[`a`](../CHANGELOG.md)", "[`a`](changelog.md)"),
        ("[`a`](../examples/mates.py)", "`a`"),
        ("![a](histogram.svg)", "![a](histogram.svg)"),
        ("[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("[a](#b)", "[a](#b)"),
        ("```python\n[a](../examples/mates.py)\n```", "```python\n[a](../examples/mates.py)\n```"),
        ("## [1.0] - a day", "## 1.0 - a day"),
    ],
)
def test_links_hold_in_the_copy(script, text, staged):
    stage = script("stage")
    copies = {DOCS / name: stage["STAGED"] / name for name in ("index.md", "trust.md", "histogram.svg")}
    copies |= {path: stage["STAGED"] / name for path, name in stage["OF_ROOT"].items()}
    assert stage["with_links"](text, DOCS / "index.md", copies) == staged


def test_the_reference_links_to_the_page_of_each_command_in_the_site_alone(script):
    stage, command = script("stage"), script("command")
    text = (DOCS / "reference" / "index.md").read_text("utf-8")
    assert text.count(stage["COMMANDS"]) == 1
    assert "](command/" not in text
    staged = stage["with_commands"](text)
    assert set(re.findall(r"\]\(command/([^)]*)\)", staged)) == set(command["pages"]())
    assert stage["COMMANDS"] not in staged
    assert stage["with_commands"]("# Another page") == "# Another page"


def test_a_link_to_a_page_that_is_made_with_the_site_is_dead_in_a_clone(script):
    with pytest.raises(FileNotFoundError, match=r"the link to reference/command/verify\.md leads nowhere"):
        script("stage")["with_links"]("[a](reference/command/verify.md)", DOCS / "index.md", {})


def test_a_link_to_nothing_is_an_error_that_names_both(script):
    with pytest.raises(FileNotFoundError, match=r"docs/index\.md: the link to none\.md leads nowhere"):
        script("stage")["with_links"]("[a](none.md)", DOCS / "index.md", {DOCS / "index.md": Path("index.md")})


def test_short_pieces_of_code_are_kept_whole(script):
    whole = script("stage")["with_whole_names"]
    assert whole("| `a_b` | `x` |\n\n`a_b`") == "| `a_b`{.whole} | `x`{.whole} |\n\n`a_b`{.whole}"
    assert whole(f"| `{'x' * 40}` | `{'y' * 40}` | `z` |") == f"| `{'x' * 40}` | `{'y' * 40}` | `z`{{.whole}} |"
    assert whole("```\n| `a` |\n```") == "```\n| `a` |\n```"


@pytest.mark.parametrize(
    ("docstring", "shown"),
    [
        ("As :func:`dsdm.top_k`, :meth:`~dsdm.Scores.slice`.", "As <dsdm.top_k>, <dsdm.Scores.slice>."),
        ("Rules: ``docs/scores.md``.", "Rules: [scores](../../scores.html)."),
        ("A.\n\n>>> 1 + 1\n2", "A.\n\n```pycon\n>>> 1 + 1\n2\n```"),
        ("A.\n\nExamples\n--------\n>>> 1 + 1\n2", "A.\n\nExamples\n--------\n>>> 1 + 1\n2"),
        (
            "Parameters\n---\nk, p,\nof\n    How many.\nseed\n    None.",
            "Parameters\n---\nk\n    (`k`, `p`, `of`) How many.\np\n    See `k`.\nof\n    See `k`.\nseed\n    None.",
        ),
        (
            "Parameters\n---\nk, share\n    How many:\n    so many.\nseed\n    A seed.",
            "Parameters\n---\nk\n    (`k`, `share`) How many:\n    so many.\nshare\n    See `k`.\nseed\n    A seed.",
        ),
        (
            "Parameters\n---\nk, share\n    So many.\n\nNotes\n---\nNone.",
            "Parameters\n---\nk\n    (`k`, `share`) So many.\nshare\n    See `k`.\n\nNotes\n---\nNone.",
        ),
    ],
)
def test_docstrings_become_markdown(script, docstring, shown):
    assert script("docstrings")["as_markdown"](docstring, lambda name: f"<{name}>") == shown


def test_every_command_and_option_is_in_the_reference(script):
    pages = script("command")["pages"]()
    commands = {name: one for name, one in typer.main.get_command(app).commands.items() if not one.hidden}
    assert pages.keys() - {"index.md"} == {f"{name}.md" for name in commands}
    for name, command in commands.items():
        for below in [command, *getattr(command, "commands", {}).values()]:
            for option in (one for one in below.params if one.opts and not getattr(one, "hidden", False)):
                if option.opts[0].startswith("-"):
                    assert all(text in pages[f"{name}.md"] for text in option.opts), (name, option.opts)
    assert all(f"({name}.md)" in pages["index.md"] for name in commands)


def test_the_reference_has_every_public_name():
    named = re.findall(r"^::: (\S+)$", "\n".join(path.read_text("utf-8") for path in DOCS.rglob("*.md")), re.MULTILINE)
    modules = {"dsdm.errors", "dsdm.ray", "dsdm.selections", "dsdm.utils"}
    public = {f"dsdm.{name}" for name in dsdm.__all__ if name != "__version__" and not hasattr(dsdm.errors, name)}
    assert sorted(named) == sorted(public | modules)


def test_the_table_of_the_environment_is_that_of_the_sources():
    table = (DOCS / "guide" / "environment.md").read_text("utf-8")
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE))))
    read = re.compile(r"environ(?:\.get\(|\[)\s*[\"'](\w+)|env::var(?:_os)?\(\"(\w+)|const VARIABLE: &str = \"(\w+)\"")
    found = set()
    for path in [*(ROOT / "python" / "dsdm").rglob("*.py"), *(ROOT / "rust").rglob("*.rs")]:
        found |= {name for names in read.findall(path.read_text("utf-8")) for name in names if name}
    inner = {name for name in found if name.startswith("_")}
    assert {name for name in told if name.startswith("DSDM_")} == found - inner
    assert inner == {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"}


GOOD = '<h1 id="a">A</h1><a href="b.html#c">b</a>'
OTHER = '<h1 id="c">B</h1><a href="index.html">a</a>'


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (GOOD, None),
        (GOOD + '<a href="none.html">x</a>', "the link none.html leads nowhere"),
        (GOOD + '<a href="b.html#d">x</a>', "the link b.html#d leads to no place of b.html"),
        (GOOD + '<a href="http://example.org">x</a>', "neither https nor of the site"),
        (GOOD + '<script src="https://example.org/x.js"></script>', "it loads https://example.org/x.js"),
        (GOOD + '<link rel="stylesheet" href="//example.org/x.css">', "it loads //example.org/x.css"),
        (GOOD + '<img src="none.svg">', "it loads none.svg, which is not there"),
        (GOOD + "<p style=\"background: url('https://example.org/a.png')\">", "it loads https://example.org/a.png"),
        (GOOD + '<p id="a">', "two places have the name a"),
        (GOOD + "<h1>B</h1>", "2 first headings; one is needed"),
        ('<h1 id="a">A</h1>', "b.html: no page leads here"),
    ],
)
def test_what_is_wrong_in_a_site_is_found(script, tmp_path, page, said):
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "b.html").write_text(OTHER)
    found = list(script("check")["wrong"](tmp_path))
    if said is None:
        assert found == []
    else:
        assert len(found) == 1
        assert said in found[0]


def test_styles_load_nothing_from_elsewhere(script, tmp_path):
    (tmp_path / "index.html").write_text('<h1 id="a">A</h1>')
    (tmp_path / "a.css").write_text("a{background:url(data:x)} @import 'https://example.org/font.css';")
    assert list(script("check")["wrong"](tmp_path)) == ["a.css: it loads https://example.org/font.css"]


def test_the_picture_is_what_its_script_draws(script):
    assert (DOCS / "histogram.svg").read_text("utf-8") == script("histogram")["picture"]()

"""The README as a package index shows it: every link leads to the repository, and nothing else changes."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://example.org/owner/dsdm"
TEXT = (ROOT / "README.md").read_text("utf-8")
ABSOLUTE = runpy.run_path(str(ROOT / "tools" / "index_readme.py"))["absolute"]


def targets(text):
    """Return what a text links to and shows, as a Markdown parser finds it, in order."""
    inline = [child for token in MarkdownIt("commonmark").enable("table").parse(text) for child in token.children or []]
    return [str(child.attrs.get("href") or child.attrs.get("src")) for child in inline if child.attrs]


def test_every_link_of_the_readme_leads_to_the_repository_at_the_tag():
    before, after = targets(TEXT), targets(ABSOLUTE(TEXT, REPOSITORY, "v1.2.3"))
    assert len(before) == len(after) > 10
    for old, new in zip(before, after, strict=True):
        if old.startswith("https:"):
            assert new == old
            continue
        kind = "raw" if old.endswith(".svg") else "blob"
        assert new == f"{REPOSITORY}/{kind}/v1.2.3/{old}"
        assert (ROOT / old.split("#")[0]).exists()


def test_nothing_but_links_changes():
    back = re.sub(rf"{re.escape(REPOSITORY)}/(raw|blob)/v1\.2\.3/", "", ABSOLUTE(TEXT, REPOSITORY, "v1.2.3"))
    assert back == TEXT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: index_readme.py"),
        (["http://example.org/owner/dsdm", "v1"], "are not https://HOST/OWNER/REPOSITORY and a tag"),
        (["https://example.org/dsdm", "v1"], "are not https://HOST/OWNER/REPOSITORY and a tag"),
        ([REPOSITORY, "v1/../main"], "are not https://HOST/OWNER/REPOSITORY and a tag"),
    ],
)
def test_what_is_no_repository_changes_nothing(tmp_path, arguments, said):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "index_readme.py", tmp_path / "tools")
    shutil.copy(ROOT / "README.md", tmp_path)
    command = [sys.executable, tmp_path / "tools" / "index_readme.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert said in done.stderr
    assert (tmp_path / "README.md").read_text("utf-8") == TEXT

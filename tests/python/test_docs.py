"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMED = re.compile(r"`((?:rust|python|tests|docs|benches|examples)/[\w./-]+)`")
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_files_that_a_document_names_are_there(document):
    text = document.read_text()
    named = [ROOT / name for name in NAMED.findall(text)]
    linked = [document.parent / name for name in LINKED.findall(text)]
    assert [str(path) for path in named + linked if not path.exists()] == []


def test_documents_are_found_and_name_files():
    assert len(DOCUMENTS) > 10
    assert sum(len(NAMED.findall(document.read_text())) for document in DOCUMENTS) > 5

"""The promises of docs/trust.md: each names a test that is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROMISE = re.compile(r"^(\d+)\. (.+?)(?=^\d+\. |^## |\Z)", re.MULTILINE | re.DOTALL)


def test_every_promise_names_a_test_that_is_there():
    there = {
        name
        for path in (ROOT / "tests" / "python").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    promised, _, _ = (ROOT / "docs" / "trust.md").read_text().partition("## What is not promised")
    sections = promised.split("\n## ")[1:]
    assert len(sections) == 5
    for section in sections:
        promises = PROMISE.findall(section)
        assert [int(number) for number, _ in promises] == list(range(1, len(promises) + 1))
        for _, text in promises:
            named = set(re.findall(r"`(test_\w+)`", text))
            assert named, text
            assert named <= there, named - there

"""In Rust, no default for what cannot be, and no arithmetic or pairing that goes wrong in silence, without a reason.

Each such place has a comment that begins with ``Proof:``, on its line, above its statement, or in the documentation
of its item. The other way out is `rust/checked.rs`, which fails loudly.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest

RUST = Path(__file__).parents[2] / "rust"
SOURCES = sorted(path.relative_to(RUST).as_posix() for path in RUST.rglob("*.rs") if "tests" not in path.stem)
PROOF = re.compile(r"///? Proof: \S")
SUSPECTS = {
    "a default": r"\.unwrap_or(_default)?\(|\.map_or\(0\b|\.unwrap_or_else\(",
    "arithmetic that saturates or wraps": r"\b(saturating|wrapping|overflowing)_\w+\(",
    "an end that is no error": r"\belse \{\s*(break|continue|return(?! Err\b))\b",
    "items that are dropped": r"\.filter_map\(|\.flatten\(\)|\.map_while\(",
    "a cast without a reason": r"allow\(.*clippy::cast_(possible|sign)\w+(?!.*\)\] // \w)",
    "a plain zip": r"(?<!checked::)(?<!\.ok\(\)\.)\bzip\((?!\(?[\w.:() ]*\.\.\))",
}
ENDLESS = re.compile(r"\(\w+\.\.\)\.zip\(|\bfn zip\b")


def statements(text):
    """Each line of code before the tests, with its number and whether a proof holds for it."""
    item, above, comment = None, False, False
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        # What stands in a file of its own, or is one line, is followed by more code.
        if line.startswith("#[cfg(test)]") and not lines[number].endswith(";"):
            return
        code, indent = line.strip(), len(line) - len(line.lstrip())
        if code.startswith("//"):
            above = PROOF.search(code) is not None or (comment and above)
            item = indent if code.startswith("///") and above else item
            comment = True
            continue
        yield number, line, above or item is not None or PROOF.search(line) is not None
        comment = False
        code = code.partition(" // ")[0].rstrip()
        if code.endswith((";", "{", "}", "},")):  # the statement, or its first line, is over
            above = False
        if item == indent and code.endswith("}"):
            item = None


def unproven(text):
    """The suspect places without a proof: line, what it is, and the line itself."""
    lines = [*statements(text), (0, "", False)]
    for (number, line, proven), (_, after, proven_after) in pairwise(lines):
        looked_at, holds = line if "allow(" in line else line.partition(" // ")[0], proven
        if looked_at.endswith("else {"):
            looked_at, holds = f"{looked_at} {after.strip()}", proven or proven_after
        for what, pattern in SUSPECTS.items():
            if not holds and re.search(pattern, looked_at) and not ENDLESS.search(looked_at):
                yield number, what, line.strip()


@pytest.mark.parametrize("source", SOURCES)
def test_what_may_go_wrong_in_silence_is_proven(source):
    found = [f"rust/{source}:{number}: {what}: {line}" for number, what, line in unproven((RUST / source).read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("let a = b.unwrap_or_default();", 1),
        ("let a = usize::try_from(b).unwrap_or(usize::MAX);", 1),
        ("let a = b.unwrap_or_else(|| 3);", 1),
        ("let a = b.lock().unwrap_or_else(PoisonError::into_inner);", 1),
        ("let a = b.map_or(0, Vec::len);", 1),
        ("let Some(a) = b else { break };", 1),
        ("let Some(a) = b else {\n    return Ok(());\n};", 1),
        ("let Some(a) = b else {\n    // Proof: none is left.\n    return Ok(());\n};", 0),
        ("let Some(a) = b else { return Err(lost()) };", 0),
        ("let a = b.saturating_sub(c).wrapping_add(d);", 1),
        ("for (a, b) in c.iter().zip(d) {", 1),
        ("for (a, b) in std::iter::zip(c, d) {", 1),
        ("for (a, row) in c.iter().zip(start..) {", 0),
        ("for (row, a) in (0..).zip(c) {", 0),
        ("for (a, b) in checked::zip(c, d)? {", 0),
        ("// Proof: one for each.\nfor (a, b) in c.iter().zip(d) {\n    a.unwrap_or(0);", 1),
        ("// Proof: one for each,\n// of both.\nlet a = c\n    .iter()\n    .zip(d);", 0),
        ("// A proof\nlet a = c.zip(d);", 1),
        ("let a = c.zip(d); // Proof: one for each.\nlet a = c.zip(d);", 1),
        ("/// Proof: modulo 2^64.\nfn a() {\n    b.wrapping_add(c);\n    d.wrapping_add(c)\n}\nb.wrapping_add(c);", 1),
        ("#[allow(clippy::cast_possible_truncation)]", 1),
        ("#[allow(clippy::cast_precision_loss, clippy::cast_sign_loss)] // a constant", 0),
        ("let a = b.filter_map(c);\n#[cfg(test)]\nmod tests {\n    let a = b.filter_map(c);", 1),
        ("#[cfg(test)]\nmod tests;\n\nlet a = b.filter_map(c);", 1),
    ],
)
def test_the_search_finds_what_it_must(code, count):
    assert len(list(unproven(code))) == count


def test_what_comments_show_is_text():
    """`cargo test` runs no examples of comments (`doctest = false`), so none may look as if it were run."""
    for source in SOURCES:
        fences = re.findall(r"^\s*//[/!] ```(.*)$", (RUST / source).read_text(), re.MULTILINE)
        assert fences == ["text", ""] * (len(fences) // 2), source


def test_the_words_of_a_block_of_random_bits_are_named_one_by_one():
    """`map` of an array is a call where a build does not optimize across crates: draws took 20 times as long there."""
    code = (RUST / "select/noise/philox.rs").read_text().partition("#[cfg(test)]")[0]
    assert "[u32; 4]" in code
    assert re.findall(r".*\b(?:counter|block|key)\s*\.map\(.*", code) == []

"""A report as Markdown, for what is published: numbers, names of files and groups, and no row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from dsdm.reporting.facts import Overlap, Part, SelectionFacts
from dsdm.reporting.shape.text import BLOCKS, overlap_table, score_summary, summary, tables
from dsdm.shown import shown

_TOLD = ("rows", "seed", "tokens", "worst score")
"""What of the summary is told: a rule, and why something is not known, may name folders."""


def as_markdown(selections: Sequence[SelectionFacts], overlaps: Sequence[Overlap]) -> str:
    """Return a report as blocks of text that Markdown shows to the letter, whatever they hold."""
    blocks = [_fenced(_selection(facts, named=len(selections) > 1)) for facts in selections]
    blocks += [_fenced(overlap_table(selections, overlaps))] if overlaps else []
    return "\n\n".join(blocks)


def _selection(facts: SelectionFacts, *, named: bool) -> Iterator[str]:
    if named:
        yield facts.name
        yield ""
    public = replace(
        facts,
        scores=None if facts.scores is None else replace(facts.scores, files=_by_name(facts.scores.files)),
        sources=None if facts.sources is None else _by_name(facts.sources),
    )
    pairs = [(name, value) for name, value in summary(public) if name in _TOLD]
    pairs += [] if public.scores is None else score_summary(public.scores)
    width = max(len(name) for name, _ in pairs)
    yield from (f"  {name:<{width}}  {value}" for name, value in pairs)
    yield from tables(public, BLOCKS)


def _by_name(parts: Sequence[Part]) -> list[Part]:
    """Return files by their names alone, which tell nothing of a machine and its users."""
    return [replace(part, name=PurePath(part.name).name) for part in parts]


def _fenced(lines: Iterator[str]) -> str:
    """Return lines in a fence that is longer than any in them."""
    # Half of a pair, as the name of a file can have, is no character.
    text = "\n".join(map(shown, lines)).encode("utf-8", "backslashreplace").decode()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"

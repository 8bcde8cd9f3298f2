"""What is found out about one selection: each part of it, or why it is not known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsdm.errors import ChecksumError
from dsdm.paths import PathLike
from dsdm.reporting.facts import CutFacts, Examples, LengthFacts, Part, SelectionFacts
from dsdm.reporting.measure.corpus import TooManyGroupsError, groups_of, lengths_of, sources_of
from dsdm.reporting.measure.examples import Order, examples_of
from dsdm.reporting.measure.texts import Texts
from dsdm.reporting.measure.vector import Scored, cut_of, look
from dsdm.reporting.record.given import Given
from dsdm.reporting.record.lengths import lengths_of_rule
from dsdm.reporting.record.opened import Opened, groups_of_rule, open_scores_of, parts_of
from dsdm.rows.sources import Source, open_source
from dsdm.rows.told.corpora import refuse_other_corpora
from dsdm.rows.told.positions import check_placed
from dsdm.selection.ids.placed import placed_of, placed_scores
from dsdm.selection.record.repeat import compare_files
from dsdm.selection.rules.origin import inputs_of
from dsdm.selection.rules.sizes.budget import LazyLengths

_T = TypeVar("_T")
_DRAWN_OR_GROUPED = ("gumbel", "replace", "per_group", "like", "union", "intersection", "difference", "round_robin")
"""Arguments of a rule whose rows do not end at one score."""


@dataclass(frozen=True)
class Asked:
    """The arguments of a report."""

    corpus: Source | None
    scores: Any
    groups: Any
    lengths: Any
    text: str | None
    examples: int
    characters: int
    bins: int
    data_dir: PathLike | None
    threads: int | None


def facts_of(known: Given, asked: Asked) -> SelectionFacts:
    """Return what is known of one selection."""
    unknown = {name: why for name, why in known.unknown.items() if name == "rows"}
    source = _corpus_of(known, asked, unknown)
    _check_placed(known, asked, source)
    n = known.of if source is None else len(source)
    n = n if n is not None or known.rows is None else int(known.rows.max(initial=-1)) + 1
    opened = open_scores_of(known, asked.scores, asked.data_dir, asked.threads)
    scored: Scored | None = None
    if isinstance(opened, str):
        unknown["scores"] = opened
    elif known.rows is not None:
        parts = parts_of(known, opened.vector, known.rows)
        scored = look(opened.vector, known.rows, parts, opened.count_of_excluded, asked.bins)

    groups = groups_of_rule(known, asked.threads) if asked.groups is None else asked.groups
    # Those of the first rows alone say nothing of the others.
    groups = None if asked.groups is None and groups is not None and len(groups) != n else groups

    lengths = _lengths_of_rule(known, asked, n, unknown) if asked.lengths is None else asked.lengths

    def by_rows(name: str, wanted: Any, count: Callable[[NDArray[np.int64], int], _T]) -> _T | None:
        if wanted is None:
            return None
        if known.rows is None or n is None:
            unknown[name] = "nothing tells which rows were chosen"
            return None
        if isinstance(wanted, str) and source is None:
            unknown[name] = f"it is a column of the corpus: {unknown['sources']}"
            return None
        return count(known.rows, n)

    def count_groups(rows: NDArray[np.int64], n: int) -> list[Part] | None:
        try:
            return groups_of(groups, source, n, rows)
        except TooManyGroupsError as error:
            if asked.groups is not None:
                raise ValueError(str(error)) from None
            # Nobody asked for those that the rule is about.
            unknown["groups"] = str(error)
            return None

    return SelectionFacts(
        name=known.name,
        rule=known.rule,
        method=known.method,
        of=n,
        rows=known.count,
        cut=_cut(known, opened, scored),
        seed=known.seed,
        tokens=known.tokens,
        scores=None if scored is None else scored.facts,
        sources=by_rows("sources", source, lambda rows, _: sources_of(source, rows)) if source is not None else None,
        groups=by_rows("groups", groups, count_groups),
        lengths=by_rows("lengths", lengths, lambda rows, n: _lengths(lengths, asked, source, n, rows, unknown)),
        examples=_examples(known, asked, opened, scored, source, unknown),
        unknown=unknown,
    )


def _check_placed(known: Given, asked: Asked, source: Source | None) -> None:
    """Fail where what is taken by position, by the selection or beside it, lies beside ids of other rows."""
    if source is None:
        return
    given = inputs_of(None, {"groups": asked.groups, "lengths": asked.lengths})
    placed = [*known.placed, *placed_scores(asked.scores), *placed_of({**given, "chosen_by": {}}, len(source))]
    check_placed(source, None, placed, asked.threads)


def _lengths_of_rule(known: Given, asked: Asked, n: int | None, unknown: dict[str, str]) -> LazyLengths | None:
    """Return the lengths that the rule is about, one for each row; or None, and say why where it has some."""
    found = lengths_of_rule(known, asked.threads)
    if isinstance(found, str):
        unknown["lengths"] = found
        return None
    # Those of the first rows alone say nothing of the others.
    return found if found is not None and len(found) == n else None


def _lengths(
    lengths: Any, asked: Asked, source: Source | None, n: int, rows: NDArray[np.int64], unknown: dict[str, str]
) -> LengthFacts | None:
    try:
        return lengths_of(lengths, source, n, rows, asked.bins)
    except (TypeError, ValueError) as error:
        if asked.lengths is not None:
            raise
        # Nobody asked for those that the rule is about.
        unknown["lengths"] = str(error)
        return None


def _corpus_of(known: Given, asked: Asked, unknown: dict[str, str]) -> Source | None:
    """Open the corpus that the rows are of: that of the caller, or the files that the record names; or say why not."""
    if asked.corpus is not None:
        _check_corpus(known, len(asked.corpus))
        refuse_other_corpora(known.corpora, asked.corpus, asked.threads)
        return asked.corpus
    if not known.sources:
        unknown["sources"] = "the record does not tell of its files; corpus= names it"
        return None
    files = compare_files(known.sources, known.trust)
    if files.changed:
        message = f"{files.changed[0]}; {known.name} was written from another: this source is no longer the one it was"
        raise ChecksumError(message)
    away = files.missing or files.outside
    if away:
        unknown["sources"] = f"{away[0]}" + (" is not there" if files.missing else "")
        return None
    if known.mapped:
        unknown["sources"] = "its rows were those of a dataset that picks or orders rows of its files; corpus= names it"
        return None
    # The rows are the same as by "same", where that opens them; older manifests do not tell which it was.
    found = open_source([file.path for file in known.sources], None, asked.threads, schema="union", told=known.hive)
    told = [(file.bytes, file.ends) for file in known.sources]
    if [(file.bytes, file.ends) for file in found.corpus.identities()] != told and all(ends for _, ends in told):
        message = f"the files that {known.name} was written from changed as they were opened; try again"
        raise ChecksumError(message)
    if known.of is not None and known.of != len(found):
        unknown["sources"] = f"its files have {len(found):,} rows, and the rows are of {known.of:,}; corpus= names it"
        return None
    return found


def _check_corpus(known: Given, rows: int) -> None:
    """Fail for a corpus of other rows.

    Raises
    ------
    ValueError
        With both numbers.

    """
    sizes = [known.of, known.how.get("rows"), known.arguments.get("rows")]
    least = 0 if known.rows is None else int(known.rows.max(initial=-1)) + 1
    if rows < least or (known.of is not None and rows not in sizes):
        message = f"corpus has {rows:,} rows, and {known.name} is of {known.of or least:,}: it is of other rows"
        raise ValueError(message)


def _examples(
    known: Given,
    asked: Asked,
    opened: Opened | str,
    scored: Scored | None,
    source: Source | None,
    unknown: dict[str, str],
) -> Examples | None:
    """Return the rows to look at, whose texts are None where there is no corpus."""
    if asked.examples == 0:
        return None
    if isinstance(opened, str) or scored is None or known.rows is None:
        unknown["examples"] = "the best rows are told by scores, which are not known"
        return None
    texts = None if source is None else Texts(source, asked.text, asked.characters)
    return examples_of(opened, known.rows, scored.values, Order(known.arguments), texts, asked.examples)


def _cut(known: Given, opened: Opened | str, scored: Scored | None) -> CutFacts | None:
    """Return where the chosen rows end: as the record tells it, or as the scores do.

    Raises
    ------
    ChecksumError
        For scores of the caller by which the rows would end elsewhere.

    """
    told = _told(known)
    rule = known.arguments
    by = known.how.get("by")
    elsewhere = by == "gumbel_top_k" or known.method == "dsir" or any(rule.get(name) for name in _DRAWN_OR_GROUPED)
    if isinstance(opened, str) or scored is None or known.rows is None or elsewhere or rule.get("near") is not None:
        return told
    largest, nan = rule.get("largest") is not False, rule.get("nan")
    asked_nan = nan if nan in ("largest", "smallest") else "omit"
    found = cut_of(opened.vector, known.rows, scored.values, opened.excluded, largest=largest, nan=asked_nan)
    if found is not None and told is not None and (found.score != told.score or found.taken != told.taken):
        message = (
            f"{known.name}: the record tells that the worst chosen score is {told.score}, of {told.taken:,} rows, and "
            f"by these scores it is {found.score}, of {found.taken:,}: they are others"
        )
        raise ChecksumError(message)
    # Rows that were left out by a rule that the record does not tell are counted by it alone.
    return found if opened.tells_excluded else told


def _told(known: Given) -> CutFacts | None:
    """Return the cut of which the record tells."""
    cut = known.cut or {}
    score, tied, taken = cut.get("score"), cut.get("tied"), cut.get("taken")
    if not isinstance(score, str) or type(tied) is not int or type(taken) is not int:
        return None
    for kind in (int, float):
        try:
            return CutFacts(kind(score), tied, taken)
        except ValueError:
            continue
    return None

"""What a rule chooses: its arguments in the form in which they are worked with, and the rows with where they end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm import _native, checks
from dsdm.selection.ids.placed import placed_of_choice, placed_of_rows
from dsdm.selection.inputs import ById, HeldScores, engine_scores, rows_of
from dsdm.selection.rules.again import told_again
from dsdm.selection.rules.candidates import excluded_of
from dsdm.selection.rules.checked import check_numbers
from dsdm.selection.rules.chosen import Selection
from dsdm.selection.rules.cut import Cut
from dsdm.selection.rules.groups.quotas import Groups, share_of
from dsdm.selection.rules.groups.shares import BestOfGroups, of_groups
from dsdm.selection.rules.groups.tied import Tied, tied_in_groups
from dsdm.selection.rules.origin import corpora_of, identities_of, inputs_of
from dsdm.selection.rules.ranked.near import count_as_near, distances, nearest, nearest_of_groups
from dsdm.selection.rules.ranked.quantile import bounds_between, shares_of
from dsdm.selection.rules.ranked.ranking import Number, Ranking, Rows, in_order
from dsdm.selection.rules.ranked.ties import with_drawn_ties
from dsdm.selection.rules.rule import Rule, as_written, finite, is_beyond, number
from dsdm.selection.rules.sizes.budget import Lengths, rows_within, within_drawn_ties
from dsdm.selection.rules.sizes.copies import check_copies, copied, resampled
from dsdm.selection.seeds import numpy_state, seed_of, word_of
from dsdm.selection.told import ROWS
from dsdm.shown import shown


def selected(rule: Rule) -> Selection:
    """Return what a rule chooses, whose arguments were not looked at yet."""
    return selected_and_tied(rule, count=False)[0]


def selected_and_tied(rule: Rule, *, count: bool = True) -> tuple[Selection, Tied | None]:
    """Return what a rule chooses, and of groups how many of its rows tie with others, if they are counted and many."""
    rule.check()
    check_numbers(rule)
    if rule.groups is None:
        return copied(rule, _of_one_group(rule, _ranking(rule)), None), None
    groups = Groups(rule.groups, rows_of(engine_scores(rule.scores)), rule.threads, rule.null_groups)
    check_copies(rule, groups)
    ranking = _ranking(rule, groups.dropped)
    found = of_groups(ranking, groups, rule, _best_of_groups(ranking, groups, rule))
    codes = groups.codes[found.rows]
    tied = None
    if count and rule.ties == "row" and not rule.gumbel and len(found.rows):
        near = None if rule.near is None else _near_of(ranking, rule)
        tied = tied_in_groups(ranking, groups, found.rows, codes, rule.order, near)
    per_group = groups.counted(codes)
    chosen = _selection(rule, ranking, found.rows, found.words, tokens=found.tokens)
    again = _again_of_groups(rule, chosen, per_group)
    chosen = replace(chosen, again=again, per_group=per_group, short=found.short)
    return copied(rule, chosen, groups), tied


def _by_rows_in_memory(rule: Rule) -> bool:
    """Return whether rows to exclude, or to choose of, lie in no file."""
    return any(getattr(rule, name) is not None and name not in rule.rows_from for name in ROWS)


def _of_one_group(rule: Rule, ranking: Ranking) -> Selection:
    """Return what a rule without groups chooses, each row once."""
    best = _best(ranking, rule)
    if rule.tokens is not None:
        return _of_tokens(ranking, best, rule)
    if rule.takes_all:
        return _all(rule, ranking)
    count, words = _count(ranking, rule)
    if rule.replace:
        return _selection(rule, ranking, resampled(ranking, count, rule.order), words)
    if rule.near is None and rule.ties == "row":
        return _selection(rule, ranking, ranking.best(count, rule.order), words)
    rows = best(count)
    if rule.ties == "random" and len(rows):
        rows = with_drawn_ties(ranking, rows)
    return _selection(rule, ranking, in_order(rows, rule.order), words)


def count_of_candidates(scores: Any, arguments: dict[str, Any]) -> int:
    """Return how many rows a rule may choose from."""
    return _ranking(Rule(scores=scores, **arguments)).count()


def _ranking(rule: Rule, dropped: NDArray[np.bool_] | None = None) -> Ranking:
    """Return the candidates, less rows that are dropped, and how they are ranked."""
    source = engine_scores(rule.scores)
    n = rows_of(source)
    ends = (("min_score", rule.min_score), ("max_score", rule.max_score))
    low, high = (None if end is None else number(name, end) for name, end in ends)
    draw: tuple[int | tuple[int, int], float] | None = None
    seed = seed_of(rule.seed) if rule.draws else 0
    if rule.gumbel:
        state = word_of(seed) if rule.noise == "philox" else numpy_state(seed)
        draw = state, checks.check_temperature(rule.temperature)
    excluded = excluded_of(rule.exclude, rule.only, n, dropped, rule.scores)
    ranking = Ranking(source, n, rule.largest, draw, rule.nan, excluded, (low, high), rule.threads, seed)
    if rule.quantile is None:
        return ranking
    least, most = bounds_between(ranking, *rule.quantile)
    return replace(ranking, bounds=_narrowed((low, high), (least, most)))


def _narrowed(
    outer: tuple[Number | None, Number | None], inner: tuple[Number | None, Number | None]
) -> tuple[Number | None, Number | None]:
    """Return bounds within others."""
    (low, high), (least, most) = outer, inner
    lows = [end for end in (low, least) if end is not None]
    highs = [end for end in (high, most) if end is not None]
    return max(lows, default=None), min(highs, default=None)


def _best(ranking: Ranking, rule: Rule) -> Callable[[int], Rows]:
    """Return the function that gives so many of the best rows, best first."""
    if rule.near is None:
        return lambda k: ranking.best(k, "best_first")
    value = _near_of(ranking, rule)
    return lambda k: nearest(ranking, value, k)


def _best_of_groups(ranking: Ranking, groups: Groups, rule: Rule) -> BestOfGroups | None:
    """Return the function that ranks the rows of groups by something else than their scores or a draw."""
    if rule.near is None:
        return None
    value = _near_of(ranking, rule)
    return lambda quotas: nearest_of_groups(ranking, value, groups.codes, quotas)


def _near_of(ranking: Ranking, rule: Rule) -> Number:
    """Return the value that scores are to be near to: one of theirs, if they are floats."""
    value = finite("near", rule.near)
    is_float = ranking.scores_of(np.empty(0, np.int64)).dtype.kind == "f"
    return float(value) if is_float else int(value) if value == int(value) else value


def _count(ranking: Ranking, rule: Rule) -> tuple[int, str]:
    """Return how many rows are chosen, and the rule in words."""
    if rule.k is not None:
        count = checks.count_of(rule.k)
        _check_beyond(ranking, rule, count)
        return count, _way(rule)
    if rule.fraction is not None:
        share = share_of("fraction", rule.fraction, ranking.count())
        return share, f"{_way(rule)} at {as_written('fraction', rule.fraction):.4g} of those that may be chosen"
    return ranking.count(), _all_in_words(rule)


def _check_beyond(ranking: Ranking, rule: Rule, count: int) -> None:
    """Refuse more rows than there are where a bound is no float64: the engine knows only of infinity.

    Raises
    ------
    ValueError
        With the bounds as they were given.

    """
    ends = {"of at least": rule.min_score, "of at most": rule.max_score}
    if not any(is_beyond(end) for end in ends.values()):
        return
    there = ranking.count()
    if count > there:
        within = " and ".join(f"{how} {checks.said(end)}" for how, end in ends.items() if end is not None)
        message = f"k is {count}, and {there} rows that can be chosen have a score {within}"
        raise ValueError(message)


def _all(rule: Rule, ranking: Ranking) -> Selection:
    """Choose all rows between the bounds: one pass, and one more for an order by scores."""
    rows, worst = ranking.between()
    cut = None
    if worst is not None:
        row, tied = worst
        score = ranking.scores_of(np.array([row]))[0]
        # Of NaN, which ties with every other, there is none.
        cut = None if score != score else Cut(score, tied, tied)  # noqa: PLR0124
    rows = rows if rule.order == "row" else ranking.best(len(rows), rule.order)
    return _selection(rule, ranking, rows, _all_in_words(rule), cut=cut)


def _all_in_words(rule: Rule) -> str:
    if rule.quantile is None:
        return "all"
    low, high = shares_of(rule.quantile)
    return f"all from the quantile {float(low):.4g} to {float(high):.4g}"


def _way(rule: Rule) -> str:
    """Return how the rows are ranked, in words."""
    if rule.replace:
        return "systematic resampling by weight"
    if rule.gumbel:
        return "Gumbel top-k"
    if rule.near is not None:
        return f"nearest to {checks.said(rule.near)}"
    return "top-k" if rule.largest else "bottom-k"


def bounds_in_words(rule: Mapping[str, Any]) -> str:
    """Return the bounds of a rule's arguments in words, as they were given; nothing where there are none."""
    ends = (rule.get("min_score"), rule.get("max_score"))
    low, high = (None if end is None else checks.said(end) for end in ends)
    if low is not None and high is not None:
        return f" with score from {low} to {high}"
    return f" with score >= {low}" if low is not None else f" with score <= {high}" if high is not None else ""


def _source(scores: Any) -> str:
    """Return where scores are from, for a line that tells what was chosen; nothing for an array."""
    if (by_id := _by_id(scores)) is not None:
        return shown(f' of {_files(by_id.paths)}["{by_id.column}"] by "{by_id.on}"')
    if not isinstance(scores, _native.Scores) or not scores.paths:
        return ""
    taken = [
        f'["{what}"]' if isinstance(what, str) else f"[:, {what}]"
        for what in (scores.key, scores.column)
        if what is not None
    ]
    made = "" if scores.reduce is None else f", the {scores.reduce} of each row"
    beside = " and an array in memory" if scores.in_memory else ""
    return shown(f" of {_files(scores.paths)}{''.join(taken)}{made}{beside}")


def _files(paths: Sequence[str | Path]) -> str:
    """Return the name of a file, or how many there are."""
    return Path(paths[0]).name if len(paths) == 1 else f"{len(paths):,} files"


def _by_id(scores: Any) -> ById | None:
    """Return where scores lay before they were joined to rows."""
    return scores.by_id if isinstance(scores, HeldScores) else None


def _of_tokens(ranking: Ranking, best: Callable[[int], Rows], rule: Rule) -> Selection:
    """Choose the best rows that a budget has room for."""
    budget = checks.count_of(rule.tokens, "tokens")
    lengths = Lengths(rule.lengths, ranking.n)
    most = ranking.count()
    rows, total = rows_within(best, most, lengths, budget, at_least=rule.at_least)
    if rule.ties == "random" and len(rows) < most:
        rows, total = within_drawn_ties(ranking, rows, lengths, budget, at_least=rule.at_least)
    words = f"{_way(rule)} for {'at least' if rule.at_least else 'at most'} {budget:,} tokens"
    return _selection(rule, ranking, in_order(rows, rule.order), words, tokens=total)


def _selection(
    rule: Rule, ranking: Ranking, rows: Rows, words: str, *, tokens: int | None = None, cut: Cut | None = None
) -> Selection:
    """Return what was chosen, with where it was cut if that is not known yet."""
    rows.flags.writeable = False
    if cut is None and rule.groups is None and not (rule.gumbel or rule.replace):
        cut = _cut(ranking, rows, rule)
    seed = ranking.seed if rule.draws else None
    again = told_again(rule.scores, rule.told(), len(rows), seed)
    by_arrays = rule.groups is not None or _by_rows_in_memory(rule)
    inputs = inputs_of(rule.scores, vars(rule))
    return Selection(
        indices=rows,
        n=ranking.n,
        rule=rule.told(),
        what=words + bounds_in_words(vars(rule)) + _source(rule.scores),
        cut=cut,
        seed=seed,
        tokens=tokens,
        largest=rule.largest,
        bounds=ranking.bounds,
        files=_files_of(rule.scores),
        again=None if again is None or by_arrays else {**again, **rule.rows_from},
        inputs=inputs,
        placed=placed_of_choice(rule.scores, inputs, ranking.n),
        placed_rows=placed_of_rows(exclude=rule.exclude, only=rule.only),
        corpora=corpora_of(*(getattr(rule, name) for name in ROWS)),
    )


def _again_of_groups(rule: Rule, chosen: Selection, per_group: Mapping[Any, int]) -> dict[str, Any] | None:
    """Return what chooses the rows of groups again; None where these or what else is needed lie in no file."""
    if "groups" not in chosen.inputs or _by_rows_in_memory(rule):
        return None
    again = told_again(rule.scores, rule.told(), len(chosen), chosen.seed, per_group=per_group)
    return None if again is None else {**again, **rule.rows_from}


def _files_of(scores: Any) -> list[_native.FileIdentity]:
    """Return what score files are known by, wherever the process goes on to work; none for scores in memory."""
    if (by_id := _by_id(scores)) is not None:
        return list(by_id.files)
    if not isinstance(scores, _native.Scores):
        return []
    return [_native.FileIdentity(**file) for file in identities_of(scores)]


def _cut(ranking: Ranking, rows: Rows, rule: Rule) -> Cut | None:
    """Return where the chosen rows end: one pass for the rows that tie there, or two on both sides of a value."""
    if not len(rows):
        return None
    values = ranking.scores_of(rows)
    if rule.near is not None:
        value = _near_of(ranking, rule)
        whole, rest = distances(values, value)
        far = int(np.lexsort((rest, whole))[-1])
        as_far = int(((whole == whole[far]) & (rest == rest[far])).sum())
        return Cut(values[far], count_as_near(ranking, value, values[far].item()), as_far)
    if rule.order == "row":
        worst = values.min() if ranking.largest else values.max()
    else:
        worst = values[-1] if rule.order == "best_first" else values[0]
    if worst != worst:  # noqa: PLR0124 - NaN, which ties with every other
        return None
    bound = worst.item()
    return Cut(worst, ranking.count((bound, bound)), int((values == worst).sum()))

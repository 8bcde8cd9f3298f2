"""Whether what a saved selection tells of itself agrees: with its rows, and with its rule.

Whoever edits the JSON file beside row numbers need not know what goes with what. Each field that follows from others is
computed again from them; what lies in files alone, such as how many rows tie at the cut, is believed within its limits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsdm.errors import FormatError
from dsdm.reference import UNTARGETED_METHODS
from dsdm.selection.rules.again import arguments_of
from dsdm.selection.rules.checked import check_numbers
from dsdm.selection.rules.rule import Rule, at_least_one, number
from dsdm.selection.rules.saved import MOST_SHORT, argument
from dsdm.selection.told import KNOWN, NOISE, ON, files_of_inputs

_COMBINED = ("union", "intersection", "difference")
_DEFAULTS = {"order": "best_first", "nan": "raise", "temperature": 1.0, NOISE: "philox", "largest": True}

_NAMES = {*_DEFAULTS, "k", "seed", "method", "target", "data_dir", "rows", "exclude", "threads"}
"""Arguments of the functions that choose by no rule."""


def refuse_disagreement(path: Path, found: Any) -> None:
    """Fail for a selection that a JSON file tells of, and that cannot be.

    Raises
    ------
    FormatError
        With the field, and what it does not go with.

    """
    if wrong := _disagreement(found):
        message = f"{path}: {wrong}; save the selection again"
        raise FormatError(message)


@dataclass(frozen=True)
class _Recorded:
    """What the record of a choice tells, by the names that a selection has for it."""

    indices: NDArray[np.int64]
    rule: Mapping[str, Any]
    seed: Any
    tokens: Any
    what: str
    per_group: Mapping[Any, int] | None
    short: Mapping[Any, tuple[int, int]]
    largest: bool
    again: Mapping[str, Any]


def record_disagreement(told: Mapping[str, Any], rows: NDArray[np.int64]) -> str | None:
    """Return what the record of a choice of these rows tells and cannot be, in words; None where all of it agrees.

    What was asked for (`chosen_by`) is told beside the arguments by which rows are chosen again where groups are.
    """
    asked = told.get("chosen_by")
    if not isinstance(asked, Mapping) or told.get("by") != "choose":
        return None
    try:
        rule = {name: argument(Path("dsdm.json"), value) for name, value in asked.items()}
        pairs = told["arguments"].get("per_group")
        found = _Recorded(
            indices=rows,
            rule=rule,
            seed=told.get("seed"),
            tokens=told.get("tokens"),
            what=str(told.get("rule", "")),
            per_group=None if pairs is None else dict(pairs),
            short={name: (there, wanted) for name, there, wanted in told.get("short", ())},
            largest=told["arguments"].get("largest", True),
            again={"by": "choose", "arguments": told["arguments"]},
        )
        by_rule = Rule(scores=None, **{**rule, **_stand_ins(rule)})
        by_rule.check()
        told_as = {NOISE if name == "noise" else name: value for name, value in told["arguments"].items()}
        told_as.pop("threads", None)
        wrong = [*_of_sizes(found, by_rule), *_of_short(found, by_rule), *_of_arguments(found, told_as)]
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        return f"chosen_by is no rule: {error}"
    return next(iter(wrong), None)


def _disagreement(found: Any) -> str | None:
    """Return what a selection tells of itself and cannot be, in words; None where all of it agrees."""
    rule = dict(found.rule)
    if len(rule) == 1 and rule.keys() <= set(_COMBINED):
        return next(_of_combined(found, next(iter(rule.values()))), None)
    if found.placed is not None and found.again is not None:
        return "placed is told, which is of selections that are combined, and of computed scores"
    if "vectors" in rule:
        return next(_of_round_robin(found, rule), None)
    if not rule:
        return next(_of_written(found), None)
    try:
        asked = Rule(scores=None, **{**rule, **_stand_ins(rule)})
        asked.check()
        check_numbers(asked)
        wrong = [*_of_sizes(found, asked), *_of_draws(found, asked), *_of_cut(found, asked), *_of_bounds(found, asked)]
        wrong += [*_of_record(found, asked), *_of_rows(found), *_of_short(found, asked)]
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        return f"its rule is none: {error}"
    return next(iter(wrong), None)


def _stand_ins(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments that a rule is not told by, where it needs some."""
    groups = {"groups": ()} if rule.keys() & {"per_group", "like"} else {}
    return {**groups, **({"lengths": ()} if "tokens" in rule else {})}


def _of_combined(found: Any, parts: Any) -> Iterator[str]:
    """Tell what no union, intersection or difference has."""
    first = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], Mapping) else None
    if first is None:
        yield f"its rule is {parts!r:.200}, of no selections"
    elif found.largest != (first.get("largest", True) is True):
        yield f"largest is {found.largest}, and the first of its selections was chosen otherwise"
    yield from _nothing_of_a_choice(found)


def _of_round_robin(found: Any, rule: Mapping[str, Any]) -> Iterator[str]:
    """Tell what no choice in turn has."""
    if rule.get("k") != len(found.indices):
        yield f"its rule has k={rule.get('k')!r:.100}, and there are {len(found.indices):,} rows"
    if found.largest != (rule.get("largest", True) is True):
        yield f"largest is {found.largest}, and its rule chose otherwise"
    yield from _nothing_of_a_choice(found)


def _of_written(found: Any) -> Iterator[str]:
    """Tell what the rows of an earlier output do not have, which no rule chose here."""
    files = [file for one in found.corpora for file in one["files"]]
    if [one["name"] for one in found.corpora] != ["rows"]:
        yield "there is no rule, and corpora has not the rows of an output alone"
    elif found.n != sum(file.get("rows") or 0 for file in files):
        yield f"of is {found.n:,}, and the files of corpora have other rows"
    if not found.largest or found.files or found.inputs or found.placed or found.placed_rows:
        yield "largest, files or placed tells of scores, and rows of an output were chosen by none here"
    yield from _nothing_of_a_choice(found)


def _nothing_of_a_choice(found: Any) -> Iterator[str]:
    for name in ("cut", "seed", "tokens", "per_group", "again"):
        if (value := getattr(found, name)) is not None:
            yield f"{'files' if name == 'again' else name} is {value!r:.100}, and such a selection has none"
    if tuple(found.bounds) != (None, None) or found.short:
        yield "there are bounds or short groups, and such a selection has none"


def _copies(found: Any, asked: Rule) -> int:
    """Return how many rows there are of the groups that are told, or of one copy as many as there are."""
    if not isinstance(asked.repeat, Mapping):
        return int(asked.repeat)
    total = sum(count * at_least_one("repeat", asked.repeat[name]) for name, count in found.per_group.items())
    return 1 if total == len(found.indices) else 0


def _of_sizes(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what does not go with the number of rows."""
    rows = len(found.indices)
    if found.largest != asked.largest:
        yield f"largest is {found.largest}, and its rule has largest={asked.largest}"
    if (found.per_group is None) != (asked.groups is None):
        by = "not by groups" if asked.groups is None else "by groups"
        yield f"per_group is {found.per_group!r:.100}, and its rule is {by}"
        return
    if found.per_group is not None:
        told = sum(found.per_group.values())
        times = _copies(found, asked)
        if times * (rows if isinstance(asked.repeat, Mapping) else told) != rows:
            yield f"per_group has {told:,} rows, and with its copies there are {rows:,}"
    elif rows % asked.repeat:
        yield f"there are {rows:,} rows, which are no {asked.repeat:,} copies"
    one = rows if isinstance(asked.repeat, Mapping) else rows // asked.repeat
    if asked.k is not None and asked.groups is None and one != asked.k:
        yield f"its rule has k={asked.k}, and there are {one:,} rows"
    words = (
        f" {'at least' if asked.at_least else 'at most'} {asked.tokens:,} tokens" if asked.tokens is not None else ""
    )
    if asked.groups is None and words not in found.what:
        yield f"its rule in words is {found.what!r:.200}, and it has tokens={asked.tokens}"
    yield from _of_shares(found, asked)


def _of_shares(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what does not go with how many are asked of groups, and with a budget."""
    counts = found.per_group or {}
    if asked.k is not None and asked.groups is not None and asked.short != "keep" and sum(counts.values()) != asked.k:
        yield f"its rule has k={asked.k}, and per_group has {sum(counts.values()):,} rows"
    each = asked.per_group if isinstance(asked.per_group, Mapping) else dict.fromkeys(counts, asked.per_group)
    for name, count in counts.items() if asked.per_group is not None else ():
        if name not in each or (asked.short == "error" and type(each[name]) is int and each[name] != count):
            yield f"per_group has {count:,} rows of {name!r:.100}, and its rule has {each.get(name)!r:.100}"
    if found.short and asked.short == "error":
        yield "there are short groups, which its rule makes an error"
    if any(there >= wanted for there, wanted in found.short.values()):
        yield "short has a group that is not short"
    if (found.tokens is None) != (asked.tokens is None):
        yield f"tokens is {found.tokens}, and its rule has tokens={asked.tokens}"
    elif found.tokens is not None and not asked.at_least and asked.repeat == 1 and found.tokens > asked.tokens:
        yield f"tokens is {found.tokens:,}, and its rule has at most {asked.tokens:,}"


def _of_short(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what groups do not have of which all rows were chosen, as there were too few, and what was asked of them."""
    counts = found.per_group or {}
    each = asked.per_group if isinstance(asked.per_group, Mapping) else dict.fromkeys(counts, asked.per_group)
    for name, wanted in each.items() if asked.short == "keep" else ():
        # Proof: of a group that is not short, as many were chosen as were asked for.
        told = found.short[name][1] if name in found.short else counts.get(name, 0)
        if type(wanted) is int and told != wanted and len(found.short) < MOST_SHORT:
            yield f"{told:,} rows of {name!r:.100} were to be chosen, and its rule has {wanted:,}"
    for name, (there, _) in found.short.items() if asked.tokens is None else ():
        if (count := counts.get(name, 0)) != there:
            yield f"short has {there:,} rows of {name!r:.100}, of which {count:,} were chosen"


def _method(found: Any) -> str | None:
    again = found.again or {}
    arguments = again.get("arguments")
    return arguments.get("method") if again.get("by") == KNOWN[0] and isinstance(arguments, Mapping) else None


def _of_draws(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what does not go with a draw, or with none."""
    draws = asked.draws or _method(found) in UNTARGETED_METHODS
    if draws != (found.seed is not None):
        yield f"seed is {found.seed}, and its rule {'draws' if draws else 'draws nothing'}"


def _of_cut(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what does not go with the place where the rows end."""
    cut, rows = found.cut, len(found.indices)
    has_none = (
        asked.gumbel or asked.replace or asked.groups is not None or not rows or _method(found) in UNTARGETED_METHODS
    )
    if cut is None:
        # NaN ties with every other, and is no score.
        if not has_none and asked.nan not in ("largest", "smallest"):
            yield "there is no cut, and its rule has one"
        return
    if has_none:
        yield "there is a cut, and its rule has none"
        return
    one = rows // asked.repeat
    if not 1 <= cut.taken <= min(cut.tied, one) or cut.tied > found.n:
        yield f"cut.taken is {cut.taken:,}, cut.tied {cut.tied:,}, of {one:,} rows of {found.n:,}"
    if asked.takes_all and cut.taken != cut.tied:
        yield f"cut.taken is {cut.taken:,}, and all {cut.tied:,} that tie are chosen by its rule"
    low, high = found.bounds
    score = cut.score.item()
    if score != score or (low is not None and score < low) or (high is not None and score > high):  # noqa: PLR0124 - NaN
        yield f"cut.score is {score!r:.100}, and scores from {low} to {high} are chosen"


def _of_bounds(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what does not go with the bounds of the rule."""
    ends = zip(("min_score", "max_score"), (asked.min_score, asked.max_score), found.bounds, strict=True)
    for name, given, bound in ends:
        least = None if given is None else number(name, given)
        if asked.quantile is None:
            is_wrong = (bound is None) != (least is None) or (least is not None and bound != least)
        else:
            within = least is None or bound is None or (bound >= least if name == "min_score" else bound <= least)
            is_wrong = bound is None or not within
        if is_wrong:
            yield f"bounds has {bound}, and its rule has {name}={given!r:.100}"


def _of_record(found: Any, asked: Rule) -> Iterator[str]:
    """Tell what chooses otherwise than the rule: the arguments by which rows are chosen again."""
    if asked.groups is None and "groups" in found.inputs:
        yield "files.groups is there, and its rule is not by groups"
    if asked.tokens is None and "lengths" in found.inputs:
        yield "files.lengths is there, and its rule has no tokens"
    again = found.again or {}
    if (ON in again) != ("ids" in found.inputs) and again:
        yield f"files.{ON} and files.ids go together, and one of them is there"
    if again.get("by") not in KNOWN:
        if again:
            yield f"files.by is {again.get('by')!r:.100}, which chooses nothing again"
        return
    told = dict(again["arguments"])
    if told.get("k") != len(found.indices):
        yield f"files.arguments has k={told.get('k')!r:.100}, and there are {len(found.indices):,} rows"
    if told.get("seed") != found.seed:
        yield f"files.arguments has seed={told.get('seed')!r:.100}, and seed is {found.seed}"
    if _method(found) in UNTARGETED_METHODS:
        return
    if again["by"] in ("top_k", "gumbel_top_k") and asked.gumbel != (again["by"] == "gumbel_top_k"):
        yield f"files.by is {again['by']!r}, and its rule chooses otherwise"
    yield from _of_arguments(found, told) if again["by"] == "choose" else _of_options(found, told)


def _of_options(found: Any, told: dict[str, Any]) -> Iterator[str]:
    """Tell in what the arguments of a function differ from the rule, as far as both have them."""
    if unknown := next((name for name in told if name not in _NAMES), None):
        yield f"files.arguments has {unknown!r:.100}, which {found.again['by']} does not take"
    rule = {NOISE if name == "noise" else name: value for name, value in found.rule.items()}
    for name, default in _DEFAULTS.items():
        if told.get(name, default) != rule.get(name, default):
            yield f"files.arguments has {name}={told.get(name)!r:.100}, and its rule {rule.get(name, default)!r:.100}"


def _of_arguments(found: Any, told: dict[str, Any]) -> Iterator[str]:
    """Tell in what the arguments of a rule that is done again differ from the rule."""
    expected = arguments_of(found.rule, len(found.indices), found.seed)
    if found.per_group is not None:
        expected["per_group"] = [[name, count] for name, count in found.per_group.items()]
        if isinstance(found.rule.get("repeat"), Mapping):
            expected["repeat"] = [int(found.rule["repeat"][name]) for name in found.per_group]
    for name in {**expected, **told}:
        if name not in told or name not in expected or told[name] != expected[name]:
            by_rule = expected.get(name)
            yield f"files.arguments has {name}={told.get(name)!r:.100}, and by its rule it is {by_rule!r:.100}"


def of_inputs(inputs: Mapping[str, Any], of: int, prefix: Any) -> Iterator[str]:
    """Tell which groups, lengths or ids are those of another number of rows, as their files tell.

    Where the first rows alone were chosen from, there is a group for each of them, or of all.
    """
    for name, files in files_of_inputs(inputs).items():
        rows = [count for file in files if type(count := file.get("rows")) is int]
        if rows and len(rows) == len(files) and sum(rows) != of and prefix is None:
            yield f"{name} has files of {sum(rows):,} rows, and there are {of:,}"


def _of_rows(found: Any) -> Iterator[str]:
    """Tell what does not go with the number of rows that were chosen from."""
    again = found.again or {}
    if again:
        yield from of_inputs(found.inputs, found.n, again.get("rows"))
    ids = found.inputs.get("ids", {}).get("files", ())
    files = [file.get("rows") for file in ids] if ids else [file.rows for file in found.files]
    if again.get("by") not in KNOWN[1:] or not files or not all(type(rows) is int for rows in files):
        return
    total, prefix = sum(files), again.get("rows")
    if found.n not in (total, prefix):
        yield f"of is {found.n:,}, and the files have {total:,} rows"
    if prefix is not None and not max(found.indices.max(initial=-1) + 1, 0) <= prefix <= total:
        yield f"files.rows is {prefix:,}, of {total:,} rows, and rows are chosen that are not below it"

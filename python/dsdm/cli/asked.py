"""Whether what a command is asked for goes together: looked at before anything is opened."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dsdm.cli import options as opt
from dsdm.cli.options.choosing import Choosing
from dsdm.cli.options.ruling import Ruling, by_group
from dsdm.cli.usage import as_usage
from dsdm.cli.words import as_options, as_rule_options
from dsdm.reference import METHODS, UNTARGETED_METHODS, UNUSED, check_method, unknown

if TYPE_CHECKING:
    from dsdm.scores import Scores

_DRAWN = ("dsir", *UNTARGETED_METHODS)


def method_of(what: list[str]) -> str | None:
    """Return the method that is meant, or None for score files.

    Raises
    ------
    typer.BadParameter
        For a method beside others, and for a word that is neither.

    """
    method = what[0] if len(what) == 1 and what[0] in METHODS else None
    beside = next((name for name in what if name in METHODS and not Path(name).exists()), None)
    if method is None and beside is not None:
        message = f"{beside} is a method, which goes alone, and {' and '.join(what)} were given; files may be several"
        raise typer.BadParameter(message)
    for name in what if method is None else ():
        _check_name(name)
    return method


def check_asked(method: str | None, given: Choosing, ruling: Ruling) -> None:
    """End with a usage error where options do not go together, or have a value that cannot be."""
    with as_usage():
        _check_values(given)
        if method is not None:
            check_method(method, given.target)
    if method is not None:
        _check_of_method(method, given, ruling)
    else:
        _check_of_files(given, ruling)
    if ruling.given:
        _check_rule(method, given, ruling)


def _check_of_method(method: str, given: Choosing, ruling: Ruling) -> None:
    if given.smallest or given.gumbel:
        which = "--smallest" if given.smallest else "--gumbel"
        does = "always draws" if method in _DRAWN else "takes the rows that its scores find best"
        message = f"{which} is for score files; {method} {does}: leave {which} out"
        raise typer.BadParameter(message)
    unlike = {field.name for field in fields(given) if getattr(given, field.name) != field.default}
    drawn = {"seed"} if ruling.draws else set()
    unused = [f"--{name.replace('_', '-')}" for name in UNUSED[method] if name in unlike - drawn]
    if unused:
        message = f"{method} has no use for {' and '.join(unused)}; leave it out"
        raise typer.BadParameter(message)
    if method not in UNTARGETED_METHODS:
        return
    if given.order not in (None, opt.Order.row):
        message = f"{method} has no scores to order by: leave --order out (as drawn), or say --order row"
        raise typer.BadParameter(message)
    if ruling.given:
        message = f"{method} has no scores, and {' and '.join(ruling.given)} is a rule for scores; leave it out"
        raise typer.BadParameter(message)


def _check_of_files(given: Choosing, ruling: Ruling) -> None:
    for name, value in (("--target", given.target), ("--data-dir", given.data_dir)):
        if value is not None:
            message = f"{name} goes with a method ({', '.join(METHODS)}), and score files were given"
            raise typer.BadParameter(message)
    drawing = {"--temperature": given.temperature, "--noise": given.noise}
    if not ruling.draws:
        drawing["--seed"] = given.seed
    needless = [name for name, value in drawing.items() if value is not None]
    if needless and not given.gumbel:
        draws = "--gumbel" if needless != ["--seed"] else "--gumbel, --replace or --ties random"
        message = f"{' and '.join(needless)} with score files needs {draws}: taking the best has no chance in it"
        raise typer.BadParameter(message)
    if given.smallest and given.gumbel:
        message = "--smallest and --gumbel do not go together: a draw prefers large scores; negate yours"
        raise typer.BadParameter(message)


def _check_rule(method: str | None, given: Choosing, ruling: Ruling) -> None:
    """End with a usage error where a rule says too little or too much."""
    from dsdm.selection.rules.checked import check_numbers
    from dsdm.selection.rules.rule import Rule

    by_lengths = ruling.lengths is not None
    more: dict[str, Any] = {name: getattr(ruling, name) for name in ("lengths", "groups", "only")}
    more["per_group"] = by_group("--per-group", ruling.per_group, whole_names=False)
    more["like"] = by_group("--like", ruling.like, whole_names=False)
    if given.tokens is not None and not by_lengths and (ruling.groups is not None or ruling.at_least):
        message = "--groups and --at-least with --tokens need --lengths, which tells how many tokens each row has"
        raise typer.BadParameter(message)
    if by_lengths and given.row_tokens is not None:
        message = "--lengths and --row-tokens both tell how many tokens a row has; give one of them"
        raise typer.BadParameter(message)
    if ruling.repeat is not None:
        more["repeat"] = by_group("--repeat", ruling.repeat, whole_names=False)
    rule = Rule(
        scores=None,
        k=given.count if given.tokens is None or by_lengths else 0,
        fraction=given.fraction,
        tokens=0 if given.tokens is not None and by_lengths else None,
        largest=not given.smallest,
        gumbel=given.gumbel or method == "dsir",
        seed=given.seed,
        nan=given.nan.value,
        **ruling.arguments(),
        **more,
    )
    try:
        rule.check()
        check_numbers(rule)
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(as_rule_options(as_options(str(error)))) from error


def _check_values(given: Choosing) -> None:
    """Refuse values that are wrong in themselves."""
    from dsdm import checks
    from dsdm.selection.seeds import word_of

    checks.check_rows(given.rows)
    checks.check_seed(given.seed)
    checks.check_threads(given.threads)
    if given.count is not None:
        checks.count_of(given.count)
    if given.temperature is not None:
        checks.check_temperature(given.temperature)
    if given.seed is not None and given.noise is not opt.Noise.numpy:
        word_of(given.seed)


def _check_name(name: str) -> None:
    """End with a usage error for a word that is the name of nothing: neither a method, nor looks like a path."""
    is_word = not any(sign in name for sign in (".", "/", "*", "?", "[", "\\"))
    if is_word and not Path(name).exists():
        message = unknown("method", name, METHODS, what="neither a method nor a file, and nothing of this name is here")
        message += f"; of scores in a column of the shards, name the shards here and the column by --column {name:.100}"
        raise typer.BadParameter(message)


def check_rows(scores: "Scores", rows: int | None, corpus: int | None) -> None:
    """Refuse scores that are neither those of the shards nor, cut by --rows, those of the first part of a corpus."""
    if corpus is None or corpus in (len(scores), rows):
        return
    from dsdm.selection.record.provenance import rows_of_files
    from dsdm.selection.record.row_counts import how_to_meet

    taken = "" if rows is None else f", of which --rows takes {rows:,},"
    how = how_to_meet(len(scores), corpus, rows_of_files(scores))
    files = [str(path) for path in scores.paths]
    more = f" and {len(files) - 1} more" if files[1:] else ""
    message = (
        f"{files[0]}{more}: there are {len(scores):,} scores{taken} and {corpus:,} rows in the shards; one score per "
        f"row is needed: {how}"
    )
    raise ValueError(message)

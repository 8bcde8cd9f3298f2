"""The reference of the command ``dsdm``, a page for each of its commands, out of what ``--help`` is made of."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer.main

from dsdm.cli import app

NAME = "dsdm"
_WORDS = re.compile(r"(?<![\w`/-])(--?[a-z][\w-]*|\$[A-Z_]+|[\w.-]+\.(?:json|npy|txt|md|parquet)(?::\w+)?)(?![\w`/])")


@cache
def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    whole = typer.main.get_command(app)
    context: Any = whole.make_context(NAME, [], resilient_parsing=True)
    shown = {name: one for name, one in whole.commands.items() if not one.hidden}
    written = {"index.md": _index(whole, context, shown)}
    for name, one in shown.items():
        inner = type(context)(one, info_name=name, parent=context)
        written[f"{name}.md"] = "\n".join(_command(one, inner, 1))
    return written


def _index(whole: Any, context: Any, shown: dict[str, Any]) -> str:
    lines = [*_command(whole, context, 1), "## Commands", ""]
    for name, one in shown.items():
        lines += [f"[`{NAME} {name}`]({name}.md)", f":   {_prose(one.help.split(chr(10) * 2)[0])}", ""]
    return "\n".join(lines)


def _command(one: Any, context: Any, level: int) -> Iterator[str]:
    """Give the lines of a command, and of those below it."""
    yield from (f"{'#' * level} {context.command_path}", "")
    yield from ("```text", one.get_usage(context).removeprefix("Usage: "), "```", "")
    yield from _help(one.help or "")
    for heading, records in _grouped(one, context).items():
        yield from (f"{'#' * (level + 1)} {heading}", "")
        for name, told in records:
            yield from (f"`{name}`", f":   {_prose(told)}", "")
    yield from _help(one.epilog or "")
    inner = getattr(one, "commands", {}) if context.parent else {}
    for name, below in inner.items():
        yield from _command(below, type(context)(below, info_name=name, parent=context), level + 1)


def _grouped(one: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the arguments, then each group of options, as the help has them."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in one.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            is_argument = parameter.param_type_name == "argument"
            heading = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or "Options"
            groups.setdefault(heading, []).append(record)
    last = groups.pop("Options", [])
    return {**groups, "Options": last} if last else groups


def _help(text: str) -> Iterator[str]:
    """Give the paragraphs of a help, of which examples are code."""
    for part in filter(str.strip, re.split(r"\n\s*\n", text.replace("\b", "").strip())):
        title, *lines = part.strip("\n").splitlines()
        if lines and all(line.startswith("  ") for line in lines):
            yield from (title, "", "```console", *(line.strip() for line in lines), "```", "")
        else:
            yield from (_prose(part), "")


def _prose(text: str) -> str:
    """Return text as Markdown: options and names of files as code, and nothing that acts."""
    spans = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(one if one.startswith("`") else _WORDS.sub(r"`\1`", _escaped(one)) for one in spans)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*<>\[\]|])", r"\\\1", text)

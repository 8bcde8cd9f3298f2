"""A command: its help, with options in the groups that they belong to, and options that are given once."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand

_OTHER = "Options"


class Grouped(TyperCommand):
    """A command whose help lists options under the headings that they were declared with.

    An option of one value that is given again is wrong usage: of two values, none is the one that was meant.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse what is given twice, and go on as all commands do."""
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            times = Counter(id(parameter) for parameter in order)
            for parameter in order:
                if times[id(parameter)] > 1 and _is_of_one_value(parameter):
                    raise typer.BadParameter(_twice(parameter.opts), ctx=ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each group of options in the order in which its first option comes."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                heading = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or _OTHER
                groups.setdefault(heading, []).append(record)
        last = groups.pop(_OTHER, [])
        for heading, records in [*groups.items(), (_OTHER, last)]:
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def _is_of_one_value(parameter: Any) -> bool:
    is_switch = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
    return parameter.param_type_name == "option" and not (parameter.multiple or is_switch or parameter.count)


def _twice(names: list[str]) -> str:
    message = f"{' / '.join(names)} is given more than once; give it once"
    if {"--exclude", "--only"}.intersection(names):
        message += (
            ", with all of the rows in one file: "
            'dsdm.Selection.load("a.npy").union(dsdm.Selection.load("b.npy")).save("both.npy")'
        )
    return message

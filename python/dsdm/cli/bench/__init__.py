"""``dsdm bench SUBJECT``: measuring on the user's own machine. The subject is select where none is named.

The benchmark itself is the package `dsdm_bench`, which is imported when one of its commands is run.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from dsdm.cli.bench import gather, rules, select, whole
from dsdm.cli.options.help import Grouped

_DEFAULT = "select"


class _WithDefault(TyperGroup):
    """A group of commands, of which one is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_WithDefault, no_args_is_help=False, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Measure dsdm on this machine, against every peer that is installed.

    What is measured is "select" where nothing is named: dsdm bench is dsdm bench select, with all its options.
    dsdm bench select --help lists them, dsdm bench gather --help those of materialization, dsdm bench rules --help
    those of the rules of choose, and dsdm bench whole --help those of whole jobs.

    \b
    Examples:
      dsdm bench
      dsdm bench --rows 20_000_000 --plot bench.svg
      dsdm bench gather --rows 200_000
      dsdm bench select top-k sample --peers numpy --json bench.json
    """


app.command(cls=Grouped)(select.select)
app.command(cls=Grouped)(gather.gather)
app.command(cls=Grouped)(rules.rules)
app.command(cls=Grouped)(whole.whole)

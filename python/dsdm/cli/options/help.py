"""The help of a command: its options in the groups that they belong to."""

from typing import Any

from typer.core import TyperCommand

_OTHER = "Options"


class Grouped(TyperCommand):
    """A command whose help lists options under the headings that they were declared with."""

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

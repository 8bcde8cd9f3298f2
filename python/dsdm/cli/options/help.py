"""A command: its help, with options in the groups that they belong to, and options that are given once."""

from collections import Counter
from pathlib import Path
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
                    raise typer.BadParameter(_twice(parameter.opts, args), ctx=ctx)
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


def _twice(names: list[str], args: list[str]) -> str:
    message = f"{' / '.join(names)} is given more than once; give it once"
    if {"--exclude", "--only"}.intersection(names):
        message += f", with all of the rows in one file: {_in_one_file(_values(names, args))}"
    return message


def _in_one_file(values: list[str]) -> str:
    """Return the call that writes the rows of several files, or of outputs, to one: what is told of them, if of all."""
    if all(Path(value).is_dir() or _is_told(value) for value in values):
        first, *others = (
            f"dsdm.{'written_rows' if Path(value).is_dir() else 'Selection.load'}({value!r})" for value in values
        )
        return f'{first}.union({", ".join(others)}).save("all.npy")'
    parts = ", ".join(map(_numbers, values))
    return f'numpy.save("all.npy", numpy.unique(numpy.concatenate([{parts}])))'


def _is_told(value: str) -> bool:
    """Return whether a file beside row numbers tells what they are; of what is not there it is taken for granted."""
    path = Path(value)
    return not path.exists() or path.with_name(f"{path.name}.json").is_file()


def _numbers(value: str) -> str:
    """Return the call that reads row numbers: those of an output, of a mask, or as they are."""
    if Path(value).is_dir():
        return f"dsdm.written_rows({value!r}).indices"
    read = f"numpy.load({value!r})"
    return f"numpy.flatnonzero({read})" if _is_mask(value) else read


def _is_mask(value: str) -> bool:
    """Return whether a file holds one boolean for each row."""
    import numpy as np

    try:
        return bool(np.load(value, mmap_mode="r").dtype.kind == "b")
    except (OSError, ValueError, EOFError, AttributeError):
        # Proof: what cannot be read is told when it is given once.
        return False


def _values(names: list[str], args: list[str]) -> list[str]:
    """Return what an option was given as, each time: behind it or behind the equals sign."""
    behind = {at: args[at + 1] for at, arg in enumerate(args[:-1]) if arg in names}
    joined = {at: arg.partition("=")[2] for at, arg in enumerate(args) if arg.partition("=")[0] in names and "=" in arg}
    return [value for _, value in sorted((behind | joined).items())]

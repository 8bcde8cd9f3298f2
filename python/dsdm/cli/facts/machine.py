"""``dsdm doctor``: what dsdm runs on."""

from pathlib import Path
from typing import Annotated

import typer

from dsdm.cli import options as opt
from dsdm.cli.saying import say, say_json


def doctor(
    directory: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", parser=opt.local_path, help="A directory of yours to look at as well."),
    ] = Path(),
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Tell what dsdm runs on: versions, processor, memory, limits, caches, file systems.

    Attach it to a report of a fault. It has paths of this machine in it, and no secrets.

    \b
    Examples:
      dsdm doctor
      dsdm doctor demo --json
    """
    import dsdm

    found = dsdm.diagnose(directory)
    if as_json:
        say_json(found.to_dict())
        return
    say(*str(found).splitlines())

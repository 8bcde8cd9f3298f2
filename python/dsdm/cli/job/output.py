"""The output that a job is named by."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from dsdm.cli import options as opt

Output: TypeAlias = Annotated[
    Path, typer.Argument(metavar="OUT", parser=opt.local_path, help="The output that was planned.")
]

"""The command ``dsdm``: score files in, row indices and dataset directories out."""

import logging
import os
import sys
from typing import Annotated

import typer

from dsdm import __version__
from dsdm.cli import commands

_OPTIONS = {
    'sort="name"': "--sort name",
    'sort="natural"': "--sort natural",
    "partial=True": "--partial",
    "resume=False": "--no-resume",
}

app = typer.Typer(
    name="dsdm",
    help="Turn score vectors into training subsets.",
    epilog="Begin with: dsdm demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
commands.register(app)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the form that typer calls
    if wanted:
        typer.echo(f"dsdm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done on the way.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="DSDM_DEBUG", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    del version
    logging.basicConfig(format="%(message)s", level=logging.INFO if verbose else logging.WARNING)
    if debug:
        os.environ["DSDM_DEBUG"] = "1"


def main() -> None:
    """Run the command line: an error of dsdm is one line on stderr and exit code 1, wrong usage 2."""
    try:
        app()
    except (ValueError, TypeError, LookupError, OSError, MemoryError, ImportError, RuntimeError) as error:
        if os.environ.get("DSDM_DEBUG"):
            raise
        typer.echo(f"dsdm: {_one_line(error)}", err=True)
        sys.exit(1)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return _as_options(f"{error.filename}: {error.strerror}")
    text = " ".join(str(error).split())
    return _as_options(text) or type(error).__name__


def _as_options(text: str) -> str:
    """Say by a command's options what a message says by the arguments of a function."""
    for argument, option in _OPTIONS.items():
        text = text.replace(argument, option)
    return text

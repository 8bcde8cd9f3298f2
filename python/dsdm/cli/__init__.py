"""The command ``dsdm``: score files in, row indices and dataset directories out."""

import logging
import os
import sys
from typing import Annotated, Any

import typer

from dsdm import __version__
from dsdm.cli import commands
from dsdm.cli.notes import INTERRUPTED, interruptible
from dsdm.cli.saying import Formatter, end_unread, say
from dsdm.cli.words import as_options
from dsdm.shown import safe_message, with_limit

# What click calls wrong usage; typer has it inside of itself in some of its versions.
_Usage: type[Exception] = typer.BadParameter.__mro__[1]
# typer says so of what a function refuses.
_PREFIX = "Value error, "

# What turns an environment variable on; anything else is off.
_YES = ("1", "true", "yes")

app = typer.Typer(
    name="dsdm",
    help="Turn score vectors into training subsets.",
    epilog="Begin with: dsdm demo\n\n\b\nExit codes: 0 done; 1 an error of files, data or the machine; 2 wrong usage; "
    "3 damage that verify found; 130 interrupted by Ctrl-C, 143 by SIGTERM; 141 nobody reads the output any more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
commands.register(app)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the form that typer calls
    if wanted:
        say(f"dsdm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is done on the way.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, as $DSDM_DEBUG=1 does.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    del version
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(Formatter("%(message)s"))
    logging.basicConfig(handlers=[to_stderr], level=logging.INFO if verbose else logging.WARNING)
    if debug:
        os.environ["DSDM_DEBUG"] = "1"


def main() -> None:
    """Run the command line.

    An error is one line on stderr and exit code 1, wrong usage 2, damage 3, Ctrl-C 130, SIGTERM 143.
    """
    try:
        _name_shell(sys.argv[1:])
        with interruptible() as ends:
            code = app(standalone_mode=False)
            code = ends.code() if code == INTERRUPTED else code
        if sys.stdout is not None:  # it is None where it was closed before the start
            sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:
        end_unread()
    except _Usage as error:
        _show(error)
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    except (ValueError, TypeError, LookupError, OSError, MemoryError, ImportError, RuntimeError) as error:
        if os.environ.get("DSDM_DEBUG", "").strip().lower() in _YES:
            raise
        with_limit(error)
        say(f"dsdm: {_one_line(error)}", err=True)
        sys.exit(getattr(error, "exit_code", 1))


def _name_shell(arguments: list[str]) -> None:
    """Have typer take the shell that is named behind an option of completion, and not the one that it finds."""
    option, _, shell = arguments[0].partition("=") if arguments else ("", "", "")
    named = shell or arguments[1:2]
    if option in ("--show-completion", "--install-completion") and named:
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"


def _show(error: Any) -> None:
    """Show how a command is used and what was wrong with it, without the words of those who found it."""
    if type(error).__name__ == "NoArgsIsHelpError":  # it is the help, whose breaks are its own
        error.show()
        return
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and getattr(parameter, "name", "") == "source":
        message = "give SHARDS... and OUT: the corpus, and behind it the directory to write"
        error = typer.BadParameter(message, ctx=error.ctx)
    error.message = safe_message(as_options(error.message.removeprefix(_PREFIX)))
    error.show()


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return safe_message(f"{error.filename}: {as_options(str(error.strerror))}")
    return safe_message(as_options(" ".join(str(error).split()))) or type(error).__name__

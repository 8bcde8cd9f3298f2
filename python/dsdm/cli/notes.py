"""What is said beside a result or an error: warnings, and how to go on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dsdm.cli.saying import say
from dsdm.cli.words import as_options

_INTERRUPTED = 130


@contextmanager
def noted() -> Iterator[None]:
    """Print the notes of what ends a command; an interrupt ends it with the exit code that shells have for one."""
    try:
        yield
    except KeyboardInterrupt as error:
        _print(error)
        say("dsdm: interrupted", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except Exception as error:
        _print(error)
        raise


@contextmanager
def warned() -> Iterator[None]:
    """Print what is warned of, in the words of the command."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        say(f"dsdm: {as_options(str(warning.message))}", err=True)


def _print(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        say(f"dsdm: {note}", err=True)

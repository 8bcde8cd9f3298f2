"""What an exception says beside its message: how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from dsdm.cli.saying import say

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


def _print(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        say(f"dsdm: {note}", err=True)

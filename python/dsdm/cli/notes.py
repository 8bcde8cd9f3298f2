"""What is said beside a result or an error: warnings, and how to go on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from dsdm.cli.saying import say
from dsdm.cli.words import as_options

if TYPE_CHECKING:
    from dsdm import Selection

_INTERRUPTED = 130
_SHOWN = 10
"""Groups that a message lists."""


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


def too_short(found: "Selection", how: str) -> str:
    """Say which groups had too few rows or tokens, and what was done."""
    what = "rows" if found.tokens is None else "tokens"
    each = [f"{name!r} ({there:,} of {asked:,})" for name, (there, asked) in list(found.short.items())[:_SHOWN]]
    more = f" and {len(found.short) - _SHOWN:,} more" if len(found.short) > _SHOWN else ""
    done = "all that they have is taken" if how == "keep" else "the rest is taken from the others"
    those = "1 group has" if len(found.short) == 1 else f"{len(found.short):,} groups have"
    return f"{those} fewer {what} than were to be chosen: {', '.join(each)}{more}; {done} (--short {how})"


def _print(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        say(f"dsdm: {note}", err=True)

"""What is said beside a result or an error: warnings, and how to go on."""

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from dsdm.cli.saying import say
from dsdm.cli.words import as_options

if TYPE_CHECKING:
    from dsdm import Selection
    from dsdm.scores import Scores

INTERRUPTED = 130
"""The exit code that shells have for what Ctrl-C ended."""
_TERMINATED = 128 + signal.SIGTERM
_SHOWN = 10
"""Groups that a message lists."""


@contextmanager
def noted() -> Iterator[None]:
    """Print the notes of what ends a command; an interrupt ends it with the exit code that shells have for one."""
    try:
        yield
    except KeyboardInterrupt as error:
        _print(error)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        _print(error)
        raise


class Ends:
    """Whether SIGTERM ended a command."""

    def __init__(self) -> None:
        self.by_sigterm = False

    def code(self) -> int:
        """Say that the command was interrupted, and return the exit code that shells have for it."""
        say("dsdm: ended by SIGTERM" if self.by_sigterm else "dsdm: interrupted", err=True)
        return _TERMINATED if self.by_sigterm else INTERRUPTED


@contextmanager
def interruptible() -> Iterator[Ends]:
    """Have SIGTERM, by which others end a command, end it as Ctrl-C does: what is finished is kept."""
    ends = Ends()

    def end(*_: object) -> None:
        ends.by_sigterm = True
        raise KeyboardInterrupt

    # Other threads get no signals, and who started it may want them ignored, or has a handler of their own.
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    before = signal.signal(signal.SIGTERM, end) if ours else None
    try:
        yield ends
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def warned() -> Iterator[None]:
    """Print what is warned of, in the words of the command."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        say(f"dsdm: {as_options(str(warning.message))}", err=True)


def say_order(what: str, paths: list[str]) -> None:
    """Say where files are in an order of their own, as a shell has them perhaps: rows have numbers by it."""
    from dsdm.paths.order import other_order

    found = other_order(paths)
    if found is not None:
        say(
            f"dsdm: the {what} are in the order given, in which {found[1]} comes behind {found[0]}, and not by "
            f"{found[2]}: rows have their numbers by it. A directory, or a glob in quotes, is in the order of names",
            err=True,
        )


def say_joined(scores: "Scores", paths: list[str]) -> None:
    """Say where files that were named one by one may be a vector each, and are taken as one, one after the other."""
    from dsdm.paths.parts.own_vectors import own_vectors

    files = scores.identities()
    if len(paths) < 2 or len(paths) != len(files):  # noqa: PLR2004
        return
    found = own_vectors(paths, [file.rows for file in files])
    if found is not None:
        say(
            f"dsdm: {found[0]} and {found[1]} have {found[2]}, and are taken as parts of one vector of "
            f"{len(scores):,} rows, one after the other; of vectors for the same rows, name one",
            err=True,
        )


def too_short(found: "Selection", how: str) -> str:
    """Say which groups had too few rows or tokens, and what was done."""
    what = "rows" if found.tokens is None else "tokens"
    names = {name: "null" if name is None else repr(name) for name in found.short}
    each = [f"{names[name]} ({there:,} of {asked:,})" for name, (there, asked) in list(found.short.items())[:_SHOWN]]
    more = f" and {len(found.short) - _SHOWN:,} more" if len(found.short) > _SHOWN else ""
    done = "all that they have is taken" if how == "keep" else "the rest is taken from the others"
    those = "1 group has" if len(found.short) == 1 else f"{len(found.short):,} groups have"
    return f"{those} fewer {what} than were to be chosen: {', '.join(each)}{more}; {done} (--short {how})"


def _print(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        say(f"dsdm: {note}", err=True)
